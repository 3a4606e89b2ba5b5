//! The stage itself: who is on it, who waits, who is next.

use super::clock::Clock;
use super::item::{Item, Mode, Outcome, Placed, Priority, StageOptions, StageStats};
use super::lanes::{Band, Line, Span, Tail};

/// Danmu in flight, danmu that stand, danmu that wait. `T` is what the caller keeps with each: its text, its picture; it
/// is dropped when the danmu leaves.
///
/// `now` is the caller's clock, milliseconds from 0 on. It may be late or step back; stage time never does.
#[derive(Debug)]
pub struct Stage<T = ()> {
    pub(super) options: StageOptions,
    pub(super) lanes: u16,
    pub(super) clock: Clock,
    /// In the order of entering, which within a lane is the order from left to right.
    pub(super) flying: Vec<Flying<T>>,
    pub(super) standing: Vec<Standing<T>>,
    /// The most important first, then the longest waiting.
    pub(super) waiting: Vec<Waiting<T>>,
    /// The last danmu of each lane.
    pub(super) tails: Vec<Tail>,
    /// No danmu leaves before this.
    next_exit: f64,
    /// When the waiting ones were last looked after; nothing frees a lane within the same moment.
    served: f64,
    stats: StageStats,
}

#[derive(Debug)]
pub(super) struct Flying<T> {
    pub(super) seat: Seat,
    pub(super) line: Line,
    pub(super) content: T,
}

#[derive(Debug)]
pub(super) struct Standing<T> {
    pub(super) seat: Seat,
    pub(super) until: f64,
    pub(super) content: T,
}

#[derive(Debug)]
pub(super) struct Waiting<T> {
    pub(super) item: Item,
    deadline: f64,
    pub(super) content: T,
}

/// A danmu and the lanes that are its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat {
    pub(super) item: Item,
    pub(super) lane: u16,
    pub(super) lanes: u16,
}

