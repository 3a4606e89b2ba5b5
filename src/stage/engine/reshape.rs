//! Reshape: a stage that changes its size or options while danmu are moving.
//!
//! Each keeps its progress: one that is half-way through the picture stays half-way, and leaves at the same time. In a smaller
//! picture those of a lane come too close; then, from first to last, each is moved back and slowed down just enough to keep the
//! gap. One whose lane is gone finishes its path where it is, if that is still in the picture, else in a row where it meets
//! none. If there is no such row, or it would have to move back far out of the picture, it leaves. New times and paces apply to
//! new danmu only.

use super::super::item::Item;
use super::super::lanes::{Band, Span, Tail, Trajectory};
use super::super::options::{Overlap, StageOptions};
use super::flight::{Flight, Flying};
use super::seats::Seat;
use super::{Stage, Standing};

/// How far out of the picture, as a fraction of its width, a danmu may be moved back and still return.
const LARGEST_STEP_BACK: f64 = 0.25;

impl<T> Stage<T> {
    /// The picture is now `width` × `height` pixels; danmu keep their size in pixels.
    pub fn resize(&mut self, width: f32, height: f32, now: f64) {
        self.configure(|options| (options.width, options.height) = (width, height), now);
    }

    /// Changes any options in one step, so that no danmu loses a lane that it would get back at once. A larger lane height is a
    /// zoom: every danmu grows by the same factor.
    pub fn configure(&mut self, change: impl FnOnce(&mut StageOptions), now: f64) {
        self.tick(now);
        let mut options = self.options;
        change(&mut options);
        let (before, options) = (self.options, options.sane());
        if options == before {
            return;
        }
        let time = self.clock.read(now);
        self.options = options;
        self.lanes = options.lanes();
        self.tails.resize(usize::from(options.rows()), Tail::NONE);
        let measures = |options: &StageOptions| {
            let StageOptions { width, height, lane_height, gap, overlap, .. } = *options;
            (width, height, lane_height, gap, options.lanes(), overlap)
        };
        if measures(&options) != measures(&before) {
            let zoom = options.lane_height / before.lane_height;
            for danmu in &mut self.waiting {
                danmu.item.width *= zoom;
                danmu.item.height *= zoom;
            }
            self.reshape_standing(zoom);
            self.reshape_flying(f64::from(before.width), zoom, time);
            self.settle();
        }
        self.tighten(1.0, time);
    }

    /// How many lanes it needs now: one that was taller than all the lanes may need more than it has.
    fn lanes_needed(&self, seat: &Seat) -> u16 {
        self.lanes_for(&seat.item).max(seat.lanes).min(self.tails.len() as u16)
    }

    /// The possible seats in this picture for one that has `seat`, its own first if possible.
    fn seats(&self, seat: Seat) -> impl Iterator<Item = Seat> {
        let lanes = self.lanes_needed(&seat);
        let ends = (self.tails.len() as u16 + 1).saturating_sub(lanes.max(1));
        let own = (seat.lane < ends).then_some(seat.lane);
        let others = (0..ends).filter(move |lane| Some(*lane) != own);
        own.into_iter().chain(others).map(move |lane| Seat { lane, lanes, ..seat })
    }

    fn reshape_flying(&mut self, old_width: f64, zoom: f32, time: f64) {
        let mut flying = std::mem::replace(&mut self.flying, Flight::new());
        self.tails.fill(Tail::NONE);
        // In the order of entering: those in front already have their new trajectories.
        let homeless = flying.part(|danmu| {
            let ahead = danmu.line.remaining(time) / (old_width + f64::from(danmu.seat.item.width));
            danmu.seat.item.width *= zoom;
            danmu.seat.item.height *= zoom;
            let stays = self.move_along(danmu, ahead, time);
            if stays {
                Self::append(&mut self.tails, &danmu.seat, &danmu.line);
            }
            stays.then_some(()).ok_or(ahead)
        });
        let any = !homeless.is_empty();
        for (mut danmu, ahead) in homeless {
            if self.move_over(&mut danmu, &flying, ahead, time) {
                flying.enter(danmu);
            }
        }
        if any {
            flying.sort();
        }
        self.flying = flying;
    }

