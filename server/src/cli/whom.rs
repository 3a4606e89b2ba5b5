//! Resolves whom an operator means: decisions need an id, but people are known by the name that pages show.
//!
//! Promises: an unknown id, or a name, is accepted only with `--yes`; without it, the operator is shown whom it means.

use danmu::viewer::ViewerId;
use danmu_identity::store::{Speaker, Store, Whom};

use super::span::span_ms;
use crate::error::RunError;

/// Length of the shortest part of an id that is accepted: as much as a page shows.
const FEWEST: usize = 4;

/// Resolves a text to a viewer or network. `sure` (`--yes`) accepts an unknown id, or the only viewer with that name.
///
/// # Errors
/// [`RunError::Whom`], with the candidates and what to do; or the store cannot be read.
pub(super) async fn whom(store: &Store, text: &str, sure: bool, now_ms: i64) -> Result<Whom, RunError> {
    let refuse = |said: String| Err(RunError::Whom(said));
    // A member's name may look like an id without being one.
    if let Ok(whom) = text.parse::<Whom>() {
        let known = match &whom {
            Whom::Network(_) => true,
            Whom::Viewer(viewer) => store.knows(viewer).await?,
        };
        if known || sure && has_form(text) {
            return Ok(whom);
        }
    }
    if has_form(text) {
        return refuse(format!(
            "no viewer with the id {text} spoke within the last hour; see that it is whole, or add --yes to ban it all the same"
        ));
    }
    let speakers = store.speakers(now_ms).await?;
    let meant: Vec<_> = speakers.iter().filter(|speaker| is_called(speaker, text)).collect();
    match &meant[..] {
        [] => refuse(format!(
            "no viewer has the id {text:?}, and nobody who spoke within the last hour is called so; `danmu-server ban` alone \
             says who did"
        )),
        [one] if sure => Ok(Whom::Viewer(one.viewer.clone())),
        [one] => refuse(format!("{text:?} means this viewer; add --yes if it is the right one\n{}", line(one, now_ms))),
        some => {
            let lines: Vec<_> = some.iter().map(|one| line(one, now_ms)).collect();
            refuse(format!(
                "{text:?} may mean any of these viewers; give the whole id of the right one\n{}",
                lines.join("\n")
            ))
        }
    }
}

/// A line about a speaker, for people; the id first.
pub(super) fn line(speaker: &Speaker, now_ms: i64) -> String {
    let Speaker { viewer, name, room, first_ms, last_ms, words } = speaker;
    let name = name.as_deref().unwrap_or(if viewer.is_guest() { "guest" } else { "member" });
    let [first, last] = [first_ms, last_ms].map(|ms| span_ms(now_ms.saturating_sub(*ms)));
    format!("  {viewer}  {name}, first heard {first} ago, last {last} ago in room {room}: {words:?}")
}

/// Whether the text has the form of an id from our servers: `g` or `m` and 32 hexadecimal digits.
fn has_form(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.strip_prefix(['g', 'm']).is_some_and(|digits| digits.len() == 32 && digits.bytes().all(is_digit))
}

/// Whether the text is a speaker's name, or the start or end of its id.
fn is_called(Speaker { viewer, name, .. }: &Speaker, text: &str) -> bool {
    let lower = text.to_lowercase();
    let part = lower.trim_end_matches('…');
    let id = ViewerId::as_str(viewer);
    let is_part = part.len() >= FEWEST && (id.ends_with(part) || id.starts_with(part));
    is_part || name.as_ref().is_some_and(|name| name.to_lowercase() == lower)
}

#[cfg(test)]
mod tests {
    use danmu::room::RoomId;

    use super::*;

    const ANN: &str = "g0123456789abcdef0123456789abeead";
    const BOB: &str = "gfedcba9876543210fedcba987654eead";
    const CLEO: &str = "m00000000000000000000000000000042";

    async fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::open(dir.path()).await.expect("a store");
        (dir, store)
    }

    fn speaker(id: &str, name: Option<&str>, words: &str) -> Speaker {
        let (viewer, name) = (id.parse().expect("an id"), name.map(str::to_owned));
        Speaker { viewer, name, room: RoomId::demo(), first_ms: 1_000, last_ms: 61_000, words: words.into() }
    }

    async fn named(store: &Store, text: &str, sure: bool) -> Result<String, String> {
        whom(store, text, sure, 65_000).await.map(|whom| whom.to_string()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_short_name_is_taken_after_it_was_shown_whom_it_means() {
        let (_dir, store) = store().await;
        store.keep_speakers(&[speaker(ANN, None, "buy now"), speaker(CLEO, Some("克莱奥"), "hi")]).await.expect("kept");
        for text in ["eead", "EEAD", "g0123…", "g0123456"] {
            let shown = named(&store, text, false).await.expect_err("shown first");
            let line = format!("{ANN}  guest, first heard 1m 4s ago, last 4s ago in room demo: \"buy now\"");
            assert!(shown.contains(&line) && shown.contains("--yes"), "{shown}");
            assert_eq!(named(&store, text, true).await.as_deref(), Ok(ANN));
        }
        assert!(named(&store, "克莱奥", false).await.expect_err("shown first").contains(CLEO));
        assert_eq!(named(&store, "克莱奥", true).await.as_deref(), Ok(CLEO));
    }

    #[tokio::test]
    async fn of_two_that_a_name_may_mean_neither_is_taken() {
        let (_dir, store) = store().await;
        store.keep_speakers(&[speaker(ANN, None, "one"), speaker(BOB, None, "two")]).await.expect("kept");
        for sure in [false, true] {
            let shown = named(&store, "eead", sure).await.expect_err("neither");
            assert!(shown.contains(ANN) && shown.contains(BOB) && shown.contains("whole id"), "{shown}");
        }
        assert_eq!(named(&store, BOB, false).await.as_deref(), Ok(BOB), "a whole id is enough");
    }

    #[tokio::test]
    async fn an_id_that_no_viewer_has_is_taken_for_nobodys() {
        let (_dir, store) = store().await;
        store.keep_speakers(&[speaker(ANN, None, "one")]).await.expect("kept");
        for text in ["beef", "ead", "nobody", "张三", &ANN[..32], "g0123456789abcdef0123456789abEEAX"] {
            for sure in [false, true] {
                let refused = named(&store, text, sure).await;
                // All but the last digit is a part that means one.
                assert_eq!(refused.is_ok(), sure && text == &ANN[..32], "{text}: {refused:?}");
            }
        }
        assert!(named(&store, BOB, false).await.expect_err("unknown").contains("--yes"));
        assert_eq!(named(&store, BOB, true).await.as_deref(), Ok(BOB), "it may have spoken before");
        assert_eq!(named(&store, "192.0.2.7/24", false).await.as_deref(), Ok("192.0.2.0/24"));
    }
}
