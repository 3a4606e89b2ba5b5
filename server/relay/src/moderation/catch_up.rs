//! Catches up with earlier decisions at a start: reads the stream from where the store left off, or back to the last snapshot,
//! before a gate judges or a session is vended.

use std::{collections::HashMap, time::Duration};

use danmu::{
    gate::{Gate, Incoming, Reason},
    kinesis::Record,
    record::{SERVICE_KEY, is_order},
    room::Room,
};
use danmu_identity::{clock::now_ms, identity::RecordVerifier, unicode::UNICODE};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Begun, Moderation, snapshot::REACH_MS};
use crate::{bus::Bus, relay::take::reader::Reading};

/// How far back to read where no recent snapshot is found (no server ran), milliseconds. After these, everything.
const FURTHER_MS: [i64; 2] = [2 * 3_600_000, 26 * 3_600_000];
/// Timeout of that reading in all: a service without any decisions must start too.
const PATIENCE: Duration = Duration::from_secs(300);
/// Back-off before reading the store again after an error.
const AGAIN: Duration = Duration::from_secs(1);

/// How far back to look for decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To the last snapshot.
    Snapshot,
    /// The last minutes only: all servers share the store, which holds everything older.
    Recent,
}

impl Moderation {
    /// Reads earlier decisions, until `stop`. From this call on, gates wait until they are known; vending waits too where other
    /// servers have stores of their own.
    pub fn catch_up(
        &self,
        bus: &impl Bus,
        rooms: &[Room],
        verifier: std::sync::Arc<RecordVerifier>,
        reach: Reach,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        self.0.begun.send_replace(if reach == Reach::Recent { Begun::Almost } else { Begun::Not });
        let (moderation, bus) = (self.clone(), bus.clone());
        let gate = |room: &Room| (room.id.as_str().to_owned(), Gate::new(room, UNICODE).with_bans(self.bans(&room.id)));
        let mut past =
            Past { gates: rooms.iter().map(gate).collect(), moderation: self.clone(), verifier, snapshot: false };
        async move {
            let begun = tokio::select! {
                () = past.read_all(&bus, reach) => Begun::Yes,
                () = stop.cancelled() => Begun::Never,
            };
            moderation.0.begun.send_replace(begun);
        }
    }
}

/// The reading of past records.
struct Past {
    moderation: Moderation,
    gates: HashMap<String, Gate>,
    verifier: std::sync::Arc<RecordVerifier>,
    /// Whether a snapshot was among them.
    snapshot: bool,
}

impl Past {
    async fn read_all(&mut self, bus: &impl Bus, reach: Reach) {
        let heard_ms = loop {
            match self.moderation.0.store.heard().await {
                Ok(heard_ms) => break heard_ms.unwrap_or(0),
                Err(error) => tracing::error!(%error, "what was decided before is not known"),
            }
            sleep(AGAIN).await;
        };
        let since_ms = heard_ms.max(now_ms() - REACH_MS);
        let created_ms = self.read(bus, since_ms).await;
        if since_ms == heard_ms || self.snapshot || created_ms >= since_ms || reach == Reach::Recent {
            return;
        }
        tracing::warn!("nobody has told lately what is decided: it is looked for further back");
        let further = async {
            for since_ms in FURTHER_MS.map(|ms| now_ms() - ms).into_iter().chain([0]) {
                self.read(bus, since_ms.max(heard_ms)).await;
                if self.snapshot || since_ms <= heard_ms.max(created_ms) {
                    return;
                }
            }
        };
        if timeout(PATIENCE, further).await.is_err() {
            tracing::error!(
                seconds = PATIENCE.as_secs(),
                "no snapshot of what is decided was found in time; this server goes by what it has read and its own store"
            );
        }
    }

    /// Reads from `since_ms` (Unix milliseconds) until it has caught up; returns when the stream was created.
    async fn read(&mut self, bus: &impl Bus, since_ms: i64) -> i64 {
        let (tell, mut readings) = mpsc::channel(4);
        let reading = bus.read_again(since_ms, tell);
        let taking = async {
            let mut created = 0;
            while let Some(reading) = readings.recv().await {
                match reading {
                    Reading::Stream { created_ms } => created = created_ms,
                    Reading::Records(records) => {
                        for record in records.iter().filter(|record| is_order(&record.data)) {
                            self.take(record).await;
                        }
                    }
                    Reading::CaughtUp => break,
                    Reading::Shards(_) | Reading::State(_) => {}
                }
            }
            created
        };
        tokio::select! {
            () = reading => 0,
            created_ms = taking => created_ms,
        }
    }

    async fn take(&mut self, record: &Record) {
        let heard = if record.partition_key == SERVICE_KEY {
            let Ok(heard) = self.moderation.judge(&self.verifier, record) else { return };
            heard
        } else {
            let evidence = self.verifier.verify(&record.data);
            let Some(gate) = self.gates.get_mut(&record.partition_key) else { return };
            let verdict = gate.admit(Incoming {
                data: &record.data,
                partition_key: &record.partition_key,
                sequence_number: &record.sequence_number,
                arrival_ms: record.arrival_ms,
                evidence: evidence.as_ref(),
            });
            match verdict {
                Err(Reason::Moderation(decided)) => self.moderation.decided(*decided),
                // One that was let through, so that it is not once more.
                Ok(admitted) => {
                    if let (Some(_), Ok(room)) = (admitted.held_ms, record.partition_key.parse()) {
                        self.moderation.passed(&room, &admitted);
                    }
                    return;
                }
                Err(_) => return,
            }
        };
        self.snapshot |= self.moderation.0.snapshot_ms.load(std::sync::atomic::Ordering::Relaxed) > 0;
        if heard.is_new() {
            // The receiver is gone only after `Work` ended, and then nothing is kept any more.
            let _ = self.moderation.0.heard.send(heard).await;
        }
    }
}
