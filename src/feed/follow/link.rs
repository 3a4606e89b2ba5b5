//! Link: how the reading tab gets danmu. From the relay; from the stream itself if the relay is unavailable for a while and
//! direct reading is allowed; and back.

use serde::{Deserialize, Serialize};

use super::super::HEARTBEAT_MS;
use crate::kinesis::backoff::full_jitter;

/// A feed silent for so long, in milliseconds, is dead: two heartbeats are missing.
const SILENCE_MS: i64 = 2 * HEARTBEAT_MS as i64 + 2_000;
/// How long a server that has just started may take to catch up before it admits viewers.
const OPENING_MS: i64 = 12_000;
/// The minimum delay before a broken feed is opened again; jittered back-off is added.
const RECONNECT_MS: i64 = 300;
/// After so long without the relay, the tab reads the stream itself.
const PATIENCE_MS: i64 = 10_000;
/// When the relay is probed meanwhile: after `PROBE_MS`, plus up to `PROBE_SPREAD_MS` of jitter.
const PROBE_MS: i64 = 10_000;
const PROBE_SPREAD_MS: u64 = 20_000;
/// How long a probe may take. The stream is not read meanwhile, so that both ways meet at one token.
const PROBE_PATIENCE_MS: i64 = 4_000;
/// After so many greetings that do not continue from our token, the relay's is accepted: it declares the gap.
const REFUSALS: u32 = 3;
/// After being crowded for so long, a page that reads the stream itself probes the relay.
const CROWDED_MS: i64 = 30_000;

/// Which ways are allowed, and which one the page's address asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ways {
    /// Whether this server relays.
    pub relay: bool,
    /// Whether browsers may read the stream themselves.
    pub direct: bool,
    /// Whether the page's address asks for direct reading, which only the page knows.
    #[serde(skip)]
    pub wants_direct: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Do {
    /// Open the relay's feed, again if it is open.
    Open,
    /// Close it.
    Close,
    /// Read the stream.
    Read,
    /// Stop reading it.
    Stop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Another tab reads.
    Off,
    /// The relay's feed is open, and dead if nothing comes before `until`.
    Relay { until: i64 },
    /// It broke off, and is opened again at `until`.
    Wait { until: i64 },
    /// The stream is read, and the relay probed at `probe`.
    Direct { probe: i64 },
    /// The relay is being probed, and has to answer before `until`.
    Probe { until: i64 },
}

#[derive(Debug)]
pub(super) struct Link {
    ways: Ways,
    phase: Phase,
    failing_since: Option<i64>,
    failures: u32,
    refusals: u32,
    crowded_since: Option<i64>,
}

impl Link {
    pub(super) fn new(ways: Ways) -> Self {
        Self { ways, phase: Phase::Off, failing_since: None, failures: 0, refusals: 0, crowded_since: None }
    }

    /// Begins to read; `direct` if the tab that read before had left the relay.
    pub(super) fn start(&mut self, direct: bool, now: i64, random: u64) -> Do {
        (self.failing_since, self.failures, self.refusals) = (None, 0, 0);
        if self.ways.wants_direct || self.ways.direct && (direct || !self.ways.relay) {
            return self.read(now, random);
        }
        self.phase = Phase::Relay { until: now + OPENING_MS };
        Do::Open
    }

    /// Stops: another tab reads.
    pub(super) fn stop(&mut self) -> [Do; 2] {
        self.phase = Phase::Off;
        [Do::Close, Do::Stop]
    }

    /// Whether the relay's feed is open.
    pub(super) fn listens(&self) -> bool {
        matches!(self.phase, Phase::Relay { .. } | Phase::Probe { .. })
    }

    pub(super) fn due(&self) -> i64 {
        match self.phase {
            Phase::Off => i64::MAX,
            Phase::Relay { until } | Phase::Wait { until } | Phase::Probe { until } => until,
            Phase::Direct { probe } => {
                probe.min(self.crowded_since.map_or(i64::MAX, |since| since.saturating_add(CROWDED_MS)))
            }
        }
    }

    pub(super) fn tick(&mut self, now: i64, random: u64) -> Vec<Do> {
        if now < self.due() {
            return Vec::new();
        }
        match self.phase {
            Phase::Off => Vec::new(),
            Phase::Relay { .. } | Phase::Probe { .. } => self.broke(now, random),
            Phase::Wait { .. } => {
                self.phase = Phase::Relay { until: now + OPENING_MS };
                vec![Do::Open]
            }
            Phase::Direct { .. } => {
                self.phase = Phase::Probe { until: now + PROBE_PATIENCE_MS };
                vec![Do::Open]
            }
        }
    }

    /// The relay's feed broke off, or could not be opened.
    pub(super) fn broke(&mut self, now: i64, random: u64) -> Vec<Do> {
        match self.phase {
            Phase::Off | Phase::Wait { .. } | Phase::Direct { .. } => Vec::new(),
            Phase::Probe { .. } => {
                self.read(now, random);
                vec![Do::Close]
            }
            Phase::Relay { .. } => {
                let since = *self.failing_since.get_or_insert(now);
                if self.ways.direct && now - since >= PATIENCE_MS {
                    return vec![Do::Close, self.read(now, random)];
                }
                // Jitter: not all at once when the server is back.
                let wait = full_jitter(1_000, 5_000, self.failures, random).as_millis() as i64;
                self.failures += 1;
                self.phase = Phase::Wait { until: now + RECONNECT_MS + wait };
                vec![Do::Close]
            }
        }
    }

    /// The relay greets, and continues from our token or not. Returns whether it is listened to, and what is to be done.
    pub(super) fn hello(&mut self, follows: bool, now: i64, random: u64) -> (bool, Vec<Do>) {
        let probed = matches!(self.phase, Phase::Probe { .. });
        if probed && !follows {
            self.refusals += 1;
            if self.refusals < REFUSALS {
                return (false, self.broke(now, random));
            }
        }
        self.alive(now);
        (true, if probed { vec![Do::Stop] } else { Vec::new() })
    }

    /// The relay sent something.
    pub(super) fn alive(&mut self, now: i64) {
        (self.failing_since, self.failures, self.refusals, self.crowded_since) = (None, 0, 0, None);
        self.phase = Phase::Relay { until: now + SILENCE_MS };
    }

    /// Notes whether the stream has too many readers just now.
    pub(super) fn crowded(&mut self, crowded: bool, now: i64) {
        self.crowded_since = if crowded && self.ways.relay { self.crowded_since.or(Some(now)) } else { None };
    }

    /// The stream cannot be read from here.
    pub(super) fn denied(&mut self, now: i64, random: u64) -> Vec<Do> {
        // A page that asked for the stream is told why it is not shown, and gets nothing else in its place.
        if self.ways.wants_direct {
            self.phase = Phase::Off;
            return vec![Do::Stop];
        }
        self.ways = Ways { relay: true, direct: false, ..self.ways };
        vec![Do::Stop, self.start(false, now, random)]
    }

    fn read(&mut self, now: i64, random: u64) -> Do {
        // A page that asked for the stream, or has no relay here, stays with it.
        let stays = self.ways.wants_direct || !self.ways.relay;
        let wait = PROBE_MS + i64::try_from(random % PROBE_SPREAD_MS).unwrap_or(0);
        self.crowded_since = None;
        self.phase = Phase::Direct { probe: if stays { i64::MAX } else { now + wait } };
        Do::Read
    }
}
