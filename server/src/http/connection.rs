//! One connection: HTTP/1.1, or HTTP/2 with prior knowledge (RFC 9113, section 3.3). There is no TLS here, and so no
//! negotiation of the version.
//!
//! Promises, for both: a connection is closed if a request's head is not complete within [`PATIENCE`], or after the idle
//! timeout; headers are bounded, and name one host ([RFC 9112, section
//! 3.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2)); on shutdown an idle connection ends at once, any other after its
//! last response. For HTTP/2 also: bounded streams, and detection of peers that are gone, that take nothing of a response, or
//! that open and reset streams in a flood. Handlers find the host in `Host` in either version.

use std::{
    convert::Infallible,
    io::{self, Cursor},
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::Body,
    extract::ConnectInfo,
    response::{IntoResponse, Response},
};
use danmu_identity::capacity::Capacity;
use http::{
    HeaderValue, Request,
    header::{CONNECTION, CONTENT_TYPE},
};
use hyper::{
    body::{Bytes, Frame, Incoming, SizeHint},
    rt::{Read, Write},
    server::conn::{http1, http2},
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulConnection,
};
use tokio::{
    io::{AsyncReadExt, Chain, Join},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{
    handover::{Given, Handover, Taken},
    heads::{Framing, Heads},
    host::name_host,
    stalled::{Pulse, Streams},
    taking::Taking,
};

/// Timeout for the head of a request.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same on a connection with a permit of the reserve, which others may need.
const RESERVE_PATIENCE: Duration = Duration::from_secs(5);
/// How long an idle connection is kept during shutdown.
const PARTING: Duration = Duration::from_millis(250);
/// The I/O of a connection as hyper sees it.
type Io = TokioIo<Join<Heads<Chain<Cursor<Vec<u8>>, OwnedReadHalf>>, Taking<OwnedWriteHalf>>>;

/// The connection preface of HTTP/2.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Concurrent streams of an HTTP/2 connection: enough for a program that subscribes to many shards.
const STREAMS: u32 = 256;
/// Limit for the headers of an HTTP/2 request, bytes; a session token takes a tenth of it.
const MAX_HEADERS: u32 = 32 * 1024;
/// Limit for streams that a peer reset before they were handled; beyond it the connection is closed.
const MAX_RESETS: usize = 20;
/// Interval and timeout of pings to a silent HTTP/2 peer.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_PATIENCE: Duration = Duration::from_secs(10);
/// Limit for buffered response data of an HTTP/2 stream, bytes, besides the current frame.
const SEND_BUFFER: usize = 256 * 1024;

/// The service that answers requests: the routes, or a layer around them.
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

/// How a connection was admitted; among the extensions of its requests.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Issues permits for single viewers.
    pub capacity: Capacity,
    /// Whether the connection has only a permit of the reserve.
    pub is_reserve: bool,
    /// Whether it counts towards its peer's network; a proxy's connection does not.
    pub is_counted: bool,
    /// The idle timeout.
    pub idle: Duration,
    /// How long an HTTP/2 response may wait for its client to take a piece of it.
    pub taking: Duration,
}

/// Serves one connection until it ends, the idle timeout passes, or `stop` comes and every request that had begun is answered.
/// If a handler takes the connection over, returns it with its viewer.
pub(super) async fn attend(
    mut stream: TcpStream,
    peer: SocketAddr,
    router: impl Answering,
    admitted: Admitted,
    stop: &CancellationToken,
) -> Option<(TcpStream, Given)> {
    let Admitted { idle, taking, .. } = admitted;
    let (patience, idle) = if admitted.is_reserve { (RESERVE_PATIENCE, RESERVE_PATIENCE) } else { (PATIENCE, idle) };
    // A danmu is one small packet; it must not wait for a second one (Nagle's algorithm).
    let _ = stream.set_nodelay(true);
    let (is_http2, begun) = tokio::select! {
        begun = timeout(patience, beginning(&mut stream)) => match begun {
            Ok(Ok(begun)) => begun,
            _ => return None,
        },
        // No request has begun.
        () = stop.cancelled() => return None,
    };
    let (input, output) = stream.into_split();
    let (input, output) = (Cursor::new(begun).chain(input), Taking::new(output));
    let under_way = Arc::new(watch::Sender::new(0));
    // Either returns an error if the client disconnects midway, which is normal.
    if is_http2 {
        // Not on the reserve: one connection may open any number of streams.
        if !admitted.is_reserve {
            let service = service(router, peer, admitted, Arc::clone(&under_way), None);
            let io = TokioIo::new(tokio::io::join(input, output));
            serve_http2(io, service, &under_way, (idle, taking), stop).await;
        }
        None
    } else {
        let (handover, taken) = Handover::new();
        let framing = Framing::default();
        let io = TokioIo::new(tokio::io::join(Heads::new(input, framing.clone(), patience), output));
        let own = Some((handover, framing));
        let service = service(router, peer, admitted, Arc::clone(&under_way), own);
        let (io, given) = serve_http1(io, service, &under_way, taken, idle, stop).await?;
        whole(io).map(|stream| (stream, given))
    }
}

/// Reads until the bytes are, or are not, the preface of HTTP/2; returns which, and the bytes.
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

