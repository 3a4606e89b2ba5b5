//! Who wants to know when a line grows. A waker each, woken once for all that comes until it registers again.

use std::task::Waker;

/// A place among those that wait.
#[derive(Debug)]
pub struct Slot(usize);

/// Those that have told all there is.
#[derive(Debug, Default)]
pub struct Waiting {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Waiting {
    /// A slot that is nobody else's until it is given back.
    pub fn take(&mut self) -> Slot {
        Slot(self.free.pop().unwrap_or_else(|| {
            self.wakers.push(None);
            self.wakers.len() - 1
        }))
    }

    /// The slot is free for others.
    pub fn give_back(&mut self, Slot(slot): &Slot) {
        if let Some(waker) = self.wakers.get_mut(*slot) {
            *waker = None;
            self.free.push(*slot);
        }
    }

    /// This waker is woken next time.
    pub fn register(&mut self, Slot(slot): &Slot, waker: &Waker) {
        if let Some(registered) = self.wakers.get_mut(*slot)
            && !registered.as_ref().is_some_and(|registered| registered.will_wake(waker))
        {
            *registered = Some(waker.clone());
        }
    }

    /// All that are to be woken, each once: whoever is woken comes back to register.
    pub fn drain(&mut self) -> Vec<Waker> {
        self.wakers.iter_mut().filter_map(Option::take).collect()
    }
}
