//! Request bodies: limits on their size, arrival time and memory.
//!
//! Promises: a body that has not arrived within [`BODY_PATIENCE`] is refused, however it is sent. More than [`SMALL_BODY`]
//! bytes are buffered only if the caller of [`Intake::take`] vouches for the client, and only while the large bodies of that
//! door, until their requests are answered, fit into [`ROOM`] together. A small body never waits for room.

use std::{future::poll_fn, pin::Pin, time::Duration};

use axum::body::{Body, Bytes, HttpBody};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout_at},
};

use crate::{
    error::{ApiError, ErrorCode},
    meter::Slot,
};

/// The largest body that is read before anything is known about the client, bytes: enough to explain what is wrong.
pub(crate) const SMALL_BODY: usize = 64 * 1024;
/// How long a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(30);
/// Memory for the large bodies of one door together, bytes.
const ROOM: usize = 64 * 1024 * 1024;
/// How long a large body waits for room before it is refused with a retryable error.
const ROOM_PATIENCE: Duration = Duration::from_secs(1);
/// How long the rest of a refused body is read and discarded: a client that is still sending would not see the answer.
const DISCARD_PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of one semaphore permit.
const UNIT: usize = 1024;

/// The memory budget for the large bodies of one door.
#[derive(Debug)]
pub(crate) struct Intake {
    room: Semaphore,
}

/// A whole body. Its room is released when this is dropped.
#[derive(Debug)]
pub(crate) struct Taken<'a> {
    pub(crate) bytes: Bytes,
    _room: Option<(SemaphorePermit<'a>, Option<Slot>)>,
}

/// Permission to buffer more than [`SMALL_BODY`] bytes.
#[derive(Debug)]
pub(crate) struct Vouched {
    /// The largest body, bytes.
    pub(crate) limit: usize,
    /// Held until the body is dropped.
    pub(crate) slot: Option<Slot>,
}

impl Intake {
    pub(crate) fn new() -> Self {
        Self { room: Semaphore::new(ROOM / UNIT) }
    }

    /// The whole of `body`, at most `limit` bytes. `vouched` is awaited before more than [`SMALL_BODY`] bytes are buffered; its
    /// error is returned.
    pub(crate) async fn take(
        &self,
        body: Body,
        limit: usize,
        vouched: impl Future<Output = Result<Vouched, ApiError>>,
    ) -> Result<Taken<'_>, ApiError> {
        let hint = body.size_hint();
        let mut arrival = Arrival { body, kept: Vec::new(), next: None, deadline: Instant::now() + BODY_PATIENCE };
        let is_large = usize::try_from(hint.lower()).map_or(true, |least| least > SMALL_BODY);
        if !is_large && arrival.read(SMALL_BODY.min(limit)).await? {
            return Ok(Taken { bytes: arrival.kept.into(), _room: None });
        }
        let Vouched { limit: vouched_limit, slot } = match vouched.await {
            Ok(vouched) => vouched,
            Err(error) => return Err(arrival.refuse(error).await),
        };
        let limit = limit.min(vouched_limit);
        // A body of undeclared length reserves room for the limit.
        let most = hint.upper().map_or(limit, |most| usize::try_from(most).unwrap_or(usize::MAX));
        match self.make_room(most, limit, arrival.deadline).await {
            Ok(room) => {
                // Allocate once: growth by doubling would exceed the reserved room.
                arrival.kept.reserve_exact(most.saturating_sub(arrival.kept.len()));
                if arrival.read(most).await? {
                    return Ok(Taken { bytes: arrival.kept.into(), _room: Some((room, slot)) });
                }
                drop(room);
                Err(arrival.refuse(too_large(limit)).await)
            }
            Err(error) => Err(arrival.refuse(error).await),
        }
    }

    async fn make_room(&self, most: usize, limit: usize, deadline: Instant) -> Result<SemaphorePermit<'_>, ApiError> {
        if most > limit || limit <= SMALL_BODY {
            return Err(too_large(limit));
        }
        let units = u32::try_from(most.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let patience = deadline.min(Instant::now() + ROOM_PATIENCE);
        match timeout_at(patience, self.room.acquire_many(units)).await {
            Ok(Ok(room)) => Ok(room),
            _ => {
                let message = format!(
                    "The large requests under way have {ROOM} bytes together, the most that is taken at a time. Try again."
                );
                Err(ApiError::new(ErrorCode::ServiceUnavailable, message))
            }
        }
    }
}

/// A body that is being received.
struct Arrival {
    body: Body,
    kept: Vec<u8>,
    /// The last chunk, which did not fit.
    next: Option<Bytes>,
    deadline: Instant,
}

