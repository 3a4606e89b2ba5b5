//! Moderation: decisions on who may post, as they travel on the stream, as `mod` in a record's object.
//!
//! A decision has an id, the record's; a scope, one room or every room; a subject; and an expiry. In stream order the last
//! decision on a subject and scope counts (none of a lower rank against one in force), and reading a record twice changes
//! nothing. A decision for a room is in a [`Danmu`](super::Danmu) under the room's key, one for every room in an [`Order`]
//! under [`SERVICE_KEY`], and each affects exactly its scope.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{DanmuRef, Passed, RecordError, RecordId, VERSION, is_default};
use crate::{
    room::{RoomId, RoomMode, RuleId},
    viewer::{Rank, ViewerId},
};

/// The partition key of decisions for every room. It is not a valid room id.
pub const SERVICE_KEY: &str = "=service";

/// A decision of a record, or a repetition of some. It counts only in a record that is signed by somebody who
/// [may moderate](crate::viewer::Role::may_moderate), and from the record's arrival on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moderation {
    /// The viewer's danmu are not shown.
    Ban {
        /// The viewer.
        viewer: ViewerId,
        /// When the ban ends, in Unix milliseconds by arrival; `None` for a permanent one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<i64>,
        /// The rank of who decided it; only the server may state that of others.
        #[serde(default, skip_serializing_if = "is_default")]
        by: Rank,
    },
    /// The viewer's danmu are shown again.
    Unban {
        /// The viewer.
        viewer: ViewerId,
        /// As above.
        #[serde(default, skip_serializing_if = "is_default")]
        by: Rank,
    },
    /// A decision on another subject; only with the server's signature.
    Decide(Decision),
    /// The guests whom a ban of a network concerns; only under [`SERVICE_KEY`].
    Guests(Guests),
    /// Earlier decisions again, for new readers; only under [`SERVICE_KEY`].
    Snapshot(Vec<Decided>),
    /// A danmu that waited is shown now; only with the server's signature, and in its room only.
    Pass(Box<Passed>),
}

/// The subject of a decision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A viewer, to be banned.
    Viewer(ViewerId),
    /// The guests of a network, to be banned.
    Network(Network),
    /// One danmu, to be hidden. In its room only.
    Danmu(DanmuRef),
    /// What viewers of a room may say, to be restricted. In its room only.
    Mode(RoomMode),
    /// Texts that viewers of a room may not post, by a rule that servers know. In its room only.
    Rule(RuleId),
    /// The vending of sessions, to be frozen. For every room only.
    Vending,
    /// Sessions: all that were issued before the decision's end are revoked. For every room only.
    Sessions,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Its subject.
    pub on: Subject,
    /// When it ends, in Unix milliseconds; `None` for a permanent one. 0 ends an earlier decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// The rank of who decided it: it concerns viewers below that rank, and while in force cannot be changed by a lower one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub by: Rank,
}

/// A decision that is on the stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The id of the record that first contained it.
    pub id: RecordId,
    /// The room; `None` for every room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomId>,
    /// The decision.
    #[serde(flatten)]
    pub decision: Decision,
    /// When that record arrived, in Unix milliseconds.
    pub at: i64,
}

/// Guests who had sessions from a network: records carry no network address, so a ban of a network names its guests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guests {
    /// The network that is banned.
    pub network: Network,
    /// The guests.
    pub viewers: Vec<ViewerId>,
    /// When the last of their sessions expires, in Unix milliseconds.
    pub until: i64,
    /// When this first arrived, in Unix milliseconds, if it is a repetition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
}

/// A network in CIDR notation: 1 to 64 visible ASCII characters. Here it is only compared. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(Arc<str>);

/// Why a text is not a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a network is 1 to 64 visible ASCII characters, as in 192.0.2.0/24")]
pub struct NetworkError;

impl Network {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Network {
    type Error = NetworkError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.into())).ok_or(NetworkError)
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.0.as_ref().to_owned()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Decision {
    /// Ends an earlier decision on the subject.
    #[must_use]
    pub const fn end(on: Subject, by: Rank) -> Self {
        Self { on, until: Some(0), by }
    }

    /// When it ends, as a number: Unix milliseconds, the maximum for a permanent one.
    #[must_use]
    pub fn until_ms(&self) -> i64 {
        self.until.unwrap_or(i64::MAX)
    }
}

impl Moderation {
    /// Its decision, if it contains one.
    #[must_use]
    pub fn decision(&self) -> Option<Decision> {
        match self {
            Self::Ban { viewer, until, by } => {
                Some(Decision { on: Subject::Viewer(viewer.clone()), until: *until, by: *by })
            }
            Self::Unban { viewer, by } => Some(Decision::end(Subject::Viewer(viewer.clone()), *by)),
            Self::Decide(decision) => Some(decision.clone()),
            Self::Guests(_) | Self::Snapshot(_) | Self::Pass(_) => None,
        }
    }

    /// Its decision, if it is one that a room may have.
    #[must_use]
    pub fn of_room(&self) -> Option<Decision> {
        self.decision().filter(|decision| !matches!(decision.on, Subject::Vending | Subject::Sessions))
    }
}

/// Uses the first wire form (`Ban`, `Unban`) where possible, which older readers know.
impl From<Decision> for Moderation {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision { on: Subject::Viewer(viewer), until: Some(0), by } => Self::Unban { viewer, by },
            Decision { on: Subject::Viewer(viewer), until, by } => Self::Ban { viewer, until, by },
            other => Self::Decide(other),
        }
    }
}

/// The scope of an [`Order`], so that a text signed for a room can never be taken for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Every room.
    All,
}

/// An order: a decision for every room, line 1 of a record under [`SERVICE_KEY`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Version of the wire form, [`VERSION`].
    pub v: u8,
    /// Its id, the same each time it is put.
    pub id: RecordId,
    /// For every room.
    pub scope: Scope,
    /// When it was put, by the server's clock, in Unix milliseconds.
    pub at: i64,
    /// The decision.
    #[serde(rename = "mod")]
    pub moderation: Moderation,
}

impl Order {
    /// An order of a decision. `at` is in Unix milliseconds.
    #[must_use]
    pub const fn new(id: RecordId, moderation: Moderation, at: i64) -> Self {
        Self { v: VERSION, id, scope: Scope::All, at, moderation }
    }

    /// The wire form: line 1, without a line break.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Cannot fail, as with a danmu.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// A cheap filter for records that may contain a decision. In a danmu's text the quotes would be escaped.
#[must_use]
pub fn is_order(data: &[u8]) -> bool {
    const MEMBER: &[u8] = b"\"mod\":";
    data.windows(MEMBER.len()).any(|window| window == MEMBER)
}

/// Reads line 1 of a record under [`SERVICE_KEY`].
///
/// # Errors
/// See [`RecordError`].
pub fn decode_order(line: &[u8]) -> Result<Order, RecordError> {
    let order: Order = serde_json::from_slice(line).map_err(|error| RecordError::Malformed(error.to_string()))?;
    if order.v == VERSION { Ok(order) } else { Err(RecordError::Version(order.v.into())) }
}
