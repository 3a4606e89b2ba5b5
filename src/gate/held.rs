//! Reviewed mode: danmu that wait for the crew, and the server's records that let them through.
//!
//! A danmu that passes has its place in the stream where it was let through, so all readers show it there. It is shown once:
//! copies of the server's record arrive within [`SEEN_MS`](super::seen::SEEN_MS) like those of any signed record, and ids are
//! known for that long. The server signs another one only while no reader can have read the first.

use std::sync::Arc;

use super::{Admitted, Evidence, Gate, KEPT_MS, Reason, SENT_AFTER_MS, SENT_BEFORE_MS, bans::Decisions};
use crate::{
    record::{self, DanmuKey, Passed, RecordError, RecordId, Subject},
    room::{HELD_MS, RoomMode},
    viewer::ViewerId,
};

/// How long after the end of reviewed mode, in milliseconds, viewers may not read the stream, which still has what waited.
const UNREAD_MS: i64 = KEPT_MS;

/// A danmu that waits: every other check has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The danmu, with its own arrival.
    pub danmu: Admitted,
    /// After how many seconds it is shown by itself, by the mode at its arrival; 0: never.
    pub after_s: u8,
}

impl Admitted {
    /// The danmu as it is let through; its arrival is that of its author's record.
    #[must_use]
    pub fn passed(self) -> Passed {
        let Self { key, text, mode, color, arrival_ms: at, evidence, .. } = self;
        let (viewer, name, role) =
            evidence.map(|it| (Some(it.viewer.clone()), it.name.clone(), it.role)).unwrap_or_default();
        Passed { key, viewer, name, role, text, mode, color, at }
    }
}

impl Gate {
    /// Judges the server's record of that id and arrival, which lets a danmu through.
    pub(super) fn pass(&mut self, id: RecordId, passed: &Passed, arrival_ms: i64) -> Result<Admitted, Reason> {
        let Passed { key, viewer, name, role, text, mode, color, at } = passed;
        if id != passed.id(&self.room) {
            return Err(RecordError::Malformed("a danmu is let through under an id that is not its own".into()).into());
        }
        let late_ms = arrival_ms.saturating_sub(*at);
        if !(-SENT_AFTER_MS..=HELD_MS + SENT_BEFORE_MS).contains(&late_ms) {
            return Err(Reason::Stale(late_ms));
        }
        if !self.seen.insert(Some(&ViewerId::server()), &DanmuKey::Record(id), arrival_ms) {
            return Err(Reason::Duplicate);
        }
        // Meanwhile its author may have been banned, or it may have been hidden; the end of a ban brings nothing back.
        let banned = viewer.as_ref().is_some_and(|viewer| self.bans.cover(viewer, *role, arrival_ms));
        if banned || self.bans.retract(&key.to_string(), viewer.as_ref(), *role, *at) {
            return Err(Reason::Banned);
        }
        record::check_text(text, self.unicode)?;
        // Its author's record, put again, is a duplicate from here on, too.
        self.seen.insert(viewer.as_ref(), key, arrival_ms);
        let evidence = viewer.clone().map(|viewer| {
            let (name, role, room) = (name.clone(), *role, self.room.clone());
            Arc::new(Evidence { viewer, name, role, room, issued_ms: *at, expires_ms: *at })
        });
        let (key, text, mode, color) = (key.clone(), text.clone(), *mode, *color);
        Ok(Admitted { key, text, mode, color, arrival_ms, sent_ms: None, held_ms: Some(*at), evidence })
    }
}

impl Decisions {
    /// The modes that were decided on, whether they are in force or not.
    #[must_use]
    pub fn modes(&self) -> Vec<RoomMode> {
        self.read().modes.clone()
    }

    /// Whether reviewed mode is in force at `now_ms` (Unix milliseconds), or was within the last three hours.
    #[must_use]
    pub fn reviews_any(&self, now_ms: i64) -> bool {
        let known = self.read();
        known.modes.iter().filter(|mode| matches!(mode, RoomMode::Reviewed(_))).any(|mode| {
            let counts = known.counts(&Subject::Mode(*mode));
            counts.is_some_and(|entry| entry.until_ms.max(entry.at_ms) > now_ms.saturating_sub(UNREAD_MS))
        })
    }
}
