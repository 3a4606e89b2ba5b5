//! The hub: what the reader tells becomes, room by room, what viewers are told.
//!
//! One task does it for all rooms, in the order in which records come: the gate judges, what passed is gathered into a
//! frame, and the frame is encoded once into the room's [`Ring`]. A lone danmu leaves at once; in a busy room a frame
//! leaves every tick, since what a viewer costs is the write, not the danmu in it.
//! Never waits for a viewer, never keeps a record that the gate refused.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use danmu::{
    feed::{self, Item, Told},
    gate::{Gate, Incoming},
    kinesis::{Record, State, shard_map::Shard},
    room::{Room, RoomId},
};
use hyper::body::Bytes;
use tokio::{
    sync::{mpsc, watch},
    time::sleep_until,
};
use tokio_util::task::TaskTracker;
use unicode_normalization::UnicodeNormalization;

use super::{
    batch::Batches,
    metrics::{Metrics, Refused},
    place::{Lineage, Place},
    reader::{ReaderStats, Reading},
    refill::Hopeless,
    ring::{Ring, Window},
    sse,
};

/// The most danmu in one frame: a relay that has just begun reads minutes at once.
pub const MAX_FRAME: usize = 200;
/// From so many danmu a frame on a room is busy, and its tick whole; before that it is half.
const BUSY: usize = 5;
/// A feed that said nothing for so long says that it is there, by an event that scripts see, too.
const HEARTBEAT: Duration = Duration::from_secs(15);
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
    /// Those that tell viewers; they end with the feeds.
    pub(super) tasks: TaskTracker,
}

/// The feed of a room as connections need it.
#[derive(Debug)]
pub struct Feed {
    /// What viewers are told.
    pub ring: Ring,
    /// The shards behind it.
    pub lineage: Mutex<Lineage>,
    /// Those who are told over connections of their own.
    pub batches: Batches,
    /// What cannot be read again; locked while something is.
    pub hopeless: tokio::sync::Mutex<Hopeless>,
}

/// Makes frames of what is read, until the reader ends.
pub struct Hub {
    board: Arc<Board>,
    rooms: HashMap<String, RoomHub>,
    tick: Duration,
    created_ms: i64,
    since_ms: i64,
}

/// One room, as only the hub sees it.
struct RoomHub {
    id: RoomId,
    feed: Arc<Feed>,
    gate: Gate,
    begun: bool,
    pending: Vec<(Place, Item)>,
    /// When the last frame left, or the last heartbeat.
    told: Instant,
    last_frame: usize,
}

