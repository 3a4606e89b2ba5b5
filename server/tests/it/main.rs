//! Integration tests: the browser's Kinesis client against the real embedded endpoint over real connections (signed requests,
//! sessions from STS, resharding under load, expiring credentials, restarts), and the whole program with its relay.

#[path = "../../../tests/cognito/arithmetic.rs"]
mod arithmetic;
mod attacks;
mod bans;
#[path = "../../stream/tests/differential/chance.rs"]
mod chance;
mod chaos;
mod client_crowd;
mod client_readers;
mod client_resharding;
mod client_restart;
mod client_sessions;
mod cognito;
mod decisions;
mod door;
mod expiry;
mod flood;
mod http2;
mod iam;
mod log;
mod nginx;
mod overlay_css;
mod policies;
mod postgres;
#[path = "../../../tests/postgres/mod.rs"]
mod private_postgres;
mod program;
mod proxy;
mod relay;
mod relay_density;
mod relay_refill;
mod replicas;
mod retract;
mod review;
mod rights;
mod rooms;
mod scene;
mod several;
mod shards;
mod speaker;
#[path = "../../stream/tests/it/still.rs"]
mod still;
mod studio_alias;
mod studio_audit;
mod studio_fate;
mod studio_figures;
mod studio_invite;
mod studio_key;
mod studio_limits;
mod studio_modes;
mod studio_names;
mod studio_refused;
mod studio_review;
mod studio_rooms;
mod studio_rules;
mod truth;
mod vending;
mod viewer;
mod wall;
mod world;
mod writers;
