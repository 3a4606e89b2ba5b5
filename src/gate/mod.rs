//! The gate: the one place that decides whether a record is shown.
//!
//! The same code judges in the server and, compiled to WebAssembly, in the browser. It is pure and synchronous, and it
//! looks at the record, where it was put and when it arrived, never at a clock of its own: whoever reads the same
//! records in the same order judges alike. What it refuses is counted by reason, never shown.

mod bans;
mod handed;
mod pace;
mod retract;
mod seen;

use std::sync::Arc;

use thiserror::Error;

pub use self::{
    bans::{Bans, Decisions, EVERYWHERE_AFTER_MS, KEPT_MS},
    handed::Handed,
    retract::Retracted,
};
use self::{pace::Buckets, seen::Seen};
use crate::{
    record::{
        self, Color, Content, Decided, Decision, Mode, Order, RecordError, RecordId, SERVICE_KEY, Subject, TextError,
        Unicode,
    },
    room::{Paces, Room, RoomId, Unsigned},
    ticket::LEEWAY_MS,
    viewer::{Name, Rank, Role, ViewerId},
};

/// How far back what decides on a record reaches, in milliseconds: a bucket is as full as the records of two spans left it, and
/// of these only those count that were new. By arrival times alone: a gate that began so much earlier than the present knows
/// what one knows that has run for ever, and replicas agree.
pub const REMEMBERED_MS: i64 = seen::SEEN_MS + 2 * pace::SPAN_MS;

/// By how much, in milliseconds, a signed record may have been sent before it arrives: a put is tried again for seconds, and a
/// phone loses its network for longer.
pub const SENT_BEFORE_MS: i64 = 60_000;
/// And by how much after: the clock of its author may be wrong.
pub const SENT_AFTER_MS: i64 = 30_000;

// Whoever reads a signed record off the stream can put it again. That it is shown once follows from this: from the first arrival
// at which it may be shown to the last one is no longer than ids are known.
const _: () = assert!(SENT_BEFORE_MS + SENT_AFTER_MS <= seen::SEEN_MS);

/// A record as it came off the stream.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// Its data.
    pub data: &'a [u8],
    /// The partition key that it was put under.
    pub partition_key: &'a str,
    /// Its sequence number on its shard, in decimal.
    pub sequence_number: &'a str,
    /// When the stream took it, in Unix milliseconds.
    pub arrival_ms: i64,
    /// What the host has verified of its proof ([`crate::ticket`]); nothing where it has none, or none that is true.
    pub evidence: Option<&'a Arc<Evidence>>,
}

/// What a host knows of a record whose ticket and signature it has verified: what the ticket says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Whose it is.
    pub viewer: ViewerId,
    /// The name that the viewer goes by, where it has one.
    pub name: Option<Name>,
    /// What the viewer may do.
    pub role: Role,
    /// The room that the ticket is for.
    pub room: RoomId,
    /// When the ticket was issued, in Unix milliseconds.
    pub issued_ms: i64,
    /// Until when it holds, in Unix milliseconds.
    pub expires_ms: i64,
}

impl Evidence {
    /// Whether it is the streamer's: nothing holds it up.
    #[must_use]
    pub fn is_important(&self) -> bool {
        self.role == Role::Streamer
    }

    /// Whether it is the server's, which alone decides for every room.
    #[must_use]
    pub fn is_server(&self) -> bool {
        self.role == Role::Streamer && self.viewer == ViewerId::server()
    }

    /// Whether its ticket holds for what was sent and arrives then, in Unix milliseconds.
    fn check_times(&self, sent_ms: i64, arrival_ms: i64) -> Result<(), Reason> {
        let begins_ms = self.issued_ms.saturating_sub(LEEWAY_MS);
        if !(begins_ms..=self.expires_ms).contains(&arrival_ms) {
            return Err(Reason::Expired);
        }
        let late_ms = arrival_ms.saturating_sub(sent_ms);
        if !(-SENT_AFTER_MS..=SENT_BEFORE_MS).contains(&late_ms) {
            return Err(Reason::Stale(late_ms));
        }
        Ok(())
    }
}

/// A danmu that may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Names it: the author's id, or for a foreign record one made of its sequence number.
    pub key: DanmuKey,
    /// Its text. Text, never HTML.
    pub text: String,
    /// Where it is shown.
    pub mode: Mode,
    /// Its colour.
    pub color: Color,
    /// When the stream took it, in Unix milliseconds.
    pub arrival_ms: i64,
    /// When its author sent it, by the author's clock, in Unix milliseconds; unknown for a foreign record.
    pub sent_ms: Option<i64>,
    /// Whose it is, where that was verified.
    pub evidence: Option<Arc<Evidence>>,
}

/// What names a danmu among those of its room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DanmuKey {
    /// The id that its author's client gave it.
    Record(RecordId),
    /// Its sequence number, for a record that has no id.
    Sequence(String),
}

