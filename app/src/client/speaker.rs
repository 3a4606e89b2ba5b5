//! The viewer's voice: makes of each danmu the record that goes onto the stream, and puts it there.
//!
//! Promises: credentials, ticket and key are asked for when somebody first means to speak; danmu are put in the order they were
//! said in, though signing takes a moment; what has a ticket is signed, whoever refuses unsigned ones or not; a record that is
//! put again by the producer has the same bytes.

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

use super::{
    host::{Browser, origin},
    identity,
    remember::remember_viewer,
    vend::ServerVend,
};
use crate::live::Live;

/// By how much a clock must be wrong for what was said by it to be said again, milliseconds: less than makes it stale.
const WRONG_MS: u64 = SENT_AFTER_MS.unsigned_abs() / 2;

/// So long a session is asked for again before what was said is given back, milliseconds.
const PATIENCE_MS: i64 = 10_000;

/// The voice of one viewer in one room.
pub struct Speaker {
    live: Live,
    keeper: Keeper<Browser, ServerVend>,
    producer: Producer<Browser, ServerVend>,
    preparing: Rc<Cell<bool>>,
    /// Ends when what was said last is in the producer's queue.
    last: RefCell<Option<oneshot::Receiver<()>>>,
}

impl Speaker {
    /// Says nothing yet, and asks for nothing.
    pub fn new(live: Live, clock: Clock<Browser>, vend: ServerVend) -> Self {
        let keeper = Keeper::new(clock, vend, Purpose::Produce);
        let producer = Producer::new(Client::new(keeper.clone(), &origin()), Options::default());
        begin_anew_with_identity(keeper.clone());
        Self { live, keeper, producer, preparing: Rc::default(), last: RefCell::default() }
    }

    /// Gets all that is needed to speak, so that the first danmu does not wait for it.
    pub fn prepare(&self) {
        if self.keeper.current().is_some() || self.preparing.replace(true) {
            return;
        }
        let (keeper, preparing, live) = (self.keeper.clone(), Rc::clone(&self.preparing), self.live);
        spawn_local(async move {
            // A failure shows when something is sent, with the text given back; until then it troubles nobody.
            if let Ok(session) = keeper.session().await {
                introduce(live, &session);
            }
            preparing.set(false);
        });
    }

    /// Puts a danmu behind all that were said before.
    pub fn say(&self, danmu: Danmu) -> impl Future<Output = Result<Receipt, PutError>> + use<> {
        let (queued, last) = oneshot::channel::<()>();
        let before = self.last.replace(Some(last));
        let (keeper, producer, live) = (self.keeper.clone(), self.producer.clone(), self.live);
        async move {
            let room = danmu.room.clone();
            let record = seal(&keeper, live, danmu.clone()).await;
            let skew_ms = keeper.clock().skew_ms();
            if let Some(before) = before {
                // An error says the same: it is no longer on its way there.
                let _ = before.await;
            }
            // Whoever waits for this runs later than the next line, which puts the record into the queue.
            drop(queued);
            let receipt = producer.put(record?, room.as_str()).await?;
            // The answer tells the time. What was said by a clock that was so wrong is refused as stale; were it not, what is
            // said again under its id is shown once.
            if skew_ms.abs_diff(keeper.clock().skew_ms()) < WRONG_MS {
                return Ok(receipt);
            }
            producer.put(seal(&keeper, live, danmu).await?, room.as_str()).await
        }
    }
}

/// Whoever signs in, or out, speaks by a session of their own. Told by `account`, which the page does not know.
fn begin_anew_with_identity(keeper: Keeper<Browser, ServerVend>) {
    let begin = Closure::<dyn FnMut()>::new(move || {
        if let Some(session) = keeper.current() {
            keeper.drop_session(&session);
        }
    });
    let _ = window().add_event_listener_with_callback("danmu:identity", begin.as_ref().unchecked_ref());
    // As long as the page.
    begin.forget();
}

/// The record of a danmu, signed if the viewer has a ticket.
async fn seal(keeper: &Keeper<Browser, ServerVend>, live: Live, danmu: Danmu) -> Result<Vec<u8>, PutError> {
    let session = session(keeper).await.map_err(no_session)?;
    introduce(live, &session);
    // By now, since its arrival is compared with it: it may be said again, and the first session corrects the clock.
    let line = Danmu { at: keeper.clock().now_ms(), ..danmu }.encode();
    let Some(ticket) = &session.ticket else { return Ok(line) };
    match identity::sign(&line).await {
        Some(signature) => Ok(Proof { ticket, signature }.attach(line)),
        None => Err(no_session(VendError { message: "this browser did not sign".into(), retry_after: None })),
    }
}

/// A session; asked for again after a failure that passes.
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
