//! Who somebody is and what they may: the keys of tickets and cookies, ID tokens of trusted issuers, the store of decisions and
//! identities, and the vending of temporary credentials for the stream, with the clients of AWS that it needs.
//!
//! Knows no settings file and no route of the server. Decisions reach it through a trait ([`vending::Decisions`]).

pub mod aws;
pub mod capacity;
pub mod clock;
pub mod https;
pub mod identity;
pub mod oidc;
pub mod policies;
pub mod store;
pub mod studio;
pub mod unicode;
pub mod vending;
