//! The gate: the one place that decides whether a record is shown.
//!
//! The same code judges in the server and, compiled to WebAssembly, in the browser. It is pure and synchronous, and uses the
//! record, its partition key and its arrival time, never a clock of its own: readers of the same records in the same order
//! judge alike. What it refuses is counted by reason, never shown.

mod bans;
mod counts;
mod handed;
mod held;
mod pace;
mod retract;
mod rules;
mod seen;

use std::sync::Arc;

use thiserror::Error;

pub use self::{
    bans::{Bans, Decisions, EVERYWHERE_AFTER_MS, KEPT_MS},
    counts::Counts,
    handed::Handed,
    held::Held,
    retract::Retracted,
    rules::{MAX_AGAIN_MS, RuleBook, RuleVerdict},
};
use self::{pace::Buckets, rules::Posted, seen::Seen};
use crate::{
    record::{
        self, Color, Content, DanmuKey, Decided, Decision, Mode, Moderation, Order, RecordError, SERVICE_KEY, Subject,
        TextError, Unicode,
    },
    room::{Modes, Paces, Room, RoomId, RoomMode, RuleId, Unsigned},
    ticket::LEEWAY_MS,
    viewer::{Name, Rank, Role, ViewerId},
};

/// How far back, in milliseconds, records influence a judgement: a token bucket depends on the records of two spans, and of
/// these on those that were new. Arrival times alone count: a gate that began that long ago judges like one that has always
/// run, and replicas agree.
pub const REMEMBERED_MS: i64 = seen::SEEN_MS + 2 * pace::SPAN_MS;

/// How long, in milliseconds, a signed record may have been sent before it arrives: a put is retried for seconds, and a phone
/// loses its network for longer.
pub const SENT_BEFORE_MS: i64 = 60_000;
/// And how long after: its author's clock may be wrong.
pub const SENT_AFTER_MS: i64 = 30_000;

// Replay protection: a signed record can be read off the stream and put again. The time in which it may be shown is no longer
// than ids are known, so it is shown once.
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
    /// When it arrived at the stream, in Unix milliseconds.
    pub arrival_ms: i64,
    /// The host's verified evidence of its proof ([`crate::ticket`]); `None` without a proof, or with a false one.
    pub evidence: Option<&'a Arc<Evidence>>,
}

/// What the ticket of a record says, whose ticket and signature the host has verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Its author.
    pub viewer: ViewerId,
    /// The viewer's display name, if any.
    pub name: Option<Name>,
    /// What the viewer may do.
    pub role: Role,
    /// The room that the ticket is for.
    pub room: RoomId,
    /// When the ticket was issued, in Unix milliseconds.
    pub issued_ms: i64,
    /// When the ticket expires, in Unix milliseconds.
    pub expires_ms: i64,
}

impl Evidence {
    /// Whether it is the streamer's, which density never drops.
    #[must_use]
    pub fn is_important(&self) -> bool {
        self.role == Role::Streamer
    }

    /// Whether it is the server's, which alone decides for every room.
    #[must_use]
    pub fn is_server(&self) -> bool {
        self.role == Role::Streamer && self.viewer == ViewerId::server()
    }

    /// Whether its ticket is valid for a record with that time and arrival, in Unix milliseconds.
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
    /// Its key: the author's id, or for a foreign record its sequence number.
    pub key: DanmuKey,
    /// Its text. Text, never HTML.
    pub text: String,
    /// Where it is shown.
    pub mode: Mode,
    /// Its colour.
    pub color: Color,
    /// When it arrived at the stream, in Unix milliseconds.
    pub arrival_ms: i64,
    /// When its author sent it, by the author's clock, in Unix milliseconds; unknown for a foreign record, and for one that
    /// waited.
    pub sent_ms: Option<i64>,
    /// When its author's record arrived, in Unix milliseconds, if it waited for the crew: then it arrived when it was let
    /// through.
    pub held_ms: Option<i64>,
    /// Its author, where that was verified.
    pub evidence: Option<Arc<Evidence>>,
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
    /// It carries no ticket, and the room requires one.
    #[error("it carries no ticket, and the room shows signed danmu only")]
    Unsigned,
    /// It carries a proof that the host did not find true. It is not shown as nameless either.
    #[error("its ticket or its signature is not true")]
    Forged,
    /// It arrived after its ticket's expiry, or long before its ticket was issued.
    #[error("its ticket does not hold at the time of its arrival")]
    Expired,
    /// It is signed, and its author's time is too far from its arrival: delayed, replayed, or a wrong clock.
    #[error("it was signed {0} ms before it arrived; {SENT_BEFORE_MS} before to {SENT_AFTER_MS} after are allowed")]
    Stale(i64),
    /// Its author was banned when it arrived.
    #[error("its author is banned")]
    Banned,
    /// A mode of the room forbids it.
    #[error("the room's mode forbids it: {0:?}")]
    Mode(RoomMode),
    /// A rule of the room forbids its text.
    #[error("a rule of the room forbids its text")]
    Rule(RuleId),
    /// Its author is shadow-banned: it is shown to its author alone.
    #[error("its author is shadow-banned")]
    Shadowed(Box<Admitted>),
    /// It waits for the crew, by a mode of the room; nothing else is wrong with it.
    #[error("it waits until the crew lets it through")]
    Held(Box<Held>),
    /// It is a decision that its author may not make.
    #[error("its author may not moderate")]
    NotModerator,
    /// It is a decision, and takes effect: nothing is wrong with it, and there is nothing to show.
    #[error("it moderates")]
    Moderation(Box<Decided>),
    /// A record of that id was seen lately.
    #[error("it was seen before")]
    Duplicate,
    /// Its viewer's token bucket is empty ([`Pace`](crate::room::Pace)).
    #[error("its author says too much in too short a time")]
    TooFast,
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
    posted: Posted,
    counts: Counts,
}

