//! The stage's engine: which danmu are on it, which wait, and which is next.

mod flight;
mod hold;
mod reshape;
mod seats;
mod waiting;

use self::flight::{Flight, Flying};
use self::seats::Seat;
use self::waiting::Waiting;
use super::clock::Clock;
use super::item::{Item, Mode, Outcome, Placed, StageStats};
use super::lanes::Tail;
use super::options::StageOptions;

/// Moving, fixed and waiting danmu. `T` is what the caller keeps with each (its text, its bitmap); it is dropped when the danmu
/// leaves.
///
/// `now` is the caller's clock, milliseconds from 0. It may be late or step back; stage time only steps back by
/// [`Stage::seek`].
#[derive(Debug)]
pub struct Stage<T = ()> {
    pub(super) options: StageOptions,
    pub(super) lanes: u16,
    pub(super) clock: Clock,
    flying: Flight<T>,
    standing: Vec<Standing<T>>,
    /// By importance, then by waiting time.
    pub(super) waiting: Vec<Waiting<T>>,
    /// The last danmu of each row of the picture. Rows beyond the lanes have one only until it has left.
    pub(super) tails: Vec<Tail>,
    /// Before this time no waiting danmu finds a lane or is given up.
    pub(super) next_chance: f64,
    /// When the waiting danmu were last served; nothing frees a lane within the same moment.
    pub(super) served: f64,
    /// The held danmu, which stands still.
    pub(super) held: Option<u64>,
    pub(super) stats: StageStats,
}

#[derive(Debug)]
struct Standing<T> {
    seat: Seat,
    until: f64,
    content: T,
}

impl<T> Stage<T> {
    /// An empty stage.
    #[must_use]
    pub fn new(options: StageOptions) -> Self {
        let options = options.sane();
        let lanes = options.lanes();
        Self {
            options,
            lanes,
            clock: Clock::default(),
            flying: Flight::new(),
            standing: Vec::new(),
            waiting: Vec::new(),
            tails: vec![Tail::NONE; usize::from(options.rows())],
            next_chance: f64::INFINITY,
            served: f64::NEG_INFINITY,
            held: None,
            stats: StageStats::default(),
        }
    }

    /// Places the danmu at once if a lane is free, lets it wait otherwise.
    pub fn push(&mut self, item: Item, content: T, now: f64) -> Outcome {
        // Those that already wait choose first.
        self.tick(now);
        let time = self.clock.read(now);
        let item = item.sane();
        self.stats.pushed += 1;
        match self.seat(&item, time) {
            Ok(seat) => {
                self.enter(seat, content, time);
                Outcome::Placed
            }
            Err(next) => self.wait(item, content, time, next),
        }
    }

    /// Removes those that have left, places those that wait, gives up those that waited too long. To be called once per frame,
    /// before [`Stage::visible`].
    pub fn tick(&mut self, now: f64) {
        let before = self.clock.latest();
        let time = self.clock.advance(now);
        self.put_off(time - before);
        self.flying.leave(time);
        if self.standing.iter().any(|danmu| danmu.until <= time) {
            self.standing.retain(|danmu| danmu.until > time);
        }
        if time > self.served && time >= self.next_chance {
            self.served = time;
            self.serve(time);
        }
    }

