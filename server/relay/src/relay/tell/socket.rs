//! A viewer's own connection: one HTTP/1.1 response that ends with the connection
//! ([RFC 9112, section 6.3](https://www.rfc-editor.org/rfc/rfc9112#section-6.3), case 8), so that the ring's bytes go to it
//! unchanged.
//!
//! Promises: at most the rest of one event, or of the first answer, is buffered for a viewer, besides [`SEND_BUFFER`] in the
//! kernel; a socket not writable for [`PATIENCE`] is cut; a viewer that is only slow is told a gap once the ring has passed it.

use std::{
    future::poll_fn,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use danmu_identity::capacity::Permit;
use hyper::body::{Buf, Bytes};
use socket2::SockRef;
use tokio::{net::TcpStream, sync::mpsc, task::yield_now, time::timeout};

use super::{
    super::line::ring::Cursor,
    seat::{Seat, Waits},
};

/// The kernel's send buffer for a viewer that does not read, bytes: some seconds of a busy room. (Linux doubles it, for its
/// own book-keeping.)
const SEND_BUFFER: usize = 64 * 1024;
/// How long a viewer's socket may stay blocked. Shorter than for the server's other connections: a viewer reconnects by itself, and resumes from its token.
const PATIENCE: Duration = Duration::from_secs(8);
/// Bytes from a viewer after its request that are ignored: some clients and proxies send an extra line break.
const PASSED_OVER: usize = 64 * 1024;
/// The head of the answer.
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n\
    x-content-type-options: nosniff\r\nx-accel-buffering: no\r\nconnection: close\r\n\r\n";

/// A viewer's connection, and its place in the feed.
pub struct Socket {
    stream: TcpStream,
    seat: Seat,
    /// What is not written yet of the event that was begun.
    rest: Bytes,
    batch: InBatch,
    _permit: Permit,
    /// Bytes received after the request.
    passed_over: usize,
}

/// A place in a batch of one room's viewers; freed when it is dropped.
#[derive(Debug)]
pub struct InBatch {
    door: mpsc::UnboundedSender<Socket>,
    taken: Arc<AtomicUsize>,
}

impl InBatch {
    /// Takes one more place in a batch, which a socket enters by this channel.
    pub fn new(door: &mpsc::UnboundedSender<Socket>, taken: &Arc<AtomicUsize>) -> Self {
        taken.fetch_add(1, Relaxed);
        Self { door: door.clone(), taken: Arc::clone(taken) }
    }
}

impl Drop for InBatch {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Relaxed);
    }
}

/// The outcome of writing to a viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Everything there is has been written.
    Told,
    /// The socket takes no more at the moment.
    Blocked,
    /// The viewer is gone, or the feed has ended.
    Gone,
}

/// An event on its way to all sockets of a batch.
#[derive(Clone, Debug)]
pub struct News {
    /// The event as it is sent.
    pub bytes: Bytes,
    /// The number of danmu in it.
    pub danmu: u64,
}

