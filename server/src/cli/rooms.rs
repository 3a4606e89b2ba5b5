//! `danmu-server rooms list` and `rooms key`: the rooms of the settings, and their streamer keys. Write access to the data
//! directory is the authorization, as for decisions; a running server that shares the directory acts within a second.

use std::{collections::HashMap, time::Duration};

use clap::Subcommand;
use danmu::room::RoomId;

use super::{
    decide::{StoreArgs, say},
    span::{span, span_ms},
};
use danmu_identity::{clock::now_ms, studio};

use crate::{config::RoomSettings, error::RunError};

/// What to do about rooms.
#[derive(Clone, Debug, clap::Args)]
pub struct RoomsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: RoomsCommand,
}

/// What to do about rooms.
#[derive(Clone, Debug, Subcommand)]
pub enum RoomsCommand {
    /// Lists the rooms: id, title, and whether there is a streamer key.
    List(StoreArgs),
    /// Makes a new streamer key for a room and prints it, once. Whoever has it is the streamer there. The key before is worth
    /// nothing then, and neither is what it opened.
    Key(KeyArgs),
}

/// Whose streamer key is made.
#[derive(Clone, Debug, clap::Args)]
pub struct KeyArgs {
    /// The room's id.
    #[arg(value_name = "ROOM")]
    pub room: RoomId,

    /// Where the store is.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Does it.
///
/// # Errors
/// The settings or the store cannot be read or written, or there is no such room.
pub async fn run(args: RoomsArgs) -> Result<(), RunError> {
    match args.command {
        RoomsCommand::List(args) => list(args).await,
        RoomsCommand::Key(args) => key(args).await,
    }
}

async fn list(args: StoreArgs) -> Result<(), RunError> {
    let ((store, config), now_ms) = (args.open().await?, now_ms());
    let keys = store.streamer_keys().await?;
    let made: HashMap<_, _> = keys.into_iter().map(|row| (row.room, row.made_ms)).collect();
    for RoomSettings { id, title, .. } in &config.rooms {
        let key = made.get(id).map_or_else(
            || "no streamer key".to_owned(),
            |made_ms| format!("streamer key made {} ago", span_ms(now_ms.saturating_sub(*made_ms))),
        );
        say(format_args!("{id}  {}  {key}", title.as_deref().unwrap_or(id.as_str())));
    }
    Ok(())
}

async fn key(KeyArgs { room, store }: KeyArgs) -> Result<(), RunError> {
    let (store, config) = store.open().await?;
    if !config.rooms.iter().any(|listed| listed.id == room) {
        return Err(RunError::NoRoom(room));
    }
    let made = studio::rotate(&store, &config.stream.data, &room).await?;
    let ends = match made.replaced_ms {
        Some(made_ms) => format!(
            "The key before it, made {} ago, is worth nothing any more, and neither is what it opened. Tickets that its \
             bearers have already say that they are the streamer for {} more at most; danmu-server ban ends one's at once.",
            span_ms(now_ms().saturating_sub(made_ms)),
            span(Duration::from_secs(config.vending.duration_s.into())),
        ),
        None => "There was none before it.".to_owned(),
    };
    let kept = match made.file {
        Some(path) => format!("It is kept in {}.", path.display()),
        None => "It is kept nowhere, and not shown again.".to_owned(),
    };
    say(format_args!("{}\nThis is the streamer key of room {room}. {kept}\n{ends}", made.key));
    Ok(())
}