impl Arrival {
    /// Buffers the body. True: it is complete; false: it has more than `limit` bytes.
    async fn read(&mut self, limit: usize) -> Result<bool, ApiError> {
        loop {
            let data = match self.next.take() {
                Some(data) => data,
                None => match self.frame().await? {
                    Some(data) => data,
                    None => return Ok(true),
                },
            };
            if data.len() > limit.saturating_sub(self.kept.len()) {
                self.next = Some(data);
                return Ok(false);
            }
            self.kept.extend_from_slice(&data);
        }
    }

    async fn frame(&mut self) -> Result<Option<Bytes>, ApiError> {
        loop {
            let frame = timeout_at(self.deadline, poll_fn(|cx| Pin::new(&mut self.body).poll_frame(cx))).await;
            // `timeout_at` polls the body first, so a body that always has a byte ready would never time out.
            let frame = frame.ok().filter(|_| Instant::now() < self.deadline).ok_or_else(too_slow)?;
            match frame {
                None => return Ok(None),
                Some(Err(_)) => return Err(ApiError::new(ErrorCode::Serialization, "The body ended early.")),
                // Trailers are ignored.
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// Discards what is still to come, for up to [`DISCARD_PATIENCE`], and returns the error for the client.
    async fn refuse(mut self, error: ApiError) -> ApiError {
        (self.kept, self.next) = (Vec::new(), None);
        self.deadline = self.deadline.min(Instant::now() + DISCARD_PATIENCE);
        while let Ok(Some(_)) = self.frame().await {}
        error
    }
}

fn too_large(limit: usize) -> ApiError {
    ApiError::new(ErrorCode::RequestTooLarge, format!("The body has more than {limit} bytes."))
}

fn too_slow() -> ApiError {
    let message = format!("The body did not arrive within {} seconds.", BODY_PATIENCE.as_secs());
    ApiError::new(ErrorCode::RequestTimeout, message)
}

#[cfg(test)]
mod tests {
    use std::{
        future::ready,
        task::{Context, Poll},
    };

    use http::HeaderMap;
    use http_body_util::Full;
    use hyper::body::{Frame, SizeHint};
    use tokio::time::{Sleep, sleep};

    use super::*;
    use crate::quotas::MAX_BODY;

    /// Sends `count` pieces of `size` bytes, one each `every`, with or without a declared length.
    struct Slow {
        size: usize,
        every: Duration,
        count: usize,
        declared: Option<u64>,
        timer: Pin<Box<Sleep>>,
    }

    fn slow(size: usize, every: Duration, count: usize, declared: Option<u64>) -> Body {
        Body::new(Slow { size, every, count, declared, timer: Box::pin(sleep(every)) })
    }

    impl HttpBody for Slow {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            if self.count == 0 {
                return Poll::Ready(None);
            }
            if !self.every.is_zero() {
                std::task::ready!(self.timer.as_mut().poll(cx));
                let next = Instant::now() + self.every;
                self.timer.as_mut().reset(next);
            }
            self.count -= 1;
            let frame = if self.size == 0 {
                Frame::trailers(HeaderMap::new())
            } else {
                Frame::data(vec![b' '; self.size].into())
            };
            Poll::Ready(Some(Ok(frame)))
        }

        fn size_hint(&self) -> SizeHint {
            self.declared.map(SizeHint::with_exact).unwrap_or_default()
        }
    }

    fn whole(size: usize) -> Body {
        Body::new(Full::new(Bytes::from(vec![b' '; size])))
    }

    fn kind<T>(result: Result<T, ApiError>) -> Option<ErrorCode> {
        result.err().map(|error| error.kind)
    }

    const FULL: Vouched = Vouched { limit: MAX_BODY, slot: None };
    const SECOND: Duration = Duration::from_secs(1);
    const MIB: usize = 1024 * 1024;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_cut_after_thirty_seconds_however_it_is_sent() {
        let intake = Intake::new();
        let large = Some(MAX_BODY as u64);
        for (what, body) in [
            ("a byte a second, no length", slow(1, SECOND, usize::MAX, None)),
            ("a byte a second, a small length", slow(1, SECOND, usize::MAX, Some(1000))),
            ("a byte a second, a large length", slow(1, SECOND, usize::MAX, large)),
            ("large pieces", slow(100_000, SECOND, usize::MAX, None)),
            ("large pieces, a large length", slow(100_000, SECOND, usize::MAX, large)),
            ("nothing but trailers", slow(0, SECOND, usize::MAX, None)),
            ("nothing at all", slow(1, SECOND * 86_400, usize::MAX, large)),
        ] {
            let started = Instant::now();
            assert_eq!(
                kind(intake.take(body, MAX_BODY, ready(Ok(FULL))).await),
                Some(ErrorCode::RequestTimeout),
                "{what}"
            );
            assert!(started.elapsed().abs_diff(BODY_PATIENCE) <= SECOND / 100, "{what}: {:?}", started.elapsed());
        }
        // A body that is ready at every poll does not escape the deadline.
        let mut late =
            Arrival { body: slow(1, Duration::ZERO, 5, None), kept: Vec::new(), next: None, deadline: Instant::now() };
        assert_eq!(kind(late.read(10).await), Some(ErrorCode::RequestTimeout));
        // A refused body is read for a shorter time.
        let stranger = || ready(Err(ApiError::new(ErrorCode::ExpiredToken, "")));
        let started = Instant::now();
        let refused = intake.take(slow(1, SECOND, usize::MAX, large), MAX_BODY, stranger()).await;
        assert_eq!(kind(refused), Some(ErrorCode::ExpiredToken));
        assert!(started.elapsed() <= DISCARD_PATIENCE + SECOND / 100, "{:?}", started.elapsed());
        assert_eq!(intake.room.available_permits(), ROOM / UNIT, "all the room is free again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_body_is_kept_only_for_whom_somebody_vouches() {
        let intake = Intake::new();
        let stranger = || ready(Err(ApiError::new(ErrorCode::UnrecognizedClient, "")));
        let pieces = |bytes: usize| slow(1000, Duration::ZERO, bytes / 1000, None);
        for body in [whole(SMALL_BODY), whole(0), pieces(64_000)] {
            assert_eq!(kind(intake.take(body, MAX_BODY, stranger()).await), None);
        }
        for body in [whole(SMALL_BODY + 1), whole(MAX_BODY + 1), pieces(66_000)] {
            assert_eq!(kind(intake.take(body, MAX_BODY, stranger()).await), Some(ErrorCode::UnrecognizedClient));
        }
        for (body, size) in [(whole(MAX_BODY), MAX_BODY), (pieces(MIB), MIB / 1000 * 1000)] {
            let taken = intake.take(body, MAX_BODY, ready(Ok(FULL))).await;
            assert_eq!(taken.map(|taken| taken.bytes.len()), Ok(size));
        }
        for body in [whole(MAX_BODY + 1), pieces(MAX_BODY + 1000)] {
            assert_eq!(kind(intake.take(body, MAX_BODY, ready(Ok(FULL))).await), Some(ErrorCode::RequestTooLarge));
        }
        assert_eq!(
            kind(intake.take(pieces(66_000), SMALL_BODY, ready(Ok(FULL))).await),
            Some(ErrorCode::RequestTooLarge)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn large_bodies_share_a_room_and_small_ones_never_wait_for_it() {
        let intake = Intake::new();
        let vouched = || ready(Ok(FULL));
        let mut taken = Vec::new();
        // An undeclared length reserves the limit: four bodies of fifteen mebibytes fit.
        for _ in 0..4 {
            taken.push(intake.take(slow(1000, Duration::ZERO, 100, None), MAX_BODY, vouched()).await);
        }
        assert!(taken.iter().all(Result::is_ok));
        let started = Instant::now();
        for body in [whole(MAX_BODY), slow(1000, Duration::ZERO, 100, None), whole(5 * MIB)] {
            assert_eq!(kind(intake.take(body, MAX_BODY, vouched()).await), Some(ErrorCode::ServiceUnavailable));
        }
        assert!(started.elapsed().abs_diff(ROOM_PATIENCE * 3) <= SECOND / 100, "{:?}", started.elapsed());

        let started = Instant::now();
        for body in [whole(SMALL_BODY), slow(1000, Duration::ZERO, 60, None)] {
            assert!(intake.take(body, MAX_BODY, vouched()).await.is_ok());
        }
        assert!(intake.take(whole(4 * MIB), MAX_BODY, vouched()).await.is_ok(), "what fits is taken");
        assert_eq!(started.elapsed(), Duration::ZERO);

        // The one that waits goes in when another one is done.
        let waiting = intake.take(whole(MAX_BODY), MAX_BODY, vouched());
        let (result, ()) = tokio::join!(waiting, async {
            sleep(SECOND / 2).await;
            taken.pop();
        });
        assert!(result.is_ok());
        assert_eq!(started.elapsed(), SECOND / 2);
    }
}
