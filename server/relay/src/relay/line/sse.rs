//! Server-Sent Events as text ([HTML, section 9.2.6](https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream)).

use hyper::body::Bytes;
use serde::Serialize;

/// One event. JSON here has no line breaks, so one `data` line is enough.
pub fn event(name: Option<&str>, id: Option<&str>, data: &impl Serialize) -> Bytes {
    let mut text = Vec::with_capacity(256);
    for (field, value) in [("event: ", name), ("id: ", id)] {
        if let Some(value) = value {
            text.extend_from_slice(field.as_bytes());
            text.extend_from_slice(value.as_bytes());
            text.push(b'\n');
        }
    }
    text.extend_from_slice(b"data: ");
    // Cannot fail: there is no map with non-string keys, and writing to memory succeeds.
    let _ = serde_json::to_writer(&mut text, data);
    text.extend_from_slice(b"\n\n");
    text.into()
}

/// The field that sets how long a client waits before it reconnects, milliseconds.
pub fn retry(ms: u32) -> Bytes {
    format!("retry: {ms}\n\n").into()
}

/// The same event with another id, and marked as past if `past`.
pub fn again(event: &Bytes, id: &str, past: bool) -> Bytes {
    let Some(data) = data(event) else { return event.clone() };
    // `data` is a JSON object, empty or not: the mark is inserted as its first member.
    let (mark, rest) = match (past, data) {
        (false, data) => (&b""[..], data),
        (true, b"{}") => (&b"{\"past\":true"[..], &data[1..]),
        (true, data) => (&b"{\"past\":true,"[..], &data[1..]),
    };
    [b"id: ", id.as_bytes(), b"\ndata: ", mark, rest, b"\n\n"].concat().into()
}

/// The id of an event that [`event`] made without a name.
#[cfg(test)]
pub fn id(event: &[u8]) -> Option<&str> {
    std::str::from_utf8(event.strip_prefix(b"id: ")?.split(|byte| *byte == b'\n').next()?).ok()
}

/// The data of an event that [`event`] made.
pub fn data(event: &[u8]) -> Option<&[u8]> {
    let line = event.strip_suffix(b"\n\n")?.rsplit(|byte| *byte == b'\n').next()?;
    line.strip_prefix(b"data: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_its_fields_and_an_empty_line() {
        assert_eq!(event(None, Some("7"), &"a\nb"), "id: 7\ndata: \"a\\nb\"\n\n");
        assert_eq!(event(Some("gap"), None, &1), "event: gap\ndata: 1\n\n");
    }

    #[test]
    fn an_event_is_told_again_under_another_id_and_as_past() {
        let made = event(None, Some("7"), &serde_json::json!({ "dropped": 1 }));
        assert_eq!(id(&made), Some("7"));
        assert_eq!(again(&made, "8", false), "id: 8\ndata: {\"dropped\":1}\n\n");
        assert_eq!(again(&made, "8", true), "id: 8\ndata: {\"past\":true,\"dropped\":1}\n\n");
        let empty = event(None, Some("7"), &serde_json::json!({}));
        assert_eq!(again(&empty, "8", true), "id: 8\ndata: {\"past\":true}\n\n");
    }

    #[test]
    fn the_data_of_an_event_are_found_again() {
        assert_eq!(data(&event(Some("x"), Some("7"), &"data: ")), Some(&b"\"data: \""[..]));
        assert_eq!(data(b":\n\n"), None);
    }
}
