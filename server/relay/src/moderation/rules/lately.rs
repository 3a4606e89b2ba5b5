//! What viewers said in the last hour, to try rules on.
//!
//! In memory: what was said before a start is known as far as the relay read it again. Bounded: of a room the last
//! [`IN_ROOM`] danmu are kept, and of all rooms together [`IN_ALL`].

use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, PoisonError},
};

use danmu::{gate::Admitted, room::RoomId};
use danmu_app::rules::RuleTrial;

use super::compile::{Compiled, Says, Text};

/// How far back a trial looks, milliseconds.
const HOUR_MS: i64 = 3_600_000;
/// The most danmu of a room.
const IN_ROOM: usize = 10_000;
/// The most danmu of all rooms, of about a hundred bytes each.
const IN_ALL: usize = 200_000;
/// How many texts a trial shows.
const EXAMPLES: usize = 5;

/// A danmu: when it arrived (Unix milliseconds), a hash of its author, its text.
type Said = (i64, u64, Box<str>);

/// What was said lately, by room.
#[derive(Debug, Default)]
pub struct Lately(Mutex<Rooms>);

#[derive(Debug, Default)]
struct Rooms {
    said: HashMap<RoomId, VecDeque<Said>>,
    count: usize,
}

impl Rooms {
    /// Drops what was said before `over_ms` (Unix milliseconds), which rooms keep where nothing more is said, and a tenth of
    /// the room that has most.
    fn make_space(&mut self, over_ms: i64) {
        self.said.retain(|_, said| said.back().is_some_and(|(at_ms, ..)| *at_ms >= over_ms));
        if let Some(most) = self.said.values_mut().max_by_key(|said| said.len()) {
            most.drain(..most.len().div_ceil(10));
        }
        self.count = self.said.values().map(VecDeque::len).sum();
    }
}

impl Lately {
    /// Keeps a danmu that the gate admitted. Rules do not concern what the crew says.
    pub fn heard(&self, room: &RoomId, admitted: &Admitted) {
        let evidence = admitted.evidence.as_ref();
        if evidence.is_some_and(|evidence| evidence.role.may_moderate()) {
            return;
        }
        let mut hasher = DefaultHasher::new();
        evidence.map(|evidence| &evidence.viewer).hash(&mut hasher);
        self.keep(room, (admitted.arrival_ms, hasher.finish(), admitted.text.as_str().into()));
    }

    fn keep(&self, room: &RoomId, said: Said) {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rooms = &mut *rooms;
        let over_ms = said.0 - HOUR_MS;
        if !rooms.said.contains_key(room) {
            rooms.said.insert(room.clone(), VecDeque::new());
        }
        let Some(of_room) = rooms.said.get_mut(room) else { return };
        of_room.push_back(said);
        rooms.count += 1;
        while of_room.len() > IN_ROOM || of_room.front().is_some_and(|(at_ms, ..)| *at_ms < over_ms) {
            of_room.pop_front();
            rooms.count -= 1;
        }
        if rooms.count > IN_ALL {
            rooms.make_space(over_ms);
        }
    }

    /// What a rule would have stopped in a room in the hour before `now_ms` (Unix milliseconds).
    pub fn try_out(&self, room: &RoomId, rule: &Compiled, now_ms: i64) -> RuleTrial {
        let rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let said = rooms.said.get(room).into_iter().flatten().filter(|(at_ms, ..)| *at_ms >= now_ms - HOUR_MS);
        // A copy, so that nobody waits for the trial.
        let said: Vec<_> = said.cloned().collect();
        drop(rooms);
        let (mut posted, mut stopped) = (HashMap::new(), Vec::new());
        for (at_ms, viewer, text) in &said {
            let stops = match rule.look(&Text::new(text)) {
                Says::Pass => false,
                Says::Stop => true,
                Says::Again(fingerprint, seconds) => {
                    let before = posted.insert((*viewer, fingerprint), *at_ms);
                    before.is_some_and(|before| at_ms - before <= i64::from(seconds) * 1_000)
                }
            };
            if stops {
                stopped.push(text);
            }
        }
        RuleTrial {
            looked_at: said.len(),
            since_ms: said.first().map_or(0, |(at_ms, ..)| *at_ms),
            stopped: stopped.len(),
            examples: stopped.iter().rev().take(EXAMPLES).map(|text| text.to_string()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use danmu_app::rules::{Rule, RuleKind};

    use super::*;

    fn rule(kind: RuleKind, value: &str) -> Compiled {
        Compiled::new(&Rule { kind, value: value.to_owned() }).expect("a rule")
    }

    #[test]
    fn a_trial_says_what_a_rule_would_have_stopped_in_the_last_hour_in_that_room() {
        let (lately, room, other) = (Lately::default(), RoomId::demo(), "other".parse::<RoomId>().expect("a room"));
        for (n, text) in ["spam", "hello", "SPAM 1", "spam 2", "hello"].into_iter().enumerate() {
            lately.keep(&room, (n as i64 * HOUR_MS / 4, 1, text.into()));
        }
        lately.keep(&other, (HOUR_MS, 1, "spam elsewhere".into()));
        let words = rule(RuleKind::Words, "spam");
        let found = lately.try_out(&room, &words, HOUR_MS + 1);
        let examples = ["spam 2", "SPAM 1"].map(str::to_owned).to_vec();
        assert_eq!(found, RuleTrial { looked_at: 4, since_ms: HOUR_MS / 4, stopped: 2, examples });
        let again = lately.try_out(&room, &rule(RuleKind::Again, "60"), HOUR_MS);
        assert_eq!((again.looked_at, again.stopped), (5, 0), "three quarters of an hour lie between them");
        lately.keep(&room, (HOUR_MS + 60_000, 1, "hello".into()));
        lately.keep(&room, (HOUR_MS + 60_001, 2, "hello".into()));
        assert_eq!(lately.try_out(&room, &rule(RuleKind::Again, "60"), HOUR_MS + 60_001).stopped, 1);
        assert_eq!(lately.try_out(&"nowhere".parse().expect("a room"), &words, 0), RuleTrial::default());
    }

    #[test]
    fn no_crowd_fills_the_memory() {
        let (lately, room) = (Lately::default(), RoomId::demo());
        for n in 0..2 * IN_ROOM {
            lately.keep(&room, (n as i64, 1, "hello".into()));
        }
        let rooms = lately.0.lock().expect("no panic");
        assert_eq!((rooms.said[&room].len(), rooms.count), (IN_ROOM, IN_ROOM));
        drop(rooms);
        for n in 0..IN_ALL + 10 {
            lately.keep(&format!("r{}", n / 5_000).parse().expect("a room"), (n as i64, 1, "hello".into()));
        }
        assert!(lately.0.lock().expect("no panic").count <= IN_ALL);
        lately.keep(&room, (2 * HOUR_MS + IN_ALL as i64, 1, "hello".into()));
        assert!(lately.0.lock().expect("no panic").count <= IN_ALL, "silent rooms gave way");
    }
}
