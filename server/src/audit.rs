//! The audit as text: CSV, NDJSON, and lines for people.

use std::{
    borrow::Cow,
    fmt::Write as _,
    time::{Duration, UNIX_EPOCH},
};

use danmu::{room::RoomId, viewer::Rank};
use danmu_app::audit::{AuditEntry, AuditFilter};
use danmu_identity::store::{Entries, Store, StoreError};
use futures::{Stream, stream};

/// Entries that are read at a time.
const TOGETHER: u32 = 500;
/// The columns of CSV.
const HEAD: &str = "number,time,room,actor,name,rank,what,subject,viewer,detail\r\n";

/// The form of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// RFC 4180, with a line of names.
    Csv,
    /// A JSON object a line.
    Ndjson,
    /// A line for people each.
    #[default]
    Text,
}

/// Everything of one room, or (`None`) of all and of the whole server, since a time (Unix milliseconds), in that form: the oldest
/// first, in parts of up to 500 entries.
///
/// # Errors
/// Each part: [`StoreError`], and then nothing more comes.
pub fn export(
    store: Store,
    room: Option<RoomId>,
    since_ms: i64,
    form: Form,
) -> impl Stream<Item = Result<String, StoreError>> {
    let head = if form == Form::Csv { HEAD } else { "" };
    stream::try_unfold((store, room, Some(0), head), move |(store, room, after, head)| async move {
        let Some(after) = after else { return Ok(None) };
        let which = Entries::After(after, since_ms);
        let entries = store.audit(room.as_ref(), which, &AuditFilter::default(), TOGETHER).await?;
        let mut part = head.to_owned();
        entries.iter().for_each(|entry| form.write(entry, &mut part));
        let full = entries.len() == TOGETHER as usize;
        let next = entries.last().map(|entry| entry.number).filter(|_| full);
        Ok(Some((part, (store, room, next, ""))))
    })
}

impl Form {
    fn write(self, entry: &AuditEntry, to: &mut String) {
        match self {
            Self::Csv => write_csv(entry, to),
            Self::Ndjson => {
                to.push_str(&serde_json::to_string(entry).unwrap_or_default());
                to.push('\n');
            }
            Self::Text => write_line(entry, to),
        }
    }
}

/// A time in Unix milliseconds, as in `2026-01-31T12:00:00.000Z`; as a number if there is no such date.
fn utc(at_ms: i64) -> String {
    let time = u64::try_from(at_ms).ok().and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(ms)));
    let mut text = String::new();
    match time {
        Some(time) if write!(text, "{}", humantime::format_rfc3339_millis(time)).is_ok() => text,
        _ => at_ms.to_string(),
    }
}

const fn rank(rank: Option<Rank>) -> &'static str {
    match rank {
        None => "",
        Some(Rank::Moderator) => "moderator",
        Some(Rank::Streamer) => "streamer",
        Some(Rank::Operator) => "operator",
    }
}

fn write_csv(entry: &AuditEntry, to: &mut String) {
    let detail = serde_json::to_string(&entry.detail).unwrap_or_default();
    let (number, time) = (entry.number.to_string(), utc(entry.at_ms));
    let AuditEntry { room, actor, name, what, subject, viewer, .. } = entry;
    let cells = [&number, &time, room, actor, name, rank(entry.rank), what, subject, viewer, &detail];
    write_row(&cells, to);
}

fn write_row(cells: &[&str], to: &mut String) {
    for (at, text) in cells.iter().enumerate() {
        to.push_str(if at > 0 { "," } else { "" });
        to.push_str(&cell(text));
    }
    to.push_str("\r\n");
}

/// A cell of CSV. One that a spreadsheet would compute gets an apostrophe in front
/// ([OWASP, CSV Injection](https://owasp.org/www-community/attacks/CSV_Injection)).
fn cell(text: &str) -> Cow<'_, str> {
    let text = match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => Cow::Owned(["'", text].concat()),
        false => Cow::Borrowed(text),
    };
    if text.contains([',', '"', '\r', '\n']) { ["\"", &text.replace('"', "\"\""), "\""].concat().into() } else { text }
}

/// What others wrote is quoted, so that it makes no lines of its own.
fn write_line(entry: &AuditEntry, to: &mut String) {
    let AuditEntry { at_ms, room, actor, name, what, subject, viewer, detail, .. } = entry;
    let mut line = format!("{}  {}  {actor}", utc(*at_ms), if room.is_empty() { "-" } else { room });
    let known_as = [name, rank(entry.rank)].into_iter().filter(|text| !text.is_empty() && text != actor);
    let known_as = known_as.map(|text| text.escape_debug().to_string()).collect::<Vec<_>>().join(", ");
    if !known_as.is_empty() {
        line.extend([" (", &known_as, ")"]);
    }
    line.extend(["  ", what]);
    if !subject.is_empty() {
        line.extend(["  ", subject]);
    }
    if !viewer.is_empty() && viewer != subject {
        line.extend(["  of ", viewer]);
    }
    let quoted = |what: &str, text: &Option<String>| text.as_ref().map(|text| format!("  {what} {text:?}"));
    let more = [
        quoted("called", &detail.name),
        quoted("text", &detail.text),
        quoted("reason", &detail.reason),
        detail.count.map(|count| format!("  {count} times")),
        detail.until.map(|until| format!("  until {}", utc(until))),
    ];
    line.extend(more.into_iter().flatten());
    line.push('\n');
    to.push_str(&line);
}

