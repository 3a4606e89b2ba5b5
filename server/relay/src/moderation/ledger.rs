//! The ledger: all decisions in memory, those from the stream and, on top, local ones that are pending for it.
//!
//! The gates of all rooms share these [`Decisions`] by handle. Gates ignore pending decisions, which have no place in the
//! stream's order yet; vending and the denial of credentials apply them at once.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
};

use danmu::{
    gate::{Bans, Decisions},
    record::{Decided, Decision, Guests, RecordId, Subject},
    room::{RoomId, RoomMode, RuleId},
    viewer::{Rank, Role, ViewerId},
};
use danmu_identity::{
    clock::now_ms,
    store::{Row, named},
};
use ipnet::IpNet;

use super::rules::Book;

/// Scope (`None`: every room) and subject.
type Key = (Option<RoomId>, Subject);
/// A pending decision: its id, its end (Unix milliseconds), and the rank of its decider.
type Owed = (RecordId, i64, Rank);

#[derive(Debug, Default)]
pub(super) struct Ledger {
    everywhere: Decisions,
    rooms: RwLock<HashMap<RoomId, Decisions>>,
    /// Pending decisions, which were not read from the stream yet; the latest is last.
    owed: RwLock<HashMap<Key, Vec<Owed>>>,
    /// What the rules of rooms say.
    book: Arc<Book>,
    /// All networks that were ever decided about.
    networks: RwLock<HashSet<IpNet>>,
}

/// Whose credentials must be denied, and whose no longer.
#[derive(Debug, Default)]
pub struct Denials {
    /// Viewers banned from every room: since when, and until when (Unix milliseconds).
    pub wanted: HashMap<ViewerId, (i64, i64)>,
    /// Viewers whose ban is known to have ended.
    pub over: HashSet<ViewerId>,
    /// Sessions issued before then are revoked, Unix milliseconds.
    pub revoked_before_ms: i64,
}

impl Denials {
    /// When the first of these bans ends, Unix milliseconds.
    pub fn due_ms(&self) -> i64 {
        self.wanted.values().map(|(_, until_ms)| *until_ms).min().unwrap_or(i64::MAX)
    }
}

impl Ledger {
    /// An empty ledger, whose gates ask that book what rules say.
    pub(super) fn new(book: Arc<Book>) -> Self {
        Self { book, ..Self::default() }
    }

    /// The bans that the gate of a room judges by.
    pub(super) fn bans(&self, room: &RoomId) -> Bans {
        let book = Arc::<Book>::clone(&self.book);
        Bans::new(self.of(Some(room)), self.everywhere.clone()).with_rules(book)
    }

    fn of(&self, room: Option<&RoomId>) -> Decisions {
        let Some(room) = room else { return self.everywhere.clone() };
        if let Some(known) = self.rooms.read().unwrap_or_else(PoisonError::into_inner).get(room) {
            return known.clone();
        }
        self.rooms.write().unwrap_or_else(PoisonError::into_inner).entry(room.clone()).or_default().clone()
    }

    /// Applies a decision that arrived on the stream; returns whether its arrival was news.
    pub(super) fn arrived(&self, decided: &Decided) -> bool {
        let Decided { id, room, decision, at } = decided;
        self.note_network(&decision.on);
        let new = self.of(room.as_ref()).apply(*id, decision, *at);
        let key = (room.clone(), decision.on.clone());
        let mut owed = self.owed.write().unwrap_or_else(PoisonError::into_inner);
        let Some(waiting) = owed.get_mut(&key) else { return new };
        let count = waiting.len();
        waiting.retain(|(other, ..)| other != id);
        let waited = waiting.len() < count;
        if waiting.is_empty() {
            owed.remove(&key);
        }
        new || waited
    }

    /// Adds guests of networks, as the stream named them at that time; returns whether any were new.
    pub(super) fn stayed(&self, guests: &Guests, arrival_ms: i64) -> bool {
        self.everywhere.learn_guests(guests, arrival_ms)
    }

    /// The known viewers whom a decision on a subject concerns.
    pub(super) fn viewers_of(&self, subject: &Subject) -> Vec<ViewerId> {
        self.everywhere.viewers_of(subject)
    }

    /// The rules that were decided on in a room, or are about to be, whether they are in force or not.
    pub(super) fn rules(&self, room: &RoomId) -> Vec<RuleId> {
        let owed = self.owed_in(room, |on| match on {
            Subject::Rule(rule) => Some(*rule),
            _ => None,
        });
        self.of(Some(room)).rules().into_iter().chain(owed).collect()
    }

