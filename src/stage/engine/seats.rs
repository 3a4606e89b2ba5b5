//! Seats: which danmu gets which lanes.
//!
//! Of the free lanes, a moving danmu takes the one whose last danmu entered last. The time since then, minus what its own
//! length needs, is the lane's idle time; so this wastes least, and keeps empty lanes for long ones. In a full picture it shows
//! one to three percent more than the topmost free lane (`cargo xtask bench stage`). Among empty lanes the topmost is taken,
//! and the bottom one for those of the opposite direction, so that the two seldom meet.

use super::super::item::{Item, Mode};
use super::super::lanes::{Band, Span, Tail, Trajectory};
use super::super::options::{Overlap, Pace};
use super::Stage;

/// A danmu and its lanes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat {
    pub(super) item: Item,
    pub(super) lane: u16,
    pub(super) lanes: u16,
    /// Whether it entered although others were in the way.
    pub(super) overlaps: bool,
}

impl Seat {
    pub(super) fn rows(&self) -> std::ops::Range<usize> {
        rows(self.lane, self.lanes)
    }
}

fn rows(lane: u16, lanes: u16) -> std::ops::Range<usize> {
    usize::from(lane)..usize::from(lane) + usize::from(lanes)
}

/// A possible lane for a danmu.
#[derive(Clone, Copy)]
struct Choice {
    lane: u16,
    /// Whether it would cover another, or be covered.
    covers: bool,
    /// The greater the better.
    merit: f64,
}

impl Choice {
    fn is_better_than(&self, other: &Option<Self>) -> bool {
        other.as_ref().is_none_or(|other| match (self.covers, other.covers) {
            (covers, others) if covers != others => others,
            _ => self.merit > other.merit,
        })
    }
}

impl<T> Stage<T> {
    /// The free lanes for it at `time`; or `Err` with the time before which none can be free, if nothing else changes.
    pub(super) fn seat(&self, item: &Item, time: f64) -> Result<Seat, f64> {
        if self.on_stage() >= self.options.max_on_stage {
            return Err(self.next_exit());
        }
        let lanes = self.lanes_for(item);
        if lanes == 0 {
            return Err(f64::INFINITY);
        }
        let (lane, overlaps) = match item.mode {
            Mode::Scroll | Mode::Reverse => self.lane_to_fly(item, lanes, time)?,
            Mode::Top | Mode::Bottom => self.lane_to_stand(item, lanes, time)?,
        };
        Ok(Seat { item: *item, lane, lanes, overlaps })
    }

    /// The trajectory of one that enters at `time`.
    pub(super) fn line(&self, item: &Item, time: f64) -> Trajectory {
        let (stage, width, scroll_ms) = (f64::from(self.options.width), f64::from(item.width), self.options.scroll_ms);
        let speed = match self.options.pace {
            Pace::SameTime => (stage + width) / scroll_ms,
            Pace::SameSpeed => stage / scroll_ms,
        };
        Trajectory { exit: time + (stage + width) / speed, speed }
    }

    /// How many lanes it needs, at most all.
    pub(super) fn lanes_for(&self, item: &Item) -> u16 {
        // A lane and a danmu that were zoomed together may differ by rounding.
        const ROUNDING: f32 = 0.001;
        let lanes = (item.height / self.options.lane_height - ROUNDING).ceil().max(1.0) as u16;
        lanes.min(self.lanes)
    }

    /// The vertical extent of a seat's lanes.
    pub(super) fn band(&self, mode: Mode, lane: u16, lanes: u16) -> Band {
        let height = self.options.lane_height;
        let (near, far) = (f32::from(lane) * height, (f32::from(lane) + f32::from(lanes)) * height);
        match mode {
            Mode::Scroll | Mode::Reverse | Mode::Top => Band { top: near, bottom: far },
            Mode::Bottom => Band { top: self.options.height - far, bottom: self.options.height - near },
        }
    }

    pub(super) fn band_of(&self, seat: &Seat) -> Band {
        self.band(seat.item.mode, seat.lane, seat.lanes)
    }

