//! Those that wait for a lane: the most important first, then the longest waiting, and nobody beyond the bound.

use super::super::item::{Item, Mode, Outcome, Priority};
use super::super::options::Overlap;
use super::Stage;

/// A danmu that waits.
#[derive(Debug)]
pub(in crate::stage) struct Waiting<T> {
    pub(super) item: Item,
    pub(super) deadline: f64,
    /// Before this it is of no use to look for a lane.
    not_before: f64,
    pub(in crate::stage) content: T,
}

impl<T> Stage<T> {
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

    /// Lets it wait, if it may.
    pub(super) fn wait(&mut self, item: Item, content: T, time: f64, not_before: f64) -> Outcome {
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
        let deadline = time + self.options.max_wait_ms * self.clock.rate();
        self.next_chance = self.next_chance.min(not_before).min(deadline);
        self.waiting.insert(at, Waiting { item, deadline, not_before, content });
        Outcome::Waiting
    }

    /// Places whoever finds a lane, gives up whoever waited too long.
    pub(super) fn serve(&mut self, time: f64) {
        self.next_chance = f64::INFINITY;
        let mut refused = Refused::default();
        let mut at = 0;
        while let Some(Waiting { item, deadline, not_before, .. }) = self.waiting.get(at) {
            if time > *deadline {
                self.waiting.remove(at);
                self.stats.given_up += 1;
                continue;
            }
            let (item, mut next) = (*item, *not_before);
            if time >= next {
                let kind = (item.mode, self.lanes_for(&item));
                // Where a fixed one is in the way, a faster one may be past in time.
                if self.options.overlap == Overlap::Never || !refused.covers(kind, item.width) {
                    match self.seat(&item, time) {
                        Ok(seat) => {
                            let content = self.waiting.remove(at).content;
                            self.enter(seat, content, time);
                            continue;
                        }
                        Err(next) => refused = Refused { kind: Some(kind), width: item.width, next },
                    }
                }
                next = refused.next;
            }
            let danmu = &mut self.waiting[at];
            danmu.not_before = next;
            self.next_chance = self.next_chance.min(next).min(danmu.deadline);
            at += 1;
        }
    }

    /// After lanes became free out of turn: everybody looks again, though no time has passed.
    pub(super) fn call_again(&mut self) {
        for danmu in &mut self.waiting {
            danmu.not_before = f64::NEG_INFINITY;
        }
        self.next_chance = f64::NEG_INFINITY;
        self.served = f64::NEG_INFINITY;
    }

    /// After the bound or the rate changed: `rate` times as fast, and nobody waits longer than the bound from now on.
    pub(super) fn tighten(&mut self, rate: f64, time: f64) {
        let most = time + self.options.max_wait_ms * self.clock.rate();
        for danmu in &mut self.waiting {
            danmu.deadline = (time + (danmu.deadline - time) * rate).min(most);
        }
        while self.waiting.len() > self.options.max_waiting {
            self.waiting.pop();
            self.stats.given_up += 1;
        }
        self.call_again();
    }
}

/// The last one for which there was no lane in this moment: for no wider one of its kind is there a lane, or sooner. (It
/// would be as fast or faster, and whoever enters meanwhile frees none.)
#[derive(Default)]
struct Refused {
    kind: Option<(Mode, u16)>,
    width: f32,
    next: f64,
}

impl Refused {
    fn covers(&self, kind: (Mode, u16), width: f32) -> bool {
        self.kind == Some(kind) && width >= self.width
    }
}
