//! Retractions: what decisions take down after it was shown.
//!
//! A ban that took effect retracts all that its viewer said before it, for good: its end lets the viewer post again, but restores
//! nothing. A hidden danmu is retracted alone. Both follow from the decisions, so readers that know the same ones retract alike.

use serde::{Deserialize, Serialize};

use super::bans::{BanEntry, Bans, Decisions, EVERYWHERE_AFTER_MS};
use crate::{
    record::{DanmuRef, Decided, Subject},
    viewer::{Rank, Role, ViewerId},
};

/// A retraction in a room: of one danmu, or of all that a viewer said before a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retracted {
    /// The viewer's id, as text, since pages only compare it. `None` for one danmu whose author was not verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewer: Option<String>,
    /// The key of the one danmu that it concerns, as text; `None` for all of the viewer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// It concerns danmu of the viewer that arrived before this, in Unix milliseconds. One danmu was there before it was hidden.
    pub before: i64,
    /// The rank of who decided it: it concerns danmu said in a lower role.
    pub by: Rank,
}

impl Retracted {
    /// What a decision to hide a danmu retracts; `None` for any other decision.
    #[must_use]
    pub fn hidden(decided: &Decided) -> Option<Self> {
        let Decided { decision, at, .. } = decided;
        let Subject::Danmu(DanmuRef { key, viewer }) = &decision.on else { return None };
        let (viewer, id) = (viewer.as_ref().map(ViewerId::to_string), Some(key.to_string()));
        (decision.until_ms() > *at).then_some(Self { viewer, id, before: *at + 1, by: decision.by })
    }

    /// Whether it concerns the danmu of that key (as text), with that verified author, in that role, with that arrival (Unix
    /// milliseconds).
    #[must_use]
    pub fn covers(&self, key: &str, viewer: Option<&str>, role: Role, arrival_ms: i64) -> bool {
        self.viewer.as_deref() == viewer
            && self.by.is_above(role)
            && self.id.as_ref().map_or(arrival_ms < self.before, |id| id == key)
    }
}

impl Bans {
    /// Whether a danmu with that key (as text), by that verified author, in that role, with that arrival (Unix milliseconds), is
    /// retracted.
    #[must_use]
    pub fn retract(&self, key: &str, viewer: Option<&ViewerId>, role: Role, arrival_ms: i64) -> bool {
        let mut found = false;
        if let Some(viewer) = viewer {
            self.each_retracted(Some(viewer), &mut |_, retracted| {
                found |= retracted.covers(key, Some(viewer.as_str()), role, arrival_ms);
            });
        }
        found || self.hides(key, viewer, role)
    }

