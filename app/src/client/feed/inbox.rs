//! Where what the browser tells waits for the one task that takes it, in its order.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::{Future, poll_fn},
    rc::Rc,
    task::{Poll, Waker},
};

/// What the browser tells.
pub enum Signal {
    /// An event of the connection of that number.
    Feed {
        /// Which connection.
        number: usize,
        /// The event's name; `error` where it broke off.
        name: String,
        /// What it says.
        data: String,
        /// The place after it, empty where that is the same as before.
        place: String,
    },
    /// What another tab says.
    Note(String),
    /// The tabs' lock is ours.
    Granted,
    /// It was taken away.
    Lost,
}

/// What waits, and who waits for it. A handle.
#[derive(Clone, Default)]
pub struct Inbox(Rc<RefCell<(VecDeque<Signal>, Option<Waker>)>>);

impl Inbox {
    /// Puts a signal behind the others.
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

    /// The next one, once there is one. Nothing is lost if the future is dropped.
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
