//! Names that guests give themselves.

use std::{future::Future, pin::Pin};

use danmu::{
    room::RoomId,
    viewer::{Name, ViewerId},
};

/// Why a guest cannot have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRefused {
    /// It is empty, too long, or has characters that nobody may send.
    Bad,
    /// Somebody who signed in, of the crew too, is called so, and was there lately.
    Taken,
    /// A rule of the room stops it.
    Rule,
    /// The guest had three names within an hour.
    TooOften,
    /// What is needed to check it cannot be read now.
    Later,
}

/// The future that a [`Naming`] returns.
pub type NamingFuture = Pin<Box<dyn Future<Output = Result<Option<Name>, NameRefused>> + Send>>;

/// Checks the names that guests give themselves.
pub trait Naming: Send + Sync {
    /// The name under which a guest goes in a room, marked as unproved; `None` where the room has no such names.
    ///
    /// Fails with the reason why the guest cannot have that name.
    fn named(&self, room: RoomId, guest: ViewerId, name: String) -> NamingFuture;
}
