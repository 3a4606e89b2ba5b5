//! `danmu-server audit`: who did what, when and to whom, in all rooms and on the whole server.

use std::{
    io::{self, Write},
    time::Duration,
};

use danmu::room::RoomId;
use danmu_identity::clock::now_ms;
use futures::TryStreamExt;

use super::{
    decide::StoreArgs,
    span::{ms, time},
};
use crate::{
    audit::{Form, export},
    error::RunError,
};

/// Which entries, and how they are written.
#[derive(Clone, Debug, clap::Args)]
pub struct AuditArgs {
    /// Those of this room alone, also of one that is no more.
    #[arg(long, value_name = "ROOM")]
    pub room: Option<RoomId>,

    /// Those of so long ago and since, as in 90s, 10m, 1h or 7d. Without it, all that are kept.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub since: Option<Duration>,

    /// As lines for people, as CSV with a line of names, or as a JSON object a line.
    #[arg(long, value_enum, default_value_t)]
    pub format: Form,

    /// Where the store is.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Writes the entries to stdout, the oldest first.
///
/// # Errors
/// The settings or the store cannot be read.
pub async fn run(args: AuditArgs) -> Result<(), RunError> {
    let (store, _) = args.store.open().await?;
    let since_ms = args.since.map_or(i64::MIN, |since| now_ms().saturating_sub_unsigned(ms(since)));
    let mut parts = std::pin::pin!(export(store, args.room, since_ms, args.format));
    while let Some(part) = parts.try_next().await? {
        // Whoever reads has had enough.
        if io::stdout().write_all(part.as_bytes()).is_err() {
            break;
        }
    }
    Ok(())
}