impl Board {
    /// A feed for each room, still empty.
    pub fn new(rooms: &[Room], window: Window, reader: ReaderStats) -> Self {
        let feed = |room: &Room| (room.id.clone(), Arc::new(Feed::new(window)));
        Self {
            rooms: rooms.iter().map(feed).collect(),
            reading: Mutex::default(),
            caught_up: watch::Sender::new(false),
            metrics: Metrics::default(),
            reader,
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
    /// A hub for the rooms, whose reader begins at what arrived at `since_ms` (Unix milliseconds).
    pub fn new(board: Arc<Board>, rooms: &[Room], tick: Duration, since_ms: i64) -> Self {
        let room_hub = |room: &Room| {
            let feed = Arc::clone(board.feed(&room.id)?);
            let (id, gate) = (room.id.clone(), Gate::new(room, nfc));
            let hub =
                RoomHub { id, feed, gate, begun: false, pending: Vec::new(), told: Instant::now(), last_frame: 0 };
            Some((room.id.as_str().to_owned(), hub))
        };
        let rooms = rooms.iter().filter_map(room_hub).collect();
        Self { board, rooms, tick, created_ms: 0, since_ms }
    }

    /// Works until the reader ends.
    pub async fn run(mut self, mut readings: mpsc::Receiver<Reading>) {
        loop {
            let due = self.rooms.values().map(|room| room.due(self.tick)).min();
            tokio::select! {
                reading = readings.recv() => match reading {
                    Some(reading) => self.take(reading),
                    None => return,
                },
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
                    room.begun = false;
                    room.feed.learn(|lineage| *lineage = Lineage::new(created_ms));
                }
            }
            Reading::Shards(shards) => {
                for room in self.rooms.values_mut() {
                    room.learn(&shards, self.since_ms);
                }
            }
            Reading::Records(records) => records.iter().for_each(|record| self.judge(record)),
            Reading::State(state) => self.tell_state(&state),
            Reading::CaughtUp => drop(self.board.caught_up.send_replace(true)),
        }
    }

    fn judge(&mut self, record: &Record) {
        let refused = match self.rooms.get_mut(&record.partition_key) {
            None => Refused::NoSuchRoom,
            Some(room) => match room.judge(record) {
                Ok(()) => return self.board.metrics.admitted(&room.id, record.arrival_ms),
                Err(refused) => refused,
            },
        };
        self.board.metrics.refused(&refused);
    }

    fn tell_state(&self, state: &State) {
        let new = match state {
            State::Live | State::Throttled { .. } => (feed::Reading::Live, 0),
            State::Behind { ms } => (feed::Reading::Behind, *ms),
            State::Starting | State::Reconnecting { .. } | State::Failed { .. } => (feed::Reading::Reconnecting, 0),
        };
        let mut known = self.board.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 != new.0 || (known.1 - new.1).abs() >= NOTICEABLE_MS {
            *known = new;
            let event = state_event(new);
            self.rooms.values().for_each(|room| room.feed.ring.note(event.clone()));
        }
    }
}

/// What a room's gate makes of a record, and where it stands.
pub fn judge(feed: &Feed, gate: &mut Gate, record: &Record) -> Result<(Place, Item), Refused> {
    // Whoever names a hash key of its own may put a room's record on any shard; its place in the room's order would then be
    // nowhere.
    let place = feed.learn(|lineage| lineage.place(&record.shard_id, &record.sequence_number, record.arrival_ms));
    let place = place.ok_or(Refused::ForeignShard)?;
    let admitted = gate.admit(Incoming {
        data: &record.data,
        partition_key: &record.partition_key,
        sequence_number: &record.sequence_number,
        arrival_ms: record.arrival_ms,
        evidence: None,
    })?;
    Ok((place, Item::new(admitted)))
}

/// The normal form C of a text.
pub fn nfc(text: &str) -> String {
    text.nfc().collect()
}

fn state_event((reading, behind_ms): (feed::Reading, i64)) -> Bytes {
    sse::event(Some(feed::STATE), None, &Told { reading: Some(reading), behind_ms, ..Told::default() })
}

impl Feed {
    fn new(window: Window) -> Self {
        Self {
            ring: Ring::new(window),
            lineage: Mutex::default(),
            batches: Batches::default(),
            hopeless: tokio::sync::Mutex::default(),
        }
    }

    /// Looks at, or changes, what is known of the room's shards.
    pub fn learn<T>(&self, f: impl FnOnce(&mut Lineage) -> T) -> T {
        f(&mut self.lineage.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl RoomHub {
    fn learn(&mut self, shards: &[Shard], since_ms: i64) {
        let beginning = self.feed.learn(|lineage| {
            lineage.learn(shards, self.id.as_str());
            lineage.beginning(since_ms)
        });
        if let Some(beginning) = beginning.filter(|_| !self.begun) {
            self.feed.ring.begin(beginning, since_ms);
            self.begun = true;
        }
    }

    fn judge(&mut self, record: &Record) -> Result<(), Refused> {
        self.pending.push(judge(&self.feed, &mut self.gate, record)?);
        Ok(())
    }

    /// When it has something to say.
    fn due(&self, tick: Duration) -> Instant {
        match self.pending.len() {
            0 => self.told + HEARTBEAT,
            _ if self.last_frame < BUSY => self.told + tick / 2,
            _ => self.told + tick,
        }
    }

    fn speak(&mut self, now: Instant, reading: (feed::Reading, i64), metrics: &Metrics) {
        self.told = now;
        self.last_frame = self.pending.len();
        if self.pending.is_empty() {
            return self.feed.ring.note(state_event(reading));
        }
        let mut pending = std::mem::take(&mut self.pending);
        while !pending.is_empty() {
            let rest = pending.split_off(pending.len().min(MAX_FRAME));
            metrics.framed(&pending);
            self.feed.ring.tell(pending, 0);
            pending = rest;
        }
    }
}
