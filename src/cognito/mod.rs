//! Amazon Cognito sign-in as a browser does it, and OpenID Connect: the rules, without network, clock or randomness.
//!
//! - [`srp`] proves to a user pool that the user knows the password, without sending it.
//! - [`sign_in`] is the dialogue from a name and a password to [`Tokens`]; [`renewal`] renews them before they expire, and
//!   revokes them at sign-out.
//! - [`identity_pool`] exchanges an ID token, or none for a guest, for temporary AWS credentials.
//! - [`hosted`] signs in on the provider's own page: the authorisation code with PKCE. It serves any OpenID provider.
//!
//! Each is a state machine that returns a [`Call`] to send and takes its outcome. Passwords and tokens are kept in memory only
//! while needed, and never printed. Nothing here verifies an ID token: the party that relies on one has to.

mod call;
pub mod error;
pub mod hosted;
pub mod identity_pool;
mod pool;
pub mod renewal;
pub mod sign_in;
pub mod srp;
mod tokens;
mod wire;

pub use self::{
    call::{Call, Outcome},
    error::SignInError,
    pool::{PoolError, UserPool},
    tokens::Tokens,
};
