//! Signing in, against a user pool that was written from the protocol's documents and shares no code with the client, and
//! against another client.

mod arithmetic;
mod dialogue;
mod exchange;
mod hosted;
mod peer;
mod pool;
mod renewal;
mod srp;
mod verifier;