    /// The modes that were decided on in a room, or are about to be, whether they are in force or not.
    pub(super) fn modes(&self, room: &RoomId) -> Vec<RoomMode> {
        let mut modes = self.of(Some(room)).modes();
        modes.extend(self.owed_in(room, |on| match on {
            Subject::Mode(mode) => Some(*mode),
            _ => None,
        }));
        modes.sort_unstable();
        modes.dedup();
        modes
    }

    /// What of a room is pending for the stream.
    fn owed_in<T>(&self, room: &RoomId, pick: impl Fn(&Subject) -> Option<T>) -> Vec<T> {
        let owed = self.owed.read().unwrap_or_else(PoisonError::into_inner);
        owed.keys().filter(|(of, _)| of.as_ref() == Some(room)).filter_map(|(_, on)| pick(on)).collect()
    }

    /// Whether a danmu of any room is hidden or a rule is in force, or is about to be.
    pub(super) fn hides_any(&self, now_ms: i64) -> bool {
        let hides = |on: &Subject| matches!(on, Subject::Danmu(_) | Subject::Rule(_));
        let owed = self.owed.read().unwrap_or_else(PoisonError::into_inner);
        owed.keys().any(|(_, on)| hides(on)) || self.scopes().iter().any(|(_, decisions)| decisions.hides_any(now_ms))
    }

    /// Whether a room is reviewed, or is about to be, or was lately.
    pub(super) fn reviews_any(&self, now_ms: i64) -> bool {
        let is_review = |on: &Subject| matches!(on, Subject::Mode(RoomMode::Reviewed(_)));
        let owed = self.owed.read().unwrap_or_else(PoisonError::into_inner);
        owed.keys().any(|(_, on)| is_review(on))
            || self.scopes().iter().any(|(_, decisions)| decisions.reviews_any(now_ms))
    }

    /// Applies rows and guests from the store.
    pub(super) fn take(&self, mut rows: Vec<Row>, guests: &[Guests]) {
        rows.sort_by_key(|row| (row.arrival_ms.unwrap_or(i64::MAX), row.change));
        for Row { id, room, decision, arrival_ms, .. } in rows {
            if let Some(at) = arrival_ms {
                self.arrived(&Decided { id, room, decision, at });
                continue;
            }
            self.owe(id, room, decision);
        }
        for guests in guests {
            self.stayed(guests, guests.from.unwrap_or_default());
        }
    }

    /// Applies a decision that is pending for the stream.
    pub(super) fn owe(&self, id: RecordId, room: Option<RoomId>, decision: Decision) {
        self.note_network(&decision.on);
        // It may have been read from the stream a moment ago.
        if self.of(room.as_ref()).knows(id, &decision.on) {
            return;
        }
        let (until_ms, by) = (decision.until_ms(), decision.by);
        let mut owed = self.owed.write().unwrap_or_else(PoisonError::into_inner);
        let waiting = owed.entry((room, decision.on)).or_default();
        if waiting.iter().all(|(other, ..)| *other != id) {
            waiting.push((id, until_ms, by));
        }
    }

    /// Until when the effective decision on a scope and subject holds, Unix milliseconds; 0 if there is none.
    pub(super) fn until(&self, room: Option<&RoomId>, on: &Subject) -> i64 {
        self.counting(room, on).0
    }

    /// The same, with the decider's rank.
    pub(super) fn counting(&self, room: Option<&RoomId>, on: &Subject) -> (i64, Rank) {
        let told = self.of(room).until(on).unwrap_or((0, Rank::Moderator));
        let owed = self.owed.read().unwrap_or_else(PoisonError::into_inner);
        let waiting = if owed.is_empty() { None } else { owed.get(&(room.cloned(), on.clone())) };
        let waiting = waiting.into_iter().flatten().map(|(_, until_ms, by)| (*until_ms, *by));
        if *on == Subject::Sessions {
            return waiting.fold(told, |told, owed| told.max(owed));
        }
        // A pending decision is taken to arrive now.
        let now_ms = now_ms();
        waiting.fold(told, |counts, owed| if counts.1 > owed.1 && now_ms < counts.0 { counts } else { owed })
    }

