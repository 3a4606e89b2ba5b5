//! Who may not speak here: bans, and what an operator has switched.
//!
//! A decision is written into the [store](crate::store), by `danmu-server ban` or by whatever else writes there, as owed to the
//! stream, and [`work`] tells it: by one record that the server signs, under the room's key, or for every room under a key of
//! the service's own. What the stream tells counts, for every server alike and in its order; it goes into the
//! [ledger](ledger) at once, where gates and vending see it, and is kept in the store. Credentials follow what is known: the
//! embedded endpoint denies them, or on AWS the role of viewers' sessions does, by a task of its own ([`aws`]).
//! What is in force is told again every few minutes ([`snapshot`]), so that a server that begins with nothing reads back to that
//! ([`catch_up`]) before it judges or vends anything.
//! Promises: what is owed is told after errors and restarts, and takes effect once; a server acts within [`EVERY`] of a decision.
//! Never takes a word for it that the gate did not verify.

mod aws;
mod catch_up;
mod ledger;
mod networks;
mod order;
mod role;
mod snapshot;
mod speakers;
mod staff;
mod work;

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use danmu::{
    gate::{Admitted, Bans, Incoming, Reason, admit_order},
    kinesis::Record,
    record::{Decided, Decision, Guests, Moderation as Told, Subject},
    room::{Room, RoomId, Unsigned},
    viewer::ViewerId,
};
use danmu_app::{
    error::ApiError,
    services::{Caller, Decider, DecisionFuture, Moderating},
};
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use tokio::sync::{Notify, mpsc, watch};

pub use self::{
    catch_up::Reach,
    ledger::Denials,
    order::Signer,
    role::{KnownBy, RolePolicies},
    work::{Means, Work},
};
use self::{ledger::Ledger, networks::Guests as Visitors, speakers::Speakers, staff::Staff};
use crate::{
    clock::now_ms,
    identity::{Identity, RecordVerifier},
    store::{Store, StoreError},
};

/// What is said where a ban has no teeth.
pub const UNSIGNED: &str =
    "the room shows danmu that carry no ticket (unsigned = \"allow\"): whoever is banned may go on without a name";
/// No ticket holds longer, milliseconds: a session lasts twelve hours at the most, and clocks differ.
const LONGEST_MS: i64 = 13 * 3_600_000;
/// How often the store is looked at.
const EVERY: Duration = Duration::from_millis(100);
/// How much of what the stream tells may wait to be kept, records; with more of them reading waits.
const QUEUE: usize = 256;
/// How many decisions a moderator makes at once, and a minute in the long run: no room needs more, and each is a write.
const AT_ONCE: NonZeroU32 = NonZeroU32::new(30).unwrap();
const A_MINUTE: NonZeroU32 = NonZeroU32::new(60).unwrap();

/// What is decided, as it stands now. A handle.
#[derive(Clone, Debug)]
pub struct Moderation(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    ledger: Ledger,
    /// Whether all is known that was decided before this server began.
    begun: watch::Sender<Begun>,
    /// What the stream tells, to be kept.
    heard: mpsc::Sender<Heard>,
    visitors: Visitors,
    staff: Staff,
    speakers: Speakers,
    pace: DefaultKeyedRateLimiter<ViewerId>,
    /// There is something new to carry out, decided or heard.
    changed: watch::Sender<u64>,
    /// Something was decided in this process.
    decided: Notify,
    /// Whether the relay reads the newest records.
    reads_newest: AtomicBool,
    /// When the last snapshot arrived, Unix milliseconds; 0: none was read.
    snapshot_ms: AtomicI64,
}

/// How far a server is that has just started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    /// It reads what was decided before.
    Not,
    /// It reads what was told a moment ago; what was decided here before is in its store, so that it may vend.
    Almost,
    /// It knows that.
    Yes,
    /// It was told to end before it did.
    Never,
}

/// What was read off the stream, and is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A decision.
    Decision(Decided),
    /// Decisions that were told before, and were not known here.
    Again(Vec<Decided>),
    /// Guests of a network.
    Guests(Guests),
    /// Nothing new; it was about these guests, if about any.
    Nothing(Vec<ViewerId>),
}

impl Heard {
    /// Whether it is to be kept.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        !matches!(self, Self::Nothing(_))
    }

    /// Of whom something may be retracted now, by what was told then (Unix milliseconds) or later; `guests_of` knows the guests of
    /// a network. Also what is no news here: the store may have told of it before, and nobody who watches.
    #[must_use]
    pub fn retracts(self, guests_of: impl Fn(&Subject) -> Vec<ViewerId>) -> Vec<(ViewerId, i64)> {
        let decided = |decided: Decided| {
            let concerned = guests_of(&decided.decision.on);
            concerned.into_iter().map(move |viewer| (viewer, decided.at))
        };
        match self {
            Self::Decision(one) => decided(one).collect(),
            Self::Again(many) => many.into_iter().flat_map(decided).collect(),
            // Of a ban that was told before them.
            Self::Guests(Guests { viewers, .. }) | Self::Nothing(viewers) => {
                viewers.into_iter().map(|viewer| (viewer, i64::MIN)).collect()
            }
        }
    }
}

