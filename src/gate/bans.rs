//! Who may not speak, and when: by arrival times, so that whoever knows the same bans judges a record alike, whenever it does.
//!
//! A ban is over when its time is, or when it is taken back; it is remembered for [`KEPT_MS`] after that, for those who read
//! old records again.

use std::collections::HashMap;

use crate::{record::Moderation, viewer::ViewerId};

/// How long a ban that is over is remembered, in milliseconds: longer than any record is read again.
const KEPT_MS: i64 = 3 * 3_600 * 1_000;

/// The bans of a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bans(HashMap<ViewerId, Vec<Span>>);

/// From an arrival time to before another, in Unix milliseconds. Of one viewer's the later ones stand behind, and none reaches
/// into the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from_ms: i64,
    until_ms: i64,
}

impl Bans {
    /// Takes in what a record said that arrived then (Unix milliseconds). Whatever is taken in again, in its order, changes
    /// nothing any more.
    pub fn apply(&mut self, moderation: &Moderation, arrival_ms: i64) {
        match moderation {
            Moderation::Ban { viewer, until } => self.ban(viewer, arrival_ms, *until),
            Moderation::Unban { viewer } => self.unban(viewer, arrival_ms),
        }
    }

    /// Bans what arrives from then until then, or for good. A ban that is in force goes on, to the new end.
    pub fn ban(&mut self, viewer: &ViewerId, from_ms: i64, until_ms: Option<i64>) {
        self.forget(from_ms);
        let until_ms = until_ms.unwrap_or(i64::MAX);
        let spans = self.0.entry(viewer.clone()).or_default();
        let next = spans.iter().position(|span| span.from_ms > from_ms).unwrap_or(spans.len());
        let until_ms = spans.get(next).map_or(until_ms, |later| until_ms.min(later.from_ms)).max(from_ms);
        match next.checked_sub(1).and_then(|before| spans.get_mut(before)) {
            Some(before) if before.until_ms >= from_ms => before.until_ms = until_ms,
            _ => spans.insert(next, Span { from_ms, until_ms }),
        }
    }

    /// Ends the ban that is in force then.
    pub fn unban(&mut self, viewer: &ViewerId, at_ms: i64) {
        if let Some(spans) = self.0.get_mut(viewer) {
            spans.iter_mut().filter(|span| span.covers(at_ms)).for_each(|span| span.until_ms = at_ms);
        }
    }

    /// Whether what the viewer says is not shown if it arrives then.
    #[must_use]
    pub fn cover(&self, viewer: &ViewerId, arrival_ms: i64) -> bool {
        // Most have never been banned.
        self.0.get(viewer).is_some_and(|spans| spans.iter().any(|span| span.covers(arrival_ms)))
    }

    fn forget(&mut self, now_ms: i64) {
        self.0.retain(|_, spans| {
            spans.retain(|span| span.until_ms.saturating_add(KEPT_MS) > now_ms);
            !spans.is_empty()
        });
    }
}

impl Span {
    fn covers(&self, ms: i64) -> bool {
        (self.from_ms..self.until_ms).contains(&ms)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn viewer() -> ViewerId {
        "ann".parse().expect("an id")
    }

    fn ban(until: Option<i64>) -> Moderation {
        Moderation::Ban { viewer: viewer(), until }
    }

    fn unban() -> Moderation {
        Moderation::Unban { viewer: viewer() }
    }

    /// The times between 0 and 100, in steps of 10, at which the viewer is banned.
    fn banned(orders: &[(i64, Moderation)]) -> Vec<i64> {
        let mut bans = Bans::default();
        orders.iter().for_each(|(at, order)| bans.apply(order, *at));
        (0..=100).step_by(10).filter(|at| bans.cover(&viewer(), *at)).collect()
    }

    #[test]
    fn a_ban_holds_from_its_arrival_to_its_end_and_not_before() {
        assert_eq!(banned(&[(20, ban(Some(50)))]), [20, 30, 40]);
        assert_eq!(banned(&[(80, ban(None))]), [80, 90, 100]);
        assert_eq!(banned(&[(20, ban(None)), (40, unban())]), [20, 30]);
        assert!(banned(&[(20, unban())]).is_empty());
        assert_eq!(banned(&[(20, ban(None)), (40, ban(Some(60)))]), [20, 30, 40, 50], "the later word counts");
        assert_eq!(banned(&[(0, ban(None)), (10, unban()), (90, ban(None))]), [0, 90, 100]);
        let other = "bob".parse().expect("an id");
        let mut bans = Bans::default();
        bans.apply(&ban(None), 0);
        assert!(!bans.cover(&other, 50));
    }

    #[test]
    fn bans_that_are_over_for_long_are_forgotten() {
        let mut bans = Bans::default();
        bans.apply(&ban(Some(10)), 0);
        bans.ban(&"bob".parse().expect("an id"), 9 + KEPT_MS, None);
        assert_eq!(bans.0.len(), 2);
        bans.ban(&"cleo".parse().expect("an id"), 10 + KEPT_MS, None);
        assert_eq!(bans.0.len(), 2);
        assert!(!bans.cover(&viewer(), 5));
    }

    proptest! {
        /// Who reads old records again begins with the bans of now, and meets the orders once more.
        #[test]
        fn what_is_taken_in_again_changes_no_verdict(
            orders in prop::collection::vec((1_i64..20, prop_oneof![
                Just(None), (0_i64..100).prop_map(|until| Some(Some(until))), Just(Some(None))
            ]), 1..12),
        ) {
            let (mut at, mut first) = (0, Bans::default());
            let orders: Vec<_> = orders.into_iter().map(|(step, order)| {
                at += step;
                (at, order.map_or_else(unban, |until| ban(until.map(|until| at + until))))
            }).collect();
            let mut verdicts = Vec::new();
            for (at, order) in &orders {
                first.apply(order, *at);
                verdicts.push(first.cover(&viewer(), *at));
            }
            let mut again = first.clone();
            for ((at, order), verdict) in orders.iter().zip(verdicts) {
                again.apply(order, *at);
                prop_assert_eq!(again.cover(&viewer(), *at), verdict);
            }
            prop_assert_eq!(again, first);
        }
    }
}
