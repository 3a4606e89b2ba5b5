//! Sends the viewer's danmu: makes a record of each, and puts it onto the stream.
//!
//! Guarantees: credentials, ticket and key are fetched when the viewer first means to speak; danmu are put in the order in
//! which they were sent, though signing takes a moment; with a ticket, records are signed even where unsigned ones are
//! accepted; a record that the producer retries has the same bytes.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    rc::Rc,
};

use danmu::{
    gate::SENT_AFTER_MS,
    kinesis::{Client, Clock, Host, Keeper, Options, Producer, PutError, Receipt, VendError},
    record::Danmu,
    session::{Purpose, Session},
    ticket::Proof,
};
use futures::channel::oneshot;
use leptos::prelude::{Set, window};
use wasm_bindgen::{JsCast, closure::Closure};
use wasm_bindgen_futures::spawn_local;
use web_sys::Event;

use super::{
    host::{Browser, origin},
    identity,
    remember::{keep_name, remember_viewer},
    vend::ServerVend,
};
use crate::live::Live;

/// The clock error, milliseconds, from which a danmu is dated and put again: half of what makes its record stale.
const WRONG_MS: u64 = SENT_AFTER_MS.unsigned_abs() / 2;

/// The event by which the session is dropped: the viewer is another one, or was banned.
pub const IDENTITY: &str = "danmu:identity";
/// Drops the sessions of this page: the viewer is another one, or has another name.
pub fn begin_anew() {
    if let Ok(event) = Event::new(IDENTITY) {
        let _ = window().dispatch_event(&event);
    }
}

/// The viewer chooses a name for itself. The ticket of the next session says it.
pub fn rename(name: &str) {
    keep_name(name);
    begin_anew();
}

/// How long a session is retried before the danmu is given back, milliseconds.
const PATIENCE_MS: i64 = 10_000;

/// Sends the danmu of one viewer in one room.
pub struct Speaker {
    live: Live,
    keeper: Keeper<Browser, ServerVend>,
    producer: Producer<Browser, ServerVend>,
    preparing: Rc<Cell<bool>>,
    /// Resolves when the last danmu is in the producer's outbox.
    last: RefCell<Option<oneshot::Receiver<()>>>,
}

impl Speaker {
    /// Sends nothing yet, and requests nothing.
    pub fn new(live: Live, clock: Clock<Browser>, vend: ServerVend) -> Self {
        let keeper = Keeper::new(clock, vend, Purpose::Produce);
        let producer = Producer::new(Client::new(keeper.clone(), &origin()), Options::default());
        begin_anew_with_identity(keeper.clone());
        Self { live, keeper, producer, preparing: Rc::default(), last: RefCell::default() }
    }

    /// Fetches all that is needed to speak, so that the first danmu does not wait for it.
    pub fn prepare(&self) {
        if self.keeper.current().is_some() || self.preparing.replace(true) {
            return;
        }
        let (keeper, preparing, live) = (self.keeper.clone(), Rc::clone(&self.preparing), self.live);
        spawn_local(async move {
            // A failure is shown when a danmu is sent and given back; until then it does not matter.
            if let Ok(session) = keeper.session().await {
                introduce(live, &session);
            }
            preparing.set(false);
        });
    }

    /// Puts a danmu on the stream, after all earlier ones.
    pub fn say(&self, danmu: Danmu) -> impl Future<Output = Result<Receipt, PutError>> + use<> {
        let (queued, last) = oneshot::channel::<()>();
        let before = self.last.replace(Some(last));
        let (keeper, producer, live) = (self.keeper.clone(), self.producer.clone(), self.live);
        async move {
            let room = danmu.room.clone();
            let record = seal(&keeper, live, danmu.clone()).await;
            let skew_ms = keeper.clock().skew_ms();
            if let Some(before) = before {
                // An error means the same: the earlier one no longer waits to be queued.
                let _ = before.await;
            }
            // The waiting task runs only after the next line has put the record into the outbox.
            drop(queued);
            let receipt = producer.put(record?, room.as_str()).await?;
            // The answer corrects the clock. A record dated by a clock that was so wrong is refused as stale; if it was not,
            // the same id is shown once.
            if skew_ms.abs_diff(keeper.clock().skew_ms()) < WRONG_MS {
                return Ok(receipt);
            }
            producer.put(seal(&keeper, live, danmu).await?, room.as_str()).await
        }
    }
}

/// Signing in or out needs a new session. The event comes from `account`, of which the page's module knows nothing.
fn begin_anew_with_identity(keeper: Keeper<Browser, ServerVend>) {
    let begin = Closure::<dyn FnMut()>::new(move || {
        if let Some(session) = keeper.current() {
            keeper.drop_session(&session);
        }
    });
    let _ = window().add_event_listener_with_callback(IDENTITY, begin.as_ref().unchecked_ref());
    // It lives until the page goes.
    begin.forget();
}

/// The record of a danmu, signed if the viewer has a ticket.
async fn seal(keeper: &Keeper<Browser, ServerVend>, live: Live, danmu: Danmu) -> Result<Vec<u8>, PutError> {
    let session = session(keeper).await.map_err(no_session)?;
    introduce(live, &session);
    // Dated now, since the gate compares it with the arrival: it may be a retry, and the first session corrects the clock.
    let line = Danmu { at: keeper.clock().now_ms(), ..danmu }.encode();
    let Some(ticket) = &session.ticket else { return Ok(line) };
    match identity::sign(&line).await {
        Some(signature) => Ok(Proof { ticket, signature }.attach(line)),
        None => Err(no_session(VendError { message: "this browser did not sign".into(), retry_after: None })),
    }
}

/// A session; retried after temporary failures.
async fn session(keeper: &Keeper<Browser, ServerVend>) -> Result<Rc<Session>, VendError> {
    let host = keeper.clock().host();
    let until = host.now_ms() + PATIENCE_MS;
    loop {
        match keeper.session().await {
            Err(VendError { retry_after: Some(wait), .. }) if host.now_ms() + (wait.as_millis() as i64) < until => {
                host.sleep(wait).await;
            }
            done => return done,
        }
    }
}

fn no_session(VendError { message, retry_after }: VendError) -> PutError {
    PutError::NoSession { message, retry_after }
}

/// Tells the page, and the other tabs, who the viewer is by the session's ticket.
fn introduce(live: Live, session: &Session) {
    if let Some((me, _)) = session.ticket.as_deref().and_then(identity::read_ticket) {
        remember_viewer(&me.viewer);
        live.me.try_set(Some(me));
    }
}
