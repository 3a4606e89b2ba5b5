//! Signing in: a place in the page's header, and the dialogue behind it.
//!
//! The place is rendered by the server alone, and only where the operator trusts an issuer of ID tokens: the page's module knows
//! nothing of it. A line of script beside it loads the dialogue, which is a module of its own (`danmu-account`), when somebody
//! opens it, or when somebody who signed in before has to be renewed. So nobody who only watches or speaks as a guest pays for it.
//!
//! What is kept in this browser is the refresh token; the identity itself is a cookie of the server's that no script reads.

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

/// How a name looks in the header, however long it is.
const NAME: &str = "overflow:hidden;text-overflow:ellipsis;white-space:nowrap";

/// An issuer, as a page offers to sign in there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Its address.
    pub issuer: String,
    /// What people know it as.
    pub title: String,
    /// The user pool, where people may give name and password on our page.
    pub pool: Option<UserPool>,
    /// Its own page.
    pub provider: Option<Provider>,
}

/// Somebody who is signed in, as the page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// The name that the issuer says.
    pub name: Option<String>,
    /// Until when, in Unix milliseconds.
    pub until_ms: i64,
}

/// Why our server makes nobody of an ID token. Every variant has an HTTP status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Error)]
pub enum AccountError {
    /// The token is not believed. Status 401.
    #[error("the sign-in is not accepted: {0}")]
    Refused(String),
    /// The issuer's keys cannot be had. Status 503.
    #[error("the issuer's keys cannot be had at the moment; try again in {retry_after_s} s")]
    IssuerDown {
        /// Seconds until it is asked again.
        retry_after_s: u64,
    },
    /// No answer came, or none of ours.
    #[error("the server cannot be reached: {0}")]
    Network(String),
}