impl Moderation {
    /// By what a store holds; [`Work`] carries it out from then on.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn open(store: Store) -> Result<(Self, Work), StoreError> {
        let ledger = Ledger::default();
        // The number first: what is decided meanwhile is then read again.
        let change = store.change().await?;
        ledger.take(store.decisions_since(0).await?, &store.guests_since(0).await?);
        let (heard, inbox) = mpsc::channel(QUEUE);
        let moderation = Self(Arc::new(Inner {
            store,
            ledger,
            begun: watch::Sender::new(Begun::Yes),
            heard,
            visitors: Visitors::default(),
            staff: Staff::default(),
            speakers: Speakers::default(),
            pace: RateLimiter::keyed(Quota::per_minute(A_MINUTE).allow_burst(AT_ONCE)),
            changed: watch::Sender::new(0),
            decided: Notify::new(),
            reads_newest: AtomicBool::new(false),
            snapshot_ms: AtomicI64::new(0),
        }));
        let work = Work::new(moderation.clone(), inbox, change);
        Ok((moderation, work))
    }

    /// Whether a viewer may have a session for a room. Networks are banned for guests alone, and nobody is by who does not stand
    /// above.
    ///
    /// # Errors
    /// [`ApiError::Banned`]; [`ApiError::VendingDown`] for everybody while vending is frozen, and until what was decided before
    /// is known.
    pub fn admits(&self, caller: &Caller, room: &RoomId) -> Result<(), ApiError> {
        let (ledger, now_ms) = (&self.0.ledger, now_ms());
        if matches!(*self.0.begun.borrow(), Begun::Not | Begun::Never) {
            return Err(ApiError::VendingDown);
        }
        let frozen = ledger.until(None, &Subject::Vending) > now_ms;
        if frozen {
            return Err(ApiError::VendingDown);
        }
        let Caller { viewer, addr, rights, .. } = caller;
        let banned = ledger.bars(viewer, addr.to_canonical(), room, rights.role_in(room), now_ms);
        if banned { Err(ApiError::Banned) } else { Ok(()) }
    }

    /// A viewer has a session for a room, until `until_ms`.
    pub fn vended(&self, caller: &Caller, room: &RoomId, until_ms: i64) {
        let Caller { viewer, addr, rights, .. } = caller;
        if viewer.is_guest() {
            self.0.visitors.saw(viewer, addr.to_canonical(), until_ms, now_ms());
        }
        self.0.staff.saw(viewer, room, rights.role_in(room), until_ms, now_ms());
    }

    /// The gate let that through in a room: its author is known to operators for an hour.
    pub fn spoke(&self, room: &RoomId, admitted: &Admitted) {
        self.0.speakers.heard(room, admitted);
    }

    /// What the gate of a room judges by: as it stands, and as it will.
    #[must_use]
    pub fn bans(&self, room: &RoomId) -> Bans {
        self.0.ledger.bans(room)
    }

    /// Whom a decision on a subject concerns, as far as they are known.
    #[must_use]
    pub fn viewers_of(&self, subject: &Subject) -> Vec<ViewerId> {
        self.0.ledger.viewers_of(subject)
    }

    /// What the gate of one who reads a room itself must know: what the stream told, in texts that the server signs. Whoever was
    /// banned longer ago than any ticket holds has none.
    ///
    /// # Errors
    /// [`ApiError::VendingDown`] where the system gives no random bytes.
    pub fn handed(&self, room: &RoomId, identity: &Identity) -> Result<Vec<String>, ApiError> {
        let (now_ms, (mut decided, guests)) = (now_ms(), self.0.ledger.told());
        decided.retain(|Decided { room: of, decision, at, .. }| {
            of.as_ref().is_none_or(|of| of == room)
                && match decision.on {
                    Subject::Viewer(_) => *at > now_ms - LONGEST_MS,
                    Subject::Network(_) => true,
                    Subject::Vending | Subject::Sessions => false,
                }
        });
        if decided.is_empty() {
            return Ok(Vec::new());
        }
        let signer = Signer::new(identity.clone()).map_err(|error| {
            tracing::error!(%error, "who is banned cannot be signed");
            ApiError::VendingDown
        })?;
        let told = snapshot::records(decided, &guests).into_iter();
        Ok(told.map(|told| signer.handed(room, told, now_ms)).collect())
    }

    /// Waits until all is known that was decided before this server began, or until it is to end.
    pub async fn begun(&self) {
        let mut begun = self.0.begun.subscribe();
        // The sender is here.
        let _ = begun.wait_for(|begun| matches!(begun, Begun::Yes | Begun::Never)).await;
    }

    /// Whether all records but the newest are read: what was told until a while ago is known then.
    pub fn reads_newest(&self, newest: bool) {
        self.0.reads_newest.store(newest, Relaxed);
    }

    /// Judges a record under the service's key, and takes in what it says; what of it is to be kept.
    ///
    /// # Errors
    /// Why it counts for nothing.
    pub fn judge(&self, verifier: &RecordVerifier, record: &Record) -> Result<Heard, Reason> {
        let evidence = verifier.verify(&record.data);
        let at = record.arrival_ms;
        let order = admit_order(Incoming {
            data: &record.data,
            partition_key: &record.partition_key,
            sequence_number: &record.sequence_number,
            arrival_ms: at,
            evidence: evidence.as_ref(),
        })?;
        Ok(match order.moderation {
            Told::Guests(guests) => {
                let guests = Guests { from: Some(guests.from.unwrap_or(at)), ..guests };
                if self.0.ledger.stayed(&guests, at) {
                    self.change();
                    Heard::Guests(guests)
                } else {
                    Heard::Nothing(guests.viewers)
                }
            }
            Told::Snapshot(mut decided) => {
                self.0.snapshot_ms.fetch_max(at, Relaxed);
                decided.retain(|decided| self.0.ledger.arrived(decided));
                if decided.is_empty() {
                    Heard::Nothing(Vec::new())
                } else {
                    self.change();
                    Heard::Again(decided)
                }
            }
            decision => {
                let decision = decision.decision().ok_or(Reason::NotModerator)?;
                self.decided(Decided { id: order.id, room: None, decision, at })
            }
        })
    }

    /// The gate found true what a record decides; that is to be kept.
    pub fn decided(&self, decided: Decided) -> Heard {
        self.0.ledger.arrived(&decided);
        self.change();
        Heard::Decision(decided)
    }

    /// Where to give what is to be kept. While that is full, nothing more is to be read.
    #[must_use]
    pub fn keeper(&self) -> mpsc::Sender<Heard> {
        self.0.heard.clone()
    }

    fn change(&self) {
        self.0.changed.send_modify(|number| *number += 1);
    }

    /// Writes down what a moderator decides for a room.
    async fn decide(&self, by: &Decider, room: &RoomId, decision: Decision) -> Result<(), ApiError> {
        self.0.pace.check_key(&by.viewer).map_err(|not_yet| {
            let wait = not_yet.wait_time_from(DefaultClock::default().now());
            ApiError::TooMany { retry_after_s: u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1) }
        })?;
        let (store, now_ms) = (&self.0.store, now_ms());
        let (until_ms, decided_by) = self.0.ledger.counting(Some(room), &decision.on);
        let outranked = until_ms > now_ms && decided_by > by.rank;
        let equal =
            matches!(&decision.on, Subject::Viewer(viewer) if self.0.staff.stands(viewer, room, by.rank, now_ms));
        if outranked || equal {
            return Err(ApiError::NotAbove);
        }
        let written = if decision.until == Some(0) {
            store.end(Some(room), &decision.on, by.rank, now_ms).await.map(drop)
        } else {
            store.decide(Some(room), &decision, now_ms).await.map(drop)
        };
        self.0.decided.notify_one();
        written.map_err(|error| {
            tracing::error!(%error, "what a moderator decided could not be written down");
            ApiError::Store
        })
    }
}

impl Moderating for Moderation {
    fn ban(&self, by: Decider, room: &Room, viewer: ViewerId, seconds: Option<u32>) -> DecisionFuture {
        let (moderation, unsigned, room) = (self.clone(), room.unsigned, room.id.clone());
        let until = seconds.map(|seconds| now_ms().saturating_add(i64::from(seconds) * 1_000));
        Box::pin(async move {
            tracing::info!(by = %by.viewer, %room, %viewer, ?seconds, "a moderator bans");
            if unsigned == Unsigned::Allow {
                tracing::warn!(%room, "{UNSIGNED}");
            }
            moderation.decide(&by, &room, Decision { on: Subject::Viewer(viewer), until, by: by.rank }).await
        })
    }

    fn unban(&self, by: Decider, room: &Room, viewer: ViewerId) -> DecisionFuture {
        let (moderation, room) = (self.clone(), room.id.clone());
        Box::pin(async move {
            tracing::info!(by = %by.viewer, %room, %viewer, "a moderator ends a ban");
            moderation.decide(&by, &room, Decision::end(Subject::Viewer(viewer), by.rank)).await
        })
    }
}
