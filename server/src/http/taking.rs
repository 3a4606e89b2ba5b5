//! A socket wrapper with a write timeout.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::AsyncWrite,
    time::{Sleep, sleep},
};

/// How long a client may take none of what is written to it. A client that reads at all is never cut.
const TAKING: Duration = Duration::from_secs(10);

/// A socket whose writes fail when its peer takes nothing for [`TAKING`]; without that a writer could wait for ever.
pub struct Taking<W> {
    output: W,
    /// Whether everything written has been flushed.
    is_clean: bool,
    /// The deadline of a write that waits; a quiet connection has none.
    patience: Option<Pin<Box<Sleep>>>,
}

impl<W> Taking<W> {
    /// Wraps a socket to which nothing was written yet.
    pub fn new(output: W) -> Self {
        Self { output, is_clean: true, patience: None }
    }

    /// The socket, if everything written has been flushed.
    pub fn into_clean(self) -> Option<W> {
        self.is_clean.then_some(self.output)
    }

    fn judge<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.patience = None;
            return written;
        }
        let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(TAKING)));
        match patience.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Taking<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.is_clean = false;
        let written = Pin::new(&mut self.output).poll_write(cx, bytes);
        self.judge(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.is_clean = false;
        let written = Pin::new(&mut self.output).poll_write_vectored(cx, pieces);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.output.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.output).poll_flush(cx);
        self.is_clean = matches!(flushed, Poll::Ready(Ok(())));
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::timeout,
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_given_up_and_one_that_takes_little_is_not() {
        let (ours, mut theirs) = duplex(8);
        let mut ours = Taking::new(ours);
        let mut little = [0; 1];
        for _ in 0..50 {
            assert!(timeout(TAKING * 3 / 4, ours.write_all(&[0; 9])).await.is_err(), "there is no room for all of it");
            theirs.read_exact(&mut little).await.expect("a byte");
            ours.write_all(&[0]).await.expect("room for a byte");
            theirs.read_exact(&mut little).await.expect("a byte");
        }
        let error = ours.write_all(&[0; 9]).await.expect_err("nothing is taken");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
