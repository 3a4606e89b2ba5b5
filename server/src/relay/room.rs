//! One room of the hub: what its records become.
//!
//! The gate judges, the [density](danmu::density) chooses where there are too many, and what is shown is gathered into a
//! frame, which is encoded once into the room's [ring](super::ring). A lone danmu leaves at once; in a busy room a frame
//! leaves every tick, since what a viewer costs is the write, not the danmu in it. Equal danmu that were merged, and how many were
//! left out, are told when their second is over, after all else of it: their place is the second's end, on every replica, so
//! that a viewer who goes on elsewhere gets them once.
//! Never keeps a record that the gate refused, and tells of none that a ban retracts.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use danmu::{
    density::{Density, Fate, Judged, Settled},
    feed::{self, HEARTBEAT_MS, Item, Told},
    gate::{Admitted, Bans, Gate, Incoming, REMEMBERED_MS},
    kinesis::{Record, shard_map::Shard},
    record::Decided,
    room::{Room, RoomId},
    viewer::ViewerId,
};
use hyper::body::Bytes;

use super::{
    hub::Feed,
    metrics::{Metrics, Refused},
    place::{Lineage, Place, SharedLineage},
    refill::Again,
    retracted::is_retracted,
    ring::{Said, frame_end},
    sse,
};
use crate::{identity::Verifier, unicode::UNICODE};

/// From so many danmu a frame on a room is busy, and its tick whole; before that it is half.
const BUSY: usize = 5;
/// From so many viewers on its tick is whole, too: a frame takes a good part of it to be written.
const CROWD: usize = 4_000;
/// A feed that said nothing for so long says that it is there, by an event that scripts see, too.
pub const HEARTBEAT: Duration = Duration::from_millis(HEARTBEAT_MS);
/// How long after its second the merged ones of a room are told in which nobody says anything more: what is still on its way
/// belongs to them.
const SETTLE: Duration = Duration::from_secs(1);

/// One room, as only the hub sees it.
pub struct RoomHub {
    id: RoomId,
    feed: Arc<Feed>,
    gate: Gate,
    chooser: Chooser,
    begun: bool,
    pending: Vec<(Place, Said)>,
    /// Of whom something may be retracted here, by what was told then or later; not carried out yet.
    retracted: Vec<(ViewerId, i64)>,
    /// When what was merged or left out is told, should nobody say anything more.
    settles: Option<Instant>,
    /// When the last frame left, or the last heartbeat.
    told: Instant,
    last_frame: usize,
}

impl RoomHub {
    /// A room of which nothing is known yet; viewers are shown up to `density` danmu a second, 0: all.
    pub fn new(room: &Room, feed: Arc<Feed>, density: u32) -> Self {
        Self {
            id: room.id.clone(),
            gate: Gate::new(room, UNICODE).with_bans(feed.bans.clone()),
            feed,
            chooser: Chooser::new(density),
            begun: false,
            pending: Vec::new(),
            retracted: Vec::new(),
            settles: None,
            told: Instant::now(),
            last_frame: 0,
        }
    }

    /// Its id.
    pub fn id(&self) -> &RoomId {
        &self.id
    }

    /// Another stream stands behind it, which was created then. What the one before had, and was not told, is gone with it.
    pub fn begin(&mut self, created_ms: i64) {
        self.begun = false;
        self.chooser = Chooser::new(self.chooser.budget);
        self.pending.clear();
        self.settles = None;
        self.feed.past.clear();
        self.feed.learn(|lineage| *lineage = Lineage::new(created_ms));
    }

    /// Takes in a listing of shards. Of the first one it has all that arrives at `since_ms` or later.
    pub fn learn(&mut self, shards: &[Shard], since_ms: i64) {
        let beginning = self.feed.learn(|lineage| {
            lineage.learn(shards, self.id.as_str());
            lineage.beginning(since_ms)
        });
        if let Some(beginning) = beginning.filter(|_| !self.begun) {
            self.feed.ring.begin(beginning, since_ms);
            self.begun = true;
        }
    }

