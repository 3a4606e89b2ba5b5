//! A stage that changes its measures with danmu in flight.
//!
//! Each keeps its progress: one that is half-way through the picture stays half-way, and leaves when it would have left.
//! In a smaller picture that brings those of a lane too near to each other; then, from the first to the last, each is
//! moved back and slowed down as little as keeps the gap. One that loses its lane, or would have to go back far out of
//! the picture, leaves the stage. Times and paces are for those that come.

use super::engine::{Stage, Standing};
use super::flight::{Flight, Flying};
use super::lanes::{Line, Span, Tail};
use super::options::{Overlap, StageOptions};
use super::seats::Seat;

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
        let measures = |options: &StageOptions| (options.width, options.height, options.lane_height, options.gap);
        if (measures(&options), options.lanes(), options.overlap) != (measures(&before), before.lanes(), before.overlap)
        {
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

    /// Lanes may be fewer now; and one that was taller than all the lanes may need more than it has.
    fn keeps_its_lanes(&self, seat: &Seat) -> bool {
        usize::from(self.lanes) >= seat.rows().end && self.lanes_for(&seat.item) <= seat.lanes
    }

    fn reshape_flying(&mut self, old_width: f64, zoom: f32, time: f64) {
        let mut flying = std::mem::replace(&mut self.flying, Flight::new());
        self.tails.clear();
        self.tails.resize(usize::from(self.lanes), Tail::NONE);
        // In the order of entering: whoever is in front has its new line already.
        flying.retain(|danmu| {
            let ahead = danmu.line.remaining(time) / (old_width + f64::from(danmu.seat.item.width));
            danmu.seat.item.width *= zoom;
            danmu.seat.item.height *= zoom;
            let stays = self.keeps_its_lanes(&danmu.seat) && self.move_along(danmu, ahead, time);
            if stays {
                Self::append(&mut self.tails, &danmu.seat, &danmu.line);
            }
            stays
        });
        self.flying = flying;
    }

    /// Gives it the line that leads on from where it is; `ahead` is the part of its way that it still has before it.
    fn move_along(&self, danmu: &mut Flying<T>, ahead: f64, time: f64) -> bool {
        let (stage, gap) = (f64::from(self.options.width), f64::from(self.options.gap));
        let width = f64::from(danmu.seat.item.width);
        let wanted = ahead * (stage + width) - width;
        let (mut distance, mut fastest) = (wanted, f64::INFINITY);
        if self.options.overlap == Overlap::Allowed {
            danmu.seat.overlaps = true;
        } else {
            danmu.seat.overlaps = false;
            for tail in &self.tails[danmu.seat.rows()] {
                let (behind, fastest_there) = tail.behind(time, distance, gap);
                (distance, fastest) = (behind, fastest.min(fastest_there));
            }
        }
        if distance > stage * (1.0 + LARGEST_STEP_BACK) {
            return false;
        }
        let speed = ((distance + width) / (danmu.line.exit - time)).min(fastest);
        danmu.line = Line { exit: time + (distance + width) / speed, speed };
        let band = self.band_of(&danmu.seat);
        let meets = |other: &Standing<T>| {
            let span = Span::centred(stage, f64::from(other.seat.item.width));
            self.band_of(&other.seat).meets(&band) && danmu.line.crosses(width, span, time, other.until, gap)
        };
        self.options.overlap != Overlap::Never || !self.standing.iter().any(meets)
    }

    fn reshape_standing(&mut self, zoom: f32) {
        let mut kept = Vec::with_capacity(self.standing.len());
        for mut danmu in std::mem::take(&mut self.standing) {
            danmu.seat.item.width *= zoom;
            danmu.seat.item.height *= zoom;
            let seat = danmu.seat;
            let band = self.band(seat.item.mode, seat.lane, seat.lanes);
            // Lanes from the top and lanes from the bottom may meet in a lower picture: the earlier one stays.
            let free = self.options.overlap == Overlap::Allowed || kept.iter().all(|(_, other)| !band.meets(other));
            if free && self.keeps_its_lanes(&seat) {
                kept.push((danmu, band));
            }
        }
        self.standing.extend(kept.into_iter().map(|(danmu, _)| danmu));
    }
}
