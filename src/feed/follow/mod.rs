//! Follow: how a page follows its room's feed, together with the other tabs of its browser. A pure state machine.
//!
//! HTTP/1.1 allows six connections per origin, and a feed holds one while it is open. So one tab of a room reads, the *leader*,
//! and passes on what it hears. The browser elects it by a lock (Web Locks) that one tab holds and that passes on when the tab
//! closes. A follower probes a silent leader, and steals the lock of one that does not answer, so a frozen tab blocks no other.
//! Without locks each tab is *alone* and reads by itself.
//!
//! Every event that is passed on carries the token that it follows. A tab takes an event that follows its own token; else it
//! has missed something, and asks the leader for all since its token; if the leader does not know the token, the tab reads by
//! itself until it does. Tokens are compared for equality only: without the stream's shards nothing else can be said of them.
//! Ids are deduplicated as well, as another server's frames end at other tokens.
//!
//! Each tab gets what was said since its first token, once and in order, or a declared gap, across leaders, ways and outages.
//! It does no I/O and has no clock: its driver says what happened and when, by a monotonic clock (milliseconds), and does what
//! [`Follow::act`] says.

mod act;
mod link;
mod log;
mod take;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

pub use self::{
    act::{Act, Way},
    link::Ways,
};
use self::{
    link::{Do, Link},
    log::{FeedEvent, Log, Note, Retractions, Seen},
};
use super::{FeedToken, GAP, HELLO, Reading, STATE, Told};

/// The name of an event with new danmu.
const MESSAGE: &str = "message";
/// A leader silent for so long is asked whether it is there: the relay sends at least
/// every [`HEARTBEAT_MS`](super::HEARTBEAT_MS).
const QUIET_MS: i64 = 14_000;
/// The same for a leader that has lost the relay, and may sleep in a hidden tab.
const LOST_MS: i64 = 5_000;
/// How long the leader has to answer.
const PATIENCE_MS: i64 = 4_000;
/// The most jitter, in milliseconds, so that not all tabs ask at once.
const SPREAD_MS: u64 = 3_000;
/// How often a tab that reads alone asks for a leader.
const ALONE_MS: i64 = 3_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TabRole {
    Leader,
    /// The leader is asked, or has to have answered, by `until`.
    Follower {
        until: i64,
        asked: u8,
    },
    /// Reads by itself; a leader, if there can be one, is asked for the rest at `ask`.
    Alone {
        ask: i64,
    },
}

/// A tab that follows a room.
#[derive(Debug)]
pub struct Follow {
    tab: String,
    role: TabRole,
    link: Link,
    way: Option<Way>,
    place: String,
    log: Log,
    seen: Seen,
    retracted: Retractions,
    /// The last state event's data.
    state: String,
    /// The room's modes, as they were told last.
    modes: Option<u64>,
    acts: VecDeque<Act>,
}

impl Follow {
    /// Begins. `tab` is its name among the tabs; `None` where there are no locks, and it reads by itself.
    #[must_use]
    pub fn new(tab: Option<String>, ways: Ways, now: i64, random: u64) -> Self {
        let shared = tab.is_some();
        let mut follow = Self {
            tab: tab.unwrap_or_default(),
            role: TabRole::Alone { ask: i64::MAX },
            link: Link::new(ways),
            way: None,
            place: String::new(),
            log: Log::default(),
            seen: Seen::default(),
            retracted: Retractions::default(),
            state: String::new(),
            modes: None,
            acts: VecDeque::new(),
        };
        if shared {
            follow.ask(now);
        } else {
            follow.start(now, random);
        }
        follow
    }

