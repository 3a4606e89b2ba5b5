//! `danmu-server rooms`: the rooms of the settings and those of the store, and their streamer keys. Write access to the store
//! is the authorization, as for decisions; a running server that shares it acts within a second.

use std::{collections::HashMap, time::Duration};

use clap::Subcommand;
use danmu::room::{RoomId, RoomTexts};

use super::{
    alias::{self, AliasArgs},
    decide::{StoreArgs, is_room, say},
    delete::{self, DeleteArgs},
    limits::{self, LimitsArgs},
    span::{span, span_ms},
};
use danmu_identity::{
    clock::now_ms,
    store::{By, RoomRow},
    studio,
};

use crate::{
    config::{Config, RoomSettings},
    error::RunError,
    rooms::checked,
};

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
    List(ListArgs),
    /// Makes a room, and prints its streamer key, once.
    Create(CreateArgs),
    /// Archives a room that was made by `rooms create` or in the browser: it ends for everybody, and keeps its id.
    Archive(RoomArgs),
    /// Opens an archived room again.
    Reopen(RoomArgs),
    /// Deletes a room that was made by `rooms create` or in the browser, for good: it ends for everybody, its streamer key,
    /// invitations and rules are gone, and its id stays taken.
    Delete(DeleteArgs),
    /// Makes a new streamer key for a room and prints it, once. Whoever has it is the streamer there. The key before is worth
    /// nothing then, and neither is what it opened.
    Key(RoomArgs),
    /// Sets how fast the viewers of a room may speak, and how many danmu its picture shows. The streamer does the same in the
    /// studio, but cannot change what is set here.
    Set(LimitsArgs),
    /// Makes another id of a room that was made by `rooms create` or in the browser: pages under it lead to the room.
    Alias(AliasArgs),
}

/// Which rooms are listed.
#[derive(Clone, Debug, clap::Args)]
pub struct ListArgs {
    /// Deleted rooms as well.
    #[arg(long)]
    pub all: bool,

    /// Where the store is.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// The room that is made.
#[derive(Clone, Debug, clap::Args)]
pub struct CreateArgs {
    /// Its id: a-z, 0-9, - and _.
    #[arg(value_name = "ROOM")]
    pub room: RoomId,

    /// Its title. Without it, the id.
    #[arg(long)]
    pub title: Option<String>,

    /// The address of its video: https://…, http://…, or a path of this server. Without it, there is none.
    #[arg(long, value_name = "ADDRESS", default_value = "")]
    pub video: String,

    /// The address of the picture before the video plays.
    #[arg(long, value_name = "ADDRESS")]
    pub poster: Option<String>,

    /// Where the store is.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Which room.
#[derive(Clone, Debug, clap::Args)]
pub struct RoomArgs {
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
        RoomsCommand::Create(args) => create(args).await,
        RoomsCommand::Archive(args) => archive(args, true).await,
        RoomsCommand::Reopen(args) => archive(args, false).await,
        RoomsCommand::Delete(args) => delete::run(args).await,
        RoomsCommand::Key(args) => key(args).await,
        RoomsCommand::Set(args) => limits::run(args).await,
        RoomsCommand::Alias(args) => alias::run(args).await,
    }
}

async fn list(ListArgs { all, store }: ListArgs) -> Result<(), RunError> {
    let ((store, config), now_ms) = (store.open().await?, now_ms());
    let keys = store.streamer_keys().await?;
    let made: HashMap<_, _> = keys.into_iter().map(|row| (row.room, row.made_ms)).collect();
    let key = |id: &RoomId| {
        made.get(id).map_or_else(
            || "no streamer key".to_owned(),
            |made_ms| format!("streamer key made {} ago", span_ms(now_ms.saturating_sub(*made_ms))),
        )
    };
    for RoomSettings { id, title, .. } in &config.rooms {
        say(format_args!("{id}  {}  {}  in the settings", title.as_deref().unwrap_or(id.as_str()), key(id)));
    }
    let aliases = store.aliases().await?;
    for RoomRow { id, texts, archived_ms, deleted_ms, .. } in store.rooms().await? {
        if let Some(deleted_ms) = deleted_ms {
            if all {
                say(format_args!("{id}  deleted {} ago", span_ms(now_ms.saturating_sub(deleted_ms))));
            }
            continue;
        }
        let state = match archived_ms {
            _ if is_declared(&config, &id) => ", hidden by the one of the settings".to_owned(),
            Some(archived_ms) => format!(", archived {} ago", span_ms(now_ms.saturating_sub(archived_ms))),
            None => String::new(),
        };
        let others: Vec<_> = aliases.iter().filter(|row| row.room == id && row.ended_ms.is_none()).collect();
        let others = others.iter().map(|row| format!(", also {}", row.alias)).collect::<String>();
        say(format_args!("{id}  {}  {}{state}{others}", texts.title, key(&id)));
    }
    Ok(())
}

fn is_declared(config: &Config, room: &RoomId) -> bool {
    config.rooms.iter().any(|declared| declared.id == *room)
}

async fn create(CreateArgs { room, title, video, poster, store }: CreateArgs) -> Result<(), RunError> {
    let (store, config) = store.open().await?;
    let title = title.unwrap_or_else(|| room.to_string());
    let texts = checked(RoomTexts { title, video, poster }).map_err(|error| RunError::Room(error.to_string()))?;
    if is_declared(&config, &room) || !store.make_room(&room, &texts, &By::operator(), now_ms()).await? {
        return Err(RunError::Room(format!(
            "there is a room {room} already, or there was one, or that id leads to another; choose another id"
        )));
    }
    let made = studio::rotate(&store, &config.stream.data, &room, None).await?;
    say(format_args!(
        "{}\nThis is the streamer key of room {room}. It is kept nowhere, and not shown again.",
        made.key
    ));
    Ok(())
}

async fn archive(RoomArgs { room, store }: RoomArgs, archived: bool) -> Result<(), RunError> {
    let (store, config) = store.open().await?;
    if is_declared(&config, &room) {
        return Err(RunError::Room(format!(
            "room {room} is declared in the settings, and ends when it is taken out there"
        )));
    }
    if store.archive_room(&room, archived, &By::operator(), now_ms()).await? {
        let now = if archived { "archived" } else { "open" };
        say(format_args!("{room} is {now}; servers that run take it up within a second"));
        return Ok(());
    }
    delete::refuse_deleted(&store, &room).await?;
    let which = if archived { "open" } else { "archived" };
    Err(RunError::Room(format!("there is no {which} room {room}; danmu-server rooms list says which there are")))
}

async fn key(RoomArgs { room, store }: RoomArgs) -> Result<(), RunError> {
    let (store, config) = store.open().await?;
    if !is_room(&store, &config, &room).await? {
        return Err(RunError::NoRoom(room));
    }
    let made = studio::rotate(&store, &config.stream.data, &room, Some(&By::operator())).await?;
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
