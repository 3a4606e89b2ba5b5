//! A room, live: what is read off the stream goes through the gate to the chat and the picture; what the viewer says
//! goes onto the stream.

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
    rc::Rc,
    time::Duration,
};

use danmu::{
    gate::{Admitted, DanmuKey, Gate, Incoming},
    kinesis::{
        self, Client, Clock, Event, Host, Keeper, Kind, Options, Position, Producer, PutError, Reader, Record, Scope,
        State,
    },
    record::{Danmu, RecordId},
    room::Room,
    session::Purpose,
};
use futures::future::{AbortHandle, abortable};
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::{
    host::{Browser, random_u128},
    overlay::{Overlay, Shown},
    vend::ServerVend,
};
use crate::{
    live::{Draft, FeedState, Line, LineState, Live, ReadCounts},
    problem::Problem,
};

/// How far back a page that has just been opened begins to read, in milliseconds: what was said while it loaded.
const LOOK_BACK_MS: i64 = 1_500;
/// How soon it asks again when the server does not say.
const RETRY: Duration = Duration::from_secs(5);

/// A live room in the browser. A handle; when the last one goes, the reading ends.
#[derive(Clone)]
pub struct RoomClient(Rc<Inner>);

struct Inner {
    room: Room,
    live: Live,
    clock: Clock<Browser>,
    vend: ServerVend,
    keeper: Keeper<Browser, ServerVend>,
    producer: Producer<Browser, ServerVend>,
    gate: RefCell<Gate>,
    overlay: RefCell<Option<Overlay>>,
    /// What this viewer said: shown when it was sent, so not again when it comes off the stream.
    own: RefCell<HashSet<DanmuKey>>,
    /// Told from danmu that came from elsewhere.
    preparing: Cell<bool>,
    reading: RefCell<Option<AbortHandle>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(reading) = self.reading.take() {
            reading.abort();
        }
    }
}

impl RoomClient {
    /// Joins the room and reads it until the last handle goes.
    pub fn start(room: &Room, live: Live) -> Self {
        let clock = Clock::new(Browser);
        let vend = ServerVend::new(room.id.clone(), clock.clone());
        let keeper = Keeper::new(clock.clone(), vend.clone(), Purpose::Produce);
        let producer = Producer::new(Client::new(keeper.clone(), &origin()), Options::default());
        let client = Self(Rc::new(Inner {
            room: room.clone(),
            live,
            clock,
            vend,
            keeper,
            producer,
            gate: RefCell::new(Gate::new(room)),
            overlay: RefCell::default(),
            own: RefCell::default(),
            preparing: Cell::new(false),
            reading: RefCell::default(),
        }));
        // The task holds no handle of its own, or it would keep itself alive.
        let (reading, handle) = abortable(read(Rc::downgrade(&client.0)));
        client.0.reading.replace(Some(handle));
        spawn_local(async move {
            let _ = reading.await;
        });
        client
    }

    /// Gets the credentials to speak, so that the first danmu does not wait for them.
    pub fn prepare(&self) {
        if self.0.keeper.current().is_some() || self.0.preparing.replace(true) {
            return;
        }
        let inner = Rc::clone(&self.0);
        spawn_local(async move {
            // A failure shows when something is sent, with the text given back; until then it troubles nobody.
            let _ = inner.keeper.session().await;
            inner.preparing.set(false);
        });
    }

    /// Draws on that overlay from now on.
    pub fn draw_on(&self, overlay: Overlay) {
        self.0.overlay.replace(Some(overlay));
    }

    /// Sends a danmu. Its text has been checked.
    pub fn send(&self, draft: Draft) {
        let Inner { room, live, clock, producer, .. } = &*self.0;
        let now = clock.now_ms();
        let id = RecordId::new(now, random_u128());
        let danmu = match Danmu::new(id, room.id.clone(), draft.text.clone(), now) {
            Ok(danmu) => Danmu { mode: draft.mode, color: draft.color, ..danmu },
            Err(error) => return live.returned.set(Some((draft, error.into()))),
        };
        let key = DanmuKey::Record(id);
        let state = RwSignal::new(LineState::Pending);
        self.0.own.borrow_mut().insert(key.clone());
        self.0.show(&key, &danmu.text, draft.mode, draft.color, Some(state));
        live.lines.update(|lines| {
            lines.push(Line {
                key: key.to_string(),
                text: danmu.text.clone(),
                color: draft.color,
                own: true,
                state,
                draft: Some(draft.clone()),
            });
        });

        let (producer, data, partition_key) = (producer.clone(), danmu.encode(), String::from(room.id.clone()));
        let inner = Rc::downgrade(&self.0);
        spawn_local(async move {
            let outcome = producer.put(data, &partition_key).await;
            if let Some(inner) = inner.upgrade() {
                match outcome {
                    Ok(_) => inner.confirm(&key),
                    Err(error) => inner.give_back(&key, draft, &error),
                }
            }
        });
    }

    /// Forgets a danmu that failed and is sent anew, under another id.
    pub fn forget(&self, key: &str) {
        self.0.retract(key);
    }
}

impl Inner {
    fn show(
        &self,
        key: &DanmuKey,
        text: &str,
        mode: danmu::record::Mode,
        color: danmu::record::Color,
        own: Option<RwSignal<LineState>>,
    ) {
        if let Some(overlay) = &*self.overlay.borrow() {
            overlay.show(Shown {
                id: key.to_string(),
                text: text.to_owned(),
                color: color.rgb(),
                mode,
                own: own.is_some(),
                pending: own.is_some(),
            });
        }
    }

