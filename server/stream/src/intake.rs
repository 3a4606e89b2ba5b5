//! Bodies: how much of a request is taken in, for whom, and for how long.
//!
//! Promises: a body is there within [`BODY_PATIENCE`] or cut off, however it is sent; more than [`SMALL_BODY`] bytes are
//! kept only for whom the caller of [`Intake::take`] vouches, and only while a door's large bodies fit [`ROOM`] together,
//! until their requests are answered. A small body waits for nobody. Never keeps more than room was made for.

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

/// What anybody may send, bytes: enough for a danmu many times over, and to be told what is wrong.
pub(crate) const SMALL_BODY: usize = 64 * 1024;
/// How long a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(30);
/// The large bodies of a door together, bytes.
const ROOM: usize = 64 * 1024 * 1024;
/// How long a large body waits for room. Its client tries again after that.
const ROOM_PATIENCE: Duration = Duration::from_secs(1);
/// How long the rest of a refused body is read and thrown away: a client still sending would not see the answer.
const DISCARD_PATIENCE: Duration = Duration::from_secs(5);
/// What a permit stands for, bytes.
const UNIT: usize = 1024;

/// Where the bodies of one door come in.
#[derive(Debug)]
pub(crate) struct Intake {
    room: Semaphore,
}

/// A whole body. The room it takes is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Taken<'a> {
    pub(crate) bytes: Bytes,
    _room: Option<(SemaphorePermit<'a>, Option<Slot>)>,
}

/// That more than [`SMALL_BODY`] bytes may be kept.
#[derive(Debug)]
pub(crate) struct Vouched {
    /// The most, bytes.
    pub(crate) limit: usize,
    /// Held for as long as the body is.
    pub(crate) slot: Option<Slot>,
}

impl Intake {
    pub(crate) fn new() -> Self {
        Self { room: Semaphore::new(ROOM / UNIT) }
    }

    /// The whole of `body`, at most `limit` bytes. `vouched` is asked before more than [`SMALL_BODY`] bytes are kept; its
    /// refusal is the answer.
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
        // Whoever does not say how much is coming has room kept for the most.
        let most = hint.upper().map_or(limit, |most| usize::try_from(most).unwrap_or(usize::MAX));
        match self.make_room(most, limit, arrival.deadline).await {
            Ok(room) => {
                // All at once: growing by doubling would take more than there is room for.
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

/// A body on its way in.
struct Arrival {
    body: Body,
    kept: Vec<u8>,
    /// What came last and did not fit.
    next: Option<Bytes>,
    deadline: Instant,
}

impl Arrival {
    /// Keeps what comes. True: that was all of it; false: it has more than `limit` bytes.
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
            // A body that always has a byte ready never lets the timer speak.
            let frame = frame.ok().filter(|_| Instant::now() < self.deadline).ok_or_else(too_slow)?;
            match frame {
                None => return Ok(None),
                Some(Err(_)) => return Err(ApiError::new(ErrorCode::Serialization, "The body ended early.")),
                // Trailers say nothing here.
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// Throws away what is still to come, for a while, and returns the error that the client is to see.
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

    /// Sends pieces of `size` bytes, one each `every`, for ever or `count` of them; says how much is coming or not.
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
        // Nor does one help itself to more time that is always there when it is looked at.
        let mut late =
            Arrival { body: slow(1, Duration::ZERO, 5, None), kept: Vec::new(), next: None, deadline: Instant::now() };
        assert_eq!(kind(late.read(10).await), Some(ErrorCode::RequestTimeout));
        // What is refused is listened to for a shorter time still.
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
        // A length that nobody declared counts as the most: four of fifteen mebibytes fit.
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