impl Socket {
    /// Answers with `first`, then with the feed, until the viewer leaves or the feed ends; in its batch once it has caught up.
    pub fn open(stream: TcpStream, seat: Seat, first: impl Iterator<Item = Bytes>, batch: InBatch, permit: Permit) {
        // If this fails, the listener's setting applies.
        let _ = SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER);
        let mut rest = HEAD.to_vec();
        first.for_each(|bytes| rest.extend_from_slice(&bytes));
        Self { stream, seat, rest: rest.into(), batch, _permit: permit, passed_over: 0 }.go_alone();
    }

    /// Writes to it at its own pace, in its own task, until it has caught up, its absence included; then it enters its batch.
    pub fn go_alone(mut self) {
        let tasks = self.seat.audience.tasks.clone();
        tasks.spawn(async move {
            let mut waits = None;
            loop {
                match self.go_on() {
                    Progress::Told if self.seat.absence.is_none() => {
                        // This fails only if the batch has ended, and the feed with it: the connection is then closed.
                        let door = self.batch.door.clone();
                        let _ = door.send(self);
                        return;
                    }
                    Progress::Told => {
                        let waits = waits.get_or_insert_with(|| Waits::new(&self.seat.audience.feed));
                        match poll_fn(|context| self.wait(waits, context)).await {
                            Some(bytes) => self.rest = bytes,
                            None => return,
                        }
                        // An absence may be minutes of events at once: let other tasks of this thread run.
                        yield_now().await;
                    }
                    Progress::Gone => return,
                    Progress::Blocked => {
                        let metrics = &self.seat.audience.metrics;
                        let _stuck = metrics.stuck();
                        match timeout(PATIENCE, self.stream.writable()).await {
                            Ok(Ok(())) => {}
                            Ok(Err(_)) => return,
                            Err(_) => return metrics.cut(),
                        }
                    }
                }
            }
        });
    }

    /// The next bytes to send, live or of its absence, empty if that is over; `None` if the feed has ended or the viewer left.
    fn wait(&mut self, waits: &Waits, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.is_gone(context) {
            return Poll::Ready(None);
        }
        match self.seat.take(Some((&waits.slot, context.waker()))) {
            Poll::Pending if self.seat.absence.is_none() => Poll::Ready(Some(Bytes::new())),
            told => told,
        }
    }

    /// Writes as many live events as there are and the socket takes.
    pub fn go_on(&mut self) -> Progress {
        loop {
            match self.write_rest() {
                Progress::Told => {}
                other => return other,
            }
            self.rest = match self.seat.take_live(None) {
                Poll::Ready(Some(bytes)) => bytes,
                Poll::Ready(None) => return Progress::Gone,
                Poll::Pending => return Progress::Told,
            };
        }
    }

    /// Writes a batch's events, `news`, which lie between the two cursors. Returns also how many of them were handed over; 0 if
    /// this viewer is elsewhere and reads the ring by itself, which counts on its own.
    pub fn tell(&mut self, from: &Cursor, news: &[News], to: &Cursor) -> (Progress, usize) {
        if !self.seat.cursor.is_at(from) {
            return (self.go_on(), 0);
        }
        for (at, News { bytes, .. }) in news.iter().enumerate() {
            match self.stream.try_write(bytes) {
                Ok(written) if written == bytes.len() => {}
                outcome => {
                    self.rest = bytes.clone();
                    // The rest of `news` is still in the ring.
                    let danmu = news[..=at].iter().map(|news| news.danmu).sum();
                    self.seat.cursor.pass(at as u64 + 1, danmu);
                    let progress = self.after(outcome);
                    return (if progress == Progress::Told { Progress::Blocked } else { progress }, at + 1);
                }
            }
        }
        self.seat.cursor.clone_from(to);
        (Progress::Told, news.len())
    }

    /// Whether the viewer left; otherwise `context` is woken when it does. Bytes after its request are ignored, up to
    /// [`PASSED_OVER`].
    pub fn is_gone(&mut self, context: &mut Context<'_>) -> bool {
        loop {
            match self.stream.poll_read_ready(context) {
                Poll::Pending => return false,
                Poll::Ready(Err(_)) => return true,
                Poll::Ready(Ok(())) => {}
            }
            match self.stream.try_read(&mut [0; 512]) {
                Ok(said @ 1..) if self.passed_over + said <= PASSED_OVER => self.passed_over += said,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                _ => return true,
            }
        }
    }

    fn write_rest(&mut self) -> Progress {
        while !self.rest.is_empty() {
            let outcome = self.stream.try_write(&self.rest);
            match self.after(outcome) {
                Progress::Told => {}
                other => return other,
            }
        }
        Progress::Told
    }

    /// Advances the rest by what was written; `Told` if there was progress.
    fn after(&mut self, outcome: io::Result<usize>) -> Progress {
        match outcome {
            Ok(0) => Progress::Gone,
            Ok(written) => {
                self.rest.advance(written);
                Progress::Told
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Progress::Blocked,
            Err(_) => Progress::Gone,
        }
    }
}