    /// Whether a viewer with that role, at that address, is banned from a room. Bans of networks apply to guests only.
    pub(super) fn bars(&self, viewer: &ViewerId, addr: IpAddr, room: &RoomId, role: Role, now_ms: i64) -> bool {
        let holds = |on: &Subject| {
            let counting = [None, Some(room)].map(|room| self.counting(room, on));
            counting.into_iter().any(|(until_ms, by)| until_ms > now_ms && by.is_above(role))
        };
        if holds(&Subject::Viewer(viewer.clone())) {
            return true;
        }
        if !viewer.is_guest() {
            return false;
        }
        // A guest who had a session from a banned network stays banned until that session ends, from any address.
        let stays = self.everywhere.networks_of(viewer, now_ms);
        let networks = self.networks_around(addr).into_iter().map(|network| named(&network));
        networks.chain(stays).any(|network| holds(&Subject::Network(network)))
    }

    /// The known networks that contain an address.
    fn networks_around(&self, addr: IpAddr) -> Vec<IpNet> {
        let known = self.networks.read().unwrap_or_else(PoisonError::into_inner);
        if known.is_empty() {
            return Vec::new();
        }
        let all = (0..=if addr.is_ipv4() { 32 } else { 128 }).filter_map(|length| IpNet::new(addr, length).ok());
        all.map(|network| network.trunc()).filter(|network| known.contains(network)).collect()
    }

    fn note_network(&self, on: &Subject) {
        if let Subject::Network(name) = on
            && let Ok(network) = name.as_str().parse::<IpNet>()
        {
            self.networks.write().unwrap_or_else(PoisonError::into_inner).insert(network.trunc());
        }
    }

    /// The networks that are banned anywhere, and the decisions that ban them.
    pub(super) fn banned_networks(&self, now_ms: i64) -> Vec<(IpNet, RecordId)> {
        let network = |on: &Subject| match on {
            Subject::Network(name) => name.as_str().parse::<IpNet>().ok(),
            _ => None,
        };
        let told = self.scopes().into_iter().flat_map(|(room, decisions)| decisions.last(room.as_ref()));
        let told = told.filter(|it| it.decision.until_ms() > now_ms);
        let told = told.filter_map(|it| Some((network(&it.decision.on)?, it.id)));
        let owed = self.owed.read().unwrap_or_else(PoisonError::into_inner);
        let owed = owed.iter().filter_map(|((_, on), waiting)| Some((network(on)?, waiting.last()?)));
        let owed = owed.filter(|(_, (_, until_ms, _))| *until_ms > now_ms).map(|(network, (id, ..))| (network, *id));
        told.chain(owed).collect()
    }

    /// Whose credentials to deny now. Sessions are for the whole stream, so a ban from a single room denies none.
    pub(super) fn denials(&self, now_ms: i64) -> Denials {
        let mut latest = HashMap::new();
        for Decided { decision, at, .. } in self.everywhere.last(None) {
            if let Subject::Viewer(viewer) = decision.on {
                latest.insert(viewer, (at, decision.until.unwrap_or(i64::MAX)));
            }
        }
        for ((room, on), waiting) in &*self.owed.read().unwrap_or_else(PoisonError::into_inner) {
            if let (None, Subject::Viewer(viewer), Some((_, until_ms, _))) = (room, on, waiting.last()) {
                latest.insert(viewer.clone(), (now_ms, *until_ms));
            }
        }
        let mut denials = Denials { revoked_before_ms: self.until(None, &Subject::Sessions), ..Denials::default() };
        let mut put = |viewer: ViewerId, since_ms: i64, until_ms: i64| {
            if until_ms > now_ms {
                let known = denials.wanted.entry(viewer).or_insert((since_ms, until_ms));
                *known = (known.0.max(since_ms), known.1.max(until_ms));
            } else {
                denials.over.insert(viewer);
            }
        };
        for (viewer, (since_ms, until_ms)) in latest {
            put(viewer, since_ms, until_ms);
        }
        for Guests { network, viewers, until, from } in self.everywhere.guests() {
            let until_ms = until.min(self.until(None, &Subject::Network(network)));
            for viewer in viewers {
                put(viewer, from.unwrap_or(now_ms), until_ms);
            }
        }
        denials.over.retain(|viewer| !denials.wanted.contains_key(viewer));
        denials
    }

    /// All decisions and guests read from the stream, for a snapshot.
    pub(super) fn told(&self) -> (Vec<Decided>, Vec<Guests>) {
        let decided = self.scopes().into_iter().flat_map(|(room, decisions)| decisions.told(room.as_ref()));
        (decided.collect(), self.everywhere.guests())
    }

    fn scopes(&self) -> Vec<(Option<RoomId>, Decisions)> {
        let rooms = self.rooms.read().unwrap_or_else(PoisonError::into_inner);
        let rooms = rooms.iter().map(|(room, decisions)| (Some(room.clone()), decisions.clone()));
        rooms.chain([(None, self.everywhere.clone())]).collect()
    }
}
