//! A room's feed in memory: one append-only line of events that are already framed, and a cursor for each reader.
//!
//! Promises: an event is encoded once, whatever the number of viewers, and its bytes are shared by all; no viewer has a
//! queue, so a slow one costs what a fast one costs; what was told within the window can be told again, so joining and
//! resuming leave no gap; a viewer whose place fell out of the window is told how many danmu it lost.
//! Never waits for a viewer.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::{Duration, Instant},
};

use danmu::feed::{self, Item, MAX_HISTORY, Told};
use hyper::body::Bytes;

use super::{place::Place, sse};

/// How much of a room's feed is kept.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// For this long.
    pub age: Duration,
    /// And no more than this, bytes.
    pub bytes: usize,
}

/// The feed of one room. Shared by the hub, which appends, and the connections, which read.
#[derive(Debug)]
pub struct Ring {
    window: Window,
    line: Mutex<Line>,
    waiting: Mutex<Waiting>,
}

#[derive(Debug)]
struct Line {
    chunks: VecDeque<Chunk>,
    /// The number of the oldest chunk that is kept.
    first: u64,
    bytes: usize,
    /// Danmu told since the beginning.
    told: u64,
    base: Base,
    /// The place after the newest danmu; unknown as long as nobody knows the stream's shards.
    tip: Option<Place>,
    /// What was said last, for those who join.
    history: VecDeque<Item>,
    closed: bool,
}

/// Where the line begins.
#[derive(Debug)]
enum Base {
    /// All that arrived then, in Unix milliseconds, or later is in it.
    Since(i64),
    /// All that follows this place is in it.
    After(Place),
}

/// One event.
#[derive(Debug)]
struct Chunk {
    bytes: Bytes,
    made: Instant,
    /// Danmu told before it, and with it.
    before: u64,
    told: u64,
    /// Where each of its danmu stands; empty for what is no frame.
    places: Box<[Place]>,
}

/// Connections that have told all there is.
#[derive(Debug, Default)]
struct Waiting {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

/// What follows a cursor.
#[derive(Debug)]
pub enum Next {
    /// This event.
    Event {
        /// As it is sent.
        bytes: Bytes,
        /// When it was made.
        made: Instant,
        /// Danmu in it.
        danmu: u64,
    },
    /// The window has passed the cursor, which stands at its beginning now: so many danmu are lost to its reader.
    Missed(u64),
    /// Nothing yet; the waker will be woken.
    Nothing,
    /// Nothing, ever: the server ends.
    Closed,
}

/// A reader's place in the line.
#[derive(Debug)]
pub struct Cursor {
    next: u64,
    told: u64,
    slot: usize,
    /// What stands up to here is known to the reader already. The line may reach it only later: this server read less
    /// far than the one that the reader comes from.
    known: Option<Place>,
}

/// How a viewer begins.
#[derive(Debug)]
pub struct Joined {
    /// Where it goes on.
    pub cursor: Cursor,
    /// Whether everything since the place that it asked for follows.
    pub recovered: bool,
    /// Where it stands: the place that it asked for if it was recovered, else the newest.
    pub place: Option<Place>,
    /// What was said last; empty where all was recovered.
    pub history: Vec<Item>,
}

impl Ring {
    /// An empty line.
    pub fn new(window: Window) -> Self {
        let line = Line {
            chunks: VecDeque::new(),
            first: 0,
            bytes: 0,
            told: 0,
            base: Base::Since(i64::MAX),
            tip: None,
            history: VecDeque::with_capacity(MAX_HISTORY),
            closed: false,
        };
        Self { window, line: Mutex::new(line), waiting: Mutex::default() }
    }

    /// Appends danmu, with the place of each, and `dropped` more that nobody is shown. Gives how long the event is, bytes.
    pub fn tell(&self, danmu: Vec<(Place, Item)>, dropped: u32) -> usize {
        let Some(tip) = danmu.last().map(|(place, _)| place.clone()) else { return 0 };
        let (places, danmu): (Vec<_>, Vec<_>) = danmu.into_iter().unzip();
        let frame = Told { danmu, dropped, ..Told::default() };
        let bytes = sse::event(None, Some(&tip.to_string()), &frame);
        let length = bytes.len();
        let mut line = self.line();
        let before = line.told;
        line.told += places.len() as u64;
        let told = line.told;
        line.tip = Some(tip);
        for item in frame.danmu {
            if line.history.len() == MAX_HISTORY {
                line.history.pop_front();
            }
            line.history.push_back(item);
        }
        line.append(Chunk { bytes, made: Instant::now(), before, told, places: places.into() }, self.window);
        drop(line);
        self.wake();
        length
    }

