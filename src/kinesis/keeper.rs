//! Session keeper: holds temporary credentials, asks for them when first needed, and renews them before they expire.
//!
//! Waiters share one call; a failed call fails its caller and those who joined within a second, nobody later; a call whose last
//! waiter went away is resumed while it is young and replaced when it is not; valid credentials are used while new ones are on
//! their way; it never loops on its own. Credentials are kept in memory only. A session also corrects the local clock.

use std::{cell::RefCell, future::Future, pin::pin, rc::Rc, time::Duration};

use futures::{
    FutureExt,
    future::{Either, LocalBoxFuture, Shared, select},
};

use super::host::{Clock, Host};
use crate::session::{Purpose, Session};

/// A session is renewed in the last part of its life: a fifth of it, at least this long; plus up to half of that as jitter.
const RENEW_AHEAD_MS: i64 = 120_000;
/// No early renewal within this long of the last call, whatever its outcome.
const RENEW_GAP_MS: i64 = 30_000;
/// How long a new session is trusted even if it has expired by the local clock, which may be wrong.
const GRACE_MS: i64 = 60_000;
/// A call without a reply times out after this long, so that it does not block the next one for ever.
const PATIENCE_MS: i64 = 20_000;
/// Joining a call older than this is safe: its failure does not count, as it may not have been polled for a while.
const YOUNG_MS: i64 = 1_000;

/// The token vending machine, as the keeper sees it.
pub trait Vend: 'static {
    /// Asks for a session once.
    fn vend(&self, purpose: Purpose) -> impl Future<Output = Result<Session, VendError>>;
}

/// Why no session was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no permission for the stream: {message}")]
pub struct VendError {
    /// The message, for a person.
    pub message: String,
    /// When asking again may help (a limit, a lost connection); `None` when it will not.
    pub retry_after: Option<Duration>,
}

type Vended = Result<Rc<Session>, VendError>;
type Flight = Shared<LocalBoxFuture<'static, Vended>>;

/// Keeps the session of one purpose. Clones share it.
pub struct Keeper<H, V> {
    clock: Clock<H>,
    vend: Rc<V>,
    purpose: Purpose,
    state: Rc<RefCell<Inner>>,
}

#[derive(Default)]
struct Inner {
    held: Option<Held>,
    flight: Option<(u64, Flight)>,
    /// Numbers the flights, so that a late waiter does not take a newer one for its own.
    flights: u64,
    /// When the last flight began, in local milliseconds.
    last_call: Option<i64>,
}

impl Inner {
    /// The flight that may still be joined, and its age. An older one may not have been polled for long: its timer would fail
    /// its new waiter at once.
    fn under_way(&self, now: i64) -> Option<(u64, &Flight, i64)> {
        let (id, flight) = self.flight.as_ref()?;
        let age = now.saturating_sub(self.last_call?);
        (0..PATIENCE_MS).contains(&age).then_some((*id, flight, age))
    }
}

struct Held {
    session: Rc<Session>,
    /// Local milliseconds.
    received: i64,
    renew_ms: i64,
}

impl<H: Host, V: Vend> Keeper<H, V> {
    /// Makes no call yet.
    pub fn new(clock: Clock<H>, vend: V, purpose: Purpose) -> Self {
        Self { clock, vend: Rc::new(vend), purpose, state: Rc::default() }
    }

    /// The clock that this keeper and its sessions' signers use.
    pub fn clock(&self) -> &Clock<H> {
        &self.clock
    }

    /// The session in hand, if it has not expired.
    pub fn current(&self) -> Option<Rc<Session>> {
        let state = self.state.borrow();
        let held = state.held.as_ref()?;
        let fresh = self.clock.host().now_ms() - held.received < GRACE_MS;
        (fresh || self.clock.now_ms() < held.session.expiration).then(|| Rc::clone(&held.session))
    }

