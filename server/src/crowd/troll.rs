//! The troll: a viewer who spams, so that whoever is new to the studio has somebody to hide and to ban. It sends faster than
//! rooms allow, and the gate refuses most of that.

use std::time::Duration;

use danmu::{
    kinesis::Host,
    record::{Color, Mode},
};
use tokio_util::sync::CancellationToken;

use super::{host::Native, viewer::Viewer};

/// What it says, over and over. Nothing that hurts anybody.
const SPAM: [&str; 5] = [
    "FREE COINS >>> spam.example <<<",
    "加微信领福利!!! spam.example",
    "第一!!!第一!!!第一!!!",
    "look at me LOOK AT ME 👀👀👀",
    "follow me follow me follow me",
];
/// How many danmu it sends in a row, of which a room's usual pace admits less than half.
const ROW: std::ops::Range<u64> = 14..22;
/// Between two of a row, in milliseconds, and between two rows, in seconds.
const GAP_MS: std::ops::Range<u64> = 120..260;
const REST_S: std::ops::Range<u64> = 8..20;

/// Spams until `leaving` is cancelled.
pub(super) async fn pester(viewer: Viewer, host: Native, leaving: CancellationToken) {
    let within = |range: std::ops::Range<u64>| range.start + host.random() % (range.end - range.start).max(1);
    loop {
        let text = SPAM.get(host.random() as usize % SPAM.len()).copied().unwrap_or_default();
        let mut rest = Duration::from_secs(within(REST_S));
        for _ in 0..within(ROW) {
            if leaving.is_cancelled() {
                return;
            }
            let mode = if host.random().is_multiple_of(3) { Mode::Top } else { Mode::Scroll };
            // Who has been banned gets no session any more, and looks in from time to time.
            if let Some(away) = viewer.send(text.to_owned(), (mode, Color::from_rgb(0xff_5c5c))).await {
                rest = rest.max(away);
                break;
            }
            let gap = host.sleep(Duration::from_millis(within(GAP_MS)));
            if leaving.run_until_cancelled(gap).await.is_none() {
                return;
            }
        }
        if leaving.run_until_cancelled(host.sleep(rest)).await.is_none() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use danmu::{record::check_text, room::Pace};
    use danmu_identity::unicode::UNICODE;

    use super::*;

    #[test]
    fn the_troll_says_what_may_be_said_and_faster_than_a_room_allows() {
        for text in SPAM {
            assert_eq!(check_text(text, UNICODE), Ok(()), "{text}");
        }
        let Pace { per_minute, burst } = Pace::default();
        let longest_ms = ROW.end * GAP_MS.end;
        let admitted = u64::from(burst) + longest_ms * u64::from(per_minute) / 60_000 + 1;
        assert!(admitted < ROW.start, "{admitted} of a row would be shown");
    }
}