    /// The next action, if any.
    pub fn act(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// The token up to which all was heard or declared missing; empty before the first.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The way by which danmu come at the moment.
    #[must_use]
    pub fn way(&self) -> Option<Way> {
        self.way
    }

    /// When [`Self::tick`] is to be called at the latest.
    #[must_use]
    pub fn due(&self) -> i64 {
        let role = match self.role {
            TabRole::Leader => i64::MAX,
            TabRole::Follower { until, .. } => until,
            TabRole::Alone { ask } => ask,
        };
        role.min(self.link.due())
    }

    /// To be called at [`Self::due`]; `random` is any number.
    pub fn tick(&mut self, now: i64, random: u64) {
        match self.role {
            TabRole::Follower { until, asked } if now >= until => match asked {
                0 => self.ask(now),
                1 => {
                    self.acts.push_back(Act::Steal);
                    self.role = TabRole::Follower { until: now + PATIENCE_MS, asked: 2 };
                }
                // There is neither a leader nor a lock.
                _ => self.leave(now, random),
            },
            TabRole::Alone { ask } if now >= ask => {
                self.acts.push_back(Act::Post(Note::ask(&self.tab, &self.place, self.log.earlier())));
                self.role = TabRole::Alone { ask: now + ALONE_MS };
            }
            _ => {}
        }
        let todo = self.link.tick(now, random);
        self.carry_out(todo);
    }

    /// This tab was granted the lock.
    pub fn granted(&mut self, now: i64, random: u64) {
        match std::mem::replace(&mut self.role, TabRole::Leader) {
            TabRole::Leader => {}
            TabRole::Alone { .. } => self.post_state(""),
            TabRole::Follower { .. } => {
                self.post_state("");
                self.start(now, random);
            }
        }
    }

    /// The lock was taken away.
    pub fn lost(&mut self, now: i64) {
        if self.role == TabRole::Leader {
            self.rest();
            self.ask(now);
        }
    }

    /// Another tab sent this note.
    pub fn note(&mut self, note: &str, now: i64, random: u64) {
        match Note::parse(note) {
            Some(Note::Ask { tab, place, earlier }) if self.role == TabRole::Leader => {
                self.answer(&tab, &place, &earlier)
            }
            Some(Note::Unknown { to }) if to == self.tab && matches!(self.role, TabRole::Follower { .. }) => {
                self.leave(now, random);
            }
            Some(Note::Told { to, way, entries }) => match self.role {
                TabRole::Leader => {}
                TabRole::Alone { .. } if to != self.tab => {}
                role => {
                    if let TabRole::Alone { .. } = role {
                        self.rest();
                    }
                    let quiet = if way.is_some() { QUIET_MS } else { LOST_MS };
                    let spread = i64::try_from(random % SPREAD_MS).unwrap_or(0);
                    self.role = TabRole::Follower { until: now + quiet + spread, asked: 0 };
                    self.way = way;
                    if to.is_empty() || to == self.tab {
                        self.take_all(entries, !to.is_empty(), now, random);
                    }
                }
            },
            _ => {}
        }
    }

    /// The relay sent an event: its name, its data, and the token after it, empty where that is unchanged.
    pub fn heard(&mut self, name: &str, data: String, place: String, now: i64, random: u64) {
        if !self.link.listens() {
            return;
        }
        // An event of a newer version is ignored.
        let Some(told) = parse(&data) else { return };
        if name == HELLO {
            let created = |place: &str| place.parse::<FeedToken>().map(|position| position.created_ms());
            // A token from direct reading has no stream creation time; the relay's has. Adopt it and ask again.
            if !told.recovered
                && created(&self.place) == Ok(0)
                && let (Ok(created), Ok(position)) = (created(&place), self.place.parse::<FeedToken>())
                && created != 0
            {
                self.place = position.of_stream(created).to_string();
                self.acts.push_back(Act::Open);
                return;
            }
            let (listened, todo) = self.link.hello(told.recovered, now, random);
            self.carry_out(todo);
            if !listened {
                return;
            }
        } else {
            self.link.alive(now);
        }
        self.way = Some(Way::Relay);
        self.pass_on(name, data, place, told);
    }

    /// The relay's feed broke off, or could not be opened.
    pub fn broke(&mut self, now: i64, random: u64) {
        let todo = self.link.broke(now, random);
        self.carry_out(todo);
    }

    /// Danmu were read off the stream; `place` is the token after them.
    pub fn read(&mut self, told: Told, place: &FeedToken) {
        self.way = Some(Way::Direct);
        if let Ok(data) = serde_json::to_string(&told) {
            self.pass_on(MESSAGE, data, place.to_string(), told);
        }
    }

    /// Direct reading found retractions, which move no token.
    pub fn retract(&mut self, told: Told) {
        if let Ok(data) = serde_json::to_string(&told) {
            self.pass_on(MESSAGE, data, String::new(), told);
        }
    }

    /// Reports the state of direct reading (`told` has nothing else), and whether the stream has too many readers (`crowded`).
    pub fn reads(&mut self, told: Told, crowded: bool, now: i64) {
        self.link.crowded(crowded, now);
        self.way = (told.reading != Some(Reading::Reconnecting)).then_some(Way::Direct);
        self.state(told);
    }

    /// The stream cannot be read from here at all.
    pub fn denied(&mut self, now: i64, random: u64) {
        let todo = self.link.denied(now, random);
        self.carry_out(todo);
    }

    fn ask(&mut self, now: i64) {
        self.acts.push_back(Act::Post(Note::ask(&self.tab, &self.place, self.log.earlier())));
        self.role = TabRole::Follower { until: now + PATIENCE_MS, asked: 1 };
    }

    /// Answers a tab that asks for all since its token.
    fn answer(&mut self, tab: &str, place: &str, earlier: &str) {
        let known = [place, earlier].into_iter().find(|place| self.log.knows(place));
        let entries = match known {
            Some(known) => self.log.after(known).cloned().collect(),
            None if place.is_empty() => self.log.after("").cloned().collect(),
            None if self.way.is_some() => return self.acts.push_back(Act::Post(Note::unknown(tab))),
            None => Vec::new(),
        };
        self.post_state_after(tab, entries);
    }

    /// Posts the state, which also shows that the leader is there.
    fn post_state(&mut self, to: &str) {
        self.post_state_after(to, Vec::new());
    }

    fn post_state_after(&mut self, to: &str, mut entries: Vec<FeedEvent>) {
        let here = |name: &str, data| {
            let (before, place) = (self.place.clone(), self.place.clone());
            FeedEvent { before, place, name: name.to_owned(), data }
        };
        // Retractions are not bound to a token: a tab that slept may have missed them.
        entries.extend(self.retracted.told().map(|data| here(MESSAGE, data)));
        let modes = Told { modes: self.modes, ..Told::default() };
        entries.extend(
            serde_json::to_string(&modes).ok().filter(|_| self.modes.is_some()).map(|data| here(MESSAGE, data)),
        );
        entries.push(here(STATE, self.state.clone()));
        self.acts.push_back(Act::Post(Note::told(to, self.way, entries.iter())));
    }

    /// Reads by itself from now on.
    fn leave(&mut self, now: i64, random: u64) {
        self.role = TabRole::Alone { ask: now + ALONE_MS };
        self.start(now, random);
    }

    fn start(&mut self, now: i64, random: u64) {
        let todo = self.link.start(self.way == Some(Way::Direct), now, random);
        self.carry_out(vec![todo]);
    }

    fn rest(&mut self) {
        let todo = self.link.stop();
        self.carry_out(todo.to_vec());
    }

    fn carry_out(&mut self, todo: Vec<Do>) {
        for step in todo {
            self.acts.push_back(match step {
                Do::Open => Act::Open,
                Do::Close => Act::Close,
                Do::Read => Act::Read,
                Do::Stop => Act::Stop,
            });
            // While the relay is probed, what is shown comes from the stream.
            if step == Do::Close && self.way != Some(Way::Direct) && self.link.due() != i64::MAX {
                self.way = None;
                self.state(Told { reading: Some(Reading::Reconnecting), ..Told::default() });
            }
        }
    }

    fn state(&mut self, told: Told) {
        if let Ok(data) = serde_json::to_string(&told)
            && data != self.state
        {
            self.pass_on(STATE, data, String::new(), told);
        }
    }
}

/// From bytes, as everywhere in the browser: a second parser would add code.
fn parse(data: &str) -> Option<Told> {
    serde_json::from_slice(data.as_bytes()).ok()
}
