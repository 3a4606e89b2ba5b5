//! Filters the heads of HTTP/1.1 requests between the socket and hyper.
//!
//! Promises: lines of a head end with CR LF, and a bare LF is answered with 400 ([RFC 9112, section
//! 2.2](https://www.rfc-editor.org/rfc/rfc9112#section-2.2) allows either, but a proxy in front may then see two requests where
//! we see one: request smuggling); a head that has begun is complete before a deadline. Does not parse bodies: their
//! length comes from the parsed head ([`Framing`]).

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, header};
use tokio::{
    io::{AsyncRead, ReadBuf},
    time::{Sleep, sleep},
};

/// All that follows is body.
const REST: u64 = u64::MAX;

/// How many bytes of the body are left before the next head.
#[derive(Clone, Debug, Default)]
pub struct Framing(Arc<AtomicU64>);

impl Framing {
    /// Starts the body of the request with that head. Returns whether another request may follow: not after a chunked body,
    /// whose end is not tracked here, so that the connection must be closed.
    pub fn begin_body(&self, head: &HeaderMap) -> bool {
        let in_chunks = head.contains_key(header::TRANSFER_ENCODING);
        let length = head.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        self.0.store(if in_chunks { REST } else { length.unwrap_or(0) }, Relaxed);
        !in_chunks
    }

    /// Takes up to `bytes` bytes as body; returns how many.
    fn pass(&self, bytes: usize) -> usize {
        let left = self.0.load(Relaxed);
        let passed = left.min(bytes as u64);
        if left != REST {
            self.0.store(left - passed, Relaxed);
        }
        // At most `bytes`.
        usize::try_from(passed).unwrap_or(bytes)
    }
}

/// A reader that hands on one head at a time.
pub struct Heads<R> {
    input: R,
    framing: Framing,
    /// Bytes after the end of a head, read but not handed on yet.
    held: Vec<u8>,
    last: u8,
    /// Bytes of the current line.
    bytes: usize,
    patience: Duration,
    /// Runs while a head is incomplete.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<R> Heads<R> {
    /// Filters `input`; each head must be complete within `patience`.
    pub fn new(input: R, framing: Framing, patience: Duration) -> Self {
        Self { input, framing, held: Vec::new(), last: 0, bytes: 0, patience, deadline: None }
    }

    /// The underlying reader. Bytes that are held back are dropped.
    pub fn into_inner(self) -> R {
        self.input
    }

    /// How many of these bytes to hand on now: those of a body, or of a head up to its end.
    fn pass(&mut self, bytes: &mut [u8]) -> usize {
        let of_body = self.framing.pass(bytes.len());
        if of_body > 0 {
            return of_body;
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            let last = std::mem::replace(&mut self.last, *byte);
            match *byte {
                b'\n' if last != b'\r' => {
                    // NUL is not allowed in a head, so hyper answers 400 (RFC 9110, section 5.5).
                    *byte = 0;
                }
                b'\n' => {
                    let is_empty = std::mem::take(&mut self.bytes) == 0;
                    // Blank lines before a head are skipped.
                    if is_empty && self.deadline.take().is_some() {
                        return at + 1;
                    }
                }
                b'\r' => {}
                _ => {
                    self.bytes += 1;
                    self.deadline.get_or_insert_with(|| Box::pin(sleep(self.patience)));
                }
            }
        }
        bytes.len()
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Heads<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let begun = buf.filled().len();
        let was_held = !self.held.is_empty();
        if was_held {
            let most = self.held.len().min(buf.remaining());
            buf.put_slice(&self.held[..most]);
        } else {
            match Pin::new(&mut self.input).poll_read(cx, buf) {
                Poll::Ready(read) => read?,
                Poll::Pending => {
                    let is_late = self.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready());
                    return if is_late { Poll::Ready(Err(io::ErrorKind::TimedOut.into())) } else { Poll::Pending };
                }
            }
        }
        let passed = self.pass(&mut buf.filled_mut()[begun..]);
        if was_held {
            self.held.drain(..passed);
        } else {
            self.held.extend_from_slice(&buf.filled()[begun + passed..]);
        }
        buf.set_filled(begun + passed);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::Instant,
    };

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn each_head_is_handed_on_by_itself_and_what_a_body_holds_is_left_as_it_is() {
        let (input, mut output) = duplex(1_000);
        let framing = Framing::default();
        let mut heads = Heads::new(input, framing.clone(), PATIENCE);
        let all = b"\r\nPOST / HTTP/1.1\r\nContent-Length: 6\r\n\r\na\n\n\r\n\nGET / HTTP/1.1\r\nHost: x\n\r\n";
        output.write_all(all).await.expect("room");
        let mut bytes = [0; 1_000];
        let head = heads.read(&mut bytes).await.expect("a head");
        assert_eq!(&bytes[..head], &all[..40], "up to its end");
        let told = [(header::CONTENT_LENGTH, "6".parse().expect("a value"))].into_iter().collect();
        assert!(framing.begin_body(&told));
        let body = heads.read(&mut bytes).await.expect("a body");
        assert_eq!(&bytes[..body], b"a\n\n\r\n\n");
        let head = heads.read(&mut bytes).await.expect("a head");
        assert_eq!(&bytes[..head], b"GET / HTTP/1.1\r\nHost: x\0\r\n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_is_whole_in_time_and_a_quiet_connection_has_no_deadline() {
        let (input, mut output) = duplex(1_000);
        let mut heads = Heads::new(input, Framing::default(), PATIENCE);
        let mut bytes = [0; 1_000];
        let quiet = tokio::time::timeout(10 * PATIENCE, heads.read(&mut bytes)).await;
        assert!(quiet.is_err(), "nobody ends it here");
        let (started, writing) = (Instant::now(), async {
            // A byte every five seconds.
            while output.write_all(b"G").await.is_ok() {
                sleep(PATIENCE / 6).await;
            }
        });
        let reading = async {
            loop {
                match heads.read(&mut bytes).await {
                    Ok(_) => {}
                    Err(error) => return error.kind(),
                }
            }
        };
        let ended = tokio::select! { kind = reading => kind, () = writing => unreachable!("it goes on") };
        assert_eq!((ended, started.elapsed()), (io::ErrorKind::TimedOut, PATIENCE));
    }
}
