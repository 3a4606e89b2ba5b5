//! Who signed in elsewhere: ID tokens of OpenID Connect issuers, an Amazon Cognito user pool among them, verified against the
//! keys that the issuer publishes ([OpenID Connect Core, 3.1.3.7](https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation)).
//!
//! - [`IssuerSettings`] says whom the operator trusts, and what groups there mean here.
//! - [`jwks`](self) keeps an issuer's keys: fetched when they are needed, again when a token names a new one, and never more
//!   often than its limit, whatever tokens come.
//! - [`Issuers::verify`] makes a [`Person`] of a token, or says why not.
//!
//! It promises: RS256 and ES256 only, by a key of the issuer's set and of that kind, so that no header chooses how it is
//! believed; a token is for our client, of its time, and an ID token where the issuer tells them apart; what is fetched is
//! bounded in size, time and number. It never accepts a key or an address from a token.

mod fetch;
mod jwks;
mod settings;
mod signature;
mod token;
mod verify;

#[cfg(test)]
mod tests;

pub(crate) use self::settings::is_safe;
pub use self::{
    jwks::REST,
    settings::IssuerSettings,
    token::Person,
    verify::{Issuers, TokenError},
};