    fn lane_to_fly(&self, item: &Item, lanes: u16, time: f64) -> Result<(u16, bool), f64> {
        let (stage, gap) = (f64::from(self.options.width), f64::from(self.options.gap));
        let (width, line) = (f64::from(item.width), self.line(item, time));
        let last = self.lanes - lanes;
        let free_from = |lane| {
            let tails = self.tails[rows(lane, lanes)].iter();
            tails.map(|tail| tail.admits_from(item.mode, line.speed, stage - gap)).fold(f64::NEG_INFINITY, f64::max)
        };
        let mut best = None::<Choice>;
        let mut next = f64::INFINITY;
        for at in 0..=last {
            let lane = if item.mode == Mode::Reverse { last - at } else { at };
            let from = free_from(lane);
            if from > time {
                next = next.min(from);
                continue;
            }
            let tails = &self.tails[rows(lane, lanes)];
            let choice = Choice {
                lane,
                covers: self.passes_behind(lane, lanes, &line, width, time),
                merit: tails.iter().map(|tail| (tail.exit - time).max(0.0)).sum(),
            };
            if choice.is_better_than(&best) {
                best = Some(choice);
            }
        }
        // Lanes that become free at the same moment take turns.
        let turn = self.turn(last);
        let shared = || (turn..=last).chain(0..turn).find(|lane| free_from(*lane) <= next).unwrap_or(turn);
        self.decide(best, next, shared, time)
    }

    /// The lane to share next, by a sequence that no pattern of danmu can be in step with.
    fn turn(&self, last: u16) -> u16 {
        // Fibonacci hashing: the fraction of 2^64 that is nearest to the golden ratio.
        let spread = self.stats.shown.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        (spread % (u64::from(last) + 1)) as u16
    }

    /// Whether one that enters these lanes would meet a fixed danmu.
    fn passes_behind(&self, lane: u16, lanes: u16, line: &Trajectory, width: f64, time: f64) -> bool {
        let (stage, gap) = (f64::from(self.options.width), f64::from(self.options.gap));
        let band = self.band(Mode::Scroll, lane, lanes);
        self.options.overlap != Overlap::Allowed
            && self.standing.iter().any(|other| {
                let span = Span::centred(stage, f64::from(other.seat.item.width));
                self.band_of(&other.seat).meets(&band) && line.crosses(width, span, time, other.until, gap)
            })
    }

    /// The first lane without another fixed danmu, if possible one that no moving one crosses in that time.
    fn lane_to_stand(&self, item: &Item, lanes: u16, time: f64) -> Result<(u16, bool), f64> {
        let last = self.lanes - lanes;
        let mut best = None::<Choice>;
        // With more, every lane has one.
        if self.options.overlap != Overlap::Allowed || self.standing.len() <= 2 * usize::from(self.lanes) {
            for lane in 0..=last {
                let band = self.band(item.mode, lane, lanes);
                if self.standing.iter().any(|other| self.band_of(&other.seat).meets(&band)) {
                    continue;
                }
                let choice = Choice { lane, covers: self.stands_before(&band, item, time), merit: 0.0 };
                if choice.is_better_than(&best) {
                    best = Some(choice);
                }
                if !choice.covers {
                    break;
                }
            }
        }
        let next = self.standing.iter().map(|other| other.until).fold(f64::INFINITY, f64::min);
        self.decide(best, next, || self.turn(last), time)
    }

    /// Whether one that is fixed there from `time` on would meet a moving danmu.
    fn stands_before(&self, band: &Band, item: &Item, time: f64) -> bool {
        let (stage, gap) = (f64::from(self.options.width), f64::from(self.options.gap));
        let span = Span::centred(stage, f64::from(item.width));
        self.options.overlap != Overlap::Allowed
            && self.flying.iter().any(|other| {
                let (width, until) = (f64::from(other.seat.item.width), time + self.options.fixed_ms);
                self.band_of(&other.seat).meets(band) && other.line.crosses(width, span, time, until, gap)
            })
    }

    /// Decides on the best choice; without one, when to try again, or which lane to share.
    fn decide(
        &self,
        best: Option<Choice>,
        next: f64,
        shared: impl FnOnce() -> u16,
        time: f64,
    ) -> Result<(u16, bool), f64> {
        match best {
            // What is in the way, fixed or moving, may be gone at any moment.
            Some(choice) if choice.covers && self.options.overlap == Overlap::Never => Err(time),
            Some(choice) => Ok((choice.lane, false)),
            None if self.options.overlap == Overlap::Allowed => Ok((shared(), true)),
            None => Err(next),
        }
    }

    /// Updates the last danmu of each lane after `seat` was taken.
    pub(super) fn append(tails: &mut [Tail], seat: &Seat, line: &Trajectory) {
        let tail = Tail::of(line, seat.item.mode);
        for last in &mut tails[seat.rows()] {
            *last = if seat.overlaps { last.and(&tail) } else { tail };
        }
    }
}