impl Seat {
    pub(super) fn rows(&self) -> std::ops::Range<usize> {
        usize::from(self.lane)..usize::from(self.lane + self.lanes)
    }
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
            flying: Vec::new(),
            standing: Vec::new(),
            waiting: Vec::new(),
            tails: vec![Tail::NONE; usize::from(lanes)],
            next_exit: f64::INFINITY,
            served: f64::NEG_INFINITY,
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
            Some(seat) => {
                self.enter(seat, content, time);
                Outcome::Placed
            }
            None => self.wait(item, content, time),
        }
    }

    /// Gives up a danmu before anybody measures it, if the waiting list is full of others that are no less important.
    /// Answers whether it did. In a flood this saves the caller the work; such a one would hardly have found a lane.
    pub fn turn_away(&mut self, priority: Priority, now: f64) -> bool {
        self.tick(now);
        let full = self.waiting.len() >= self.options.max_waiting
            && self.waiting.last().is_some_and(|danmu| danmu.item.priority >= priority);
        if full {
            self.stats.pushed += 1;
            self.stats.given_up += 1;
        }
        full
    }

    /// Lets go of those that have left, places those that wait, gives up those that waited too long. Once a frame, before
    /// [`Stage::visible`].
    pub fn tick(&mut self, now: f64) {
        let time = self.clock.advance(now);
        if time >= self.next_exit {
            self.flying.retain(|danmu| danmu.line.exit > time);
            self.standing.retain(|danmu| danmu.until > time);
            self.find_next_exit();
        }
        if time > self.served {
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
                let left = danmu.line.right(time) - f64::from(danmu.seat.item.width);
                self.placed(&danmu.seat, left as f32, &danmu.content)
            })
            .chain(standing.map(|danmu| {
                let left = (self.options.width - danmu.seat.item.width) / 2.0;
                self.placed(&danmu.seat, left, &danmu.content)
            }))
    }

    /// The uppermost danmu under a point, pixels from the top left corner.
    #[must_use]
    pub fn hit(&self, x: f32, y: f32, now: f64) -> Option<u64> {
        self.visible(now)
            .filter(|danmu| (danmu.x..danmu.x + danmu.width).contains(&x))
            .filter(|danmu| (danmu.y..danmu.y + danmu.height).contains(&y))
            .last()
            .map(|danmu| danmu.id)
    }

    /// Takes one away, wherever it is; its lane is free at once. Answers whether it was there.
    pub fn retract(&mut self, id: u64) -> bool {
        if let Some(at) = self.waiting.iter().position(|danmu| danmu.item.id == id) {
            self.waiting.remove(at);
            self.stats.withdrawn += 1;
            return true;
        }
        let before = self.flying.len() + self.standing.len();
        self.flying.retain(|danmu| danmu.seat.item.id != id);
        self.standing.retain(|danmu| danmu.seat.item.id != id);
        let found = self.flying.len() + self.standing.len() < before;
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

    /// Whether nobody is on it and nobody waits: nothing to draw until the next push.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flying.is_empty() && self.standing.is_empty() && self.waiting.is_empty()
    }

    /// The first danmu, on the stage or waiting, whose content is as wanted.
    pub fn find(&self, wanted: impl Fn(&T) -> bool) -> Option<(u64, &T)> {
        let flying = self.flying.iter().map(|danmu| (danmu.seat.item.id, &danmu.content));
        let standing = self.standing.iter().map(|danmu| (danmu.seat.item.id, &danmu.content));
        let waiting = self.waiting.iter().map(|danmu| (danmu.item.id, &danmu.content));
        flying.chain(standing).chain(waiting).find(|(_, content)| wanted(content))
    }

    /// The measures in use.
    #[must_use]
    pub fn options(&self) -> &StageOptions {
        &self.options
    }

    /// The counts up to the last push, tick or retract.
    #[must_use]
    pub fn stats(&self) -> StageStats {
        let on_stage = self.flying.len() + self.standing.len();
        StageStats { waiting: self.waiting.len(), on_stage, ..self.stats }
    }

    /// After danmu were taken out of turn or moved: who is last in each lane, who leaves first.
    pub(super) fn settle(&mut self) {
        self.tails.clear();
        self.tails.resize(usize::from(self.lanes), Tail::NONE);
        for danmu in &self.flying {
            self.tails[danmu.seat.rows()].fill(Tail::of(&danmu.line));
        }
        // A lane may be free now, though no time has passed.
        self.served = f64::NEG_INFINITY;
        self.find_next_exit();
    }

    /// How many lanes it takes, all of them at most.
    pub(super) fn lanes_for(&self, item: &Item) -> u16 {
        // A lane and a danmu that were zoomed together may differ in the last digit.
        const ROUNDING: f32 = 0.001;
        let lanes = (item.height / self.options.lane_height - ROUNDING).ceil().max(1.0) as u16;
        lanes.min(self.lanes)
    }

    /// Where the lanes of a seat are.
    pub(super) fn band(&self, mode: Mode, lane: u16, lanes: u16) -> Band {
        let height = self.options.lane_height;
        let (near, far) = (f32::from(lane) * height, f32::from(lane + lanes) * height);
        match mode {
            Mode::Scroll | Mode::Top => Band { top: near, bottom: far },
            Mode::Bottom => Band { top: self.options.height - far, bottom: self.options.height - near },
        }
    }

    fn placed<'a>(&self, seat: &Seat, x: f32, content: &'a T) -> Placed<'a, T> {
        let Item { id, width, height, mode, .. } = seat.item;
        let y = self.band(mode, seat.lane, seat.lanes).top;
        Placed { id, x, y, width, height, mode, lane: seat.lane, content }
    }

    fn find_next_exit(&mut self) {
        let flying = self.flying.iter().map(|danmu| danmu.line.exit);
        let standing = self.standing.iter().map(|danmu| danmu.until);
        self.next_exit = flying.chain(standing).fold(f64::INFINITY, f64::min);
    }

    fn serve(&mut self, time: f64) {
        let mut at = 0;
        while let Some(Waiting { item, deadline, .. }) = self.waiting.get(at) {
            if time > *deadline {
                self.waiting.remove(at);
                self.stats.given_up += 1;
            } else if let Some(seat) = self.seat(item, time) {
                let content = self.waiting.remove(at).content;
                self.enter(seat, content, time);
            } else {
                at += 1;
            }
        }
    }

    fn wait(&mut self, item: Item, content: T, time: f64) -> Outcome {
        let behind = |priority: Priority| move |other: &Waiting<T>| other.item.priority >= priority;
        let at = self.waiting.partition_point(behind(item.priority));
        if self.options.max_wait_ms <= 0.0 || at >= self.options.max_waiting {
            self.stats.given_up += 1;
            return Outcome::GivenUp;
        }
        if self.waiting.len() >= self.options.max_waiting {
            self.waiting.pop();
            self.stats.given_up += 1;
        }
        self.waiting.insert(at, Waiting { item, deadline: time + self.options.max_wait_ms, content });
        Outcome::Waiting
    }

    /// The lanes that are free for it at `time`.
    fn seat(&self, item: &Item, time: f64) -> Option<Seat> {
        let lanes = self.lanes_for(item);
        if lanes == 0 {
            return None;
        }
        let last = self.lanes - lanes;
        let lane = match item.mode {
            Mode::Scroll => self.lane_to_fly(item, lanes, last, time),
            Mode::Top | Mode::Bottom => self.lane_to_stand(item, lanes, last, time),
        }?;
        Some(Seat { item: *item, lane, lanes })
    }

    /// The topmost free lane without a fixed danmu in the way; if every free lane has one, the topmost free lane.
    fn lane_to_fly(&self, item: &Item, lanes: u16, last: u16, time: f64) -> Option<u16> {
        let (stage, gap) = (f64::from(self.options.width), f64::from(self.options.gap));
        let width = f64::from(item.width);
        let line = Line::entering(stage, width, time, self.options.scroll_ms);
        let mut second_best = None;
        for lane in 0..=last {
            let rows = usize::from(lane)..usize::from(lane + lanes);
            if !self.tails[rows].iter().all(|tail| tail.admits(line.speed, time, stage - gap)) {
                continue;
            }
            let band = self.band(Mode::Scroll, lane, lanes);
            let blocked = self.standing.iter().any(|other| {
                let span = Span::centred(stage, f64::from(other.seat.item.width));
                self.band_of(&other.seat).meets(&band) && line.crosses(width, span, time, other.until, gap)
            });
            if !blocked {
                return Some(lane);
            }
            second_best = second_best.or(Some(lane));
        }
        second_best
    }

    /// The first lane without another fixed danmu that no scrolling one crosses meanwhile; if every one is crossed, the
    /// first without another fixed danmu.
    fn lane_to_stand(&self, item: &Item, lanes: u16, last: u16, time: f64) -> Option<u16> {
        let (stage, gap) = (f64::from(self.options.width), f64::from(self.options.gap));
        let span = Span::centred(stage, f64::from(item.width));
        let until = time + self.options.fixed_ms;
        let mut second_best = None;
        for lane in 0..=last {
            let band = self.band(item.mode, lane, lanes);
            if self.standing.iter().any(|other| self.band_of(&other.seat).meets(&band)) {
                continue;
            }
            let crossed = self.flying.iter().any(|other| {
                let width = f64::from(other.seat.item.width);
                self.band_of(&other.seat).meets(&band) && other.line.crosses(width, span, time, until, gap)
            });
            if !crossed {
                return Some(lane);
            }
            second_best = second_best.or(Some(lane));
        }
        second_best
    }

    fn band_of(&self, seat: &Seat) -> Band {
        self.band(seat.item.mode, seat.lane, seat.lanes)
    }

    fn enter(&mut self, seat: Seat, content: T, time: f64) {
        self.stats.shown += 1;
        let exit = match seat.item.mode {
            Mode::Scroll => {
                let (stage, width) = (f64::from(self.options.width), f64::from(seat.item.width));
                let line = Line::entering(stage, width, time, self.options.scroll_ms);
                self.tails[seat.rows()].fill(Tail::of(&line));
                self.flying.push(Flying { seat, line, content });
                line.exit
            }
            Mode::Top | Mode::Bottom => {
                let until = time + self.options.fixed_ms;
                self.standing.push(Standing { seat, until, content });
                until
            }
        };
        self.next_exit = self.next_exit.min(exit);
    }
}