    /// A valid session: the one in hand, or a new one.
    ///
    /// # Errors
    /// The vending machine's answer to the call that this caller waited for.
    pub async fn session(&self) -> Vended {
        if let Some(session) = self.current() {
            return Ok(session);
        }
        loop {
            let (vended, old) = self.fly().await;
            match &vended {
                _ if !old => return vended,
                Ok(session) if self.clock.now_ms() < session.expiration => return vended,
                // An old call may bring a session that has expired since, or an old failure: then a new call is made.
                Ok(session) => self.drop_session(session),
                Err(_) => {}
            }
        }
    }

    /// Runs `work` and, if it is due, the renewal of the session concurrently.
    pub async fn alongside<T>(&self, work: impl Future<Output = T>) -> T {
        if !self.renewal_due() {
            return work.await;
        }
        match select(pin!(work), pin!(self.fly())).await {
            Either::Left((done, _)) => done,
            // Whatever the outcome of the renewal, the session in hand is still valid.
            Either::Right((_, work)) => work.await,
        }
    }

    /// Drops `session` if it is still the one in hand: a service rejected it.
    pub fn drop_session(&self, session: &Rc<Session>) {
        let mut state = self.state.borrow_mut();
        if state.held.as_ref().is_some_and(|held| Rc::ptr_eq(&held.session, session)) {
            state.held = None;
        }
    }

    fn renewal_due(&self) -> bool {
        let state = self.state.borrow();
        let Some(held) = &state.held else { return false };
        let now = self.clock.host().now_ms();
        let due = held.session.expiration.saturating_sub(self.clock.now_ms()) < held.renew_ms;
        let rested = state.last_call.is_none_or(|last| !(0..RENEW_GAP_MS).contains(&now.saturating_sub(last)));
        due && (rested || state.under_way(now).is_some())
    }

    /// Joins the call in progress, or makes one; also returns whether the call joined was old.
    async fn fly(&self) -> (Vended, bool) {
        let now = self.clock.host().now_ms();
        let (id, flight, old) = {
            let mut state = self.state.borrow_mut();
            match state.under_way(now) {
                Some((id, flight, age)) => (id, flight.clone(), age >= YOUNG_MS),
                None => {
                    let flight = call(Rc::clone(&self.vend), self.purpose, self.clock.clone()).boxed_local().shared();
                    state.flights += 1;
                    let id = state.flights;
                    state.flight = Some((id, flight.clone()));
                    state.last_call = Some(now);
                    (id, flight, false)
                }
            }
        };
        let vended = flight.await;
        let mut state = self.state.borrow_mut();
        if state.flight.as_ref().is_some_and(|(current, _)| *current == id) {
            state.flight = None;
            if let Ok(session) = &vended {
                let life = session.expiration.saturating_sub(session.vended_at);
                let ahead = (life / 5).max(RENEW_AHEAD_MS);
                // Clients that began together do not all renew together.
                let jitter = (self.clock.host().random() % (ahead / 2).unsigned_abs()).cast_signed();
                state.held = Some(Held {
                    session: Rc::clone(session),
                    received: self.clock.host().now_ms(),
                    renew_ms: ahead + jitter,
                });
            }
        }
        (vended, old)
    }
}

/// One call to the vending machine. If its reply was handled promptly, it corrects the clock.
async fn call<H: Host, V: Vend>(vend: Rc<V>, purpose: Purpose, clock: Clock<H>) -> Vended {
    let begun = clock.host().now_ms();
    let late = pin!(clock.host().sleep(Duration::from_millis(PATIENCE_MS.unsigned_abs())));
    match select(pin!(vend.vend(purpose)), late).await {
        Either::Left((vended, _)) => {
            let session = vended?;
            clock.compare(begun, session.vended_at);
            Ok(Rc::new(session))
        }
        Either::Right(_) => {
            let message = "the server does not answer".into();
            Err(VendError { message, retry_after: Some(Duration::from_secs(1)) })
        }
    }
}

impl<H, V> Clone for Keeper<H, V> {
    fn clone(&self) -> Self {
        Self {
            clock: self.clock.clone(),
            vend: Rc::clone(&self.vend),
            purpose: self.purpose,
            state: Rc::clone(&self.state),
        }
    }
}
