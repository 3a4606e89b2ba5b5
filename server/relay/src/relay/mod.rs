//! The relay: reads the stream once, and sends what may be shown to any number of viewers.
//!
//! Three stages; each imports only the earlier ones. [`take`] reads records and has a gate judge them, room by room; [`line`]
//! orders what passed into a room's ring buffer, framed once for all viewers; [`tell`] gives each viewer a cursor on the ring.
//! A feed position is the record's position on the stream ([`take::log_position`]), so that a viewer can resume at any replica:
//! each replica reads the whole stream, keeps the same window, and shares nothing with the others.

mod alarm;
mod crew;
mod keep;
pub(crate) mod line;
mod metrics;
#[cfg(test)]
mod samples;
mod scrape;
pub mod take;
mod tell;

use std::{
    net::SocketAddr,
    sync::{Arc, PoisonError},
    time::Duration,
};

use danmu::{
    gate::{Counts, REMEMBERED_MS},
    room::RoomId,
};
use danmu_app::refusals::RefusedDanmu;
use danmu_identity::{aws::bus::KinesisBus, clock::now_ms, identity::RecordVerifier};
use tokio::{
    sync::{broadcast, mpsc, watch},
    task::{JoinHandle, JoinSet},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    crew::{AllRelayed, Crew, Relayed},
    line::{again::again, refill::Refill, ring::Window},
    scrape::Scrape,
    take::{
        dispatch::Dispatcher,
        judge::Judged,
        means::Means,
        reader::{ReadMode, ReaderOptions, ReaderStats},
    },
};
pub use self::{
    keep::FigureKeeper,
    tell::viewer::{Asked, Viewer},
};
use crate::{bus::Bus, moderation::Moderation, rooms::RoomMap};

/// Warm-up: how long before the window a reader begins, in milliseconds. The gate's memory decides what the window shows; the
/// rest covers the two seconds that the density looks at, and clock skew.
const WARM_UP_MS: i64 = REMEMBERED_MS + 10_000;

/// The settings of a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayOptions {
    /// How it reads the stream.
    pub read: ReadMode,
    /// Shortest time between two frames of a busy room.
    pub tick: Duration,
    /// How long a room's events are kept for viewers who reconnect.
    pub window: Duration,
    /// How many bytes of a room's events are kept.
    pub window_bytes: usize,
    /// How far back, beyond the window, viewers may resume.
    pub refill: Duration,
    /// The most danmu a second that a room is shown; 0: all.
    pub density: u32,
}

/// The running relay. A handle.
#[derive(Clone, Debug)]
pub struct Relay<B: Bus = KinesisBus> {
    rooms: AllRelayed,
    refill: Arc<Refill<B::Source>>,
    reader: ReaderStats,
    name: Arc<str>,
    means: Means,
    tasks: TaskTracker,
}

impl<B: Bus> Relay<B> {
    /// Starts reading the bus, until `stop`, for a server whose pages are at `pages`; `verifier` verifies the author of each
    /// record, `moderation` has the bans. Changes of `rooms` are followed. The task ends after the reader, or when one of its
    /// parts panics.
    pub fn start(
        options: &RelayOptions,
        rooms: &RoomMap,
        bus: &B,
        verifier: Arc<RecordVerifier>,
        moderation: Moderation,
        pages: SocketAddr,
        stop: CancellationToken,
    ) -> (Self, JoinHandle<()>) {
        let window = Window { age: options.window, bytes: options.window_bytes };
        let since_ms = now_ms() - i64::try_from(window.age.as_millis()).unwrap_or(i64::MAX) - WARM_UP_MS;
        let name = consumer_name(pages);
        let reading = ReaderOptions { kind: options.read, since_ms, consumer: name.clone() };
        let (readings, reader) = bus.read(reading, stop.clone());
        let means = Means {
            verifier,
            moderation,
            status: Arc::default(),
            metrics: Arc::default(),
            tick: options.tick,
            density: options.density,
            settled_ms: since_ms + REMEMBERED_MS,
        };
        let (changes, changed) = mpsc::unbounded_channel();
        let (relayed, tasks) = (AllRelayed::default(), TaskTracker::new());
        let mut crew = Crew {
            relayed: relayed.clone(),
            window,
            means: means.clone(),
            tasks: tasks.clone(),
            changes,
            parts: JoinSet::new(),
        };
        let mut watched = rooms.watch();
        crew.bring(&Arc::clone(&watched.borrow_and_update()));
        crew.parts.spawn(Dispatcher::new(means.clone(), since_ms, changed, stop).run(readings));
        let refill = Arc::new(Refill::new(bus.source(), options.refill, Arc::default()));
        (Self { rooms: relayed, refill, reader, name: name.into(), means, tasks }, tokio::spawn(crew.run(watched)))
    }