async fn serve_http1<I, S>(
    io: I,
    service: S,
    under_way: &watch::Sender<usize>,
    taken: Taken,
    idle: Duration,
    stop: &CancellationToken,
) -> Option<(I, Given)>
where
    I: Read + Write + Unpin + 'static,
    S: Service<Request<Incoming>, Response = http::Response<Counted>, Error = Infallible> + Unpin,
{
    let mut connection = http1::Builder::new()
        .max_buf_size(8192)
        .timer(TokioTimer::new())
        // The idle timeout between requests. A head has its own deadline, from its first byte on (`Heads`).
        .header_read_timeout(idle)
        .serve_connection(io, service);
    tokio::select! {
        _ = &mut connection => return None,
        Some(given) = taken.wait() => return Some((connection.into_parts().io, given)),
        () = stop.cancelled() => {}
    }
    GracefulConnection::graceful_shutdown(Pin::new(&mut connection));
    tokio::select! {
        _ = connection => {}
        // A request whose head is incomplete has not begun, and may never complete.
        () = none(under_way.subscribe()) => {}
    }
    None
}

/// The socket again, if all that was written to it has been flushed.
fn whole(io: Io) -> Option<TcpStream> {
    let (input, output) = io.into_inner().into_inner();
    let (_, input) = input.into_inner().into_inner();
    output.into_clean().and_then(|output| input.reunite(output).ok())
}

async fn serve_http2<I, S>(
    io: I,
    service: S,
    under_way: &watch::Sender<usize>,
    (patience, taking): (Duration, Duration),
    stop: &CancellationToken,
) where
    I: Read + Write + Unpin + 'static,
    S: Service<Request<Incoming>, Response = http::Response<Counted>, Error = Infallible>,
    S::Future: Send + 'static,
{
    let mut builder = http2::Builder::new(Streams(taking));
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
        () = idle(under_way.subscribe(), patience) => {}
    }
    // Streams in flight are answered, and new ones refused.
    GracefulConnection::graceful_shutdown(connection.as_mut());
    tokio::select! {
        _ = connection => {}
        // The peer keeps the connection open, or does not take the rest.
        () = idle(under_way.subscribe(), PATIENCE) => {}
    }
}

/// Ends when no request has been in flight for a moment, in which the kernel takes the last bytes of a response.
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

/// Ends when no request has been in flight for `patience`.
async fn idle(mut under_way: watch::Receiver<usize>, patience: Duration) {
    loop {
        if *under_way.borrow_and_update() == 0 {
            tokio::select! {
                () = sleep(patience) => return,
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
    admitted: Admitted,
    under_way: Arc<watch::Sender<usize>>,
    own: Option<(Handover, Framing)>,
) -> impl Service<Request<Incoming>, Response = http::Response<Counted>, Error = Infallible, Future: Send + 'static> + Unpin
{
    service_fn(move |request: Request<Incoming>| {
        let busy = Busy::new(&under_way);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(admitted.clone());
        let mut is_last = admitted.is_reserve;
        if let Some((handover, framing)) = &own {
            request.extensions_mut().insert(handover.clone());
            is_last |= !framing.begin_body(request.headers());
        }
        let answer = name_host(&mut request).map(|()| router.clone().oneshot(request));
        let is_http1 = own.is_some();
        async move {
            let mut answer: Response = match answer {
                Ok(answer) => answer.await?,
                Err(refusal) => {
                    is_last = true;
                    refusal.into_response()
                }
            };
            if is_last && is_http1 {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(Counted::of(answer, busy))
        }
    })
}

/// Counts a request as in flight until it is dropped.
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

/// A response body that counts as in flight until it was sent or dropped.
struct Counted {
    body: Body,
    /// For HTTP/2, where each response has its own flow control.
    pulse: Option<Pulse>,
    is_feed: bool,
    _busy: Busy,
}

impl Counted {
    fn of(answer: Response, busy: Busy) -> http::Response<Self> {
        let pulse = Pulse::of_this_stream();
        pulse.iter().for_each(Pulse::offer);
        let is_feed = answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        answer.map(|body| Self { body, pulse, is_feed, _busy: busy })
    }
}

impl hyper::body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Some(pulse) = &self.pulse {
            if frame.is_pending() { pulse.wait(self.is_feed) } else { pulse.offer() }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_kept_for_as_long_as_the_settings_say() {
        let (ours, mut theirs) = duplex(1_000);
        let (under_way, stop, idle) = (Arc::new(watch::Sender::new(0)), CancellationToken::new(), 75);
        let (handover, taken) = Handover::new();
        let framing = Framing::default();
        let (input, output) = tokio::io::split(ours);
        let io = TokioIo::new(tokio::io::join(Heads::new(input, framing.clone(), PATIENCE), output));
        let seconds = Duration::from_secs(idle);
        let capacity = Capacity::new(10, 100);
        let admitted = Admitted { capacity, is_reserve: false, is_counted: true, idle: seconds, taking: seconds };
        let router = axum::Router::new().fallback(|| async { "here" });
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let service = service(router, peer, admitted, Arc::clone(&under_way), Some((handover, framing)));
        let serving = tokio::spawn(async move {
            serve_http1(io, service, &under_way, taken, Duration::from_secs(idle), &stop).await.is_none()
        });
        for _ in 0..3 {
            theirs.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("it is open");
            let mut answer = Vec::new();
            while !answer.ends_with(b"here") {
                assert_ne!(theirs.read_buf(&mut answer).await.expect("it is open"), 0, "it is open");
            }
            assert!(timeout(Duration::from_secs(idle - 1), theirs.read_u8()).await.is_err(), "it is kept");
        }
        assert!(theirs.read_u8().await.is_err(), "it was idle for longer");
        assert!(serving.await.expect("it ends"));
    }
}
