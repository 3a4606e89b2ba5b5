//! The stage itself: who is on it, who waits, who is next.

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

/// Danmu in flight, danmu that stand, danmu that wait. `T` is what the caller keeps with each: its text, its picture; it
/// is dropped when the danmu leaves.
///
/// `now` is the caller's clock, milliseconds from 0 on. It may be late or step back; stage time never does, but by
/// [`Stage::seek`].
#[derive(Debug)]
pub struct Stage<T = ()> {
    pub(super) options: StageOptions,
    pub(super) lanes: u16,
    pub(super) clock: Clock,
    flying: Flight<T>,
    standing: Vec<Standing<T>>,
    /// The most important first, then the longest waiting.
    pub(super) waiting: Vec<Waiting<T>>,
    /// The last danmu of each row of the picture. Those beyond the lanes have some only until these have left.
    pub(super) tails: Vec<Tail>,
    /// Before this nobody who waits finds a lane or is given up.
    pub(super) next_chance: f64,
    /// When the waiting ones were last looked after; nothing frees a lane within the same moment.
    pub(super) served: f64,
    /// A danmu that stands still, wherever it is.
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
        // Those that wait already choose first.
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

    /// Lets go of those that have left, places those that wait, gives up those that waited too long. Once a frame, before
    /// [`Stage::visible`].
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

    /// All that are on the stage at `now`, in the order of drawing: the last one is above.
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

    /// The uppermost danmu under a point, pixels from the top left corner.
    #[must_use]
    pub fn hit(&self, x: f32, y: f32, now: f64) -> Option<Placed<'_, T>> {
        self.visible(now)
            .filter(|danmu| (danmu.x..danmu.x + danmu.width).contains(&x))
            .filter(|danmu| (danmu.y..danmu.y + danmu.height).contains(&y))
            .last()
    }

    /// Takes one away, wherever it is; its lane is free at once. Answers whether it was there. Looks at all of them.
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

    /// Takes all away, the waiting ones too.
    pub fn clear(&mut self) {
        self.stats.withdrawn += self.waiting.len() as u64;
        self.waiting.clear();
        self.flying.clear();
        self.standing.clear();
        self.settle();
    }

    /// Takes all away and goes on at `now`, be it before what was: a viewer jumped to another moment. Whoever then pushes
    /// what was said in the time that one takes to cross, each at its own moment, has the picture as it was.
    pub fn seek(&mut self, now: f64) {
        self.clear();
        self.clock.seek(now);
    }

    /// Everything stands still from `now` on, the waiting too. What is pushed meanwhile still finds its place or waits.
    pub fn pause(&mut self, now: f64) {
        self.tick(now);
        self.clock.pause(now);
    }

    /// Goes on where it stood.
    pub fn resume(&mut self, now: f64) {
        self.clock.resume(now);
    }

    /// Whether it stands still.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.clock.is_paused()
    }

    /// Everything moves `rate` times as fast as by default from `now` on, 1/16 to 16. The bound of waiting stays what it
    /// is by the caller's clock.
    pub fn set_rate(&mut self, rate: f64, now: f64) {
        self.tick(now);
        let change = self.clock.set_rate(rate, now);
        self.tighten(change, self.clock.read(now));
    }

    /// Whether nobody is on it and nobody waits: nothing to draw until the next push.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.on_stage() == 0 && self.waiting.is_empty()
    }

    /// All, on the stage or waiting, by their ids.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        let flying = self.flying.iter().map(|danmu| (danmu.seat.item.id, &danmu.content));
        let standing = self.standing.iter().map(|danmu| (danmu.seat.item.id, &danmu.content));
        let waiting = self.waiting.iter().map(|danmu| (danmu.item.id, &danmu.content));
        flying.chain(standing).chain(waiting)
    }

    /// The measures in use.
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

    /// After danmu were taken out of turn or moved: who is last in each lane.
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