    /// Judges a record.
    ///
    /// # Errors
    /// Why it is told to nobody.
    pub fn judge(&mut self, verifier: &Verifier, record: &Record) -> Result<(Place, Admitted), Refused> {
        judge(&self.feed.lineage, verifier, &mut self.gate, record)
    }

    /// Notes what is decided for the room alone: what that retracts is taken back with the next [`Self::retract`].
    pub fn decided(&mut self, decided: &Decided) {
        let concerned = self.feed.bans.everywhere().viewers_of(&decided.decision.on);
        self.retracted.extend(concerned.into_iter().map(|viewer| (viewer, decided.at)));
    }

    /// Takes back what is retracted of these, who are concerned in every room, and of those noted for this one, by what was told
    /// then (Unix milliseconds) or later.
    pub fn retract(&mut self, everywhere: &[(ViewerId, i64)]) {
        let own = std::mem::take(&mut self.retracted);
        if own.is_empty() && everywhere.is_empty() {
            return;
        }
        self.feed.past.retract();
        // Of a network's thousands hardly anybody spoke here, and no viewer is told of the others.
        let spoke = self.feed.ring.of_speakers(own.iter().chain(everywhere), |(viewer, _)| viewer.as_str());
        let retracted = spoke.into_iter().flat_map(|(viewer, since_ms)| self.feed.bans.retracted_of(viewer, *since_ms));
        self.feed.ring.retract(retracted.collect());
    }

    /// Gathers what passed the gate, if it is to be shown.
    pub fn choose(&mut self, place: Place, admitted: Admitted, sequence_number: &str) -> Fate {
        let arrival_ms = admitted.arrival_ms;
        let (fate, settled) = self.chooser.choose(place, admitted, sequence_number, &mut self.pending);
        if settled {
            self.settles = None;
        }
        if fate != Fate::Shown && self.settles.is_none() {
            let rest = 1_000 - arrival_ms.rem_euclid(1_000).unsigned_abs();
            self.settles = Some(Instant::now() + Duration::from_millis(rest) + SETTLE);
        }
        fate
    }

    /// When it has something to say.
    pub fn due(&self, tick: Duration) -> Instant {
        let due = match self.pending.len() {
            0 => self.told + HEARTBEAT,
            _ if self.last_frame < BUSY && self.feed.ring.viewers() < CROWD => self.told + tick / 2,
            _ => self.told + tick,
        };
        self.settles.map_or(due, |settles| settles.min(due))
    }

    /// Says it.
    pub fn speak(&mut self, now: Instant, reading: (feed::Reading, i64), metrics: &Metrics) {
        if self.settles.is_some_and(|settles| settles <= now) {
            self.settles = None;
            let settled = self.chooser.density.settle();
            self.chooser.settle(settled, &mut self.pending);
        }
        self.told = now;
        self.last_frame = self.pending.len();
        if self.pending.is_empty() {
            return self.feed.ring.note(state_event(reading, None));
        }
        let mut pending = std::mem::take(&mut self.pending);
        retract(&self.feed.bans, &mut pending);
        while !pending.is_empty() {
            let rest = pending.split_off(frame_end(&pending));
            metrics.framed(&pending);
            self.feed.ring.tell(pending);
            pending = rest;
        }
    }
}

/// What a room's gate makes of a record, when what it says of its author was verified, and where it stands.
///
/// # Errors
/// Why it is told to nobody.
fn judge(
    lineage: &SharedLineage,
    verifier: &Verifier,
    gate: &mut Gate,
    record: &Record,
) -> Result<(Place, Admitted), Refused> {
    // Whoever names a hash key of its own may put a room's record on any shard; its place in the room's order would then be
    // nowhere.
    let place = lineage.learn(|lineage| lineage.place(&record.shard_id, &record.sequence_number, record.arrival_ms));
    let place = place.ok_or(Refused::ForeignShard)?;
    let evidence = verifier.verify(&record.data);
    let admitted = gate.admit(Incoming {
        data: &record.data,
        partition_key: &record.partition_key,
        sequence_number: &record.sequence_number,
        arrival_ms: record.arrival_ms,
        evidence: evidence.as_ref(),
    })?;
    Ok((place, admitted))
}

