//! The relay: reads the stream once, and tells any number of viewers what may be shown.
//!
//! [`reader`] takes records off the stream; [`hub`] has the gate judge them, room by room, and frames what is shown into a
//! [`ring`]; [`viewer`] is the answer to one viewer, a cursor on the ring, and [`refill`] what is older than the ring, told as
//! the [`absence`] of one who was away. A place in a room's feed is where the danmu
//! stands on the stream ([`place`]), so that a viewer goes on at any replica of the server: each reads everything, keeps
//! the same window, and shares nothing with the others.

mod absence;
mod alarm;
mod batch;
mod hub;
mod metrics;
mod place;
pub mod reader;
mod refill;
mod retracted;
mod ring;
mod room;
#[cfg(test)]
mod samples;
mod socket;
mod sse;
#[cfg(test)]
mod tests;
mod viewer;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use danmu::{
    gate::REMEMBERED_MS,
    room::{Room, RoomId},
};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub use self::viewer::{Asked, Viewer};
use self::{
    hub::{Board, Hub},
    reader::{Kind, ReaderOptions},
    refill::{Refill, Stream},
    ring::Window,
    room::again,
};
use crate::{bus::Bus, clock::now_ms, config::Config, identity::Verifier, moderation::Moderation};

/// A reader begins so much before the window, in milliseconds: what the gate remembers of the time before decides what the
/// window shows, then what the density has seen of two seconds, and clocks differ.
const WARM_UP_MS: i64 = REMEMBERED_MS + 10_000;

/// The relay at work. A handle.
#[derive(Clone, Debug)]
pub struct Relay {
    board: Arc<Board>,
    refill: Arc<Refill>,
    rooms: Arc<[Room]>,
    density: u32,
}

impl Relay {
    /// Begins to read the bus, until `stop`, for a server whose pages are at `pages`; `verifier` says whose each
    /// record is, `moderation` who may not speak. The task ends after the reader.
    pub fn start(
        config: &Config,
        rooms: &[Room],
        bus: &Bus,
        verifier: Arc<Verifier>,
        moderation: Moderation,
        pages: SocketAddr,
        stop: CancellationToken,
    ) -> (Self, JoinHandle<()>) {
        let settings = &config.relay;
        let window = Window { age: Duration::from_secs(settings.window_s), bytes: settings.window_bytes };
        let since_ms = now_ms() - i64::try_from(window.age.as_millis()).unwrap_or(i64::MAX) - WARM_UP_MS;
        let kind = if config.enhanced_fan_out() { Kind::EnhancedFanOut } else { Kind::Polling };
        let options = ReaderOptions { kind, since_ms, consumer: consumer_name(pages) };
        let (readings, stats) = reader::start(bus.kinesis.clone(), bus.stream.clone(), options, stop);
        let board = Arc::new(Board::new(rooms, window, stats, Arc::clone(&verifier), |room| moderation.bans(room)));
        let age = Duration::from_secs(settings.refill_s);
        let refill = Arc::new(Refill::new(Stream(bus.clone()), age, Arc::clone(&board.refill)));
        let tick = Duration::from_millis(settings.tick_ms);
        let hub = Hub::new(Arc::clone(&board), rooms, moderation, tick, settings.density, since_ms);
        let density = settings.density;
        (Self { board, refill, rooms: rooms.into(), density }, tokio::spawn(hub.run(readings)))
    }

    /// Lets a viewer into a room; `None` where there is no such room. See [`Viewer::join`].
    #[must_use]
    pub fn join(&self, room: &RoomId, asked: &Asked, retry_ms: u32) -> Option<Viewer> {
        let (feed, board) = (Arc::clone(self.board.feed(room)?), Arc::clone(&self.board));
        let room = self.rooms.iter().find(|known| known.id == *room)?;
        let place = asked.heard.as_ref().and_then(|heard| feed.learn(|lineage| lineage.resolve(&heard.after)));
        let may_ask = place.is_some_and(|place| feed.ring.reaches(&place) || self.refill.reaches(&place));
        let again = || again(room, &feed, &board.verifier, self.density);
        let ask = |after, until| self.refill.ask(&feed.past, again, after, until);
        Some(Viewer::join(Arc::clone(&board), Arc::clone(&feed), asked, retry_ms, may_ask.then_some(ask)))
    }

    /// Where the feed of a room stands: a page that is made now follows from there.
    #[must_use]
    pub fn place(&self, room: &RoomId) -> Option<String> {
        self.board.feed(room)?.ring.tip().map(|place| place.to_string())
    }

    /// Whether the newest record was reached once, so that viewers may come.
    #[must_use]
    pub fn caught_up(&self) -> watch::Receiver<bool> {
        self.board.caught_up()
    }

    /// What was counted and timed, as OpenMetrics.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.board.metrics.render(&self.board)
    }

    /// Ends the feed of every viewer; they come back to another replica, or to the next server.
    pub fn close(&self) {
        self.board.close();
    }

    /// Waits until every viewer with a connection of its own has taken what it was told, or was cut off.
    pub async fn ended(&self) {
        self.board.tasks.wait().await;
    }
}

/// What a replica's consumers are known by, the same when it is started again: two of one name would take the shards from each
/// other.
fn consumer_name(pages: SocketAddr) -> String {
    let host = hostname::get().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    // The end tells replicas of one host apart.
    let host: String = host.chars().take(64).collect();
    format!("{host}-{pages}").chars().map(|c| if allowed(c) { c } else { '_' }).collect()
}