    /// Appends an event that is no danmu, and that nobody needs to be told again.
    pub fn note(&self, bytes: Bytes) {
        let mut line = self.line();
        let told = line.told;
        line.append(Chunk { bytes, made: Instant::now(), before: told, told, places: Box::default() }, self.window);
        drop(line);
        self.wake();
    }

    /// Begins, or begins anew when another stream stands behind the room: all that arrives at `since_ms` or later will be
    /// in it. Who is connected goes on; who asks for a place of the old stream is told that it is gone.
    pub fn begin(&self, beginning: Place, since_ms: i64) {
        let mut line = self.line();
        line.tip = Some(beginning);
        line.base = Base::Since(since_ms);
        line.first += line.chunks.len() as u64;
        line.chunks.clear();
        line.bytes = 0;
    }

    /// Ends the feed of everybody.
    pub fn close(&self) {
        self.line().closed = true;
        self.wake();
    }

    /// Viewers at the moment.
    pub fn viewers(&self) -> usize {
        let waiting = self.waiting();
        waiting.wakers.len() - waiting.free.len()
    }

    /// Bytes and danmu that are kept.
    pub fn size(&self) -> (usize, u64) {
        let line = self.line();
        let oldest = line.chunks.front().map_or(line.told, |chunk| chunk.before);
        (line.bytes, line.told - oldest)
    }

    /// Lets a viewer in: after `place`, if all that followed it is here, else at the end of the line.
    pub fn join(&self, place: Option<Place>, history: usize) -> Joined {
        let slot = self.waiting().take();
        let line = self.line();
        let end = line.first + line.chunks.len() as u64;
        let Some(place) = place.filter(|place| line.base.is_before(place)) else {
            let told = line.told;
            let skip = line.history.len().saturating_sub(history);
            return Joined {
                cursor: Cursor { next: end, told, slot, known: None },
                recovered: false,
                place: line.tip.clone(),
                history: line.history.iter().skip(skip).cloned().collect(),
            };
        };
        let is_new = |chunk: &Chunk| chunk.places.last().is_some_and(|last| *last > place);
        let found = line.chunks.iter().zip(line.first..).find(|(chunk, _)| is_new(chunk));
        let (next, told) = found.map_or((end, line.told), |(chunk, number)| (number, chunk.before));
        let cursor = Cursor { next, told, slot, known: Some(place.clone()) };
        Joined { cursor, recovered: true, place: Some(place), history: Vec::new() }
    }

    /// What follows the cursor, which moves on. `waker` is woken when there is more.
    pub fn next(&self, cursor: &mut Cursor, waker: &Waker) -> Next {
        match self.look(cursor) {
            Next::Nothing => {}
            next => return next,
        }
        self.waiting().register(cursor.slot, waker);
        // Between the look and the registration something may have been appended, and woken nobody here.
        self.look(cursor)
    }

    fn look(&self, cursor: &mut Cursor) -> Next {
        let line = self.line();
        if cursor.next < line.first {
            cursor.next = line.first;
            let oldest = line.chunks.front().map_or(line.told, |chunk| chunk.before);
            let missed = oldest.saturating_sub(std::mem::replace(&mut cursor.told, oldest));
            if missed > 0 {
                return Next::Missed(missed);
            }
        }
        loop {
            let at = usize::try_from(cursor.next - line.first).unwrap_or(usize::MAX);
            let Some(chunk) = line.chunks.get(at) else {
                return if line.closed { Next::Closed } else { Next::Nothing };
            };
            cursor.next += 1;
            cursor.told = chunk.told;
            let (mut bytes, mut danmu) = (chunk.bytes.clone(), chunk.told - chunk.before);
            if let (Some(known), Some(last)) = (&cursor.known, chunk.places.last()) {
                let skipped = chunk.places.partition_point(|place| place <= known);
                if last <= known {
                    continue;
                }
                // Another server cut its frames elsewhere.
                if skipped > 0
                    && let Some(cut) = chunk.without(skipped)
                {
                    (bytes, danmu) = (cut, danmu - skipped as u64);
                }
                cursor.known = None;
            }
            return Next::Event { bytes, made: chunk.made, danmu };
        }
    }

    /// A viewer is gone.
    pub fn leave(&self, cursor: &Cursor) {
        self.waiting().give_back(cursor.slot);
    }

    fn wake(&self) {
        // Taken out first: whoever is woken comes back to register.
        let woken: Vec<_> = self.waiting().wakers.iter_mut().filter_map(Option::take).collect();
        woken.into_iter().for_each(Waker::wake);
    }

