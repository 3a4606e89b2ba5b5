//! The hub: what the reader tells becomes, room by room, what viewers are told.
//!
//! One task does it for all rooms ([`RoomHub`]), in the order in which records come.
//! Never waits for a viewer.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use danmu::{
    feed,
    gate::{Bans, Reason},
    kinesis::{Record, State},
    record::SERVICE_KEY,
    room::{Room, RoomId},
    viewer::ViewerId,
};
use tokio::{
    sync::{mpsc, watch},
    time::sleep_until,
};
use tokio_util::task::TaskTracker;

use super::{
    batch::Batches,
    metrics::{Metrics, Refused},
    place::{Lineage, SharedLineage},
    reader::{ReaderStats, Reading},
    refill::{Desk, RefillStats},
    ring::{Ring, Window},
    room::{HEARTBEAT, RoomHub, state_event},
};
use crate::{
    identity::Verifier,
    moderation::{Heard, Moderation},
};

/// By how much a delay must change to be told, milliseconds.
const NOTICEABLE_MS: i64 = 2_000;

/// What the hub and the connections share.
#[derive(Debug)]
pub struct Board {
    rooms: HashMap<RoomId, Arc<Feed>>,
    /// How the reading goes, and how far behind it is, milliseconds.
    reading: Mutex<(feed::Reading, i64)>,
    /// Whether the reader has reached the newest record.
    caught_up: watch::Sender<bool>,
    pub(super) metrics: Metrics,
    pub(super) reader: ReaderStats,
    pub(super) refill: Arc<RefillStats>,
    /// Verifies what records say of their authors.
    pub(super) verifier: Arc<Verifier>,
    /// Those that tell viewers; they end with the feeds.
    pub(super) tasks: TaskTracker,
}

/// The feed of a room as connections need it.
#[derive(Debug)]
pub struct Feed {
    /// What viewers are told.
    pub ring: Arc<Ring>,
    /// The shards behind it.
    pub lineage: SharedLineage,
    /// What it has let go of, for those who were away for longer.
    pub past: Arc<Desk>,
    /// Those who are told over connections of their own.
    pub batches: Batches,
    /// Who may not speak: what all gates of the room judge by.
    pub bans: Bans,
}

/// Makes frames of what is read, until the reader ends.
pub struct Hub {
    board: Arc<Board>,
    /// Is told what moderators decide.
    moderation: Moderation,
    /// What of that is to be kept, and found no place yet.
    unkept: VecDeque<Heard>,
    rooms: HashMap<String, RoomHub>,
    /// Of whom something may be retracted in every room, by what was told then or later; not carried out yet.
    retracted: Vec<(ViewerId, i64)>,
    tick: Duration,
    created_ms: i64,
    since_ms: i64,
}

impl Board {
    /// A feed for each room, still empty; `bans` is who may not speak there.
    pub fn new(
        rooms: &[Room],
        window: Window,
        reader: ReaderStats,
        verifier: Arc<Verifier>,
        bans: impl Fn(&RoomId) -> Bans,
    ) -> Self {
        let feed = |room: &Room| (room.id.clone(), Arc::new(Feed::new(window, bans(&room.id))));
        Self {
            rooms: rooms.iter().map(feed).collect(),
            reading: Mutex::default(),
            caught_up: watch::Sender::new(false),
            metrics: Metrics::default(),
            reader,
            refill: Arc::default(),
            verifier,
            tasks: TaskTracker::new(),
        }
    }

    /// The feed of a room.
    pub fn feed(&self, room: &RoomId) -> Option<&Arc<Feed>> {
        self.rooms.get(room)
    }

    /// All rooms.
    pub fn feeds(&self) -> impl Iterator<Item = (&RoomId, &Arc<Feed>)> {
        self.rooms.iter()
    }

    /// How the reading goes, and how far behind it is, milliseconds.
    pub fn reading(&self) -> (feed::Reading, i64) {
        *self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether all that was said before now is in the feeds. Once it was, it stays so: viewers are told when the reading
    /// falls behind.
    pub fn caught_up(&self) -> watch::Receiver<bool> {
        self.caught_up.subscribe()
    }

    /// Ends every feed.
    pub fn close(&self) {
        self.rooms.values().for_each(|feed| feed.ring.close());
        self.tasks.close();
    }
}

impl Hub {
    /// A hub for the rooms, whose reader begins at what arrived at `since_ms` (Unix milliseconds). Each is shown up to
    /// `density` danmu a second; 0: all. What moderators decide is for `moderation` to keep.
    pub fn new(
        board: Arc<Board>,
        rooms: &[Room],
        moderation: Moderation,
        tick: Duration,
        density: u32,
        since_ms: i64,
    ) -> Self {
        let room_hub = |room: &Room| {
            let feed = Arc::clone(board.feed(&room.id)?);
            Some((room.id.as_str().to_owned(), RoomHub::new(room, feed, density)))
        };
        let rooms = rooms.iter().filter_map(room_hub).collect();
        Self { board, moderation, unkept: VecDeque::new(), rooms, retracted: Vec::new(), tick, created_ms: 0, since_ms }
    }

