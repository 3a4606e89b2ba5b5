//! Why a command of the program failed.

use std::{io, net::SocketAddr};

use danmu::room::RoomId;
use danmu_identity::{aws::bus::BusError, identity::KeyFileError, store::StoreError, studio::StudioError};
use thiserror::Error;

use crate::{config::SettingsError, crowd::CrowdError};

/// Why the server could not run.
#[derive(Debug, Error)]
pub enum RunError {
    /// The settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The log's filter.
    #[error("log.filter = {0:?} is no filter: {1}")]
    Filter(String, tracing_subscriber::filter::ParseError),
    /// The simulated viewers.
    #[error(transparent)]
    Crowd(#[from] CrowdError),
    /// The bus.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The embedded stream.
    #[error("the embedded stream in {0} cannot be opened: {1}")]
    Stream(String, String),
    /// The keys of tickets.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A streamer key.
    #[error(transparent)]
    Studio(#[from] StudioError),
    /// No random bytes for a key.
    #[error("the system gives no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    /// A room that cannot be made, archived, opened or deleted.
    #[error("{0}")]
    Room(String),
    /// A room that the settings do not list.
    #[error("there is no room {0}")]
    NoRoom(RoomId),
    /// A viewer that is not known, or a name that fits several.
    #[error("{0}")]
    Whom(String),
    /// A ban that is not in force.
    #[error("nobody bans {0}; danmu-server bans tells who is banned")]
    NoBan(String),
    /// The root key of an embedded stream that another process opened.
    #[error(
        "role = relay needs the root key of the stream that it reads: {0}; start the bus first, and name its directory by stream.data"
    )]
    Elsewhere(String),
    /// An address that cannot be listened on.
    #[error("{name} = {addr}: {reason}")]
    Listen {
        /// The setting.
        name: &'static str,
        /// Its value.
        addr: SocketAddr,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// The system's certificates, which calls to an identity pool need, cannot be read.
    #[error("vending.identity_pool: {0}")]
    Certificates(String),
    /// The site's files.
    #[error("the site cannot be served: {0}")]
    Site(String),
    /// Any other I/O error.
    #[error(transparent)]
    Io(#[from] io::Error),
}