    /// Lets a viewer into a room; `None` if there is no such room. See [`Viewer::join`].
    #[must_use]
    pub fn join(&self, room: &RoomId, asked: &Asked, retry_ms: u32) -> Option<Viewer> {
        let Relayed { room, audience, batches } = self.rooms.get(room)?;
        let feed = Arc::clone(&audience.feed);
        let place = asked.heard.as_ref().and_then(|heard| feed.learn(|lineage| lineage.resolve(&heard.after)));
        let may_ask = place.is_some_and(|place| feed.ring.reaches(&place) || self.refill.reaches(&place));
        let again = || again(&room, &feed, &self.means.verifier, self.means.density);
        let ask = |after, until| self.refill.ask(&feed.past, again, after, until);
        Some(Viewer::join(audience, batches, asked, retry_ms, may_ask.then_some(ask)))
    }

    /// Whether a room has what only its author is shown, so that [`Asked::viewer`] makes a difference.
    #[must_use]
    pub fn asks_who(&self, room: &RoomId) -> bool {
        self.rooms.get(room).is_some_and(|relayed| !relayed.audience.feed.shadowed.is_empty())
    }

    /// Broadcast of all danmu that pass a room's gate from now on, for subscribers that store them; `None` if there is no such
    /// room. A slow subscriber is told how many it lost, and delays nothing.
    #[must_use]
    pub fn judged(&self, room: &RoomId) -> Option<broadcast::Receiver<Arc<Judged>>> {
        Some(self.rooms.get(room)?.audience.feed.verdicts.subscribe())
    }

    /// The token of a room's newest feed position: a page rendered now follows the feed from there.
    #[must_use]
    pub fn place(&self, room: &RoomId) -> Option<String> {
        self.rooms.get(room)?.audience.feed.ring.tip().map(|place| place.to_string())
    }

    /// The viewers that a room has here, and what its gate has admitted and refused since the relay began, as of the last frame or
    /// heartbeat; `None` if there is no such room.
    #[must_use]
    pub fn figures(&self, room: &RoomId) -> Option<(usize, Counts)> {
        let audience = self.rooms.get(room)?.audience;
        let counts = *audience.feed.counts.lock().unwrap_or_else(PoisonError::into_inner);
        Some((audience.feed.ring.viewers(), counts))
    }

    /// The last danmu of a room that were refused since the relay began, after that number, the oldest first.
    #[must_use]
    pub fn refused(&self, room: &RoomId, since: u64) -> Vec<RefusedDanmu> {
        self.rooms.get(room).map_or_else(Vec::new, |relayed| relayed.audience.feed.refusals.since(since))
    }

    /// This server's name among those that share the stream: by its host and the address of its pages, so the same after a restart.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the reader has reached the newest record once, so that viewers may be admitted.
    #[must_use]
    pub fn caught_up(&self) -> watch::Receiver<bool> {
        self.means.status.caught_up()
    }

    /// All metrics, as OpenMetrics text.
    #[must_use]
    pub fn metrics(&self) -> String {
        let Means { metrics, verifier, moderation, .. } = &self.means;
        let rooms = self.rooms.all();
        let feeds = rooms.iter().map(|relayed| (&relayed.room.id, &*relayed.audience.feed));
        Scrape {
            metrics,
            reader: &self.reader,
            refill: self.refill.stats(),
            verifier,
            fell_out: moderation.fell_out(),
            feeds,
        }
        .render()
    }

    /// Ends the feed of every viewer; they reconnect to another replica, or to the restarted server.
    pub fn close(&self) {
        self.rooms.all().iter().for_each(|room| room.audience.feed.ring.close());
        self.tasks.close();
    }

    /// Waits until every viewer with its own connection (HTTP/1) has been sent what is left, or was cut off.
    pub async fn ended(&self) {
        self.tasks.wait().await;
    }
}

/// A replica's part of its consumers' names. Stable across restarts, unique among replicas: two of one name would take the
/// shards from each other.
fn consumer_name(pages: SocketAddr) -> String {
    let host = hostname::get().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    // Cut, to leave room for the address, which distinguishes replicas on one host.
    let host: String = host.chars().take(64).collect();
    format!("{host}-{pages}").chars().map(|c| if allowed(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::consumer_name;

    #[test]
    fn a_consumer_has_a_name_that_the_service_takes_and_that_stays() {
        let name = consumer_name(([127, 0, 0, 1], 3000).into());
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        assert!(name.ends_with("-127.0.0.1_3000") && name.len() <= 96 && name.chars().all(allowed), "{name}");
        assert_eq!(name, consumer_name(([127, 0, 0, 1], 3000).into()));
        assert_ne!(name, consumer_name(([127, 0, 0, 1], 3001).into()));
    }
}