    /// All danmu on the stage at `now`, in drawing order: the last one is on top.
    pub fn visible(&self, now: f64) -> impl Iterator<Item = Placed<'_, T>> {
        let time = self.clock.read(now);
        let flying = self.flying.iter().filter(move |danmu| danmu.line.exit > time);
        let standing = self.standing.iter().filter(move |danmu| danmu.until > time);
        flying
            .map(move |danmu| {
                let remaining = danmu.line.remaining(time);
                let left = match danmu.seat.item.mode {
                    Mode::Reverse => f64::from(self.options.width) - remaining,
                    _ => remaining - f64::from(danmu.seat.item.width),
                };
                self.placed(&danmu.seat, left as f32, &danmu.content)
            })
            .chain(standing.map(|danmu| {
                let left = (self.options.width - danmu.seat.item.width) / 2.0;
                self.placed(&danmu.seat, left, &danmu.content)
            }))
    }

    /// The topmost danmu at a point, in pixels from the top left corner.
    #[must_use]
    pub fn hit(&self, x: f32, y: f32, now: f64) -> Option<Placed<'_, T>> {
        self.visible(now)
            .filter(|danmu| (danmu.x..danmu.x + danmu.width).contains(&x))
            .filter(|danmu| (danmu.y..danmu.y + danmu.height).contains(&y))
            .last()
    }

    /// Removes one, wherever it is, and frees its lane at once. Returns whether it was there. Linear in their number.
    pub fn retract(&mut self, id: u64) -> bool {
        if let Some(at) = self.waiting.iter().position(|danmu| danmu.item.id == id) {
            self.waiting.remove(at);
            self.stats.withdrawn += 1;
            return true;
        }
        let before = self.standing.len();
        self.standing.retain(|danmu| danmu.seat.item.id != id);
        let found = self.standing.len() < before || self.flying.remove(id);
        if found {
            self.settle();
        }
        found
    }

    /// Removes all, the waiting ones too.
    pub fn clear(&mut self) {
        self.stats.withdrawn += self.waiting.len() as u64;
        self.waiting.clear();
        self.flying.clear();
        self.standing.clear();
        self.settle();
    }

    /// Removes all and continues at `now`, which may be earlier: a viewer jumped to another moment. To rebuild the picture of
    /// that moment, push what was said during one crossing time, each at its own moment.
    pub fn seek(&mut self, now: f64) {
        self.clear();
        self.clock.seek(now);
    }

    /// Everything stands still from `now` on, the waiting too. A danmu pushed meanwhile is still placed, or waits.
    pub fn pause(&mut self, now: f64) {
        self.tick(now);
        self.clock.pause(now);
    }

    /// Continues from where it stopped.
    pub fn resume(&mut self, now: f64) {
        self.clock.resume(now);
    }

    /// Whether it is paused.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.clock.is_paused()
    }

    /// Everything moves at `rate` times the default speed from `now` on, 1/16 to 16. The longest wait stays the same by the
    /// caller's clock.
    pub fn set_rate(&mut self, rate: f64, now: f64) {
        self.tick(now);
        let change = self.clock.set_rate(rate, now);
        self.tighten(change, self.clock.read(now));
    }

    /// Whether there is none on it and none waits: nothing to draw until the next push.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.on_stage() == 0 && self.waiting.is_empty()
    }

    /// All, on the stage or waiting, with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        let flying = self.flying.iter().map(|danmu| (danmu.seat.item.id, &danmu.content));
        let standing = self.standing.iter().map(|danmu| (danmu.seat.item.id, &danmu.content));
        let waiting = self.waiting.iter().map(|danmu| (danmu.item.id, &danmu.content));
        flying.chain(standing).chain(waiting)
    }

    /// The options in use.
    #[must_use]
    pub fn options(&self) -> &StageOptions {
        &self.options
    }

    /// The counts up to the last push, tick or retract.
    #[must_use]
    pub fn stats(&self) -> StageStats {
        StageStats { waiting: self.waiting.len(), on_stage: self.on_stage(), ..self.stats }
    }

    pub(super) fn on_stage(&self) -> usize {
        self.flying.len() + self.standing.len()
    }

    pub(super) fn next_exit(&self) -> f64 {
        self.standing.iter().map(|danmu| danmu.until).fold(self.flying.next_exit(), f64::min)
    }

    /// Recomputes the last danmu of each lane, after some were removed or moved.
    pub(super) fn settle(&mut self) {
        self.tails.fill(Tail::NONE);
        for danmu in self.flying.iter() {
            Self::append(&mut self.tails, &danmu.seat, &danmu.line);
        }
        self.call_again();
    }

    fn enter(&mut self, seat: Seat, content: T, time: f64) {
        self.stats.shown += 1;
        self.stats.overlapping += u64::from(seat.overlaps);
        match seat.item.mode {
            Mode::Scroll | Mode::Reverse => {
                let line = self.line(&seat.item, time);
                Self::append(&mut self.tails, &seat, &line);
                self.flying.enter(Flying { seat, line, content });
            }
            Mode::Top | Mode::Bottom => {
                let until = time + self.options.fixed_ms;
                self.standing.push(Standing { seat, until, content });
            }
        }
    }

    fn placed<'a>(&self, seat: &Seat, x: f32, content: &'a T) -> Placed<'a, T> {
        let Item { id, width, height, mode, .. } = seat.item;
        let y = self.band_of(seat).top;
        Placed { id, x, y, width, height, mode, lane: seat.lane, content }
    }
}
