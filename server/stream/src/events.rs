//! Frames of an event stream, the answer to `SubscribeToShard`: `application/vnd.amazon.eventstream`.
//!
//! A frame is an event or an exception, with a payload in the format of the request. `aws-smithy-eventstream` encodes it:
//! <https://smithy.io/2.0/aws/amazon-eventstream.html>. Does not interpret payloads.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use axum::body::Bytes;

use crate::error::{ApiError, ErrorCode};

/// The frame of an event.
///
/// # Errors
/// `InternalFailure` for a payload of 4 GiB or more, which nothing here produces.
pub(crate) fn event(name: &'static str, content_type: &'static str, payload: Vec<u8>) -> Result<Bytes, ApiError> {
    frame([(":message-type", "event"), (":event-type", name), (":content-type", content_type)], payload)
}

/// The frame of an exception, which ends the stream.
///
/// # Errors
/// As for [`event`].
pub(crate) fn exception(name: &'static str, content_type: &'static str, payload: Vec<u8>) -> Result<Bytes, ApiError> {
    frame([(":message-type", "exception"), (":exception-type", name), (":content-type", content_type)], payload)
}

fn frame(headers: [(&'static str, &'static str); 3], payload: Vec<u8>) -> Result<Bytes, ApiError> {
    let headers = headers.map(|(name, value)| Header::new(name, HeaderValue::String(value.into()))).to_vec();
    // Lengths and checksums take 16 bytes, the headers here less than 200.
    let mut frame = Vec::with_capacity(payload.len() + 256);
    write_message_to(&Message::new_from_parts(headers, payload), &mut frame).map_err(|error| {
        tracing::error!(%error, "an event could not be written");
        ApiError::new(ErrorCode::InternalFailure, "The event could not be written.")
    })?;
    Ok(frame.into())
}

#[cfg(test)]
mod tests {
    use aws_smithy_eventstream::frame::read_message_from;

    use super::*;

    #[test]
    fn a_frame_says_what_it_is_and_carries_its_payload() -> Result<(), Box<dyn std::error::Error>> {
        let json = "application/x-amz-json-1.1";
        for (frame, kind) in [
            (event("SubscribeToShardEvent", json, b"{}".to_vec()), "event"),
            (exception("SubscribeToShardEvent", json, b"{}".to_vec()), "exception"),
        ] {
            let message = read_message_from(frame.map_err(|error| error.message)?)?;
            let header = |name: &str| {
                let header = message.headers().iter().find(|header| header.name().as_str() == name);
                header.and_then(|header| header.value().as_string().ok()).map(|text| text.as_str().to_owned())
            };
            assert_eq!(header(":message-type").as_deref(), Some(kind));
            assert_eq!(header(&format!(":{kind}-type")).as_deref(), Some("SubscribeToShardEvent"));
            assert_eq!(header(":content-type").as_deref(), Some(json));
            assert_eq!(message.payload().as_ref(), b"{}");
        }
        Ok(())
    }
}