impl std::fmt::Display for DanmuKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Record(id) => id.fmt(f),
            Self::Sequence(number) => write!(f, "s{number}"),
        }
    }
}

/// Why a record is not shown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// It was put under another partition key, names another room, or its ticket is for another.
    #[error("it belongs to another room")]
    OtherRoom,
    /// It cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Its text may not be shown.
    #[error(transparent)]
    Text(#[from] TextError),
    /// It carries no ticket, and the room wants one.
    #[error("it carries no ticket, and the room shows signed danmu only")]
    Unsigned,
    /// It carries a proof that the host did not find true. Never shown as one without a name either.
    #[error("its ticket or its signature is not true")]
    Forged,
    /// It arrived after its ticket's end, or long before its ticket was issued.
    #[error("its ticket does not hold at the time of its arrival")]
    Expired,
    /// It is signed, and its author's time is too far from its arrival: it was kept back, put again, or the clock is wrong.
    #[error("it was signed {0} ms before it arrived; {SENT_BEFORE_MS} before to {SENT_AFTER_MS} after are allowed")]
    Stale(i64),
    /// Its author was banned when it arrived.
    #[error("its author is banned")]
    Banned,
    /// It says who may speak, and its author may not say that.
    #[error("its author may not moderate")]
    NotModerator,
    /// It says who may speak, and from its arrival on that is so: nothing is wrong with it, and nothing is there to show.
    #[error("it moderates")]
    Moderation(Decided),
    /// A record of that id was seen before.
    #[error("it was seen before")]
    Duplicate,
    /// Its viewer's bucket is empty ([`Pace`](crate::room::Pace)).
    #[error("its author says too much in too short a time")]
    TooFast,
}

/// How many records were let through, and how many were not, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Let through.
    pub admitted: u64,
    /// [`Reason::OtherRoom`]
    pub other_room: u64,
    /// [`Reason::Record`]
    pub unreadable: u64,
    /// [`Reason::Text`]
    pub text: u64,
    /// [`Reason::Unsigned`]
    pub unsigned: u64,
    /// [`Reason::Forged`]
    pub forged: u64,
    /// [`Reason::Expired`]
    pub expired: u64,
    /// [`Reason::Stale`]
    pub stale: u64,
    /// [`Reason::Banned`]
    pub banned: u64,
    /// [`Reason::NotModerator`]
    pub not_moderator: u64,
    /// [`Reason::Moderation`]
    pub moderation: u64,
    /// [`Reason::Duplicate`]
    pub duplicate: u64,
    /// [`Reason::TooFast`]
    pub too_fast: u64,
}

impl Counts {
    fn of(&mut self, reason: &Reason) -> &mut u64 {
        match reason {
            Reason::OtherRoom => &mut self.other_room,
            Reason::Record(_) => &mut self.unreadable,
            Reason::Text(_) => &mut self.text,
            Reason::Unsigned => &mut self.unsigned,
            Reason::Forged => &mut self.forged,
            Reason::Expired => &mut self.expired,
            Reason::Stale(_) => &mut self.stale,
            Reason::Banned => &mut self.banned,
            Reason::NotModerator => &mut self.not_moderator,
            Reason::Moderation(_) => &mut self.moderation,
            Reason::Duplicate => &mut self.duplicate,
            Reason::TooFast => &mut self.too_fast,
        }
    }
}

/// Judges the records of one room.
#[derive(Debug)]
pub struct Gate {
    unicode: Unicode,
    room: RoomId,
    unsigned: Unsigned,
    bans: Bans,
    seen: Seen,
    paces: Paces,
    buckets: Buckets,
    counts: Counts,
}

impl Gate {
    /// A gate by the rules of a room.
    #[must_use]
    pub fn new(room: &Room, unicode: Unicode) -> Self {
        let (room, unsigned, paces) = (room.id.clone(), room.unsigned, room.paces);
        let (bans, seen, buckets) = (Bans::default(), Seen::default(), Buckets::new());
        Self { unicode, room, unsigned, bans, seen, paces, buckets, counts: Counts::default() }
    }

    /// Goes by the rules of its room as they are from now on.
    pub fn go_by(&mut self, room: &Room) {
        (self.unsigned, self.paces) = (room.unsigned, room.paces);
    }

    /// The same gate with what is known of who may not speak; what it reads is added to that.
    #[must_use]
    pub fn with_bans(self, bans: Bans) -> Self {
        Self { bans, ..self }
    }

    /// Who may not speak, as far as it knows.
    #[must_use]
    pub fn bans(&self) -> &Bans {
        &self.bans
    }

    /// What went through and what did not, so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Judges one record.
    ///
    /// # Errors
    /// The reason why it must not be shown.
    pub fn admit(&mut self, incoming: Incoming<'_>) -> Result<Admitted, Reason> {
        let verdict = self.judge(incoming);
        match &verdict {
            Ok(_) => self.counts.admitted += 1,
            Err(reason) => *self.counts.of(reason) += 1,
        }
        verdict
    }

