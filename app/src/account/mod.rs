//! Signing in: an account slot in the page's header, and the dialogue behind it.
//!
//! The slot is rendered by the server only, and only where the operator trusts an issuer of ID tokens: the page's module knows
//! nothing of it. A script beside it loads the dialogue, a module of its own (`danmu-account`), when it is opened or a stored
//! sign-in must be renewed. So viewers who only watch, or speak as guests, do not load it.
//!
//! This browser stores the refresh token; the identity itself is a cookie of the server's that no script can read.

#[cfg(feature = "ssr")]
mod slot;

#[cfg(feature = "hydrate")]
mod arithmetic;
#[cfg(feature = "hydrate")]
mod dialogue;
#[cfg(feature = "hydrate")]
mod dom;
#[cfg(feature = "hydrate")]
mod forms;
#[cfg(feature = "hydrate")]
mod header;
#[cfg(feature = "hydrate")]
mod hosted;
#[cfg(feature = "hydrate")]
mod kept;
#[cfg(feature = "hydrate")]
mod renewing;
#[cfg(feature = "hydrate")]
mod say;
#[cfg(feature = "hydrate")]
mod server;
#[cfg(feature = "hydrate")]
mod tokens;

use danmu::cognito::{UserPool, hosted::Provider};
use serde::{Deserialize, Serialize};
use thiserror::Error;

#[cfg(feature = "ssr")]
pub use self::slot::AccountSlot;
#[cfg(feature = "hydrate")]
pub use self::{dialogue::open, renewing::renew};

/// The style of a name in the header: a long one is cut.
const NAME: &str = "overflow:hidden;text-overflow:ellipsis;white-space:nowrap";

/// An issuer that a page offers for signing in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Its address.
    pub issuer: String,
    /// What people know it as.
    pub title: String,
    /// The user pool, for signing in by name and password on our page.
    pub pool: Option<UserPool>,
    /// The issuer's own page.
    pub provider: Option<Provider>,
}

/// A signed-in viewer, as the page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// The name that the issuer gives.
    pub name: Option<String>,
    /// Until when, in Unix milliseconds.
    pub until_ms: i64,
}

/// Why our server does not accept an ID token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Error)]
pub enum AccountError {
    /// The token is not accepted. Status 401.
    #[error("the sign-in is not accepted: {0}")]
    Refused(String),
    /// The issuer's keys are unavailable. Status 503.
    #[error("the issuer's keys cannot be had at the moment; try again in {retry_after_s} s")]
    IssuerDown {
        /// Seconds until it is asked again.
        retry_after_s: u64,
    },
    /// There was no answer, or not one of our server's.
    #[error("the server cannot be reached: {0}")]
    Network(String),
}
