//! A host with virtual time (tokio's, paused), seeded chance, and a network that is a closure.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    pin::Pin,
    rc::Rc,
    time::Duration,
};

use danmu::{
    kinesis::{Clock, Host, NetError, Reply, Vend, VendError},
    session::{Purpose, Session},
};
use tokio::time::Instant;

pub const EPOCH_MS: i64 = 1_700_000_000_000;

/// A request as the network sees it.
pub struct Post {
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: serde_json::Value,
}

impl Post {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    pub fn operation(&self) -> &str {
        self.header("x-amz-target").rsplit('.').next().unwrap_or_default()
    }
}

pub type Answer = Pin<Box<dyn Future<Output = Result<Reply, NetError>>>>;

pub struct World {
    begun: Instant,
    pub offset_ms: Cell<i64>,
    seed: Cell<u64>,
    #[allow(clippy::type_complexity)]
    network: RefCell<Box<dyn FnMut(Post) -> Answer>>,
}

#[derive(Clone)]
pub struct Here(pub Rc<World>);

impl Here {
    pub fn new(seed: u64, network: impl FnMut(Post) -> Answer + 'static) -> Self {
        Self(Rc::new(World {
            begun: Instant::now(),
            offset_ms: Cell::new(0),
            seed: Cell::new(seed),
            network: RefCell::new(Box::new(network)),
        }))
    }

    pub fn clock(&self) -> Clock<Self> {
        Clock::new(self.clone())
    }
}

impl Host for Here {
    fn now_ms(&self) -> i64 {
        EPOCH_MS + self.0.offset_ms.get() + self.0.begun.elapsed().as_millis() as i64
    }

    fn random(&self) -> u64 {
        let mut seed = self.0.seed.get();
        let value = random(&mut seed);
        self.0.seed.set(seed);
        value
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    async fn post(&self, url: &str, headers: &[(&str, String)], body: Vec<u8>) -> Result<Reply, NetError> {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let body = serde_json::from_slice(&body).expect("the client writes JSON");
        let answer = (self.0.network.borrow_mut())(Post { url: url.to_owned(), headers, body });
        answer.await
    }
}

/// SplitMix64.
pub fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

pub fn ok(body: serde_json::Value) -> Reply {
    Reply { status: 200, date: None, body: body.to_string().into_bytes() }
}

pub fn error(status: u16, code: &str, message: &str) -> Reply {
    let body = serde_json::json!({"__type": code, "message": message});
    Reply { status, date: None, body: body.to_string().into_bytes() }
}

pub fn session(vended_at: i64, life_ms: i64) -> Session {
    let expiration = vended_at + life_ms;
    Session {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: "secret".into(),
        session_token: format!("token until {expiration}"),
        expiration,
        vended_at,
        region: "us-east-1".into(),
        endpoint: "/aws/".into(),
        stream: "danmu".into(),
        partition_key: "demo".into(),
        ticket: None,
        ticket_keys: Vec::new(),
        bans: Vec::new(),
    }
}

/// A vending machine that takes a while, counts, and fails when it is told to.
#[derive(Clone)]
pub struct Machine(pub Rc<Vending>);

pub struct Vending {
    pub here: Here,
    pub calls: Cell<u32>,
    pub life_ms: Cell<i64>,
    pub fail: Cell<bool>,
    pub takes: Cell<Duration>,
    /// When it says that it made the session; when it answers, if it does not say.
    pub vended_at: Cell<Option<i64>>,
}

impl Machine {
    pub fn new(here: &Here, life_ms: i64) -> Self {
        Self(Rc::new(Vending {
            here: here.clone(),
            calls: Cell::new(0),
            life_ms: Cell::new(life_ms),
            fail: Cell::new(false),
            takes: Cell::new(Duration::from_millis(80)),
            vended_at: Cell::default(),
        }))
    }
}

impl Vend for Machine {
    async fn vend(&self, _: Purpose) -> Result<Session, VendError> {
        let vending = &self.0;
        vending.calls.set(vending.calls.get() + 1);
        tokio::time::sleep(vending.takes.get()).await;
        if vending.fail.get() {
            return Err(VendError { message: "closed".into(), retry_after: Some(Duration::from_secs(1)) });
        }
        // The vending machine's clock is right, whatever the host's is.
        let now = vending.here.now_ms() - vending.here.0.offset_ms.get();
        Ok(session(vending.vended_at.get().unwrap_or(now), vending.life_ms.get()))
    }
}

/// Runs a story in virtual time.
pub fn story<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, future)
}
