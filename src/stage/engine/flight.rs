//! Flight: the moving danmu, kept in the order of entering, removed in the order of leaving. In a lane that is the same.
//!
//! Entering and leaving cost O(log n). A slot stays, empty, until those before it have left too or half of the slots are empty.
//! In a steady state nothing is allocated.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

use super::super::lanes::Trajectory;
use super::seats::Seat;

/// Empty slots that are not worth compacting.
const SPARE: usize = 64;

/// A danmu in flight.
#[derive(Debug)]
pub(super) struct Flying<T> {
    pub(super) seat: Seat,
    pub(super) line: Trajectory,
    pub(super) content: T,
}

/// All in flight.
#[derive(Debug)]
pub(super) struct Flight<T> {
    slots: VecDeque<Option<Flying<T>>>,
    /// The number of the first slot; slots are numbered in the order of entering.
    first: u64,
    exits: BinaryHeap<Reverse<Exit>>,
    aloft: usize,
}

impl<T> Flight<T> {
    pub(super) fn new() -> Self {
        Self { slots: VecDeque::new(), first: 0, exits: BinaryHeap::new(), aloft: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.aloft
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Flying<T>> {
        self.slots.iter().flatten()
    }

    pub(super) fn enter(&mut self, danmu: Flying<T>) {
        if self.slots.len() > 2 * self.aloft + SPARE {
            self.close_up();
        }
        self.exits.push(Reverse(Exit { at: danmu.line.exit, slot: self.first + self.slots.len() as u64 }));
        self.slots.push_back(Some(danmu));
        self.aloft += 1;
    }

    /// When the next one leaves; never too late, and too early only where one was removed.
    pub(super) fn next_exit(&self) -> f64 {
        self.exits.peek().map_or(f64::INFINITY, |Reverse(exit)| exit.at)
    }

    /// Removes all that have left at `time`.
    pub(super) fn leave(&mut self, time: f64) {
        while self.next_exit() <= time {
            let Some(Reverse(Exit { slot, .. })) = self.exits.pop() else { break };
            // The slot of a removed one may be empty, or gone.
            let index = slot.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
            if index.and_then(|index| self.slots.get_mut(index)).and_then(Option::take).is_some() {
                self.aloft -= 1;
            }
        }
        self.drop_first();
    }

    /// Removes one. Returns whether it was there.
    pub(super) fn remove(&mut self, id: u64) -> bool {
        let slot = self.slots.iter_mut().find(|slot| slot.as_ref().is_some_and(|danmu| danmu.seat.item.id == id));
        let found = slot.and_then(Option::take).is_some();
        if found {
            self.aloft -= 1;
            self.drop_first();
        }
        found
    }

    /// Keeps those, in the order of entering, for which `keep` is true; it may change their trajectories.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&mut Flying<T>) -> bool) {
        for slot in &mut self.slots {
            if slot.as_mut().is_some_and(|danmu| !keep(danmu)) {
                *slot = None;
            }
        }
        self.close_up();
    }

    /// The same; returns those that leave, in order, each with what `keep` returned for it.
    pub(super) fn part<U>(&mut self, mut keep: impl FnMut(&mut Flying<T>) -> Result<(), U>) -> Vec<(Flying<T>, U)> {
        let mut gone = Vec::new();
        for slot in &mut self.slots {
            if let Some(mut danmu) = slot.take() {
                match keep(&mut danmu) {
                    Ok(()) => *slot = Some(danmu),
                    Err(why) => gone.push((danmu, why)),
                }
            }
        }
        self.close_up();
        gone
    }

    /// Sorts them in the order of leaving, which is that of entering for those that share a lane.
    pub(super) fn sort(&mut self) {
        self.slots.make_contiguous().sort_by(|one, other| {
            let exit = |slot: &Option<Flying<T>>| slot.as_ref().map_or(f64::NEG_INFINITY, |danmu| danmu.line.exit);
            exit(one).total_cmp(&exit(other))
        });
        self.close_up();
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.close_up();
    }

    fn drop_first(&mut self) {
        while self.slots.front().is_some_and(Option::is_none) {
            self.slots.pop_front();
            self.first += 1;
        }
    }

    /// Compacts: removes the empty slots, and renumbers the others.
    fn close_up(&mut self) {
        self.slots.retain(Option::is_some);
        self.aloft = self.slots.len();
        self.exits.clear();
        let exits = self.slots.iter().flatten().zip(self.first..);
        self.exits.extend(exits.map(|(danmu, slot)| Reverse(Exit { at: danmu.line.exit, slot })));
    }
}

/// When the danmu of a slot leaves.
#[derive(Clone, Copy, Debug)]
struct Exit {
    at: f64,
    slot: u64,
}

impl Ord for Exit {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.total_cmp(&other.at).then(self.slot.cmp(&other.slot))
    }
}

impl PartialOrd for Exit {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Exit {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Exit {}
