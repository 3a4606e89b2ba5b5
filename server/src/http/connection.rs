//! One connection: HTTP/1.1, or HTTP/2 as clients begin it that know the server (RFC 9113, section 3.3). There is no
//! encryption here, and so no other way to agree on a version.
//!
//! Promises, for both: a client that sends no whole request within [`PATIENCE`], or is idle for so long, is let go; headers
//! are bounded; on a signal an idle connection ends at once, another one with its last answer. For HTTP/2 besides: bounded
//! streams, and peers that are gone, or that open and reset streams for nothing, are found out. Handlers find the host in
//! `Host`, whatever the version.

use std::{
    convert::Infallible,
    io::{self, Cursor},
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{body::Body, extract::ConnectInfo, response::Response};
use http::{HeaderValue, Request, Version, header::HOST};
use hyper::{
    body::{Bytes, Frame, Incoming, SizeHint},
    rt::{Read, Write},
    server::conn::{http1, http2},
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::GracefulConnection,
};
use tokio::{
    io::{AsyncReadExt, AsyncWrite, Chain, Join},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    time::{Sleep, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::handover::{Handover, Taken};
use crate::relay::Viewer;

/// How long a client may take for the head of a request. Also how long a connection may be idle.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a client may take none of what is written to it. One that reads at all is never cut.
const TAKING: Duration = Duration::from_secs(10);
/// How long an idle connection is kept once the server ends.
const PARTING: Duration = Duration::from_millis(250);
/// A connection as hyper sees it.
type Io = TokioIo<Join<Chain<Cursor<Vec<u8>>, OwnedReadHalf>, Taking<OwnedWriteHalf>>>;

/// What every HTTP/2 connection begins with.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Requests at a time on an HTTP/2 connection: a program with every consumer of a stream of some shards has room.
const STREAMS: u32 = 256;
/// The headers of an HTTP/2 request, bytes; a session token of ours is a tenth of it.
const MAX_HEADERS: u32 = 32 * 1024;
/// Streams that a peer may reset before we came to serve them; with more of them it is let go.
const MAX_RESETS: usize = 20;
/// How often a silent HTTP/2 peer is asked whether it is there, and for how long its answer is waited for.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_PATIENCE: Duration = Duration::from_secs(10);
/// What an answer may have waiting for its HTTP/2 client, bytes, besides the piece at hand.
const SEND_BUFFER: usize = 256 * 1024;

/// What answers requests: routes, or what stands in front of them.
pub trait Answering:
    tower::Service<Request<Body>, Response = Response, Error = Infallible, Future: Send> + Clone + Unpin + Send + 'static
{
}

impl<S> Answering for S where
    S: tower::Service<Request<Body>, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Unpin
        + Send
        + 'static
{
}

/// Answers the requests of one connection, until it ends, or `stop` comes and every request that had begun is answered, or
/// it is handed over: then this gives it, and the viewer whose it is.
pub(super) async fn attend(
    mut stream: TcpStream,
    peer: SocketAddr,
    router: impl Answering,
    stop: &CancellationToken,
) -> Option<(TcpStream, Viewer)> {
    // A danmu is one small packet that must not wait for a second one.
    let _ = stream.set_nodelay(true);
    let (is_http2, begun) = tokio::select! {
        begun = timeout(PATIENCE, beginning(&mut stream)) => match begun {
            Ok(Ok(begun)) => begun,
            _ => return None,
        },
        // No request had begun.
        () = stop.cancelled() => return None,
    };
    let (input, output) = stream.into_split();
    let io = TokioIo::new(tokio::io::join(Cursor::new(begun).chain(input), Taking::new(output)));
    let under_way = Arc::new(watch::Sender::new(0));
    // Either fails when the client goes in the middle of something, which is its right.
    if is_http2 {
        serve_http2(io, service(router, peer, Arc::clone(&under_way), None), &under_way, stop).await;
        None
    } else {
        let (handover, taken) = Handover::new();
        serve_http1(io, service(router, peer, Arc::clone(&under_way), Some(handover)), &under_way, taken, stop).await
    }
}

/// The first bytes of a connection, as many as are needed to tell whether they begin HTTP/2.
async fn beginning(stream: &mut TcpStream) -> io::Result<(bool, Vec<u8>)> {
    let mut begun = Vec::with_capacity(PREFACE.len());
    while begun.len() < PREFACE.len() && PREFACE.starts_with(&begun) {
        let room = (PREFACE.len() - begun.len()) as u64;
        if (&mut *stream).take(room).read_buf(&mut begun).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok((begun == PREFACE, begun))
}

async fn serve_http1<S>(
    io: Io,
    service: S,
    under_way: &watch::Sender<usize>,
    taken: Taken,
    stop: &CancellationToken,
) -> Option<(TcpStream, Viewer)>
where
    S: Service<Request<Incoming>, Response = http::Response<Counted>, Error = Infallible> + Unpin,
{
    let mut connection = http1::Builder::new()
        .max_buf_size(8192)
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(io, service);
    tokio::select! {
        _ = &mut connection => return None,
        Some(viewer) = taken.wait() => return whole(connection.into_parts().io).map(|stream| (stream, viewer)),
        () = stop.cancelled() => {}
    }
    GracefulConnection::graceful_shutdown(Pin::new(&mut connection));
    tokio::select! {
        _ = connection => {}
        // A request whose head is not whole has not begun, and may never.
        () = none(under_way.subscribe()) => {}
    }
    None
}

/// The connection again, if nothing that was written to it is still on its way.
fn whole(io: Io) -> Option<TcpStream> {
    let (input, output) = io.into_inner().into_inner();
    let (_, input) = input.into_inner();
    output.is_clean.then(|| input.reunite(output.output).ok()).flatten()
}

async fn serve_http2<I, S>(io: I, service: S, under_way: &watch::Sender<usize>, stop: &CancellationToken)
where
    I: Read + Write + Unpin + 'static,
    S: Service<Request<Incoming>, Response = http::Response<Counted>, Error = Infallible>,
    S::Future: Send + 'static,
{
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(MAX_HEADERS)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_PATIENCE);
    let mut connection = pin!(builder.serve_connection(io, service));
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => {}
        () = idle(under_way.subscribe()) => {}
    }
    // Whoever is at it has its answers, and begins nothing new.
    GracefulConnection::graceful_shutdown(connection.as_mut());
    tokio::select! {
        _ = connection => {}
        // It does not say goodbye, or does not take what is left for it.
        () = idle(under_way.subscribe()) => {}
    }
}

/// Ends once no request has been under way for a moment: the last bytes of an answer are with the system by then.
async fn none(mut under_way: watch::Receiver<usize>) {
    loop {
        if under_way.wait_for(|requests| *requests == 0).await.is_err() {
            return;
        }
        if timeout(PARTING, under_way.wait_for(|requests| *requests > 0)).await.is_err() {
            return;
        }
    }
}

/// Ends once no request was under way for [`PATIENCE`].
async fn idle(mut under_way: watch::Receiver<usize>) {
    loop {
        if *under_way.borrow_and_update() == 0 {
            tokio::select! {
                () = sleep(PATIENCE) => return,
                _ = under_way.changed() => {}
            }
        } else if under_way.changed().await.is_err() {
            return;
        }
    }
}

fn service(
    router: impl Answering,
    peer: SocketAddr,
    under_way: Arc<watch::Sender<usize>>,
    handover: Option<Handover>,
) -> impl Service<Request<Incoming>, Response = http::Response<Counted>, Error = Infallible, Future: Send + 'static> + Unpin
{
    service_fn(move |request: Request<Incoming>| {
        let busy = Busy::new(&under_way);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        if let Some(handover) = &handover {
            request.extensions_mut().insert(handover.clone());
        }
        name_host(&mut request);
        let answer = router.clone().oneshot(request);
        async move {
            let answer: Result<Response, Infallible> = answer.await;
            answer.map(|answer| answer.map(|body| Counted { body, _busy: busy }))
        }
    })
}

/// HTTP/2 has the host in a pseudo-header; `Host` beside it must say the same (RFC 9113, section 8.3.1) and is overruled.
fn name_host(request: &mut Request<Body>) {
    if request.version() == Version::HTTP_2
        && let Some(host) = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok())
    {
        request.headers_mut().insert(HOST, host);
    }
}

/// A request under way, until it is dropped.
struct Busy(Arc<watch::Sender<usize>>);

impl Busy {
    fn new(under_way: &Arc<watch::Sender<usize>>) -> Self {
        under_way.send_modify(|requests| *requests += 1);
        Self(Arc::clone(under_way))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.send_modify(|requests| *requests -= 1);
    }
}

/// The body of an answer, under way until it was given out or nobody wants it any more.
struct Counted {
    body: Body,
    _busy: Busy,
}

impl hyper::body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A socket that fails when its peer takes nothing for [`TAKING`]: what waits for it would else wait for ever.
struct Taking<W> {
    output: W,
    /// Whether all that was written was flushed, too.
    is_clean: bool,
    /// Runs while something waits; quiet connections have none.
    patience: Option<Pin<Box<Sleep>>>,
}

impl<W> Taking<W> {
    fn new(output: W) -> Self {
        Self { output, is_clean: true, patience: None }
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

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