    /// Sets the trajectory that continues from where it is; `ahead` is the fraction of its path that is left.
    fn move_along(&self, danmu: &mut Flying<T>, ahead: f64, time: f64) -> bool {
        let seat = danmu.seat;
        if self.lanes_needed(&seat) != seat.lanes || seat.rows().end > self.tails.len() {
            return false;
        }
        let (stage, gap) = (f64::from(self.options.width), f64::from(self.options.gap));
        let width = f64::from(seat.item.width);
        let (mut distance, mut fastest) = (ahead * (stage + width) - width, f64::INFINITY);
        if self.options.overlap != Overlap::Allowed {
            for tail in &self.tails[seat.rows()] {
                let (behind, fastest_there) = tail.behind(time, distance, gap);
                (distance, fastest) = (behind, fastest.min(fastest_there));
            }
        }
        if distance > stage * (1.0 + LARGEST_STEP_BACK) {
            return false;
        }
        let speed = ((distance + width) / (danmu.line.exit - time)).min(fastest);
        self.settle_on(danmu, seat, Trajectory { exit: time + (distance + width) / speed, speed }, time)
    }

    /// Moves one that cannot stay in its rows to a seat where it can continue as it was, if there is one.
    fn move_over(&self, danmu: &mut Flying<T>, others: &Flight<T>, ahead: f64, time: f64) -> bool {
        let (stage, gap) = (f64::from(self.options.width), f64::from(self.options.gap));
        let line = Trajectory {
            speed: ahead * (stage + f64::from(danmu.seat.item.width)) / (danmu.line.exit - time),
            ..danmu.line
        };
        let Item { width, mode, .. } = danmu.seat.item;
        let is_free = |seat: &Seat| {
            let there = others.iter().filter(|other| {
                let (rows, taken) = (seat.rows(), other.seat.rows());
                rows.start < taken.end && taken.start < rows.end
            });
            self.options.overlap == Overlap::Allowed
                || there.map(|other| (&other.seat.item, &other.line)).all(|(item, other)| {
                    let (width, others) = (f64::from(width), f64::from(item.width));
                    let is_before = line.stays_before(other, others, time, gap);
                    item.mode == mode && (is_before || other.stays_before(&line, width, time, gap))
                })
        };
        let seats: Vec<_> = self.seats(danmu.seat).filter(is_free).collect();
        seats.into_iter().any(|seat| self.settle_on(danmu, seat, line, time))
    }

    /// Sets its seat and trajectory, unless it would meet a fixed one there that must not be covered.
    fn settle_on(&self, danmu: &mut Flying<T>, seat: Seat, line: Trajectory, time: f64) -> bool {
        let (stage, gap) = (f64::from(self.options.width), f64::from(self.options.gap));
        let (band, width) = (self.band_of(&seat), f64::from(seat.item.width));
        let meets = |other: &Standing<T>| {
            let span = Span::centred(stage, f64::from(other.seat.item.width));
            self.band_of(&other.seat).meets(&band) && line.crosses(width, span, time, other.until, gap)
        };
        if self.options.overlap == Overlap::Never && self.standing.iter().any(meets) {
            return false;
        }
        (danmu.seat, danmu.line) = (Seat { overlaps: self.options.overlap == Overlap::Allowed, ..seat }, line);
        true
    }

    fn reshape_standing(&mut self, zoom: f32) {
        let mut kept = Vec::with_capacity(self.standing.len());
        for mut danmu in std::mem::take(&mut self.standing) {
            danmu.seat.item.width *= zoom;
            danmu.seat.item.height *= zoom;
            let mode = danmu.seat.item.mode;
            // Lanes from the top and from the bottom may meet in a lower picture: the earlier one stays.
            let free = self.seats(danmu.seat).find_map(|seat| {
                let band = self.band(mode, seat.lane, seat.lanes);
                let is_free = self.options.overlap == Overlap::Allowed
                    || kept.iter().all(|(_, other): &(Standing<T>, Band)| !band.meets(other));
                is_free.then_some((seat, band))
            });
            if let Some((seat, band)) = free {
                kept.push((Standing { seat, ..danmu }, band));
            }
        }
        self.standing.extend(kept.into_iter().map(|(danmu, _)| danmu));
    }
}
