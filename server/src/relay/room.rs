//! One room of the hub: what its records become.
//!
//! The gate judges, the [density](danmu::density) chooses where there are too many, and what is shown is gathered into a
//! frame, which is encoded once into the room's [ring](super::ring). A lone danmu leaves at once; in a busy room a frame
//! leaves every tick, since what a viewer costs is the write, not the danmu in it. Equal danmu that were merged, and how many were
//! left out, are told when their second is over, after all else of it: their place is the second's end, on every replica, so
//! that a viewer who goes on elsewhere gets them once.
//! Never keeps a record that the gate refused.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use danmu::{
    density::{Density, Fate, Judged, Settled},
    feed::{self, Item, Told},
    gate::{Admitted, Gate, Incoming, REMEMBERED_MS},
    kinesis::{Record, shard_map::Shard},
    room::{Room, RoomId},
};
use hyper::body::Bytes;

use super::{
    hub::Feed,
    metrics::{Metrics, Refused},
    place::{Lineage, Place, SharedLineage},
    refill::Again,
    ring::{Said, frame_end},
    sse,
};
use crate::{identity::Verifier, unicode::UNICODE};

/// From so many danmu a frame on a room is busy, and its tick whole; before that it is half.
const BUSY: usize = 5;
/// From so many viewers on its tick is whole, too: a frame takes a good part of it to be written.
const CROWD: usize = 4_000;
/// A feed that said nothing for so long says that it is there, by an event that scripts see, too.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
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
            gate: Gate::new(room, UNICODE).with_bans(feed.bans()),
            feed,
            chooser: Chooser::new(density),
            begun: false,
            pending: Vec::new(),
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

    /// The gate took in what a moderator decided: whoever reads old records again must know it, too.
    pub fn moderated(&self) {
        self.feed.set_bans(self.gate.bans().clone());
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

/// How a room is read again: judged and thinned as it was when it was new, by what is known now of who may not speak.
pub fn again(room: &Room, feed: &Arc<Feed>, verifier: &Arc<Verifier>, density: u32) -> Again {
    let (room, feed, verifier) = (room.clone(), Arc::clone(feed), Arc::clone(verifier));
    let (key, lineage) = (room.id.as_str().to_owned(), feed.lineage.clone());
    let judge = Box::new(move || {
        let mut gate = Gate::new(&room, UNICODE).with_bans(feed.bans());
        let (mut chooser, verifier, lineage) = (Chooser::new(density), Arc::clone(&verifier), feed.lineage.clone());
        Box::new(move |record: &Record, shown: &mut Vec<_>| {
            let (place, admitted) = judge(&lineage, &verifier, &mut gate, record).ok()?;
            chooser.choose(place.clone(), admitted, &record.sequence_number, shown);
            Some(place)
        }) as _
    });
    Again { key, lineage, judge, warm_up_ms: REMEMBERED_MS }
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
mod tests {
    use danmu::{
        feed::Position,
        kinesis::shard_map::{HashKeyRange, SequenceNumberRange},
        room::{Paces, Unsigned},
    };
    use proptest::prelude::*;

    use super::*;
    use crate::relay::{
        ring::{Frame, Joined, Next, Start, Window},
        samples::{danmu, place},
    };

    const WINDOW: Window = Window { age: Duration::from_secs(60), bytes: 1 << 20 };

    fn shard() -> Shard {
        Shard {
            shard_id: "s".into(),
            parent_shard_id: None,
            adjacent_parent_shard_id: None,
            hash_key_range: HashKeyRange::ALL,
            sequence_number_range: SequenceNumberRange::default(),
        }
    }

    #[test]
    fn a_long_frame_is_cut_but_never_within_one_place() {
        let item = |n: u64| (place(n), danmu(n).1);
        let apart: Vec<_> = (1..=500).map(item).collect();
        assert_eq!([0, 1, 200, 500].map(|count| frame_end(&apart[..count])), [0, 1, 200, 200]);
        let together: Vec<_> = (1..=500).map(|n| item(if (150..=260).contains(&n) { 150 } else { n })).collect();
        assert_eq!(frame_end(&together), 260);
    }

    /// The feed of a room in which people say few different things, 60 a second for three seconds, with a frame after each
    /// of the cuts.
    fn relayed(texts: &[u8], cuts: &[usize]) -> Arc<Feed> {
        let feed = Arc::new(Feed::new(WINDOW));
        let room = Room {
            id: RoomId::demo(),
            title: String::new(),
            video: String::new(),
            poster: None,
            unsigned: Unsigned::Allow,
            paces: Paces::default(),
        };
        let mut hub = RoomHub::new(&room, Arc::clone(&feed), 10);
        let (metrics, live) = (Metrics::default(), (feed::Reading::Live, 0));
        let verifier = Verifier::new(Vec::new(), 1);
        hub.begin(1);
        hub.learn(&[shard()], 0);
        for (n, text) in (1..).zip(texts) {
            let record = Record {
                data: text.to_string().into(),
                partition_key: "demo".into(),
                sequence_number: n.to_string(),
                arrival_ms: n * 1_000 / 60,
                shard_id: "s".into(),
            };
            let (place, admitted) = hub.judge(&verifier, &record).expect("shown");
            hub.choose(place, admitted, &record.sequence_number);
            if cuts.contains(&usize::try_from(n).expect("a count")) {
                hub.speak(Instant::now(), live, &metrics);
            }
        }
        // Nobody says anything more, and the last second is settled.
        hub.speak(Instant::now() + Duration::from_secs(3_600), live, &metrics);
        feed
    }

    /// The frames that a viewer gets: what they say, and the place after each.
    fn frames(feed: &Feed, mut joined: Joined) -> Vec<(Told, String)> {
        let mut frames = Vec::new();
        while let Next::Event { frame: Frame { bytes, .. }, .. } = feed.ring.next(&mut joined.cursor) {
            let told = serde_json::from_slice(sse::data(&bytes).expect("data")).expect("a frame");
            let text = String::from_utf8_lossy(&bytes).into_owned();
            // What has no place tells of no danmu.
            if let Some(id) = text.lines().find_map(|line| line.strip_prefix("id: ")) {
                frames.push((told, id.to_owned()));
            }
        }
        frames
    }

    fn told(frames: &[(Told, String)]) -> Vec<(String, u32)> {
        frames.iter().flat_map(|(told, _)| &told.danmu).map(|item| (item.id.clone(), item.n)).collect()
    }

    proptest! {
        #[test]
        fn a_viewer_who_moves_gets_each_danmu_and_each_number_once(
            texts in prop::collection::vec(0_u8..20, 180),
            cuts in prop::collection::vec(1_usize..180, 1..30),
            other_cuts in prop::collection::vec(1_usize..180, 1..30),
            moves in 0_usize..30,
        ) {
            let (feed, other) = (relayed(&texts, &cuts), relayed(&texts, &other_cuts));
            let at = |feed: &Feed, token: &str| {
                let position: Position = token.parse().expect("a place");
                feed.ring.join(Start::After(feed.learn(|lineage| lineage.resolve(&position)).expect("a place")), 0)
            };
            let all = frames(&feed, at(&feed, "1~s~0~0"));
            let told_of = |told: &Told| told.dropped + told.danmu.iter().map(|item| item.n).sum::<u32>();
            prop_assert_eq!(all.iter().map(|(told, _)| told_of(told)).sum::<u32>(), 180);
            let before = &all[..=moves.min(all.len() - 1)];
            let joined = at(&other, &before[before.len() - 1].1);
            prop_assert!(joined.recovered);
            let after = frames(&other, joined);
            let heard = [told(before), told(&after)].concat();
            prop_assert_eq!(heard, told(&all));
            let dropped = |frames: &[(Told, String)]| frames.iter().map(|(told, _)| told.dropped).sum::<u32>();
            prop_assert_eq!(dropped(before) + dropped(&after), dropped(&all));
        }
    }
}