    // Nobody panics while holding either lock, and if somebody did, what is in them would still be whole.
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn append(&mut self, chunk: Chunk, window: Window) {
        self.bytes += chunk.bytes.len();
        let now = chunk.made;
        self.chunks.push_back(chunk);
        // The newest stays, whatever its size.
        while self.chunks.len() > 1
            && let Some(oldest) = self.chunks.front()
            && (self.bytes > window.bytes || now.duration_since(oldest.made) > window.age)
        {
            self.bytes -= oldest.bytes.len();
            if let Some(last) = oldest.places.last() {
                self.base = Base::After(last.clone());
            }
            self.chunks.pop_front();
            self.first += 1;
        }
    }
}

impl Base {
    /// Whether all that follows `place` follows this.
    fn is_before(&self, place: &Place) -> bool {
        match self {
            Self::Since(ms) => place.is_since(*ms),
            Self::After(base) => place >= base,
        }
    }
}

impl Chunk {
    /// The frame without so many of its first danmu.
    fn without(&self, first: usize) -> Option<Bytes> {
        let mut frame: Told = serde_json::from_slice(sse::data(&self.bytes)?).ok()?;
        let danmu = frame.danmu.split_off(first.min(frame.danmu.len()));
        Some(sse::event(None, Some(&self.places.last()?.to_string()), &Told { danmu, ..frame }))
    }
}

impl Waiting {
    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.wakers.push(None);
            self.wakers.len() - 1
        })
    }

    fn give_back(&mut self, slot: usize) {
        if let Some(waker) = self.wakers.get_mut(slot) {
            *waker = None;
            self.free.push(slot);
        }
    }

    fn register(&mut self, slot: usize, waker: &Waker) {
        if let Some(registered) = self.wakers.get_mut(slot)
            && !registered.as_ref().is_some_and(|registered| registered.will_wake(waker))
        {
            *registered = Some(waker.clone());
        }
    }
}

/// The event that tells what was missed.
pub fn gap(missed: u64) -> Bytes {
    sse::event(Some(feed::GAP), None, &Told { missed: Some(missed), ..Told::default() })
}

#[cfg(test)]
mod tests {
    use danmu::{
        kinesis::shard_map::{HashKeyRange, SequenceNumberRange, Shard},
        record::{Color, Mode},
    };
    use proptest::prelude::*;

    use super::*;
    use crate::relay::place::Lineage;

    const WINDOW: Window = Window { age: Duration::from_secs(60), bytes: 1 << 20 };

    fn lineage() -> Lineage {
        let mut lineage = Lineage::new(1);
        let shard = Shard {
            shard_id: "s".into(),
            parent_shard_id: None,
            adjacent_parent_shard_id: None,
            hash_key_range: HashKeyRange::ALL,
            sequence_number_range: SequenceNumberRange::default(),
        };
        lineage.learn(&[shard], "demo");
        lineage
    }

    /// The danmu with that number, which arrived at that millisecond.
    fn place(n: u64) -> Place {
        lineage().place("s", &n.to_string(), n as i64).expect("a place")
    }

    fn danmu(n: u64) -> (Place, Item) {
        let (mode, color) = (Mode::default(), Color::default());
        (place(n), Item { id: format!("s{n}"), text: n.to_string(), mode, color, at: n as i64, n: 1 })
    }

    fn ring(window: Window) -> Ring {
        let ring = Ring::new(window);
        ring.begin(lineage().beginning(0).expect("a place"), 0);
        ring
    }

    fn tell(ring: &Ring, numbers: impl IntoIterator<Item = u64>) {
        ring.tell(numbers.into_iter().map(danmu).collect(), 0);
    }

    fn texts(bytes: &[u8]) -> Vec<u64> {
        let frame: Told = serde_json::from_slice(sse::data(bytes).expect("data")).expect("a frame");
        frame.danmu.iter().map(|item| item.text.parse().expect("a number")).collect()
    }

    /// All that a viewer gets at the moment: danmu, and how many it missed.
    fn read(ring: &Ring, joined: &mut Joined) -> (Vec<u64>, u64) {
        let mut got = Vec::new();
        let mut missed = 0;
        loop {
            match ring.next(&mut joined.cursor, Waker::noop()) {
                Next::Event { danmu: 0, .. } => {}
                Next::Event { bytes, .. } => got.extend(texts(&bytes)),
                Next::Missed(n) => missed += n,
                Next::Nothing | Next::Closed => return (got, missed),
            }
        }
    }

    #[test]
    fn who_joins_without_a_place_gets_the_last_ones_as_history_and_what_is_new_as_danmu() {
        let ring = ring(WINDOW);
        tell(&ring, 1..=60);
        let mut joined = ring.join(None, 20);
        assert!(!joined.recovered);
        assert_eq!(joined.history.iter().map(|item| item.at).collect::<Vec<_>>(), (41..=60).collect::<Vec<_>>());
        assert_eq!(joined.place, Some(place(60)));
        tell(&ring, [61]);
        assert_eq!(read(&ring, &mut joined), (vec![61], 0));
    }

