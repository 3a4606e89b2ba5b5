//! Keeps temporary credentials: asks for them when they are first needed, and again before they end.
//!
//! Promises: however many wait, one call is made; a failed call fails those who began it and nobody who came later; a
//! call that was left alone (its last waiter went away) is taken up again while it is young and replaced when it is
//! not; credentials that still hold are used while new ones are on their way; it never loops on its own. Credentials live
//! in memory only. From a session it also learns how wrong the local clock is.

use std::{cell::RefCell, future::Future, pin::pin, rc::Rc, time::Duration};

use futures::{
    FutureExt,
    future::{Either, LocalBoxFuture, Shared, select},
};

use super::host::{Clock, Host};
use crate::session::{Purpose, Session};

/// The last part of a session's life in which it is renewed: a fifth of it, and at least this long; up to half as much again
/// by chance.
const RENEW_AHEAD_MS: i64 = 120_000;
/// No renewal ahead of time within this long of the last call, whatever came of it.
const RENEW_GAP_MS: i64 = 30_000;
/// How long a new session is trusted against the local clock, which may be wrong where the vending machine is not.
const GRACE_MS: i64 = 60_000;
/// A call without an answer is given up after this long, so that it does not hold up the next one for ever.
const PATIENCE_MS: i64 = 20_000;
/// Who joins a call that is older than this is not failed by it: nobody may have attended to it for a while.
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
    /// For a person.
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
    /// Names flights, so that a late waiter does not take a newer one for its own.
    flights: u64,
    /// When the last flight began, in local milliseconds.
    last_call: Option<i64>,
}

impl Inner {
    /// The flight that may still be joined, and its age. An older one may not have been polled for long: its timer
    /// would fail whoever takes it up.
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
    /// Asks nobody yet.
    pub fn new(clock: Clock<H>, vend: V, purpose: Purpose) -> Self {
        Self { clock, vend: Rc::new(vend), purpose, state: Rc::default() }
    }

    /// The clock that this keeper, and whoever signs with its sessions, goes by.
    pub fn clock(&self) -> &Clock<H> {
        &self.clock
    }

    /// The session held, if it has not ended.
    pub fn current(&self) -> Option<Rc<Session>> {
        let state = self.state.borrow();
        let held = state.held.as_ref()?;
        let fresh = self.clock.host().now_ms() - held.received < GRACE_MS;
        (fresh || self.clock.now_ms() < held.session.expiration).then(|| Rc::clone(&held.session))
    }

    /// A session that holds: the one in hand, or a new one.
    ///
    /// # Errors
    /// What the vending machine said to the one call that this caller waited for.
    pub async fn session(&self) -> Vended {
        if let Some(session) = self.current() {
            return Ok(session);
        }
        loop {
            let (vended, old) = self.fly().await;
            match &vended {
                _ if !old => return vended,
                Ok(session) if self.clock.now_ms() < session.expiration => return vended,
                // An old call may bring a session that has ended since, or an old failure: then a young one is made.
                Ok(session) => self.drop_session(session),
                Err(_) => {}
            }
        }
    }

    /// Runs `work`, and beside it the renewal of the session if that is due.
    pub async fn alongside<T>(&self, work: impl Future<Output = T>) -> T {
        if !self.renewal_due() {
            return work.await;
        }
        match select(pin!(work), pin!(self.fly())).await {
            Either::Left((done, _)) => done,
            // Whatever came of the renewal, the session in hand still holds; the next need decides.
            Either::Right((_, work)) => work.await,
        }
    }

    /// Forgets `session` if it is still the one held: a service said that it has ended.
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

    /// Joins the call under way, or makes one; and whether what it joined was old by then.
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
                // Those who began in one moment do not all come back in one.
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

/// One call to the vending machine. If its answer was taken in promptly, the clock learns from it.
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
