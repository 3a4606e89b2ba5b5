//! Wakers of the readers that wait for a ring to grow. Each is woken once, until it registers again.

use std::task::Waker;

/// A reader's slot for its waker.
#[derive(Debug)]
pub struct Slot(usize);

/// The wakers of readers that are at the end of the ring.
#[derive(Debug, Default)]
pub struct Waiting {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Waiting {
    /// Takes a slot, exclusively until it is given back.
    pub fn take(&mut self) -> Slot {
        Slot(self.free.pop().unwrap_or_else(|| {
            self.wakers.push(None);
            self.wakers.len() - 1
        }))
    }

    /// Frees a slot for others.
    pub fn give_back(&mut self, Slot(slot): &Slot) {
        if let Some(waker) = self.wakers.get_mut(*slot) {
            *waker = None;
            self.free.push(*slot);
        }
    }

    /// Registers the waker for the next wake-up.
    pub fn register(&mut self, Slot(slot): &Slot, waker: &Waker) {
        if let Some(registered) = self.wakers.get_mut(*slot)
            && !registered.as_ref().is_some_and(|registered| registered.will_wake(waker))
        {
            *registered = Some(waker.clone());
        }
    }

    /// Takes all registered wakers: each registers again after it was woken.
    pub fn drain(&mut self) -> Vec<Waker> {
        self.wakers.iter_mut().filter_map(Option::take).collect()
    }
}