    /// Works until the reader ends.
    pub async fn run(mut self, mut readings: mpsc::Receiver<Reading>) {
        // What is in the window was said after it was decided who may not.
        self.moderation.begun().await;
        let keeper = self.moderation.keeper();
        loop {
            let due = self.rooms.values().map(|room| room.due(self.tick)).min();
            tokio::select! {
                // What cannot be kept is not read either; but the end is the end.
                reading = readings.recv(), if self.unkept.is_empty() || readings.is_closed() => match reading {
                    Some(reading) => self.take(reading),
                    None => return,
                },
                Ok(place) = keeper.reserve(), if !self.unkept.is_empty() => {
                    if let Some(heard) = self.unkept.pop_front() {
                        place.send(heard);
                    }
                }
                () = sleep_until(due.unwrap_or_else(|| Instant::now() + HEARTBEAT).into()) => {}
            }
            let (now, reading) = (Instant::now(), self.board.reading());
            for room in self.rooms.values_mut().filter(|room| room.due(self.tick) <= now) {
                room.speak(now, reading, &self.board.metrics);
            }
        }
    }

    fn take(&mut self, reading: Reading) {
        match reading {
            Reading::Stream { created_ms } => {
                // A stream made anew is read from its beginning.
                if self.created_ms != 0 && self.created_ms != created_ms {
                    self.since_ms = created_ms;
                }
                self.created_ms = created_ms;
                for room in self.rooms.values_mut() {
                    room.begin(created_ms);
                }
            }
            Reading::Shards(shards) => {
                for room in self.rooms.values_mut() {
                    room.learn(&shards, self.since_ms);
                }
            }
            Reading::Records(records) => {
                records.iter().for_each(|record| self.judge(record));
                // Once for all of them: a room is looked through for it, and a network's guests come in many records.
                for room in self.rooms.values_mut() {
                    room.retract(&self.retracted);
                }
                self.retracted.clear();
            }
            Reading::State(state) => self.tell_state(&state),
            Reading::CaughtUp => {
                self.board.caught_up.send_replace(true);
                self.moderation.reads_newest(true);
            }
        }
    }

    fn judge(&mut self, record: &Record) {
        let metrics = &self.board.metrics;
        if record.partition_key == SERVICE_KEY {
            return self.judge_order(record);
        }
        let Some(room) = self.rooms.get_mut(&record.partition_key) else {
            return metrics.refused(&Refused::NoSuchRoom, record);
        };
        match room.judge(&self.board.verifier, record) {
            Ok((place, admitted)) => {
                metrics.admitted(room.id(), &admitted);
                self.moderation.spoke(room.id(), &admitted);
                let fate = room.choose(place, admitted, &record.sequence_number);
                metrics.chosen(room.id(), fate);
            }
            Err(refused) => {
                metrics.refused(&refused, record);
                if let Refused::Gate(Reason::Moderation(decided)) = refused {
                    room.decided(&decided);
                    self.unkept.push_back(self.moderation.decided(decided));
                }
            }
        }
    }

    /// Takes in what is decided for every room.
    fn judge_order(&mut self, record: &Record) {
        let metrics = &self.board.metrics;
        let heard = match self.moderation.judge(&self.board.verifier, record) {
            Ok(heard) => heard,
            Err(reason) => return metrics.refused(&reason.into(), record),
        };
        if let Heard::Decision(decided) = &heard {
            metrics.refused(&Reason::Moderation(decided.clone()).into(), record);
        }
        if heard.is_new() {
            self.unkept.push_back(heard.clone());
        }
        self.retracted.extend(heard.retracts(|subject| self.moderation.viewers_of(subject)));
    }

    fn tell_state(&self, state: &State) {
        let newest = matches!(state, State::Live | State::Throttled { .. }) && *self.board.caught_up.borrow();
        self.moderation.reads_newest(newest);
        let new = match state {
            State::Live | State::Throttled { .. } => (feed::Reading::Live, 0),
            State::Behind { ms } => (feed::Reading::Behind, *ms),
            State::Starting | State::Reconnecting { .. } | State::Failed { .. } => (feed::Reading::Reconnecting, 0),
        };
        let mut known = self.board.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 != new.0 || (known.1 - new.1).abs() >= NOTICEABLE_MS {
            *known = new;
            let event = state_event(new, None);
            self.board.rooms.values().for_each(|feed| feed.ring.note(event.clone()));
        }
    }
}

impl Feed {
    /// A feed of which nothing is known yet.
    pub fn new(window: Window, bans: Bans) -> Self {
        let ring = Arc::new(Ring::new(window));
        Self {
            past: Arc::new(Desk::new(Arc::clone(&ring), window.bytes, bans.clone())),
            ring,
            lineage: SharedLineage::default(),
            batches: Batches::default(),
            bans,
        }
    }

    /// Looks at, or changes, what is known of the room's shards.
    pub fn learn<T>(&self, f: impl FnOnce(&mut Lineage) -> T) -> T {
        self.lineage.learn(f)
    }
}
