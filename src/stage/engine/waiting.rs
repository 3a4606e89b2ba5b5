//! The waiting list for lanes: by importance, then by waiting time, and bounded.

use super::super::item::{Item, Mode, Outcome, Priority};
use super::super::options::Overlap;
use super::Stage;

/// A waiting danmu.
#[derive(Debug)]
pub(in crate::stage) struct Waiting<T> {
    pub(super) item: Item,
    pub(super) deadline: f64,
    /// Before this time no lane can be free for it.
    not_before: f64,
    pub(in crate::stage) content: T,
}

impl<T> Stage<T> {
    /// Gives up a danmu before it is measured, if the waiting list is full of others that are no less important. Returns
    /// whether it did. In a flood this saves the caller work; such a one would hardly have found a lane.
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

    /// Puts it on the waiting list, if it may wait.
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

    /// Places those that find a lane, and gives up those that waited too long.
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
                // Where a fixed one is in the way, a faster one may pass in time.
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

    /// After lanes became free out of turn: all look again, although no time has passed.
    pub(super) fn call_again(&mut self) {
        for danmu in &mut self.waiting {
            danmu.not_before = f64::NEG_INFINITY;
        }
        self.next_chance = f64::NEG_INFINITY;
        self.served = f64::NEG_INFINITY;
    }

    /// After the longest wait or the rate changed: `rate` times as fast, and none waits longer than the bound from now on.
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

/// The last one that found no lane at this moment: a wider one of its kind finds none either, nor sooner. (It would be as fast
/// or faster, and those that enter meanwhile free no lane.)
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