#[cfg(test)]
mod tests {
    use danmu_app::audit::AuditDetail;
    use proptest::prelude::*;

    use super::*;

    fn entry() -> AuditEntry {
        let detail =
            AuditDetail { until: Some(0), text: Some("a \"b\"\n=c".into()), count: Some(2), ..AuditDetail::default() };
        AuditEntry {
            number: 7,
            at_ms: 1_769_860_800_000,
            room: "demo".into(),
            actor: "m1".into(),
            name: "=Ann, 1".into(),
            rank: Some(Rank::Moderator),
            what: "hide".into(),
            subject: "key".into(),
            viewer: "g2".into(),
            detail,
        }
    }

    /// RFC 4180, read by its grammar.
    fn parse(text: &str) -> Vec<Vec<String>> {
        let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '"' if cell.is_empty() => loop {
                    match rest.next().expect("a closing quote") {
                        '"' if rest.next_if_eq(&'"').is_none() => break,
                        c => cell.push(c),
                    }
                },
                ',' => row.push(std::mem::take(&mut cell)),
                '\r' => {
                    assert_eq!(rest.next(), Some('\n'));
                    row.push(std::mem::take(&mut cell));
                    rows.push(std::mem::take(&mut row));
                }
                c => cell.push(c),
            }
        }
        assert!(row.is_empty() && cell.is_empty(), "the last row has no end");
        rows
    }

    proptest! {
        #[test]
        fn whatever_is_in_a_cell_is_read_again_and_nothing_is_computed(
            cells in proptest::collection::vec("([=+@\\-\t\r'\",\n ]|\\PC){0,12}", 2..6)
        ) {
            let mut text = String::new();
            write_row(&cells.iter().map(String::as_str).collect::<Vec<_>>(), &mut text);
            let rows = parse(&text);
            prop_assert_eq!(rows.len(), 1);
            prop_assert_eq!(rows[0].len(), cells.len());
            for (read, cell) in rows[0].iter().zip(&cells) {
                prop_assert!(!read.starts_with(['=', '+', '-', '@', '\t', '\r']), "{}", read);
                prop_assert_eq!(read.strip_prefix('\'').filter(|_| !cell.starts_with('\'')).unwrap_or(read), cell);
            }
        }
    }

    #[test]
    fn an_entry_is_a_row_an_object_and_a_line() {
        let [mut csv, mut json, mut line] = [String::new(), String::new(), String::new()];
        Form::Csv.write(&entry(), &mut csv);
        Form::Ndjson.write(&entry(), &mut json);
        Form::Text.write(&entry(), &mut line);
        let detail = r#"{"until":0,"text":"a \"b\"\n=c","count":2}"#;
        let row = ["7", "2026-01-31T12:00:00.000Z", "demo", "m1", "'=Ann, 1", "moderator", "hide", "key", "g2", detail];
        assert_eq!(parse(&csv), [row]);
        assert_eq!(HEAD.trim_end().split(',').count(), row.len());
        assert_eq!(serde_json::from_str::<AuditEntry>(&json).expect("JSON"), entry());
        assert_eq!(
            line,
            "2026-01-31T12:00:00.000Z  demo  m1 (=Ann, 1, moderator)  hide  key  of g2  text \"a \\\"b\\\"\\n=c\"  2 times  \
             until 1970-01-01T00:00:00.000Z\n"
        );
        assert_eq!((utc(-1), utc(i64::MAX)), ("-1".into(), i64::MAX.to_string()));
    }

    #[tokio::test]
    async fn an_export_has_every_entry_once_however_many_there_are() -> Result<(), Box<dyn std::error::Error>> {
        use danmu_app::audit::Act;
        use danmu_identity::store::By;
        use futures::TryStreamExt;

        let dir = tempfile::tempdir()?;
        let store = Store::open(dir.path()).await?;
        let (demo, by) = (RoomId::demo(), By::operator());
        for at_ms in 0..i64::from(TOGETHER) + 2 {
            store.note(Some(&demo).filter(|_| at_ms > 0), Act::NewKey, "", &by, at_ms).await?;
        }
        let count = async |room: Option<&RoomId>, since_ms| {
            let parts: Vec<_> = export(store.clone(), room.cloned(), since_ms, Form::Csv).try_collect().await?;
            Ok::<_, StoreError>((parts.len(), parse(&parts.concat()).len() - 1))
        };
        assert_eq!(count(None, 0).await?, (2, 502));
        assert_eq!(count(Some(&demo), 0).await?, (2, 501));
        assert_eq!(count(Some(&demo), 500).await?, (1, 2));
        assert_eq!(count(Some(&"other".parse()?), 0).await?, (1, 0));
        Ok(())
    }
}
