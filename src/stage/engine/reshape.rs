//! A stage that changes its measures with danmu in flight.
//!
//! Each keeps its progress: one that is half-way through the picture stays half-way, and leaves when it would have left.
//! In a smaller picture that brings those of a lane too near to each other; then, from the first to the last, each is
//! moved back and slowed down as little as keeps the gap. One whose lane went finishes its flight where it is, as long as
//! that is in the picture, and otherwise in a row in which it meets nobody. Where there is none, and where it would have to
//! go back far out of the picture, it leaves the stage. Times and paces are for those that come.

use super::super::item::Item;
use super::super::lanes::{Band, Span, Tail, Trajectory};
use super::super::options::{Overlap, StageOptions};
use super::flight::{Flight, Flying};
use super::seats::Seat;
use super::{Stage, Standing};

/// How far out of the picture, in parts of its width, a danmu may be moved back and still come in again.
const LARGEST_STEP_BACK: f64 = 0.25;

impl<T> Stage<T> {
    /// The picture is now `width` × `height` pixels; danmu keep their size in pixels.
    pub fn resize(&mut self, width: f32, height: f32, now: f64) {
        self.configure(|options| (options.width, options.height) = (width, height), now);
    }

    /// Changes any of the options, all in one step, so that no danmu loses a lane that it would have had again at once.
    /// A lane that becomes higher is a zoom: every danmu is larger by as much.
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

    /// Lanes that it needs now: one that was taller than all the lanes may need more than it has.
    fn lanes_needed(&self, seat: &Seat) -> u16 {
        self.lanes_for(&seat.item).max(seat.lanes).min(self.tails.len() as u16)
    }

    /// The seats that there are in this picture for one that has `seat`, its own first if that is one of them.
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
        // In the order of entering: whoever is in front has its new line already.
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

    /// Gives it the line that leads on from where it is; `ahead` is the part of its way that it still has before it.
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

    /// Gives one that cannot stay in its rows a seat where it is on its way as it was, if there is one.
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

    /// Gives it that seat and line, unless it would meet a fixed one there that nobody may cover.
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
            // Lanes from the top and lanes from the bottom may meet in a lower picture: the earlier one stays.
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
