//! Retractions: a ban also takes down what its viewer said before it.
//!
//! A ban that took effect retracts all that arrived before, for good: its end lets the viewer post again, but restores nothing.
//! It follows from the decisions alone, so readers that know the same ones retract alike.

use serde::{Deserialize, Serialize};

use super::bans::{BanEntry, Bans, Decisions, EVERYWHERE_AFTER_MS};
use crate::{
    record::Subject,
    viewer::{Rank, Role, ViewerId},
};

/// A retraction of a viewer's danmu in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retracted {
    /// The viewer.
    pub viewer: ViewerId,
    /// It concerns danmu that arrived before this, in Unix milliseconds.
    pub before: i64,
    /// The rank of who banned the viewer: it concerns danmu said in a lower role.
    pub by: Rank,
}

impl Retracted {
    /// Whether it concerns a danmu of that viewer in that role with that arrival (Unix milliseconds).
    #[must_use]
    pub fn covers(&self, viewer: &str, role: Role, arrival_ms: i64) -> bool {
        arrival_ms < self.before && self.viewer.as_str() == viewer && self.by.is_above(role)
    }
}

impl Bans {
    /// Whether a danmu of the viewer in that role with that arrival (Unix milliseconds) is retracted.
    #[must_use]
    pub fn retract(&self, viewer: &ViewerId, role: Role, arrival_ms: i64) -> bool {
        let mut found = false;
        self.each_retracted(Some(viewer), &mut |_, retracted| {
            found |= retracted.covers(viewer.as_str(), role, arrival_ms);
        });
        found
    }

    /// What is retracted by decisions that arrived at `since_ms` (Unix milliseconds) or later.
    #[must_use]
    pub fn retracted(&self, since_ms: i64) -> Vec<Retracted> {
        if self.of_room().newest_ms().max(self.everywhere().newest_ms()) < since_ms {
            // The usual case; there may be thousands to look at.
            return Vec::new();
        }
        self.retracted_by(None, since_ms)
    }

    /// The same, for one viewer.
    #[must_use]
    pub fn retracted_of(&self, viewer: &ViewerId, since_ms: i64) -> Vec<Retracted> {
        self.retracted_by(Some(viewer), since_ms)
    }

    fn retracted_by(&self, of: Option<&ViewerId>, since_ms: i64) -> Vec<Retracted> {
        let mut all = Vec::new();
        self.each_retracted(of, &mut |told_ms, retracted| {
            if told_ms >= since_ms {
                all.push(retracted);
            }
        });
        all
    }

    /// Visits what is retracted, of one viewer or of all, and when the decision arrived.
    fn each_retracted(&self, of: Option<&ViewerId>, look: &mut impl FnMut(i64, Retracted)) {
        let scopes = [(self.of_room(), 1), (self.everywhere(), EVERYWHERE_AFTER_MS)];
        for (decisions, after_ms) in scopes {
            decisions.each_ban(of.map(|viewer| Subject::Viewer(viewer.clone())).as_ref(), &mut |on, entry| {
                if let Subject::Viewer(viewer) = on {
                    let (viewer, before) = (viewer.clone(), entry.at_ms.saturating_add(after_ms));
                    look(entry.at_ms, Retracted { viewer, before, by: entry.by });
                }
            });
        }
        self.everywhere().each_stay(of, &mut |viewer, network, told_ms| {
            for (decisions, after_ms) in scopes {
                decisions.each_ban(Some(&Subject::Network(network.clone())), &mut |_, entry| {
                    // A ban that had ended when the guest was named does not concern the guest.
                    if entry.until_ms > told_ms {
                        let before = (entry.at_ms.saturating_add(after_ms)).max(told_ms + EVERYWHERE_AFTER_MS);
                        let retracted = Retracted { viewer: viewer.clone(), before, by: entry.by };
                        look(entry.at_ms.max(told_ms), retracted);
                    }
                });
            }
        });
    }
}

