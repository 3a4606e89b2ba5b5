//! What the window has passed, read again from the stream for viewers who were away for longer.
//!
//! One read for all who ask at that time, put in front of the room's [`ring`](super::ring), so that it costs the same for one
//! viewer and for a thousand. It is judged as it was when it was new. Promises: nobody waits longer than [`PATIENCE`]; what
//! is read again is bounded by an age and by the bytes of the window; where it cannot be had, the viewer begins with what is
//! there and is told so.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use danmu::{
    feed::Item,
    gate::{Gate, REMEMBERED_MS},
    room::Room,
};
use tokio::{sync::mpsc, time::timeout};

use super::{
    hub::{Board, Feed},
    place::Place,
    reader::{self, Reading},
    ring::Base,
    room::{Chooser, frame_end, judge},
};
use crate::{bus::Bus, clock::now_ms, identity::Verifier, unicode::UNICODE};

/// How long a viewer waits for it.
const PATIENCE: Duration = Duration::from_secs(5);
/// So much more is read than was asked for, in milliseconds: others were cut off at the same time, a little earlier.
const SLACK_MS: i64 = 5_000;
/// How long nobody asks again for what could not be had.
const HOPELESS: Duration = Duration::from_secs(10);

/// How far back viewers may ask.
#[derive(Debug)]
pub struct Refill {
    bus: Bus,
    /// Milliseconds; 0 for not at all.
    age_ms: i64,
    bytes: usize,
    density: u32,
    verifier: Arc<Verifier>,
}

/// What could not be had lately: anything from before this arrival time (Unix milliseconds), and when that was found.
#[derive(Debug, Default)]
pub struct Hopeless(Option<(i64, Instant)>);

impl Refill {
    /// What arrived up to `age` ago is read again, no more than `bytes` of it; up to `density` danmu a second are shown, 0:
    /// all.
    pub fn new(bus: &Bus, age: Duration, bytes: usize, density: u32, verifier: Arc<Verifier>) -> Self {
        let age_ms = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        Self { bus: bus.clone(), age_ms, bytes, density, verifier }
    }

    /// Sees to it that the room's ring reaches back to a place, if it can.
    pub async fn reach(&self, board: &Board, feed: &Feed, room: &Room, place: &Place) {
        if feed.ring.reaches(place) || place.is_before(now_ms() - self.age_ms) {
            return;
        }
        let filled = async {
            // Whoever asks meanwhile waits for the same.
            let mut hopeless = feed.hopeless.lock().await;
            if feed.ring.reaches(place) || hopeless.covers(place) {
                return;
            }
            let since_ms = place.arrival_ms() - SLACK_MS;
            let read = timeout(PATIENCE, self.fill(feed, room, since_ms)).await;
            let done = matches!(read, Ok(true));
            board.metrics.refilled(done);
            if !done {
                tracing::info!(%room.id, since_ms, "what a viewer asks for cannot be read again");
                hopeless.0 = Some((place.arrival_ms(), Instant::now()));
            }
        };
        let _ = timeout(PATIENCE, filled).await;
    }

    /// Puts all that arrived at `since_ms` or later in front of the ring. `false` where it is too much, or the ring went on
    /// meanwhile.
    async fn fill(&self, feed: &Feed, room: &Room, since_ms: i64) -> bool {
        let end = feed.ring.base();
        let (tell, mut readings) = mpsc::channel(4);
        let key = room.id.as_str();
        // The gate must know what it knew.
        let reading = reader::again(&self.bus.kinesis, &self.bus.stream, key, since_ms - REMEMBERED_MS, &tell);
        let gathering = async {
            let gate = Gate::new(room, UNICODE).with_bans(feed.bans.clone());
            let chooser = Chooser::new(self.density);
            let (verifier, danmu) = (&*self.verifier, Vec::new());
            let mut gathered = Gathered { feed, end: &end, since_ms, verifier, gate, chooser, danmu, bytes: 0 };
            while let Some(reading) = readings.recv().await {
                match reading {
                    Reading::Records(records) => {
                        let mut mine = records.iter().filter(|record| record.partition_key == key);
                        if mine.any(|record| gathered.take(record)) {
                            return Some(gathered.danmu);
                        }
                        if gathered.bytes > self.bytes {
                            return None;
                        }
                    }
                    Reading::CaughtUp => return Some(gathered.danmu),
                    Reading::Shards(_) | Reading::Stream { .. } | Reading::State(_) => {}
                }
            }
            None
        };
        let gathered = tokio::select! {
            () = reading => None,
            gathered = gathering => gathered,
        };
        gathered.is_some_and(|mut danmu| {
            let mut frames = Vec::new();
            while !danmu.is_empty() {
                let rest = danmu.split_off(frame_end(&danmu));
                frames.push(std::mem::replace(&mut danmu, rest));
            }
            feed.ring.put_in_front(frames, Base::Since(since_ms), &end)
        })
    }
}

/// What was read again so far.
struct Gathered<'a> {
    feed: &'a Feed,
    end: &'a Base,
    since_ms: i64,
    verifier: &'a Verifier,
    gate: Gate,
    chooser: Chooser,
    danmu: Vec<(Place, Item)>,
    bytes: usize,
}

impl Gathered<'_> {
    /// Takes in a record of the room; answers whether it is in the ring already, and with it all that follow.
    fn take(&mut self, record: &danmu::kinesis::Record) -> bool {
        let Ok((place, admitted)) = judge(self.feed, self.verifier, &mut self.gate, record) else { return false };
        let mut shown = Vec::new();
        self.chooser.choose(place.clone(), admitted, &record.sequence_number, &mut shown);
        for (place, item) in shown {
            if !self.is_told(&place) && !place.is_before(self.since_ms) {
                self.bytes += item.text.len() + 100;
                self.danmu.push((place, item));
            }
        }
        match self.end {
            Base::After(end) => place > *end,
            // Arrival times of one shard may be a little out of order.
            Base::Since(ms) => !place.is_before(ms.saturating_add(SLACK_MS)),
        }
    }

    /// Whether what stands there is in the ring already.
    fn is_told(&self, place: &Place) -> bool {
        match self.end {
            Base::After(end) => place > end,
            Base::Since(ms) => !place.is_before(*ms),
        }
    }
}

impl Hopeless {
    fn covers(&self, place: &Place) -> bool {
        self.0.is_some_and(|(arrival_ms, since)| since.elapsed() < HOPELESS && place.arrival_ms() <= arrival_ms)
    }
}