impl Gate {
    /// A gate by the rules of a room.
    #[must_use]
    pub fn new(room: &Room, unicode: Unicode) -> Self {
        let (room, unsigned, paces) = (room.id.clone(), room.unsigned, room.paces);
        let (bans, seen, buckets, posted) = (Bans::default(), Seen::default(), Buckets::new(), Posted::default());
        Self { unicode, room, unsigned, bans, seen, paces, buckets, posted, counts: Counts::default() }
    }

    /// Uses the changed rules of its room from now on.
    pub fn go_by(&mut self, room: &Room) {
        (self.unsigned, self.paces) = (room.unsigned, room.paces);
    }

    /// The same gate with these bans; decisions that it reads are added.
    #[must_use]
    pub fn with_bans(self, bans: Bans) -> Self {
        Self { bans, ..self }
    }

    /// The bans that it knows.
    #[must_use]
    pub fn bans(&self) -> &Bans {
        &self.bans
    }

    /// The counts so far.
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
            // A foreign producer's two lines may look like a proof, but prove nothing.
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
            // Foreign producers may end a text with a line break.
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
            // The server cannot be banned: it would not be heard any more.
            if !evidence.is_server() && self.bans.cover(&evidence.viewer, evidence.role, arrival_ms) {
                return Err(Reason::Banned);
            }
        }
        let viewer = evidence.map(|evidence| &evidence.viewer);
        if let Some(moderation) = moderation {
            let rank = evidence.and_then(|evidence| Rank::of(evidence.role)).ok_or(Reason::NotModerator)?;
            // Only the server may decide on networks, which others do not see, and state another's rank.
            let by_server = evidence.is_some_and(|evidence| evidence.is_server());
            if let (Moderation::Pass(passed), DanmuKey::Record(id), true) = (&moderation, &key, by_server) {
                return self.pass(*id, passed, arrival_ms);
            }
            let decision = moderation.of_room().filter(|it| by_server || matches!(it.on, Subject::Viewer(_)));
            let decision = decision.map(|it| if by_server { it } else { Decision { by: rank, ..it } });
            let (Some(decision), DanmuKey::Record(id)) = (decision, &key) else { return Err(Reason::NotModerator) };
            if !self.seen.insert(viewer, &key, arrival_ms) {
                return Err(Reason::Duplicate);
            }
            self.bans.of_room().apply(*id, &decision, arrival_ms);
            let room = Some(self.room.clone());
            return Err(Reason::Moderation(Decided { id: *id, room, decision, at: arrival_ms }.into()));
        }
        // NFC, so that texts that look alike compare as equal.
        let text = if text.is_ascii() { text } else { (self.unicode.nfc)(&text) };
        record::check_text(&text, self.unicode)?;
        let (modes, role) =
            (self.bans.modes(arrival_ms), evidence.map_or_else(Role::default, |evidence| evidence.role));
        if let Some(mode) = modes.forbid(role, &text) {
            return Err(Reason::Mode(mode));
        }
        if !self.seen.insert(viewer, &key, arrival_ms) {
            return Err(Reason::Duplicate);
        }
        // After deduplication: a replay of another's record takes nothing from that viewer's bucket.
        if let Some(evidence) = evidence
            && let Some(pace) = modes.pace(self.paces, evidence.role)
            && !self.buckets.take(&evidence.viewer, pace, arrival_ms)
        {
            return Err(Reason::TooFast);
        }
        let is_shadowed = self.check_rules(role, viewer, &text, arrival_ms)?;
        let evidence = evidence.map(|evidence| shown(evidence, modes));
        let danmu = Admitted { key, text, mode, color, arrival_ms, sent_ms, held_ms: None, evidence };
        if is_shadowed {
            return Err(Reason::Shadowed(danmu.into()));
        }
        match modes.reviews(role) {
            Some(review) => Err(Reason::Held(Held { danmu, after_s: review.after_s }.into())),
            None => Ok(danmu),
        }
    }

    /// Whether the room's rules let its author alone see a text. The crew is free of them.
    fn check_rules(&mut self, role: Role, by: Option<&ViewerId>, text: &str, arrival_ms: i64) -> Result<bool, Reason> {
        if role.may_moderate() {
            return Ok(false);
        }
        match self.bans.look(text, by, arrival_ms) {
            RuleVerdict::Allowed => Ok(false),
            RuleVerdict::Shadowed => Ok(true),
            RuleVerdict::Forbidden(rule) => Err(Reason::Rule(rule)),
            RuleVerdict::Again { rule, fingerprint, within_ms } => match by {
                Some(by) if !self.posted.insert(by, fingerprint, within_ms, arrival_ms) => Err(Reason::Rule(rule)),
                _ => Ok(false),
            },
        }
    }

    /// Whether a ticket is valid here and for a record of that time.
    fn check_ticket(&self, evidence: &Evidence, sent_ms: i64, arrival_ms: i64) -> Result<(), Reason> {
        if evidence.room != self.room {
            return Err(Reason::OtherRoom);
        }
        evidence.check_times(sent_ms, arrival_ms)
    }
}

/// The evidence as it is shown: a guest has no name where the room has no such names.
fn shown(evidence: &Arc<Evidence>, modes: Modes) -> Arc<Evidence> {
    if evidence.name.is_none() || !evidence.viewer.is_guest() || modes.has_names() {
        return Arc::clone(evidence);
    }
    Evidence { name: None, ..Evidence::clone(evidence) }.into()
}

/// Judges an order: a record under [`SERVICE_KEY`], by which the server alone decides for every room. The caller applies it to
/// its [`Decisions`], which deduplicate by id.
///
/// # Errors
/// Why it has no effect.
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