    /// Whether that danmu is hidden.
    fn hides(&self, key: &str, viewer: Option<&ViewerId>, role: Role) -> bool {
        let known = self.of_room().read();
        if known.hidden == 0 {
            return false;
        }
        let Ok(key) = key.parse() else { return false };
        let on = Subject::Danmu(DanmuRef { key, viewer: viewer.cloned() });
        known.counts(&on).is_some_and(|entry| entry.until_ms > entry.at_ms && entry.by.is_above(role))
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

    /// Visits what is retracted, and when the decision arrived: by bans of one viewer; or by all bans, and the hidden danmu.
    fn each_retracted(&self, of: Option<&ViewerId>, look: &mut impl FnMut(i64, Retracted)) {
        let scopes = [(self.of_room(), 1), (self.everywhere(), EVERYWHERE_AFTER_MS)];
        for (decisions, after_ms) in scopes {
            decisions.each_ban(of.map(|viewer| Subject::Viewer(viewer.clone())).as_ref(), &mut |on, entry| {
                let (viewer, id) = match on {
                    Subject::Viewer(viewer) => (Some(viewer.to_string()), None),
                    Subject::Danmu(danmu) => {
                        (danmu.viewer.as_ref().map(ViewerId::to_string), Some(danmu.key.to_string()))
                    }
                    _ => return,
                };
                let before = entry.at_ms.saturating_add(after_ms);
                look(entry.at_ms, Retracted { viewer, id, before, by: entry.by });
            });
        }
        self.everywhere().each_stay(of, &mut |viewer, network, told_ms| {
            for (decisions, after_ms) in scopes {
                decisions.each_ban(Some(&Subject::Network(network.clone())), &mut |_, entry| {
                    // A ban that had ended when the guest was named does not concern the guest.
                    if entry.until_ms > told_ms {
                        let before = (entry.at_ms.saturating_add(after_ms)).max(told_ms + EVERYWHERE_AFTER_MS);
                        let retracted = Retracted { viewer: Some(viewer.to_string()), id: None, before, by: entry.by };
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
    use crate::record::{DanmuKey, Decision, Guests, Network, RecordId};

    fn viewer() -> ViewerId {
        ViewerId::guest(7)
    }

    fn ban(decisions: &Decisions, n: u128, on: Subject, by: Rank, at_ms: i64) {
        decisions.apply(RecordId::new(1, n), &Decision { on, until: None, by }, at_ms);
    }

    fn times(bans: &Bans, role: Role) -> Vec<i64> {
        (0..20).map(|n| n * 100).filter(|ms| bans.retract("s1", Some(&viewer()), role, *ms)).collect()
    }

    #[test]
    fn a_ban_takes_back_what_was_said_before_it_and_its_end_brings_nothing_back() {
        let bans = Bans::default();
        ban(bans.of_room(), 1, Subject::Viewer(viewer()), Rank::Moderator, 500);
        let before = [0, 100, 200, 300, 400, 500];
        assert_eq!(times(&bans, Role::Viewer), before);
        assert!(times(&bans, Role::Moderator).is_empty(), "nobody takes back what an equal said");
        let told = Retracted { viewer: Some(viewer().to_string()), id: None, before: 501, by: Rank::Moderator };
        assert_eq!((bans.retracted(500), bans.retracted(501)), (vec![told.clone()], vec![]));
        assert_eq!((bans.retracted_of(&viewer(), 500), bans.retracted_of(&viewer(), 501)), (vec![told], vec![]));
        assert_eq!(bans.retracted_of(&ViewerId::guest(8), 0), []);
        let end = Decision::end(Subject::Viewer(viewer()), Rank::Moderator);
        bans.of_room().apply(RecordId::new(1, 2), &end, 900);
        assert_eq!(times(&bans, Role::Viewer), before);
        assert!(!bans.retract("s1", Some(&ViewerId::guest(8)), Role::Viewer, 0), "another's");
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
        assert!(!bans.retract("s1", Some(&ViewerId::guest(8)), Role::Viewer, 0));
    }

    #[test]
    fn a_hidden_danmu_is_retracted_alone_and_nobody_hides_what_an_equal_said() {
        let bans = Bans::default();
        let of = |viewer: Option<ViewerId>| DanmuRef { key: DanmuKey::Sequence("7".into()), viewer };
        let hide = |n, danmu: DanmuRef, until| {
            let decision = Decision { on: Subject::Danmu(danmu), until, by: Rank::Moderator };
            bans.of_room().apply(RecordId::new(1, n), &decision, 500);
        };
        let hidden = |key: &str, viewer: Option<&ViewerId>, role| bans.retract(key, viewer, role, 400);
        assert!(!hidden("s7", None, Role::Viewer));
        hide(1, of(Some(viewer())), None);
        assert_eq!([Role::Member, Role::Moderator].map(|role| hidden("s7", Some(&viewer()), role)), [true, false]);
        assert!(!hidden("s8", Some(&viewer()), Role::Viewer), "another danmu");
        assert!(!hidden("s7", Some(&ViewerId::guest(8)), Role::Viewer), "another's, who copied the key");
        assert!(!hidden("s7", None, Role::Viewer), "and one that nobody signed");
        assert!(!bans.cover(&viewer(), Role::Viewer, 600), "its author may go on");
        let told =
            Retracted { viewer: Some(viewer().to_string()), id: Some("s7".into()), before: 501, by: Rank::Moderator };
        assert_eq!((bans.retracted(500), bans.retracted(501)), (vec![told], vec![]));
        hide(2, of(None), Some(10_000));
        assert!(hidden("s7", None, Role::Viewer));
        assert_eq!(bans.retracted(500).len(), 2);
    }
}
