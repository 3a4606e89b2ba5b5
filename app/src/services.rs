//! The services that the app needs of the server that it runs in. The server implements these traits and puts them, as
//! [`Services`], into the Leptos context.

mod figuring;
mod naming;
mod reviewing;

use std::{future::Future, net::IpAddr, pin::Pin, sync::Arc};

use danmu::{
    cognito::identity_pool::Login,
    feed::Ways,
    record::DanmuRef,
    rights::Rights,
    room::{Room, RoomId, RoomMode, RoomTexts, RuleId},
    session::{Purpose, Session},
    ticket::PublicKey,
    viewer::{Name, Rank, ViewerId},
};
use http::{HeaderMap, HeaderValue, request::Parts};

pub use self::{
    figuring::{Figuring, HourFuture},
    naming::{NameRefused, Naming, NamingFuture},
    reviewing::{PassFuture, Reviewing, WaitingFuture},
};
use crate::{
    account::Offer,
    audit::{AuditEntry, AuditFilter},
    error::ApiError,
    figures::RoomFigures,
    invitation::Invitation,
    refusals::RefusedDanmu,
    rules::{Rule, RuleEntry, RuleTrial},
};

/// The server's services.
#[derive(Clone)]
pub struct Services {
    /// The list of rooms.
    pub rooms: Arc<dyn Rooms>,
    /// Vends sessions.
    pub vending: Arc<dyn Vending>,
    /// Opens studios by streamer keys.
    pub studio_keys: Arc<dyn StudioKeys>,
    /// Makes, changes, archives and deletes rooms, and makes their streamer keys anew.
    pub room_keeper: Arc<dyn RoomKeeper>,
    /// Makes the crew's decisions.
    pub moderating: Arc<dyn Moderating>,
    /// Origins besides the page's own that its scripts may connect to, such as the stream's endpoint where that is elsewhere.
    /// They go into `connect-src` of the page's Content Security Policy.
    pub connect: Arc<[String]>,
    /// The ways (relay, direct) in which browsers can follow a room here.
    pub ways: Ways,
    /// Where people can sign in, in the operator's order.
    pub offers: Arc<[Offer]>,
    /// The address of the sign-in module's glue, if the module was built.
    pub account_module: Option<Arc<str>>,
    /// The address of the studio module's glue, if it is a module of its own.
    pub studio_module: Option<Arc<str>>,
    /// Invites moderators.
    pub inviting: Arc<dyn Inviting>,
    /// Reads the audit.
    pub auditing: Arc<dyn Auditing>,
    /// Makes the rules of rooms.
    pub ruling: Arc<dyn Ruling>,
    /// Lets through what waits in reviewed rooms.
    pub reviewing: Arc<dyn Reviewing>,
    /// Checks the names that guests give themselves.
    pub naming: Arc<dyn Naming>,
    /// Reads the figures of rooms that are kept.
    pub figuring: Arc<dyn Figuring>,
}

/// Under which address viewers reach the pages; in the Leptos context of a wall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicOrigin {
    /// The origin, as in `https://danmu.example`.
    pub origin: String,
    /// Whether it works on this machine alone.
    pub only_here: bool,
}

/// Who is asking, as vending limits count; in the Leptos context of every server function call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The caller's address.
    pub addr: IpAddr,
    /// The viewer that the request's cookie names, or a new guest.
    pub viewer: ViewerId,
    /// The name of a signed-in viewer.
    pub name: Option<Name>,
    /// The viewer's rights in the rooms.
    pub rights: Rights,
    /// The login at the identity pool, where credentials come from one.
    pub login: Option<Login>,
}

/// The future that [`StudioKeys::open`] returns.
pub type StudioFuture = Pin<Box<dyn Future<Output = Result<HeaderValue, ApiError>> + Send>>;