    #[test]
    fn who_reads_too_slowly_is_told_how_many_it_lost() {
        let ring = ring(Window { bytes: 2_000, ..WINDOW });
        let mut joined = ring.join(None, 0);
        for n in 1..=100 {
            tell(&ring, [n]);
        }
        let (got, missed) = read(&ring, &mut joined);
        assert_eq!(got.last(), Some(&100));
        assert_eq!(got.len() as u64 + missed, 100);
        assert!(missed > 50);
        assert!(ring.size().0 <= 2_000);
    }

    #[test]
    fn a_place_that_fell_out_of_the_window_is_not_recovered() {
        let ring = ring(Window { bytes: 2_000, ..WINDOW });
        for n in 1..=100 {
            tell(&ring, [n]);
        }
        assert!(!ring.join(Some(place(1)), 0).recovered);
        let kept = 100 - ring.size().1;
        assert!(ring.join(Some(place(kept)), 0).recovered);
        assert!(!ring.join(Some(place(kept - 1)), 0).recovered);
    }

    #[test]
    fn a_reader_that_began_later_knows_by_the_arrival_time_what_it_has() {
        let ring = Ring::new(WINDOW);
        ring.begin(lineage().beginning(50).expect("a place"), 50);
        tell(&ring, 50..=60);
        assert!(!ring.join(Some(place(49)), 0).recovered);
        let mut joined = ring.join(Some(place(55)), 0);
        assert!(joined.recovered);
        assert_eq!(read(&ring, &mut joined).0, (56..=60).collect::<Vec<_>>());
    }

    #[test]
    fn who_comes_from_a_server_that_has_read_further_hears_nothing_twice() {
        let ring = ring(WINDOW);
        tell(&ring, 1..=3);
        let mut joined = ring.join(Some(place(8)), 0);
        assert!(joined.recovered);
        tell(&ring, 4..=6);
        tell(&ring, 7..=10);
        tell(&ring, [11]);
        assert_eq!(read(&ring, &mut joined), (vec![9, 10, 11], 0));
    }

    #[test]
    fn nobody_is_woken_into_nothing_and_nobody_sleeps_on() {
        struct Count(std::sync::atomic::AtomicUsize);
        impl std::task::Wake for Count {
            fn wake(self: std::sync::Arc<Self>) {
                self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        }
        let count = std::sync::Arc::new(Count(0.into()));
        let ring = ring(WINDOW);
        let mut joined = ring.join(None, 0);
        let waker = count.clone().into();
        assert!(matches!(ring.next(&mut joined.cursor, &waker), Next::Nothing));
        tell(&ring, [1]);
        tell(&ring, [2]);
        assert_eq!(count.0.load(std::sync::atomic::Ordering::Relaxed), 1);
        assert_eq!(read(&ring, &mut joined).0, [1, 2]);
        assert_eq!(ring.viewers(), 1);
        ring.leave(&joined.cursor);
        assert_eq!(ring.viewers(), 0);
    }

    #[test]
    fn another_stream_makes_old_places_worthless_and_cuts_nobody_off() {
        let ring = ring(WINDOW);
        let mut joined = ring.join(None, 0);
        tell(&ring, [1, 2]);
        assert_eq!(read(&ring, &mut joined).0, [1, 2]);
        ring.begin(lineage().beginning(100).expect("a place"), 100);
        assert!(!ring.join(Some(place(2)), 0).recovered);
        tell(&ring, [101]);
        assert_eq!(read(&ring, &mut joined), (vec![101], 0));
    }

    proptest! {
        /// Two replicas cut the same danmu into frames of their own; a viewer moves between them.
        #[test]
        fn a_viewer_may_go_on_anywhere_and_gets_each_danmu_once(
            cuts in prop::collection::vec(1_u64..8, 1..20),
            other_cuts in prop::collection::vec(1_u64..8, 1..20),
            from in 0_u64..60,
        ) {
            let frames = |cuts: Vec<u64>| {
                let ring = ring(WINDOW);
                let mut next = 1;
                for cut in cuts.into_iter().cycle() {
                    if next > 60 {
                        break;
                    }
                    let end = (next + cut - 1).min(60);
                    tell(&ring, next..=end);
                    next = end + 1;
                }
                ring
            };
            for ring in [frames(cuts), frames(other_cuts)] {
                let mut joined = ring.join(Some(place(from)), 50);
                prop_assert!(joined.recovered);
                prop_assert_eq!(read(&ring, &mut joined), ((from + 1..=60).collect::<Vec<_>>(), 0));
            }
        }
    }
}
