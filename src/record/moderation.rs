//! What is decided about who may speak, as it travels on the stream: `mod` in the object of a record.
//!
//! A decision has an id, the record's; a scope, one room or every room; a subject; and a time until which it holds. In the
//! order of its stream the last decision on a subject and scope counts, and a record that is read twice changes nothing.
//! What is decided for a room stands in a [`Danmu`](super::Danmu) under the room's key, what is decided for every room in one
//! [`Order`] under [`SERVICE_KEY`], and each touches exactly the scope that it names.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{RecordError, RecordId, VERSION, is_default};
use crate::{
    room::RoomId,
    viewer::{Rank, ViewerId},
};

/// The partition key of what is decided for every room. No room can have such an id.
pub const SERVICE_KEY: &str = "=service";

/// What a record decides, or tells again. It counts only in a record that is signed by one who
/// [may moderate](crate::viewer::Role::may_moderate), from when the record arrives on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moderation {
    /// What the viewer says is not shown.
    Ban {
        /// Whose.
        viewer: ViewerId,
        /// Until it arrives then, in Unix milliseconds; for good where there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<i64>,
        /// How high who decided it stands; only the server says so of others.
        #[serde(default, skip_serializing_if = "is_default")]
        by: Rank,
    },
    /// What the viewer says is shown again.
    Unban {
        /// Whose.
        viewer: ViewerId,
        /// As above.
        #[serde(default, skip_serializing_if = "is_default")]
        by: Rank,
    },
    /// The same of anything else; only where the server signed it.
    Decide(Decision),
    /// Whom a ban of a network concerns; only under [`SERVICE_KEY`].
    Guests(Guests),
    /// Decisions that were told before, for those who begin to read now; only under [`SERVICE_KEY`].
    Snapshot(Vec<Decided>),
}

/// What a decision is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A viewer, who is banned.
    Viewer(ViewerId),
    /// The guests of a network, who are.
    Network(Network),
    /// The vending of sessions, which is frozen. Of every room alone.
    Vending,
    /// All sessions, of which those are revoked that were issued before the decision's end. Of every room alone.
    Sessions,
}

/// What is decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// About what.
    pub on: Subject,
    /// Until when it holds, in Unix milliseconds; for good where there is none. 0 ends what was decided before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// How high who decided it stands: it concerns viewers who stand below, and while it holds nobody below decides otherwise.
    #[serde(default, skip_serializing_if = "is_default")]
    pub by: Rank,
}

/// A decision that stands on the stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The id of the record that told it first.
    pub id: RecordId,
    /// For which room; for every one where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomId>,
    /// What.
    #[serde(flatten)]
    pub decision: Decision,
    /// When that record arrived, in Unix milliseconds.
    pub at: i64,
}

/// Guests who had sessions from a network: a record does not say where it comes from, so that a ban of a network names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guests {
    /// The network that is banned.
    pub network: Network,
    /// Who they are.
    pub viewers: Vec<ViewerId>,
    /// When the last of their sessions ends, in Unix milliseconds.
    pub until: i64,
    /// When this was told first, in Unix milliseconds, where it is told again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
}

/// A network in CIDR notation: 1 to 64 visible ASCII characters. Here it is a name and nothing else. Cheap to clone.
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
    /// Ends what was decided about something.
    #[must_use]
    pub const fn end(on: Subject, by: Rank) -> Self {
        Self { on, until: Some(0), by }
    }

    /// Until when it holds, as a number: Unix milliseconds, the greatest number for good.
    #[must_use]
    pub fn until_ms(&self) -> i64 {
        self.until.unwrap_or(i64::MAX)
    }
}

impl Moderation {
    /// What it decides, if it does.
    #[must_use]
    pub fn decision(&self) -> Option<Decision> {
        match self {
            Self::Ban { viewer, until, by } => {
                Some(Decision { on: Subject::Viewer(viewer.clone()), until: *until, by: *by })
            }
            Self::Unban { viewer, by } => Some(Decision::end(Subject::Viewer(viewer.clone()), *by)),
            Self::Decide(decision) => Some(decision.clone()),
            Self::Guests(_) | Self::Snapshot(_) => None,
        }
    }

    /// What it decides for a room, if it is such a thing.
    #[must_use]
    pub fn of_room(&self) -> Option<Decision> {
        self.decision().filter(|decision| matches!(decision.on, Subject::Viewer(_) | Subject::Network(_)))
    }
}

/// As readers of the first form know it, where they do.
impl From<Decision> for Moderation {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision { on: Subject::Viewer(viewer), until: Some(0), by } => Self::Unban { viewer, by },
            Decision { on: Subject::Viewer(viewer), until, by } => Self::Ban { viewer, until, by },
            other => Self::Decide(other),
        }
    }
}

/// The scope of an [`Order`]. What is signed for a room must never be taken for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Every room.
    All,
}

/// What is decided for every room: line 1 of a record under [`SERVICE_KEY`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Version of the wire form, [`VERSION`].
    pub v: u8,
    /// Its id, the same however often it is put.
    pub id: RecordId,
    /// For every room.
    pub scope: Scope,
    /// When it was put, by the server's clock, in Unix milliseconds.
    pub at: i64,
    /// What it says.
    #[serde(rename = "mod")]
    pub moderation: Moderation,
}

impl Order {
    /// What is decided for every room. `at` is in Unix milliseconds.
    #[must_use]
    pub const fn new(id: RecordId, moderation: Moderation, at: i64) -> Self {
        Self { v: VERSION, id, scope: Scope::All, at, moderation }
    }

    /// The wire form: line 1, without an end of line.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Cannot fail, as a danmu's cannot.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Whether a record may decide something: cheap, for whoever looks for nothing else. In a text the quotes would be escaped.
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