/// Streamer keys: whoever has a room's key may open its studio, and is the room's streamer then.
pub trait StudioKeys: Send + Sync {
    /// The `Set-Cookie` header that makes the caller the room's streamer, if this is the room's key. `headers` are those of
    /// the request.
    ///
    /// Fails with [`CrewError::WrongKey`](crate::error::CrewError::WrongKey) for a wrong key and for a room that has none or does not exist, and with
    /// [`ApiError::TooMany`] over the rate limit of the caller's network or the room.
    fn open(&self, room: RoomId, key: String, caller: Caller, headers: HeaderMap) -> StudioFuture;
    /// The `Set-Cookie` header that ends this in the caller's browser.
    fn close(&self, room: &RoomId, headers: &HeaderMap) -> Option<HeaderValue>;
}

/// The list of rooms.
pub trait Rooms: Send + Sync {
    /// The room of that id, if there is one.
    fn room(&self, id: &RoomId) -> Option<Room>;
    /// All rooms, in the order in which the operator listed them.
    fn rooms(&self) -> Vec<Room>;
    /// A room's current feed token, if it is relayed here: a page resumes from it, so it misses nothing said while it loads.
    fn place(&self, id: &RoomId) -> Option<String>;
    /// A room's figures, if it is relayed here.
    fn figures(&self, id: &RoomId) -> Option<RoomFigures>;
    /// The last danmu of a room that were refused here, after that number, the oldest first; none if it is not relayed here.
    fn refused(&self, id: &RoomId, since: u64) -> Vec<RefusedDanmu>;
    /// Origins of videos and pictures that are served over plain HTTP, for the same policy as [`Services::connect`]; `https`
    /// ones need none.
    fn plain_origins(&self) -> Vec<String>;
}

/// The future that a [`Moderating`] returns.
pub type DecisionFuture = Pin<Box<dyn Future<Output = Result<(), ApiError>> + Send>>;

/// The viewer who makes a moderation decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decider {
    /// The viewer's id, for the log and the audit.
    pub viewer: ViewerId,
    /// The viewer's rank in the room.
    pub rank: Rank,
    /// The viewer's name, if it signed in.
    pub name: Option<Name>,
}

/// Bans and unbans viewers, and hides danmu. The caller must have checked the decider's rank in the room.
pub trait Moderating: Send + Sync {
    /// Bans a viewer from a room, for `seconds` or for good; replaces the end of an earlier ban.
    ///
    /// Fails with [`ApiError::TooMany`] over the decider's rate limit, [`CrewError::NotAbove`](crate::error::CrewError::NotAbove) if the viewer is known to rank as
    /// high or a higher rank decided before, [`CrewError::Store`](crate::error::CrewError::Store) if it could not be stored. Then nothing is decided.
    fn ban(&self, by: Decider, room: &Room, viewer: ViewerId, seconds: Option<u32>) -> DecisionFuture;
    /// Lifts a ban, if there is one. Fails like [`Self::ban`].
    fn unban(&self, by: Decider, room: &Room, viewer: ViewerId) -> DecisionFuture;
    /// Switches a mode on or off. Fails like [`Self::ban`].
    fn set_mode(&self, by: Decider, room: &Room, mode: RoomMode, on: bool) -> DecisionFuture;
    /// Hides one danmu. Fails like [`Self::ban`].
    fn hide(&self, by: Decider, room: &Room, danmu: DanmuRef) -> DecisionFuture;
}

/// The future that a [`Vending`] returns.
pub type VendFuture = Pin<Box<dyn Future<Output = Result<Session, ApiError>> + Send>>;

/// The token vending machine.
pub trait Vending: Send + Sync {
    /// A session for one viewer; given the viewer's public key, with a ticket for that key.
    ///
    /// Fails with [`ApiError::TooMany`] over a rate limit or while STS is overloaded, [`ApiError::Banned`] for a banned viewer,
    /// [`ApiError::SignIn`] for a guest where guests may not speak, [`ApiError::DirectOff`] where direct reading is off,
    /// [`ApiError::Frozen`] while vending is frozen, and [`ApiError::VendingDown`] while credentials are unavailable.
    fn vend(&self, room: RoomId, purpose: Purpose, key: Option<PublicKey>, caller: Caller) -> VendFuture;
}

/// A room that was made, or that got a new streamer key.
#[derive(Clone, Debug)]
pub struct MadeRoom {
    /// Its streamer key.
    pub key: String,
    /// The cookie by which whoever made it is its streamer, as of [`StudioKeys::open`].
    pub cookie: Option<HeaderValue>,
}

