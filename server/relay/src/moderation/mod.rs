//! Moderation: bans, hidden danmu, and an operator's switches (freeze, revoke).
//!
//! A decision is a row in the [store](danmu_identity::store), written by `danmu-server ban` or a moderator's page, and pending
//! for the stream (an outbox). [`work`] publishes it as a record signed by the server, under the room's partition key, or for every
//! room under the service's key. From there it takes effect, on every server and in the stream's order: it enters the
//! [ledger](ledger), which gates and vending consult, and is kept in the store. The embedded endpoint, or on AWS the role of
//! viewers' sessions ([`aws`]), then denies the credentials of banned viewers. Every few minutes all that is in force is
//! published again ([`snapshot`]), so that a server with an empty store reads back to that ([`catch_up`]) before it judges or
//! vends. Promises: pending decisions survive errors and restarts, and take effect once; a server looks for new decisions every
//! [`EVERY`] while store and stream answer. Trusts no decision that the gate did not verify.

mod aws;
mod catch_up;
mod deciding;
mod ledger;
mod modes;
mod names;
mod networks;
mod order;
mod pace;
mod review;
mod role;
mod rules;
mod snapshot;
mod speakers;
mod staff;
mod texts;
mod work;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use danmu::{
    gate::{Admitted, Bans, Incoming, Reason, admit_order},
    kinesis::Record,
    record::{Decided, Guests, Moderation as Told, Subject},
    room::RoomId,
    viewer::ViewerId,
};
use danmu_app::{error::ApiError, services::Caller};
use danmu_identity::{
    clock::now_ms,
    identity::{Identity, RecordVerifier},
    store::{Store, StoreError},
    vending::Decisions,
};
use tokio::sync::{Notify, mpsc, watch};

pub use self::{
    catch_up::Reach,
    ledger::Denials,
    order::Signer,
    role::{KnownBy, RolePolicies},
    work::{Means, Work},
};
use self::{
    ledger::Ledger, names::Names, networks::Guests as Visitors, pace::Pace, review::Review, rules::Rules,
    speakers::Speakers, staff::Staff, texts::Texts,
};

/// Warning about a room where a ban can be evaded.
pub const UNSIGNED: &str =
    "the room shows danmu that carry no ticket (unsigned = \"allow\"): whoever is banned may go on without a name";
/// Upper bound of a ticket's lifetime, milliseconds: a session lasts at most twelve hours, plus clock skew.
const LONGEST_MS: i64 = 13 * 3_600_000;
/// How long a hidden danmu is kept in mind, milliseconds: longer than a relay or a page reads it again.
const HIDDEN_MS: i64 = 24 * 3_600_000;
/// How often the store is polled for changes.
const EVERY: Duration = Duration::from_millis(100);
/// Capacity of the queue of records to be kept; when it is full, reading the stream waits (back-pressure).
const QUEUE: usize = 256;
/// The current state of moderation. A handle.
#[derive(Clone, Debug)]
pub struct Moderation(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    ledger: Ledger,
    /// The state of catching up with earlier decisions.
    begun: watch::Sender<Begun>,
    /// The queue of what was read from the stream and is to be kept.
    heard: mpsc::Sender<Heard>,
    visitors: Visitors,
    staff: Staff,
    speakers: Speakers,
    names: Names,
    texts: Texts,
    rules: Rules,
    review: Review,
    pace: Pace,
    /// Change counter of the ledger; work on credentials waits for it.
    changed: watch::Sender<u64>,
    /// Signals a decision that was made in this process.
    decided: Notify,
    /// Whether the relay has caught up with the stream.
    reads_newest: AtomicBool,
    /// When the last snapshot arrived, Unix milliseconds; 0 if none was read.
    snapshot_ms: AtomicI64,
}

/// The state of catching up after a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    /// Reading earlier decisions; vending waits.
    Not,
    /// Reading the last minutes only; older decisions are in the store, so vending is allowed.
    Almost,
    /// Earlier decisions are known.
    Yes,
    /// Stopped before it had caught up.
    Never,
}

/// The result of judging a moderation record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A decision.
    Decision(Decided),
    /// Decisions from a snapshot that were not known here.
    Again(Vec<Decided>),
    /// Guests of a banned network.
    Guests(Guests),
    /// Nothing to keep; the guests that the record named, if any.
    Nothing(Vec<ViewerId>),
}

impl Heard {
    /// Whether it must be kept.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        !matches!(self, Self::Nothing(_))
    }

    /// Viewers with danmu to retract, and from which arrival time (Unix milliseconds) on decisions count; `guests_of` finds a
    /// network's guests. Includes what is not new: it may be known from the store, without a room having retracted.
    #[must_use]
    pub fn retracts(self, guests_of: impl Fn(&Subject) -> Vec<ViewerId>) -> Vec<(ViewerId, i64)> {
        let decided = |decided: Decided| {
            let concerned = guests_of(&decided.decision.on);
            concerned.into_iter().map(move |viewer| (viewer, decided.at))
        };
        match self {
            Self::Decision(one) => decided(one).collect(),
            Self::Again(many) => many.into_iter().flat_map(decided).collect(),
            // The ban of their network may have been published earlier.
            Self::Guests(Guests { viewers, .. }) | Self::Nothing(viewers) => {
                viewers.into_iter().map(|viewer| (viewer, i64::MIN)).collect()
            }
        }
    }
}