    fn judge(&mut self, incoming: Incoming<'_>) -> Result<Admitted, Reason> {
        let arrival_ms = incoming.arrival_ms;
        if incoming.partition_key != self.room.as_str() {
            return Err(Reason::OtherRoom);
        }
        let parsed = record::decode(incoming.data)?;
        let evidence = match (parsed.proof, incoming.evidence) {
            (Some(_), None) => return Err(Reason::Forged),
            (Some(_), evidence) => evidence,
            // Two lines of a foreign producer may look like a proof, but prove nothing.
            (None, _) if self.unsigned == Unsigned::Deny => return Err(Reason::Unsigned),
            (None, _) => None,
        };
        let mut moderation = None;
        let (key, text, mode, color, sent_ms) = match parsed.content {
            Content::Danmu(danmu) if danmu.room != self.room => return Err(Reason::OtherRoom),
            Content::Danmu(danmu) => {
                moderation = danmu.moderation;
                (DanmuKey::Record(danmu.id), danmu.text, danmu.mode, danmu.color, Some(danmu.at))
            }
            // Foreign producers end their texts as their systems do.
            Content::Foreign(text) => (
                DanmuKey::Sequence(incoming.sequence_number.to_owned()),
                text.trim().to_owned(),
                Mode::default(),
                Color::default(),
                None,
            ),
        };
        if let (Some(evidence), Some(sent_ms)) = (evidence, sent_ms) {
            self.check_ticket(evidence, sent_ms, arrival_ms)?;
            // Nobody bans the server, which would be heard no more.
            if !evidence.is_server() && self.bans.cover(&evidence.viewer, evidence.role, arrival_ms) {
                return Err(Reason::Banned);
            }
        }
        let viewer = evidence.map(|evidence| &evidence.viewer);
        if let Some(moderation) = moderation {
            let rank = evidence.and_then(|evidence| Rank::of(evidence.role)).ok_or(Reason::NotModerator)?;
            // A network says nothing to a viewer, who does not see where others come from; nor who else has decided.
            let by_server = evidence.is_some_and(|evidence| evidence.is_server());
            let decision = moderation.of_room().filter(|it| by_server || matches!(it.on, Subject::Viewer(_)));
            let decision = decision.map(|it| if by_server { it } else { Decision { by: rank, ..it } });
            let (Some(decision), DanmuKey::Record(id)) = (decision, &key) else { return Err(Reason::NotModerator) };
            if !self.seen.insert(viewer, &key, arrival_ms) {
                return Err(Reason::Duplicate);
            }
            self.bans.of_room().apply(*id, &decision, arrival_ms);
            let room = Some(self.room.clone());
            return Err(Reason::Moderation(Decided { id: *id, room, decision, at: arrival_ms }));
        }
        // What looks the same is the same to whoever compares texts. Composed, a text never has more characters or marks.
        let text = if text.is_ascii() { text } else { (self.unicode.nfc)(&text) };
        record::check_text(&text, self.unicode)?;
        if !self.seen.insert(viewer, &key, arrival_ms) {
            return Err(Reason::Duplicate);
        }
        // After the duplicates: whoever puts another's records again takes nothing from that one's bucket.
        if let Some(evidence) = evidence
            && let Some(pace) = self.paces.of(evidence.role)
            && !self.buckets.take(&evidence.viewer, pace, arrival_ms)
        {
            return Err(Reason::TooFast);
        }
        Ok(Admitted { key, text, mode, color, arrival_ms, sent_ms, evidence: evidence.cloned() })
    }

    /// Whether a ticket holds here and for a record of that time.
    fn check_ticket(&self, evidence: &Evidence, sent_ms: i64, arrival_ms: i64) -> Result<(), Reason> {
        if evidence.room != self.room {
            return Err(Reason::OtherRoom);
        }
        evidence.check_times(sent_ms, arrival_ms)
    }
}

/// Judges a record under [`SERVICE_KEY`], where the server alone decides, for every room. What it says is for the caller to take
/// in: by [`Decisions`], which know it by its id.
///
/// # Errors
/// Why it counts for nothing.
pub fn admit_order(incoming: Incoming<'_>) -> Result<Order, Reason> {
    if incoming.partition_key != SERVICE_KEY {
        return Err(Reason::OtherRoom);
    }
    let (line, _) = record::signed(incoming.data).ok_or(Reason::NotModerator)?;
    let evidence = incoming.evidence.ok_or(Reason::Forged)?;
    if !evidence.is_server() {
        return Err(Reason::NotModerator);
    }
    let order = record::decode_order(line)?;
    evidence.check_times(order.at, incoming.arrival_ms)?;
    Ok(order)
}

#[cfg(test)]
mod tests;