/// The future that [`RoomKeeper::make`] and [`RoomKeeper::new_key`] return.
pub type MakeFuture = Pin<Box<dyn Future<Output = Result<MadeRoom, ApiError>> + Send>>;

/// The future that [`RoomKeeper::aliases`] returns.
pub type AliasesFuture = Pin<Box<dyn Future<Output = Result<Vec<String>, ApiError>> + Send>>;

/// Keeps the rooms that are made in the studio. The caller must have checked who may change or archive one.
pub trait RoomKeeper: Send + Sync {
    /// Whether a caller with these rights may make rooms.
    fn may_make(&self, rights: &Rights) -> bool;
    /// Whether a room is kept here, and not declared in the settings.
    fn keeps(&self, room: &RoomId) -> bool;
    /// Makes a room.
    ///
    /// Fails with [`CrewError::MayNotMakeRooms`](crate::error::CrewError::MayNotMakeRooms), [`CrewError::RoomExists`](crate::error::CrewError::RoomExists), [`CrewError::BadTitle`](crate::error::CrewError::BadTitle), [`CrewError::BadAddress`](crate::error::CrewError::BadAddress),
    /// [`ApiError::TooMany`] over the network's rate limit, and [`CrewError::Store`](crate::error::CrewError::Store).
    fn make(&self, room: RoomId, texts: RoomTexts, caller: Caller, headers: HeaderMap) -> MakeFuture;
    /// Changes a room. Fails like [`Self::make`], and with [`CrewError::NotKept`](crate::error::CrewError::NotKept) for one of the settings.
    fn edit(&self, by: Decider, room: RoomId, texts: RoomTexts) -> DecisionFuture;
    /// Archives a room. Fails with [`CrewError::NotKept`](crate::error::CrewError::NotKept) and [`CrewError::Store`](crate::error::CrewError::Store).
    fn archive(&self, by: Decider, room: RoomId) -> DecisionFuture;
    /// Deletes a room for good. Looks again whether the `request` is its streamer's at this moment, since that is not undone.
    ///
    /// Fails like [`Self::archive`], with [`CrewError::NotModerator`](crate::error::CrewError::NotModerator) or [`CrewError::NotAbove`](crate::error::CrewError::NotAbove) for who is not the streamer any
    /// more, and with [`ApiError::TooMany`] over the room's rate limit.
    fn delete(&self, by: Decider, room: RoomId, request: Parts) -> DecisionFuture;
    /// Makes a new streamer key for a room, also for one of the settings: what was opened by the one before ends. If the decider is
    /// to `stay`, there is a cookie by which it is the streamer still. Looks again who asks, as [`Self::delete`] does, and fails
    /// like it, but for [`CrewError::NotKept`](crate::error::CrewError::NotKept).
    fn new_key(&self, by: Decider, room: RoomId, stay: bool, request: Parts) -> MakeFuture;
    /// The room that another id leads to, if it does. Known from memory, for every request.
    fn leads_to(&self, alias: &RoomId) -> Option<RoomId>;
    /// The other ids of a room. Fails with [`CrewError::Store`](crate::error::CrewError::Store).
    fn aliases(&self, room: RoomId) -> AliasesFuture;
    /// Makes another id of a room. Fails with [`CrewError::NotKept`](crate::error::CrewError::NotKept) for a room of the settings,
    /// [`CrewError::RoomExists`](crate::error::CrewError::RoomExists) for an id that is taken, [`CrewError::TooManyAliases`](crate::error::CrewError::TooManyAliases),
    /// [`ApiError::TooMany`] over the room's rate limit, and [`CrewError::Store`](crate::error::CrewError::Store).
    fn add_alias(&self, by: Decider, room: RoomId, alias: RoomId) -> DecisionFuture;
    /// Takes another id of a room away, if it has that. Fails like [`Self::add_alias`].
    fn end_alias(&self, by: Decider, room: RoomId, alias: RoomId) -> DecisionFuture;
}