    fn retract(&self, key: &str) {
        if let Some(overlay) = &*self.overlay.borrow() {
            overlay.retract(key);
        }
    }

    /// The viewer's own danmu is on the stream: the put was answered, or it was read back, whichever came first.
    fn confirm(&self, key: &DanmuKey) {
        let key = key.to_string();
        if let Some(overlay) = &*self.overlay.borrow() {
            overlay.confirm(&key);
        }
        self.live.lines.try_with_untracked(|lines| {
            if let Some(line) = lines.find(&key) {
                line.state.try_set(LineState::Confirmed);
            }
        });
    }

    fn give_back(&self, key: &DanmuKey, draft: Draft, error: &PutError) {
        let problem = self.problem_of_put(error);
        let key = key.to_string();
        // It may have arrived all the same, and been read back while its answer was lost.
        let arrived = self.live.lines.try_with_untracked(|lines| {
            lines.find(&key).is_some_and(|line| line.state.try_get_untracked() == Some(LineState::Confirmed))
        });
        if arrived != Some(false) {
            return;
        }
        self.retract(&key);
        self.live.lines.try_with_untracked(|lines| {
            if let Some(line) = lines.find(&key) {
                line.state.try_set(LineState::Failed(problem.clone()));
            }
        });
        self.live.returned.try_set(Some((draft, problem)));
    }

    fn problem_of_put(&self, error: &PutError) -> Problem {
        match error {
            PutError::NoSession { message, .. } => self.problem_of_vending(message),
            PutError::Refused(error) => self.problem_of_stream(error),
            PutError::NotConfirmed { last: Some(error), .. } => self.problem_of_stream(error),
            PutError::NotConfirmed { last: None, .. } => Problem::Network,
            PutError::TooLarge { .. } | PutError::PartitionKey { .. } => Problem::Stream(error.to_string()),
        }
    }

    fn problem_of_vending(&self, message: &str) -> Problem {
        self.vend.refusal().map_or_else(|| Problem::Stream(message.to_owned()), Problem::Api)
    }

    fn problem_of_stream(&self, error: &kinesis::Error) -> Problem {
        match error.kind {
            Kind::Network => Problem::Network,
            Kind::Throttled => Problem::Busy,
            Kind::Denied => Problem::Denied,
            Kind::NoSession => self.problem_of_vending(&error.message),
            _ => Problem::Stream(error.to_string()),
        }
    }

    /// Judges what was read, and shows what may be shown.
    fn admit(&self, records: &[Record]) {
        let mut gate = self.gate.borrow_mut();
        let fresh: Vec<_> = records
            .iter()
            .filter_map(|record| {
                gate.admit(Incoming {
                    data: &record.data,
                    partition_key: &record.partition_key,
                    sequence_number: &record.sequence_number,
                    arrival_ms: record.arrival_ms,
                })
                .ok()
            })
            .filter(|admitted| {
                let own = self.own.borrow().contains(&admitted.key);
                if own {
                    self.confirm(&admitted.key);
                }
                !own
            })
            .collect();
        if fresh.is_empty() {
            return;
        }
        for Admitted { key, text, mode, color, .. } in &fresh {
            self.show(key, text, *mode, *color, None);
        }
        self.live.lines.try_update(|lines| {
            for Admitted { key, text, color, .. } in fresh {
                let state = RwSignal::new(LineState::Confirmed);
                lines.push(Line { key: key.to_string(), text, color, own: false, state, draft: None });
            }
        });
    }

    fn feed_state(&self, state: State) -> FeedState {
        match state {
            State::Starting => FeedState::Connecting,
            State::Live => FeedState::Live,
            State::Behind { ms } => FeedState::Behind(u32::try_from((ms + 999) / 1_000).unwrap_or(u32::MAX)),
            State::Throttled { .. } => FeedState::Crowded,
            State::Reconnecting { .. } => FeedState::Reconnecting,
            State::Failed { reason, .. } => FeedState::Stopped(self.problem_of_stream(&reason)),
        }
    }
}

/// Reads the room as long as it is alive.
async fn read(room: std::rc::Weak<Inner>) {
    let Some(mut reader) = open(&room).await else { return };
    loop {
        let event = reader.next().await;
        let Some(inner) = room.upgrade() else { return };
        match event {
            Event::Records(records) => inner.admit(&records),
            Event::State(state) => {
                inner.live.feed.try_set(inner.feed_state(state));
            }
        }
        let stats = reader.stats();
        inner.live.reads.try_set(ReadCounts { reads: stats.reads, throttled: stats.throttled });
    }
}

/// Gets the first session, which also tells the server's time, and starts to read from a moment ago.
async fn open(room: &std::rc::Weak<Inner>) -> Option<Reader<Browser, ServerVend>> {
    loop {
        let (keeper, clock) = {
            let inner = room.upgrade()?;
            (Keeper::new(inner.clock.clone(), inner.vend.clone(), Purpose::Consume), inner.clock.clone())
        };
        let wait = match keeper.session().await {
            Ok(_) => {
                let scope = Scope::PartitionKey(room.upgrade()?.room.id.to_string());
                let start = Position::at(clock.now_ms() - LOOK_BACK_MS);
                return Some(Reader::new(Client::new(keeper, &origin()), scope, start));
            }
            Err(error) => {
                let inner = room.upgrade()?;
                let problem = inner.problem_of_vending(&error.message);
                inner.live.feed.try_set(FeedState::Stopped(problem));
                error.retry_after.unwrap_or(RETRY)
            }
        };
        clock.host().sleep(wait).await;
    }
}

fn origin() -> String {
    web_sys::window().and_then(|window| window.location().origin().ok()).unwrap_or_default()
}
