//! Rules of a room: what texts viewers may not post. The host knows what the rules say ([`RuleBook`]); the decisions on the
//! stream name them by their ids, so that gates agree on when each is in force.

use std::{collections::HashMap, fmt::Debug};

use crate::{room::RuleId, viewer::ViewerId};

/// The longest time, in milliseconds, for which a rule may forbid a viewer to post a text again. Gates remember for longer.
pub const MAX_AGAIN_MS: i64 = 60_000;
const _: () = assert!(MAX_AGAIN_MS < super::REMEMBERED_MS);

/// The host's knowledge of rules.
pub trait RuleBook: Debug + Send + Sync {
    /// What these rules say about a text (in normal form C) of that verified author.
    fn look(&self, rules: &[RuleId], text: &str, by: Option<&ViewerId>) -> RuleVerdict;
}

/// What rules say about a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleVerdict {
    /// No rule forbids it.
    Allowed,
    /// Its author is shadow-banned, whatever it says.
    Shadowed,
    /// A rule forbids it.
    Forbidden(RuleId),
    /// A rule forbids it if the viewer posted the like before.
    Again {
        /// The rule.
        rule: RuleId,
        /// Texts that are alike have the same one.
        fingerprint: u64,
        /// Within how many milliseconds, at most [`MAX_AGAIN_MS`].
        within_ms: i64,
    },
}

/// What viewers posted lately, by fingerprint.
#[derive(Debug, Default)]
pub(super) struct Posted {
    last: HashMap<(ViewerId, u64), i64>,
    /// At this many, old ones are removed.
    look_at: usize,
}

impl Posted {
    /// Whether the viewer had not posted that within so many milliseconds. Each time counts, as with ids, so that the answer
    /// follows from the records of that time alone.
    pub(super) fn insert(&mut self, viewer: &ViewerId, fingerprint: u64, within_ms: i64, arrival_ms: i64) -> bool {
        if self.last.len() >= self.look_at {
            self.last.retain(|_, at_ms| arrival_ms - *at_ms <= MAX_AGAIN_MS);
            self.look_at = 64.max(2 * self.last.len());
        }
        let before = self.last.insert((viewer.clone(), fingerprint), arrival_ms);
        before.is_none_or(|at_ms| arrival_ms - at_ms > within_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_posted_is_remembered_by_viewer_and_no_longer_than_any_rule_asks() {
        let viewer = |n: usize| format!("g{n}").parse::<ViewerId>().expect("an id");
        let mut posted = Posted::default();
        assert!(posted.insert(&viewer(1), 7, 5_000, 0));
        assert!(posted.insert(&viewer(2), 7, 5_000, 1) && posted.insert(&viewer(1), 8, 5_000, 2), "others are others");
        assert!(!posted.insert(&viewer(1), 7, 5_000, 5_000));
        assert!(!posted.insert(&viewer(1), 7, 5_000, 9_000), "the time begins anew each time");
        assert!(posted.insert(&viewer(1), 7, 5_000, 14_001));
        for n in 0..1_000 {
            posted.insert(&viewer(n), 9, 5_000, 20_000);
        }
        let much_later = 20_001 + MAX_AGAIN_MS;
        for n in 0..2_000 {
            posted.insert(&viewer(n), 9, 5_000, much_later);
        }
        assert!(posted.last.len() <= 2_000, "{} are remembered", posted.last.len());
    }
}
