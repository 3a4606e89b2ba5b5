//! The stream, read in this browser: direct mode, and what helps where the relay cannot be had.

use std::{collections::BTreeMap, time::Duration};

use danmu::{
    feed,
    kinesis::{Client, Clock, Event, Host, Keeper, Position, Reader, Scope, Stats},
    room::RoomId,
    session::Purpose,
};

use super::{
    super::{host::Browser, vend::ServerVend},
    verify::{Proven, Verifier},
};
use crate::problem::Problem;

/// How far back a page that has just been opened begins to read, in milliseconds: what was said while it loaded.
const LOOK_BACK_MS: i64 = 1_500;

/// A reader of the room's shards, with the right to read them.
pub struct Stream {
    room: RoomId,
    /// Where to begin; without, where the page was opened.
    from: Option<Position>,
    /// Says what its sessions were refused for.
    pub vend: ServerVend,
    keeper: Keeper<Browser, ServerVend>,
    reader: Option<Reader<Browser, ServerVend>>,
    verifier: Verifier,
    /// What was read, until it is verified.
    read: Option<Event>,
    /// When to ask for a session again, by the local clock.
    again: Option<i64>,
}

/// Why the stream cannot be read at the moment.
pub struct Refused {
    /// As the page says it.
    pub problem: Problem,
    /// Whether asking again makes no sense.
    pub for_good: bool,
}

impl Stream {
    /// Nothing is asked or read yet. `place` is the feed's; empty for one that begins now.
    pub fn new(room: RoomId, place: &str, clock: Clock<Browser>) -> Self {
        let vend = ServerVend::new(room.clone());
        let keeper = Keeper::new(clock, vend.clone(), Purpose::Consume);
        let from = place.parse().ok().map(|place: feed::Position| {
            let mut shards = BTreeMap::new();
            // After no record at all: all that arrived since.
            if place.sequence_number() != "0" {
                shards.insert(place.shard_id().to_owned(), place.sequence_number().to_owned());
            }
            Position { since_ms: place.arrival_ms(), shards }
        });
        let verifier = Verifier::new(keeper.clone());
        Self { room, from, vend, keeper, reader: None, verifier, read: None, again: None }
    }

    /// What comes next, and of records whose they are. It reads only while this is awaited; nothing is lost if the future is
    /// dropped.
    pub async fn next(&mut self) -> Result<(Event, Proven), Refused> {
        let host = *self.keeper.clock().host();
        if let Some(again) = self.again {
            host.sleep(Duration::from_millis((again - host.now_ms()).max(0).unsigned_abs())).await;
            self.again = None;
        }
        if self.reader.is_none() {
            let session = match self.keeper.session().await {
                Ok(session) => session,
                Err(error) => {
                    // Not all at once when the server is back.
                    let spread = (host.random() % 2_000) as i64;
                    self.again = error.retry_after.map(|wait| host.now_ms() + wait.as_millis() as i64 + spread);
                    let problem = self.vend.problem(&error.message);
                    return Err(Refused { problem, for_good: error.retry_after.is_none() });
                }
            };
            // The first session tells the server's time too: the viewer's clock may be wrong.
            let from = self.from.clone().unwrap_or_else(|| Position::at(session.vended_at - LOOK_BACK_MS));
            let client = Client::new(self.keeper.clone(), &super::super::origin());
            self.reader = Some(Reader::new(client, Scope::PartitionKey(self.room.to_string()), from));
        }
        let Some(reader) = &mut self.reader else { return std::future::pending().await };
        let read = match self.read.take() {
            Some(read) => read,
            None => reader.next().await,
        };
        let read = self.read.insert(read);
        let proven = match read {
            Event::Records(records) => self.verifier.verify(records).await,
            Event::State(_) => Proven::new(),
        };
        match self.read.take() {
            Some(read) => Ok((read, proven)),
            None => std::future::pending().await,
        }
    }

    /// What was counted so far.
    pub fn stats(&self) -> Stats {
        self.reader.as_ref().map(Reader::stats).unwrap_or_default()
    }
}