impl Moderation {
    /// Opens moderation with the state in a store; [`Work`] carries out decisions from then on.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn open(store: Store) -> Result<(Self, Work), StoreError> {
        let rules = Rules::default();
        let ledger = Ledger::new(Arc::clone(&rules.book));
        // The change number is read first, so that changes made in between are read again.
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
            names: Names::default(),
            texts: Texts::default(),
            rules,
            review: Review::default(),
            pace: Pace::of_decisions(),
            changed: watch::Sender::new(0),
            decided: Notify::new(),
            reads_newest: AtomicBool::new(false),
            snapshot_ms: AtomicI64::new(0),
        }));
        let work = Work::new(moderation.clone(), inbox, change);
        Ok((moderation, work))
    }

    /// Records the author of a danmu that the gate admitted, so that operators can find its id for an hour, and its text, in
    /// case it is hidden.
    pub fn spoke(&self, room: &RoomId, admitted: &Admitted) {
        self.0.texts.heard(room, admitted);
        self.0.rules.heard(room, admitted);
        self.0.speakers.heard(room, admitted);
    }

    /// The bans that the gate of a room judges by; they stay up to date.
    #[must_use]
    pub fn bans(&self, room: &RoomId) -> Bans {
        self.0.ledger.bans(room)
    }

    /// The known viewers whom a decision on a subject concerns.
    #[must_use]
    pub fn viewers_of(&self, subject: &Subject) -> Vec<ViewerId> {
        self.0.ledger.viewers_of(subject)
    }

    /// Waits until earlier decisions are known, or the server stops.
    pub async fn begun(&self) {
        let mut begun = self.0.begun.subscribe();
        // The sender outlives this call, so waiting cannot fail.
        let _ = begun.wait_for(|begun| matches!(begun, Begun::Yes | Begun::Never)).await;
    }

    /// Sets whether the relay has caught up with the stream; if so, everything published up to a moment ago is known.
    pub fn reads_newest(&self, newest: bool) {
        self.0.reads_newest.store(newest, Relaxed);
    }

    /// Judges a record under the service's key, applies it to the ledger, and returns what of it is to be kept.
    ///
    /// # Errors
    /// Why the record has no effect.
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
                decided.iter().for_each(|decided| self.0.review.decided(decided));
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

    /// Applies a decision that the gate of a room has verified; it is to be kept.
    pub fn decided(&self, decided: Decided) -> Heard {
        self.0.ledger.arrived(&decided);
        self.0.review.decided(&decided);
        self.change();
        Heard::Decision(decided)
    }

    /// The queue for what is to be kept. While it is full, nothing more should be read.
    #[must_use]
    pub fn keeper(&self) -> mpsc::Sender<Heard> {
        self.0.heard.clone()
    }

    fn change(&self) {
        self.0.changed.send_modify(|number| *number += 1);
    }
}

impl Decisions for Moderation {
    fn admits(&self, caller: &Caller, room: &RoomId) -> Result<(), ApiError> {
        let (ledger, now_ms) = (&self.0.ledger, now_ms());
        if matches!(*self.0.begun.borrow(), Begun::Not | Begun::Never) {
            return Err(ApiError::VendingDown);
        }
        let frozen = ledger.until(None, &Subject::Vending) > now_ms;
        if frozen {
            return Err(ApiError::Frozen);
        }
        let Caller { viewer, addr, rights, .. } = caller;
        let banned = ledger.bars(viewer, addr.to_canonical(), room, rights.role_in(room), now_ms);
        if banned { Err(ApiError::Banned) } else { Ok(()) }
    }

    fn vended(&self, caller: &Caller, room: &RoomId, until_ms: i64) {
        let Caller { viewer, name, addr, rights, .. } = caller;
        if viewer.is_guest() {
            self.0.visitors.saw(viewer, addr.to_canonical(), until_ms, now_ms());
        }
        self.0.staff.saw(viewer, room, rights.role_in(room), until_ms, now_ms());
        if let Some(name) = name.as_ref().filter(|_| !viewer.is_guest()) {
            self.0.names.saw(name, until_ms, now_ms());
        }
    }

    fn allows_direct(&self) -> bool {
        !self.0.ledger.hides_any(now_ms()) && !self.0.ledger.reviews_any(now_ms())
    }

    fn handed(&self, room: &RoomId, identity: &Identity) -> Result<Vec<String>, ApiError> {
        let (now_ms, (mut decided, guests)) = (now_ms(), self.0.ledger.told());
        decided.retain(|Decided { room: of, decision, at, .. }| {
            of.as_ref().is_none_or(|of| of == room)
                && match decision.on {
                    Subject::Viewer(_) | Subject::Danmu(_) => *at > now_ms - LONGEST_MS,
                    Subject::Network(_) | Subject::Mode(_) | Subject::Rule(_) => true,
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
}