/// Takes back what is retracted by now.
fn retract(bans: &Bans, said: &mut [(Place, Said)]) {
    for (_, said) in said {
        if let Said::Danmu(item) = said
            && is_retracted(bans, item)
        {
            *said = Said::Retracted;
        }
    }
}

/// How a room is read again: judged and thinned as it was when it was new, by what is known now of who may not speak.
pub fn again(room: &Room, feed: &Arc<Feed>, verifier: &Arc<Verifier>, density: u32) -> Again {
    let (room, feed, verifier) = (room.clone(), Arc::clone(feed), Arc::clone(verifier));
    let (key, lineage, bans) = (room.id.as_str().to_owned(), feed.lineage.clone(), feed.bans.clone());
    let judge = Box::new(move || {
        let mut gate = Gate::new(&room, UNICODE).with_bans(feed.bans.clone());
        let (mut chooser, verifier, lineage) = (Chooser::new(density), Arc::clone(&verifier), feed.lineage.clone());
        Box::new(move |record: &Record, shown: &mut Vec<_>| {
            let (place, admitted) = judge(&lineage, &verifier, &mut gate, record).ok()?;
            chooser.choose(place.clone(), admitted, &record.sequence_number, shown);
            Some(place)
        }) as _
    });
    let retract = Box::new(move |said: &mut [_]| retract(&bans, said));
    Again { key, lineage, judge, retract, warm_up_ms: REMEMBERED_MS }
}

/// The density of a room, with the place of what is told.
#[derive(Debug)]
struct Chooser {
    budget: u32,
    density: Density,
    /// Where the last danmu stands that passed the gate.
    latest: Option<Place>,
}

impl Chooser {
    /// Shows up to `density` danmu a second; 0: all.
    fn new(density: u32) -> Self {
        Self { budget: density, density: Density::new(density), latest: None }
    }

    /// Adds a danmu to what is shown, if it is; before it what is told of the second that is over with it. Gives what became
    /// of the danmu, and whether something was told of a second.
    fn choose(
        &mut self,
        place: Place,
        admitted: Admitted,
        sequence_number: &str,
        shown: &mut Vec<(Place, Said)>,
    ) -> (Fate, bool) {
        let Judged { fate, settled } = self.density.judge(&admitted, sequence_number);
        let settles = !settled.is_empty();
        self.settle(settled, shown);
        if fate == Fate::Shown {
            shown.push((place.clone(), Said::Danmu(Item::new(admitted))));
        }
        self.latest = Some(place);
        (fate, settles)
    }

    /// Adds what is told of the second of the last danmu, which is over.
    fn settle(&mut self, Settled { merged, dropped }: Settled, shown: &mut Vec<(Place, Said)>) {
        if let Some(end) = self.latest.as_ref().map(Place::end_of_second) {
            let dropped = (dropped > 0).then_some(Said::Dropped(dropped));
            let said = merged.into_iter().map(Said::Danmu).chain(dropped);
            shown.extend(said.map(|said| (end.clone(), said)));
        }
    }
}

/// The event that tells how the reading goes, and to one whose absence is over the place at which it is.
pub fn state_event((reading, behind_ms): (feed::Reading, i64), place: Option<&Place>) -> Bytes {
    let id = place.map(ToString::to_string);
    sse::event(Some(feed::STATE), id.as_deref(), &Told { reading: Some(reading), behind_ms, ..Told::default() })
}

#[cfg(test)]
mod tests;