/// The future that an [`Auditing`] returns.
pub type AuditFuture = Pin<Box<dyn Future<Output = Result<Vec<AuditEntry>, ApiError>> + Send>>;

/// Reads the audit. The caller must have checked who may read it.
pub trait Auditing: Send + Sync {
    /// The 50 newest entries of a room whose number is less than `before`, the newest first.
    ///
    /// Fails with [`CrewError::Store`](crate::error::CrewError::Store).
    fn audit(&self, room: RoomId, before: Option<i64>, filter: AuditFilter) -> AuditFuture;
}

/// The future that [`Inviting::invite`] returns.
pub type InviteFuture = Pin<Box<dyn Future<Output = Result<String, ApiError>> + Send>>;
/// The future that [`Inviting::list`] returns.
pub type ListFuture = Pin<Box<dyn Future<Output = Result<Vec<Invitation>, ApiError>> + Send>>;
/// The future that [`Inviting::accept`] returns.
pub type AcceptFuture = Pin<Box<dyn Future<Output = Result<Option<HeaderValue>, ApiError>> + Send>>;

/// Invitations of moderators. The caller must have checked that the room exists, and who may make, see and revoke them.
pub trait Inviting: Send + Sync {
    /// Makes an invitation; returns its token.
    ///
    /// Fails with [`ApiError::Other`] for a label or a number of hours that it cannot have and where the room has too many,
    /// [`ApiError::TooMany`] over the room's rate limit, and [`CrewError::Store`](crate::error::CrewError::Store).
    fn invite(&self, by: Decider, room: RoomId, label: String, hours: Option<u32>) -> InviteFuture;
    /// All invitations to a room. Fails with [`CrewError::Store`](crate::error::CrewError::Store).
    fn list(&self, room: RoomId) -> ListFuture;
    /// Revokes an invitation. Fails with [`ApiError::Other`] where there is none of that id, [`ApiError::TooMany`], and
    /// [`CrewError::Store`](crate::error::CrewError::Store).
    fn revoke(&self, by: Decider, room: RoomId, id: String) -> DecisionFuture;
    /// The `Set-Cookie` header that makes the caller a moderator of the room, if this is the token of an invitation in
    /// force; none for who is its streamer. `headers` are those of the request.
    ///
    /// Fails with [`CrewError::BadInvitation`](crate::error::CrewError::BadInvitation), [`ApiError::TooMany`] over the rate limit of the caller's network or the
    /// room, and [`CrewError::Store`](crate::error::CrewError::Store).
    fn accept(&self, room: RoomId, token: String, caller: Caller, headers: HeaderMap) -> AcceptFuture;
}

/// The future that [`Ruling::list`] returns.
pub type RulesFuture = Pin<Box<dyn Future<Output = Result<Vec<RuleEntry>, ApiError>> + Send>>;
/// The future that [`Ruling::try_out`] returns.
pub type TrialFuture = Pin<Box<dyn Future<Output = Result<RuleTrial, ApiError>> + Send>>;

/// The future that [`Ruling::make`] returns.
pub type MadeFuture = Pin<Box<dyn Future<Output = Result<String, ApiError>> + Send>>;

/// The rules of rooms. The caller must have checked that the room exists, and the decider's rank in it.
pub trait Ruling: Send + Sync {
    /// The rules in force, the newest first. Fails with [`CrewError::Store`](crate::error::CrewError::Store).
    fn list(&self, room: RoomId) -> RulesFuture;
    /// What a rule would have stopped. Fails with [`CrewError::BadRule`](crate::error::CrewError::BadRule), and
    /// [`ApiError::TooMany`] over the decider's rate limit.
    fn try_out(&self, by: Decider, room: RoomId, rule: Rule) -> TrialFuture;
    /// Makes a rule, if it is not in force already; returns its id. Fails like [`Self::try_out`], and like [`Moderating::ban`]:
    /// a shadow ban is about its viewer.
    fn make(&self, by: Decider, room: RoomId, rule: Rule) -> MadeFuture;
    /// Ends a rule, if there is one. Fails like [`Moderating::ban`].
    fn end(&self, by: Decider, room: RoomId, id: RuleId) -> DecisionFuture;
}
