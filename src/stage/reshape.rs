//! A stage that changes its size with danmu in flight.
//!
//! Each keeps its progress: one that is half-way through the picture stays half-way, and leaves when it would have left.
//! In a smaller picture that brings those of a lane too near to each other; then, from the left to the right, each is
//! moved back and slowed down as little as keeps the gap. One that loses its lane, or would have to go back far out of
//! the picture, leaves the stage.

use super::engine::{Seat, Stage};
use super::item::StageOptions;
use super::lanes::{Line, Tail};

/// How far out of the picture, in parts of its width, a danmu may be moved back and still come in again.
const LARGEST_STEP_BACK: f64 = 0.25;

impl<T> Stage<T> {
    /// The picture is now `width` × `height` pixels; danmu keep their size in pixels.
    pub fn resize(&mut self, width: f32, height: f32, now: f64) {
        self.reshape(StageOptions { width, height, ..self.options }, now);
    }

    /// Zooms: a lane is now `lane_height` pixels high, and every danmu larger or smaller by as much.
    pub fn set_lane_height(&mut self, lane_height: f32, now: f64) {
        self.reshape(StageOptions { lane_height, ..self.options }, now);
    }

    /// Resizes and zooms in one step, so that no danmu loses a lane that it would have had again at once.
    pub fn fit(&mut self, width: f32, height: f32, lane_height: f32, now: f64) {
        self.reshape(StageOptions { width, height, lane_height, ..self.options }, now);
    }

    /// Gives lanes to another part of the height, 0 to 1.
    pub fn set_area(&mut self, area: f32, now: f64) {
        self.reshape(StageOptions { area, ..self.options }, now);
    }

    fn reshape(&mut self, options: StageOptions, now: f64) {
        self.tick(now);
        let options = options.sane();
        if options == self.options {
            return;
        }
        let time = self.clock.read(now);
        let zoom = options.lane_height / self.options.lane_height;
        let old_width = f64::from(self.options.width);
        self.options = options;
        self.lanes = options.lanes();
        for danmu in &mut self.waiting {
            danmu.item.width *= zoom;
            danmu.item.height *= zoom;
        }
        self.reshape_flying(old_width, zoom, time);
        self.reshape_standing(zoom);
        self.settle();
    }

    /// Lanes may be fewer now; and one that was taller than all the lanes may need more than it has.
    fn keeps_its_lanes(&self, seat: &Seat) -> bool {
        seat.lane + seat.lanes <= self.lanes && self.lanes_for(&seat.item) <= seat.lanes
    }

    fn reshape_flying(&mut self, old_width: f64, zoom: f32, time: f64) {
        let mut flying = std::mem::take(&mut self.flying);
        let (stage, gap) = (f64::from(self.options.width), f64::from(self.options.gap));
        self.tails.clear();
        self.tails.resize(usize::from(self.lanes), Tail::NONE);
        // In the order of entering: whoever is in front has its new line already.
        flying.retain_mut(|danmu| {
            let ahead = danmu.line.right(time) / (old_width + f64::from(danmu.seat.item.width));
            danmu.seat.item.width *= zoom;
            danmu.seat.item.height *= zoom;
            if !self.keeps_its_lanes(&danmu.seat) {
                return false;
            }
            let rows = danmu.seat.rows();
            let width = f64::from(danmu.seat.item.width);
            let wanted = ahead * (stage + width) - width;
            let (left, fastest) =
                self.tails[rows.clone()].iter().fold((wanted, f64::INFINITY), |(left, fastest), tail| {
                    let (left_of_lane, fastest_of_lane) = tail.behind(time, left, gap);
                    (left_of_lane, fastest_of_lane.min(fastest))
                });
            if left > stage * (1.0 + LARGEST_STEP_BACK) {
                return false;
            }
            let speed = ((left + width) / (danmu.line.exit - time)).min(fastest);
            danmu.line = Line { exit: time + (left + width) / speed, speed };
            self.tails[rows].fill(Tail::of(&danmu.line));
            true
        });
        self.flying = flying;
    }

    fn reshape_standing(&mut self, zoom: f32) {
        let mut kept = Vec::with_capacity(self.standing.len());
        for mut danmu in std::mem::take(&mut self.standing) {
            danmu.seat.item.width *= zoom;
            danmu.seat.item.height *= zoom;
            let seat = danmu.seat;
            let band = self.band(seat.item.mode, seat.lane, seat.lanes);
            // Lanes from the top and lanes from the bottom may meet in a lower picture: the earlier one stays.
            let free = kept.iter().all(|(_, other)| !band.meets(other));
            if free && self.keeps_its_lanes(&seat) {
                kept.push((danmu, band));
            }
        }
        self.standing.extend(kept.into_iter().map(|(danmu, _)| danmu));
    }
}
