//! OpenID Connect: verifies ID tokens of trusted issuers, Amazon Cognito user pools among them, against the keys that the
//! issuer publishes ([OpenID Connect Core, 3.1.3.7](https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation)).
//!
//! - [`IssuerSettings`] says which issuers the operator trusts, and which role a group of theirs gives.
//! - [`jwks`](self) caches an issuer's keys: fetched on demand, and again when a token names an unknown key, with a rate limit.
//! - [`Issuers::verify`] turns a token into a [`Person`], or says why not.
//!
//! Promises: only RS256 and ES256, by a key of the issuer's set and of that type, so that the token's header cannot choose how
//! it is verified; a token is for our client, not expired, and an ID token where the issuer marks them; fetches are bounded in
//! size, time and number. Never takes a key or an address from a token.

mod fetch;
mod jwks;
mod settings;
mod signature;
mod token;
mod verify;

#[cfg(test)]
mod tests;

pub use self::{
    jwks::REST,
    settings::{IssuerSettings, is_safe},
    token::Person,
    verify::{Issuers, TokenError},
};