impl Decisions {
    /// Visits the bans that were in force when they arrived: of one subject, or of all.
    fn each_ban(&self, on: Option<&Subject>, look: &mut impl FnMut(&Subject, &BanEntry)) {
        let known = self.read();
        let mut each = |(on, timeline): (&Subject, &Vec<BanEntry>)| {
            timeline.iter().filter(|entry| entry.until_ms > entry.at_ms).for_each(|entry| look(on, entry));
        };
        match on {
            Some(on) => known.timelines.get_key_value(on).into_iter().for_each(&mut each),
            None => known.timelines.iter().for_each(&mut each),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Decision, Guests, Network, RecordId};

    fn viewer() -> ViewerId {
        ViewerId::guest(7)
    }

    fn ban(decisions: &Decisions, n: u128, on: Subject, by: Rank, at_ms: i64) {
        decisions.apply(RecordId::new(1, n), &Decision { on, until: None, by }, at_ms);
    }

    fn times(bans: &Bans, role: Role) -> Vec<i64> {
        (0..20).map(|n| n * 100).filter(|ms| bans.retract(&viewer(), role, *ms)).collect()
    }

    #[test]
    fn a_ban_takes_back_what_was_said_before_it_and_its_end_brings_nothing_back() {
        let bans = Bans::default();
        ban(bans.of_room(), 1, Subject::Viewer(viewer()), Rank::Moderator, 500);
        let before = [0, 100, 200, 300, 400, 500];
        assert_eq!(times(&bans, Role::Viewer), before);
        assert!(times(&bans, Role::Moderator).is_empty(), "nobody takes back what an equal said");
        let told = Retracted { viewer: viewer(), before: 501, by: Rank::Moderator };
        assert_eq!((bans.retracted(500), bans.retracted(501)), (vec![told.clone()], vec![]));
        assert_eq!((bans.retracted_of(&viewer(), 500), bans.retracted_of(&viewer(), 501)), (vec![told], vec![]));
        assert_eq!(bans.retracted_of(&ViewerId::guest(8), 0), []);
        let end = Decision::end(Subject::Viewer(viewer()), Rank::Moderator);
        bans.of_room().apply(RecordId::new(1, 2), &end, 900);
        assert_eq!(times(&bans, Role::Viewer), before);
        assert!(!bans.retract(&ViewerId::guest(8), Role::Viewer, 0), "another's");
    }

    #[test]
    fn a_ban_from_every_room_takes_back_all_up_to_its_place_in_the_room() {
        let bans = Bans::default();
        ban(bans.everywhere(), 1, Subject::Viewer(viewer()), Rank::Operator, 500);
        assert_eq!(times(&bans, Role::Streamer), [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
        // What is judged after that is not shown to begin with: nothing lies between.
        assert!(bans.cover(&viewer(), Role::Streamer, 1_000));
    }

    #[test]
    fn a_ban_that_was_over_when_it_arrived_takes_nothing_back() {
        let bans = Bans::default();
        let late = Decision { on: Subject::Viewer(viewer()), until: Some(400), by: Rank::Operator };
        bans.of_room().apply(RecordId::new(1, 1), &late, 500);
        assert!(times(&bans, Role::Viewer).is_empty());
    }

    #[test]
    fn what_guests_of_a_banned_network_said_is_taken_back_when_they_are_named_and_what_others_said_is_not() {
        let bans = Bans::default();
        let network = Network::try_from("192.0.2.0/24".to_owned()).expect("a network");
        ban(bans.everywhere(), 1, Subject::Network(network.clone()), Rank::Operator, 100);
        assert!(times(&bans, Role::Viewer).is_empty());
        let guests = Guests { network, viewers: vec![viewer()], until: 10_000, from: None };
        bans.everywhere().learn_guests(&guests, 300);
        assert_eq!(times(&bans, Role::Viewer), [0, 100, 200, 300, 400, 500, 600, 700]);
        assert_eq!(bans.retracted(200).len(), 1, "who was heard of the ban hears of them");
        assert_eq!(bans.retracted(300), bans.retracted_of(&viewer(), 300));
        assert_eq!((bans.retracted(301), bans.retracted_of(&viewer(), 301)), (vec![], vec![]));
        assert!(!bans.retract(&ViewerId::guest(8), Role::Viewer, 0));
    }
}
