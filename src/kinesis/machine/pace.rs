//! How often one shard is read.
//!
//! A shard gives five reads a second to all its readers together. Alone, a reader goes just below that. Amazon Kinesis
//! refuses a read over the limit: then the interval grows by half, and shrinks again step by step (additive increase,
//! multiplicative decrease of the rate), so that readers that know nothing of each other share the shard. The embedded
//! endpoint lets such a read wait its turn instead: the wait itself is the brake, and nothing has to change.

/// 4.5 reads a second: alone, never refused.
pub(super) const FLOOR_MS: u32 = 220;
const CEILING_MS: u32 = 2_000;
const STEP_MS: u32 = 8;
/// From this interval (or wait for a turn) on, the limit is what the viewer notices.
const NOTICED_MS: i64 = 800;
const FORGOTTEN_MS: u32 = 500;

#[derive(Debug)]
pub(super) struct Pace {
    interval_ms: u32,
    /// When the last five reads began: catching up, a reader takes all that the shard gives, and no more.
    begun: [i64; 5],
    noticed: bool,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { interval_ms: FLOOR_MS, begun: [i64::MIN; 5], noticed: false }
    }

    pub(super) fn interval_ms(&self) -> u32 {
        self.interval_ms
    }

    /// Whether the limit is felt: readers in need of low latency should go elsewhere.
    pub(super) fn noticed(&self) -> bool {
        self.noticed
    }

    /// When the last read began.
    pub(super) fn begun(&self) -> i64 {
        self.begun[4]
    }

    /// A read begins now.
    pub(super) fn begin(&mut self, now: i64) {
        self.begun.rotate_left(1);
        self.begun[4] = now;
    }

    /// A read was answered now; when the next is due.
    pub(super) fn answered(&mut self, now: i64, behind: bool) -> i64 {
        let began = self.begun[4];
        if now.saturating_sub(began) >= NOTICED_MS {
            self.noticed = true;
        } else if self.interval_ms <= FORGOTTEN_MS {
            self.noticed = false;
        }
        let unhindered = self.interval_ms == FLOOR_MS;
        self.interval_ms = self.interval_ms.saturating_sub(STEP_MS).max(FLOOR_MS);
        if behind && unhindered {
            self.begun[0].saturating_add(1_000).max(now)
        } else {
            began.saturating_add(i64::from(self.interval_ms)).max(now)
        }
    }

    /// A read was refused now; when to try again.
    pub(super) fn refused(&mut self, now: i64, random: u64) -> i64 {
        self.interval_ms = (self.interval_ms * 3 / 2).min(CEILING_MS);
        self.noticed |= i64::from(self.interval_ms) >= NOTICED_MS;
        let half = i64::from(self.interval_ms / 2);
        now.saturating_add(half + (random % (half as u64 + 1)) as i64)
    }
}
