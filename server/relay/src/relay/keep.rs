//! Keeps the figures of the rooms: writes what their tallies have into the store, in the background.
//!
//! Nobody waits for it. While the store is away, the tallies have the last [minutes](super::line::tally::KEPT_MINUTES); what is older is
//! lost. A server that is killed loses the viewers and the latency of up to [`EVERY`]; what was said it reads from the stream again.

use std::time::{Duration, Instant};

use danmu_identity::{
    clock::now_ms,
    store::{FigureRow, Store},
};
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;

use super::Relay;
use crate::bus::Bus;

/// How often figures are written.
const EVERY: Duration = Duration::from_secs(5);
/// How often old ones are deleted.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);
/// How long the last write may take when the server ends.
const LAST: Duration = Duration::from_secs(3);

/// Where figures are kept, and for how long.
#[derive(Clone, Debug)]
pub struct FigureKeeper {
    /// The store.
    pub store: Store,
    /// The server's name, the same after a restart, and no other's: see [`Relay::name`].
    pub server: String,
    /// How long they are kept.
    pub keep: Duration,
}

impl<B: Bus> Relay<B> {
    /// Writes the figures of all rooms regularly, until `stop`, and once more then.
    pub async fn keep_figures(self, to: FigureKeeper, stop: CancellationToken) {
        let (mut ticks, mut forgot) = (interval(EVERY), None::<Instant>);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => break,
            }
            self.keep_once(&to).await;
            if forgot.is_none_or(|forgot| forgot.elapsed() > FORGET_EVERY) {
                forgot = Some(Instant::now());
                let keep_ms = i64::try_from(to.keep.as_millis()).unwrap_or(i64::MAX);
                if let Err(error) = to.store.forget_figures(now_ms().saturating_sub(keep_ms)).await {
                    tracing::warn!(%error, "old figures of rooms could not be deleted; the next try is in an hour");
                }
            }
        }
        if timeout(LAST, self.keep_once(&to)).await.is_err() {
            tracing::warn!("the store did not take the last figures of rooms in time");
        }
    }

    /// The minutes that have changed, with the viewers that are here now.
    fn changed(&self, server: &str) -> Vec<FigureRow> {
        let (now_ms, mut rows) = (now_ms(), Vec::new());
        for relayed in self.rooms.all() {
            let feed = &relayed.audience.feed;
            feed.tally.watched(now_ms, feed.ring.viewers());
            rows.append(&mut feed.tally.take(&relayed.room.id, server));
        }
        rows
    }

    async fn keep_once(&self, to: &FigureKeeper) {
        let rows = self.changed(&to.server);
        if rows.is_empty() {
            return;
        }
        if let Err(error) = to.store.keep_figures(&rows).await {
            tracing::warn!(%error, minutes = rows.len(), "figures of rooms could not be written; they are tried again");
            for row in rows {
                if let Some(relayed) = self.rooms.get(&row.room) {
                    relayed.audience.feed.tally.give_back(row.minute_ms);
                }
            }
        }
    }
}
