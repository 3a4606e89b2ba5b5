//! The audit: what was done in a room, by whom, when, and to whom.

use danmu::viewer::Rank;
use serde::{Deserialize, Serialize};

/// What was done. Later versions may know more, so that entries have the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// A viewer or a network was banned.
    Ban,
    /// A ban was ended.
    Unban,
    /// A danmu was hidden.
    Hide,
    /// A hidden danmu was allowed again.
    Unhide,
    /// A danmu that waited was let through.
    Pass,
    /// A danmu that waited was taken out.
    TakeOut,
    /// A mode of the room was switched on.
    ModeOn,
    /// A mode of the room was switched off.
    ModeOff,
    /// A rule of the room was made.
    RuleOn,
    /// A rule of the room was ended.
    RuleOff,
    /// Moderators were invited.
    Invite,
    /// An invitation was revoked.
    Uninvite,
    /// An invitation was accepted.
    Join,
    /// A studio was opened by its streamer key.
    OpenStudio,
    /// Attempts to open a studio were refused.
    WrongKey,
    /// A room was made, with a streamer key.
    MakeRoom,
    /// A room's title or addresses were changed.
    EditRoom,
    /// A room was archived.
    ArchiveRoom,
    /// An archived room was opened again.
    ReopenRoom,
    /// A room was deleted.
    DeleteRoom,
    /// A room got a new streamer key.
    NewKey,
    /// A room got another id that leads to it.
    AddAlias,
    /// Another id of a room was taken away.
    EndAlias,
    /// The vending of sessions was frozen.
    Freeze,
    /// Sessions are vended again.
    Thaw,
    /// Sessions were revoked.
    Revoke,
    /// What was kept of a viewer was erased.
    Erase,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 27] = [
        Self::Ban,
        Self::Unban,
        Self::Hide,
        Self::Unhide,
        Self::Pass,
        Self::TakeOut,
        Self::ModeOn,
        Self::ModeOff,
        Self::RuleOn,
        Self::RuleOff,
        Self::Invite,
        Self::Uninvite,
        Self::Join,
        Self::OpenStudio,
        Self::WrongKey,
        Self::MakeRoom,
        Self::EditRoom,
        Self::ArchiveRoom,
        Self::ReopenRoom,
        Self::DeleteRoom,
        Self::NewKey,
        Self::AddAlias,
        Self::EndAlias,
        Self::Freeze,
        Self::Thaw,
        Self::Revoke,
        Self::Erase,
    ];

    /// Its code, in the store and in exports.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ban => "ban",
            Self::Unban => "unban",
            Self::Hide => "hide",
            Self::Unhide => "unhide",
            Self::Pass => "pass",
            Self::TakeOut => "take_out",
            Self::ModeOn => "mode_on",
            Self::ModeOff => "mode_off",
            Self::RuleOn => "rule_on",
            Self::RuleOff => "rule_off",
            Self::Invite => "invite",
            Self::Uninvite => "uninvite",
            Self::Join => "join",
            Self::OpenStudio => "open_studio",
            Self::WrongKey => "wrong_key",
            Self::MakeRoom => "make_room",
            Self::EditRoom => "edit_room",
            Self::ArchiveRoom => "archive_room",
            Self::ReopenRoom => "reopen_room",
            Self::DeleteRoom => "delete_room",
            Self::NewKey => "new_key",
            Self::AddAlias => "add_alias",
            Self::EndAlias => "end_alias",
            Self::Freeze => "freeze",
            Self::Thaw => "thaw",
            Self::Revoke => "revoke",
            Self::Erase => "erase",
        }
    }

    /// The act with that code, if this version knows it.
    #[must_use]
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.code() == code)
    }
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its number: entries are numbered in the order in which they were written.
    pub number: i64,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// The room's id; empty for the whole server.
    pub room: String,
    /// Who: a viewer's id, `operator` for a command, `server` for the server itself.
    pub actor: String,
    /// The actor's name, or how it came in; empty where neither is known.
    pub name: String,
    /// The actor's rank in the room, if any.
    pub rank: Option<Rank>,
    /// What: the code of an [`Act`].
    pub what: String,
    /// To whom or to what: a viewer's id, a danmu's key, a network; empty for none.
    pub subject: String,
    /// The viewer whom it concerns, the author of a danmu too; empty for none.
    pub viewer: String,
    /// What else is known.
    pub detail: AuditDetail,
}

/// What else is known about an act. Absent where it does not apply or is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditDetail {
    /// When it ends, Unix milliseconds; a ban without it is for good. Of `revoke`: when the newest revoked session began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// The text of the danmu, of up to 200 characters, or the title of the room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The name of the viewer whom it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The reason that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How often, since the entry before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// Which entries are wanted: those that fit in all that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditFilter {
    /// Of this actor: its id or its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// With this code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// About this subject or viewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_act_has_a_code_of_its_own_and_is_found_by_it() {
        for act in Act::ALL {
            assert_eq!(Act::of(act.code()), Some(act));
        }
        assert_eq!(Act::of("later"), None);
    }

    #[test]
    fn a_detail_that_a_later_version_wrote_is_read() {
        let detail: AuditDetail = serde_json::from_str(r#"{"count":3,"later":[1]}"#).expect("a detail");
        assert_eq!(detail, AuditDetail { count: Some(3), ..AuditDetail::default() });
        assert_eq!(serde_json::to_string(&detail).expect("JSON"), r#"{"count":3}"#);
    }
}
