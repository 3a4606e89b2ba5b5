//! Batches of viewers, each written to by one task: at each frame it wakes once, reads the ring once, and writes the same bytes
//! to every socket.
//!
//! Promises: a viewer whose socket does not take all bytes at once leaves the batch, so that the others never wait for it, and
//! returns once it has caught up with the ring.

use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Instant,
};

use tokio::sync::mpsc;

use super::{
    super::line::ring::{Cursor, Next},
    audience::Audience,
    seat::Waits,
    socket::{InBatch, News, Progress, Socket},
};

/// Viewers in a batch: enough to make waking cheap, few enough that a room's batches keep all cores busy.
const SEATS: usize = 128;

/// The batches of a room.
#[derive(Debug, Default)]
pub struct Batches(Mutex<Vec<Batch>>);

/// A batch, as viewers who join it see it.
#[derive(Debug)]
struct Batch {
    door: mpsc::UnboundedSender<Socket>,
    /// Viewers that are in it, or outside for a while.
    taken: Arc<AtomicUsize>,
}

/// The task of a batch.
struct Work {
    audience: Arc<Audience>,
    waits: Waits,
    arrivals: mpsc::UnboundedReceiver<Socket>,
    /// The batch's cursor: its sockets have been sent everything before it.
    cursor: Cursor,
    sockets: Vec<Socket>,
}

/// What is new since a cursor.
struct Look {
    from: Cursor,
    news: Vec<News>,
    made: Option<Instant>,
    closed: bool,
}

impl Batches {
    /// Takes a place in the first batch that has one free, or in a new batch.
    pub fn one_with_room(&self, audience: &Arc<Audience>) -> InBatch {
        let mut batches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = batches.iter().position(|batch| batch.taken.load(Relaxed) < SEATS).unwrap_or_else(|| {
            batches.push(Batch::start(audience));
            batches.len() - 1
        });
        let Batch { door, taken } = &batches[at];
        InBatch::new(door, taken)
    }
}

impl Batch {
    fn start(audience: &Arc<Audience>) -> Self {
        let (door, arrivals) = mpsc::unbounded_channel();
        let mut work = Work {
            audience: Arc::clone(audience),
            waits: Waits::new(&audience.feed),
            arrivals,
            cursor: audience.feed.ring.at_end(),
            sockets: Vec::new(),
        };
        audience.tasks.spawn(async move { poll_fn(|context| work.poll(context)).await });
        Self { door, taken: Arc::default() }
    }
}

impl Work {
    /// One step of the task. Ready when the feed has ended.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let look = self.look(context);
        if !look.news.is_empty() {
            self.tell(&look);
        }
        while let Poll::Ready(Some(socket)) = self.arrivals.poll_recv(context) {
            self.receive(socket, context);
        }
        if look.closed {
            // Dropping the sockets closes their connections.
            self.sockets.clear();
            return Poll::Ready(());
        }
        if look.news.is_empty() {
            self.sockets.retain_mut(|socket| !socket.is_gone(context));
        }
        Poll::Pending
    }

    fn look(&mut self, context: &Context<'_>) -> Look {
        let mut look = Look { from: self.cursor.clone(), news: Vec::new(), made: None, closed: false };
        loop {
            match self.audience.feed.ring.poll_next(&mut self.cursor, &self.waits.slot, context.waker()) {
                Next::Event { frame, made } => {
                    look.made.get_or_insert(made);
                    look.news.push(News { danmu: frame.danmu(), bytes: frame.bytes });
                }
                // Each viewer handles this by itself: its own cursor is passed, too.
                Next::Missed(_) => (look.from, look.news) = (self.cursor.clone(), Vec::new()),
                Next::Nothing => return look,
                Next::Closed => {
                    look.closed = true;
                    return look;
                }
            }
        }
    }

    fn tell(&mut self, Look { from, news, made, .. }: &Look) {
        let to = &self.cursor;
        let (mut events, mut danmu) = (0, 0);
        let stuck = self.sockets.extract_if(.., |socket| {
            let (progress, handed) = socket.tell(from, news, to);
            events += handed as u64;
            danmu += news[..handed].iter().map(|news| news.danmu).sum::<u64>();
            progress != Progress::Told
        });
        // Viewers that are gone also end there.
        stuck.for_each(Socket::go_alone);
        if let Some(made) = made {
            self.audience.metrics.sent(*made, events, danmu);
        }
    }

    fn receive(&mut self, mut socket: Socket, context: &mut Context<'_>) {
        match socket.go_on() {
            Progress::Told if !socket.is_gone(context) => self.sockets.push(socket),
            Progress::Blocked => socket.go_alone(),
            Progress::Told | Progress::Gone => {}
        }
    }
}
