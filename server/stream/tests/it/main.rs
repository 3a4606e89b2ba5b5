//! The endpoint as its clients meet it: over HTTP, through the AWS SDK and through requests made by hand.

mod cbor;
mod consumers;
mod control;
mod damage;
mod durability;
mod events;
mod limits;
mod metering;
mod operations;
mod protocol;
mod resharding;
mod retention;
mod revoking;
mod sdk;
mod security;
mod sessions;
mod still;
mod subscribe;
mod subscriptions_end;
mod tags;
mod validation;
mod world;
