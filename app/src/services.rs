//! What the app asks of the server that it runs in. The server implements these traits and puts them, as [`Services`],
//! into the Leptos context.

use std::{future::Future, net::IpAddr, pin::Pin, sync::Arc};

use danmu::{
    cognito::identity_pool::Login,
    feed::Ways,
    rights::Rights,
    room::{Room, RoomId},
    session::{Purpose, Session},
    ticket::PublicKey,
    viewer::{Name, Rank, ViewerId},
};

use crate::{account::Offer, error::ApiError};

/// The server's services.
#[derive(Clone)]
pub struct Services {
    /// Knows the rooms.
    pub rooms: Arc<dyn Rooms>,
    /// Vends sessions.
    pub vending: Arc<dyn Vending>,
    /// Bans.
    pub moderating: Arc<dyn Moderating>,
    /// Origins besides the page's own that its scripts may talk to: the stream's endpoint, where that is elsewhere.
    /// They go into `connect-src` of the page's Content Security Policy.
    pub connect: Arc<[String]>,
    /// How browsers can follow a room here.
    pub ways: Ways,
    /// Where people can sign in, in the operator's order.
    pub offers: Arc<[Offer]>,
    /// Where the glue is of the module that they sign in by, where it was built.
    pub account_module: Option<Arc<str>>,
}

/// Who is asking, as vending limits count: put into the Leptos context of every call of a server function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// From where.
    pub addr: IpAddr,
    /// Which viewer: the one that the request's cookie names, or a guest who has just come.
    pub viewer: ViewerId,
    /// The name of who signed in.
    pub name: Option<Name>,
    /// What they may do in which rooms.
    pub rights: Rights,
    /// What an identity pool knows them by, where credentials come from one.
    pub login: Option<Login>,
}

/// Knows the rooms.
pub trait Rooms: Send + Sync {
    /// The room of that id, if there is one.
    fn room(&self, id: &RoomId) -> Option<Room>;
    /// All rooms, in the order in which the operator listed them.
    fn rooms(&self) -> Vec<Room>;
    /// Where its feed stands, if it is relayed here: a page that is made now misses nothing that is said while it loads.
    fn place(&self, id: &RoomId) -> Option<String>;
    /// Origins of videos and pictures that are served over plain HTTP, for the same policy as [`Services::connect`]: what is
    /// `https` needs none.
    fn plain_origins(&self) -> Vec<String>;
}

/// What a [`Moderating`] answers with.
pub type DecisionFuture = Pin<Box<dyn Future<Output = Result<(), ApiError>> + Send>>;

/// Who decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decider {
    /// Which viewer, for the log.
    pub viewer: ViewerId,
    /// How high it stands in the room that it decides about.
    pub rank: Rank,
}

/// Decides who may not speak. Whoever calls it has seen to it that the caller may.
pub trait Moderating: Send + Sync {
    /// Bans a viewer from a room, for so many seconds or for good; one who is banned already, until then.
    ///
    /// Fails with [`ApiError::NotAbove`] for a viewer who is known to stand as high, or where somebody who stands higher has
    /// decided; with [`ApiError::Store`] where it could not be written down. Then nothing is decided.
    fn ban(&self, by: Decider, room: &Room, viewer: ViewerId, seconds: Option<u32>) -> DecisionFuture;
    /// Ends that, if there is such a ban. Fails alike.
    fn unban(&self, by: Decider, room: &Room, viewer: ViewerId) -> DecisionFuture;
}

/// What a [`Vending`] answers with.
pub type VendFuture = Pin<Box<dyn Future<Output = Result<Session, ApiError>> + Send>>;

/// The token vending machine.
pub trait Vending: Send + Sync {
    /// A session of its own for one viewer; with the viewer's own public key, with a ticket for it.
    ///
    /// Fails with [`ApiError::TooMany`] for one who asks too often, or where STS does not keep up, [`ApiError::Banned`] for one
    /// who is banned, [`ApiError::SignIn`] for a guest where guests may not speak, [`ApiError::DirectOff`] where nobody may read
    /// the stream directly, and [`ApiError::VendingDown`] when STS cannot be had.
    fn vend(&self, room: RoomId, purpose: Purpose, key: Option<PublicKey>, caller: Caller) -> VendFuture;
}
