//! The host that the client runs on: a browser, a server, or a test with virtual time. It brings the clock, the randomness, the
//! timer and the network; it never sees a secret.

use std::{cell::Cell, future::Future, rc::Rc, time::Duration};

/// The longest that a reply may take, until it is handled, for its time to correct the clock: a page may have slept.
const PROMPT_MS: i64 = 2_000;
/// The least clock difference that is corrected: more than a prompt reply leaves uncertain.
const SKEW_MS: u64 = 2_000;

/// What the client needs from its host. Futures need not be `Send`: a browser has one thread, and natively a current-thread
/// runtime or a `LocalSet` drives them.
pub trait Host: 'static {
    /// Unix milliseconds by the local clock, right or wrong; the client corrects the skew.
    fn now_ms(&self) -> i64;

    /// 64 random bits, for jitter; nothing secret depends on them.
    fn random(&self) -> u64;

    /// Completes after `duration`.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()>;

    /// Sends `POST url` with exactly these headers (the host adds `Host` and `Content-Length`) and reads the whole
    /// reply. A status such as 400 is a [`Reply`]; only a reply that never came is a [`NetError`].
    fn post(
        &self,
        url: &str,
        headers: &[(&str, String)],
        body: Vec<u8>,
    ) -> impl Future<Output = Result<Reply, NetError>>;
}

/// An HTTP reply.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// HTTP status code.
    pub status: u16,
    /// The `Date` header, where the host may read it (the service exposes it by CORS).
    pub date: Option<String>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// No reply came: name resolution, connection, TLS, CORS, abort. The request may have arrived all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NetError(
    /// The host's message, for a person.
    pub String,
);

/// A host together with the known skew of its clock. Clones share both.
pub struct Clock<H> {
    host: Rc<H>,
    skew_ms: Rc<Cell<i64>>,
}

impl<H: Host> Clock<H> {
    /// Trusts the host's clock until a service says otherwise.
    pub fn new(host: H) -> Self {
        Self { host: Rc::new(host), skew_ms: Rc::default() }
    }

    /// The host.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// Unix milliseconds, corrected.
    pub fn now_ms(&self) -> i64 {
        self.host.now_ms().saturating_add(self.skew_ms.get())
    }

    /// What is added to the local clock, in milliseconds.
    pub fn skew_ms(&self) -> i64 {
        self.skew_ms.get()
    }

    /// Compares with the time (Unix milliseconds) in a reply to a request made at `asked_ms` (local milliseconds), and corrects
    /// the skew if the reply was handled promptly and the difference is large enough.
    pub fn compare(&self, asked_ms: i64, answered_ms: i64) {
        let took = self.host.now_ms().saturating_sub(asked_ms);
        // The best guess: the reply was made halfway.
        let true_now = answered_ms.saturating_add(took / 2);
        if (0..=PROMPT_MS).contains(&took) && true_now.abs_diff(self.now_ms()) >= SKEW_MS {
            self.learn(true_now);
        }
    }

    /// Takes over the skew, in milliseconds, from another clock of the same host.
    pub fn adopt(&self, skew_ms: i64) {
        self.skew_ms.set(skew_ms);
    }

    /// Sets the skew by a service's time of now, in Unix milliseconds.
    pub fn learn(&self, true_now_ms: i64) {
        self.skew_ms.set(true_now_ms.saturating_sub(self.host.now_ms()));
    }
}

impl<H> Clone for Clock<H> {
    fn clone(&self) -> Self {
        Self { host: Rc::clone(&self.host), skew_ms: Rc::clone(&self.skew_ms) }
    }
}
