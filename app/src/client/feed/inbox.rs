//! The queue of events from the browser, for the one task that takes them.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::{Future, poll_fn},
    rc::Rc,
    task::{Poll, Waker},
};

/// An event from the browser.
pub enum Signal {
    /// An event of the connection of that number.
    Feed {
        /// Which connection.
        number: usize,
        /// The event's name; `error` where it broke off.
        name: String,
        /// The event's data.
        data: String,
        /// The feed token after it, empty where that is unchanged.
        place: String,
    },
    /// A note from another tab.
    Note(String),
    /// This tab holds the lock.
    Granted,
    /// The lock was taken away.
    Lost,
}

/// The queue and the waker of its task. A handle.
#[derive(Clone, Default)]
pub struct Inbox(Rc<RefCell<(VecDeque<Signal>, Option<Waker>)>>);

impl Inbox {
    /// Appends a signal.
    pub fn push(&self, signal: Signal) {
        let waker = {
            let mut inbox = self.0.borrow_mut();
            inbox.0.push_back(signal);
            inbox.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The next signal. Nothing is lost if the future is dropped.
    pub fn next(&self) -> impl Future<Output = Signal> {
        poll_fn(|context| {
            let mut inbox = self.0.borrow_mut();
            let signal = inbox.0.pop_front();
            if signal.is_none() {
                inbox.1 = Some(context.waker().clone());
            }
            signal.map_or(Poll::Pending, Poll::Ready)
        })
    }
}
