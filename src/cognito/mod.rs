//! Amazon Cognito as a browser signs in to it, and OpenID Connect beside it: the rules, without network, clock or chance.
//!
//! - [`srp`] proves to a user pool that one knows a password, and never sends it.
//! - [`sign_in`] is the dialogue from a name and a password to [`Tokens`]; [`renewal`] gets new ones before they end, and gives
//!   them up at the end.
//! - [`identity_pool`] exchanges an ID token, or nothing at all, for temporary AWS credentials.
//! - [`hosted`] is the way over a provider's own page: the authorisation code with PKCE. It serves any OpenID provider.
//!
//! Each is a state machine that gives a [`Call`] to send and takes what came back. Passwords and tokens are held in memory for
//! as long as they are needed, and never printed. Nothing here judges an ID token: whoever relies on one verifies it.

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
