//! A viewer's own connection: one HTTP/1.1 answer that lasts as long as the connection does
//! ([RFC 9112, section 6.3](https://www.rfc-editor.org/rfc/rfc9112#section-6.3), case 8), so that the ring's bytes go to it as
//! they are.
//!
//! Promises: what waits for a viewer is at most the rest of one event, besides [`SEND_BUFFER`] in the system; one that takes
//! nothing for [`PATIENCE`] is cut, one that takes little is not, and is told what it missed once the ring has passed it.

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

use hyper::body::{Buf, Bytes};
use socket2::SockRef;
use tokio::{net::TcpStream, sync::mpsc, task::yield_now, time::timeout};

use super::{
    super::line::ring::Cursor,
    seat::{Seat, Waits},
};
use crate::capacity::Permit;

/// What the system holds for a viewer that does not read, bytes: some seconds of a busy room. (Linux doubles it, for its own
/// book-keeping.)
const SEND_BUFFER: usize = 64 * 1024;
/// How long a viewer may take none of what waits for it. Less than others have ([`crate::http`]): it comes back by itself, and
/// loses nothing.
const PATIENCE: Duration = Duration::from_secs(8);
/// What a viewer may say besides its request, bytes: some clients and proxies send a line break more.
const PASSED_OVER: usize = 64 * 1024;
/// What the answer begins with.
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n\
    x-content-type-options: nosniff\r\nx-accel-buffering: no\r\nconnection: close\r\n\r\n";

/// A connection, and the viewer at its other end.
pub struct Socket {
    stream: TcpStream,
    seat: Seat,
    /// What was begun and is not written yet.
    rest: Bytes,
    batch: InBatch,
    _permit: Permit,
    /// What it said besides its request, bytes.
    passed_over: usize,
}

/// A place in a batch, which tells many of one room together; given back when it is dropped.
#[derive(Debug)]
pub struct InBatch {
    door: mpsc::UnboundedSender<Socket>,
    taken: Arc<AtomicUsize>,
}

impl InBatch {
    /// One more of those taken in a batch, which a socket enters by this door.
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

/// How far a viewer got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It was told all there is.
    Told,
    /// It does not take more at the moment.
    Blocked,
    /// It is gone, or the feed has ended.
    Gone,
}

/// An event on its way to many.
#[derive(Clone, Debug)]
pub struct News {
    /// As it is sent.
    pub bytes: Bytes,
    /// Danmu in it.
    pub danmu: u64,
}

impl Socket {
    /// Answers with `first`, then with the feed, until the viewer goes or the feed ends; in a batch when it was told all there is.
    pub fn open(stream: TcpStream, seat: Seat, first: impl Iterator<Item = Bytes>, batch: InBatch, permit: Permit) {
        // If it cannot be set, the listener's is in force.
        let _ = SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER);
        let mut rest = HEAD.to_vec();
        first.for_each(|bytes| rest.extend_from_slice(&bytes));
        Self { stream, seat, rest: rest.into(), batch, _permit: permit, passed_over: 0 }.go_alone();
    }

    /// Tells it at its own pace, by a task of its own, until it was told all, its absence too; then it is its batch's.
    pub fn go_alone(mut self) {
        let tasks = self.seat.audience.tasks.clone();
        tasks.spawn(async move {
            let mut waits = None;
            loop {
                match self.go_on() {
                    Progress::Told if self.seat.absence.is_none() => {
                        // Where the batch has ended the feed has, and with it the viewer's connection.
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
                        // There may be minutes of it at once, and others are on this thread.
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

    /// What it is told next, its absence too; `None` when the feed ends or the viewer has gone. Empty when its absence is over.
    fn wait(&mut self, waits: &Waits, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.is_gone(context) {
            return Poll::Ready(None);
        }
        match self.seat.take(Some((&waits.slot, context.waker()))) {
            Poll::Pending if self.seat.absence.is_none() => Poll::Ready(Some(Bytes::new())),
            told => told,
        }
    }

    /// Tells what it can be told now of what is said now.
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

    /// Tells what is new to all: `news` is what lies between the two cursors. Gives also how many of them were handed over
    /// here; what it is told by itself is counted where it is.
    pub fn tell(&mut self, from: &Cursor, news: &[News], to: &Cursor) -> (Progress, usize) {
        if !self.seat.cursor.is_at(from) {
            return (self.go_on(), 0);
        }
        for (at, News { bytes, .. }) in news.iter().enumerate() {
            match self.stream.try_write(bytes) {
                Ok(written) if written == bytes.len() => {}
                outcome => {
                    self.rest = bytes.clone();
                    // What follows this one is still in the ring.
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

    /// Whether the viewer went; otherwise `context` is woken when it does. What it says besides its request is passed over, up to
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

    /// Takes in how much of the rest was written; `Told` if there was progress.
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
