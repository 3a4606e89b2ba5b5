//! `danmu-server rooms set`: the pace and the density of one room, as an operator's decisions.

use std::mem::discriminant;

use danmu::{
    record::{Decision, Subject},
    room::{MAX_DENSITY, RoomId, RoomMode, RoomPace},
    viewer::Rank,
};
use danmu_identity::{
    clock::now_ms,
    store::{By, Store},
};

use super::decide::{StoreArgs, in_force, is_room, say};
use crate::error::RunError;

/// What ends a limit of the room: the settings count again.
const SERVER: &str = "server";

/// A limit of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit<T> {
    /// As in the settings.
    Server,
    /// The room's own.
    Own(T),
}

/// What is set of which room.
#[derive(Clone, Debug, clap::Args)]
#[group(id = "limits", multiple = true)]
pub struct LimitsArgs {
    /// The room's id.
    #[arg(value_name = "ROOM")]
    pub room: RoomId,

    /// How fast one may speak: calm, normal, lively, danmu a minute and at once (60/5 for all, 60/5,120/10 for guests and
    /// members), or server for what the settings say.
    #[arg(long, value_name = "PACE", value_parser = pace, required_unless_present = "density")]
    pub pace: Option<Limit<RoomPace>>,

    /// How many danmu a second the picture shows at most, or server for what the settings say. Never more than these.
    #[arg(long, value_name = "COUNT", value_parser = density)]
    pub density: Option<Limit<u8>>,

    /// Where the store is.
    #[command(flatten)]
    pub store: StoreArgs,
}

fn pace(text: &str) -> Result<Limit<RoomPace>, String> {
    if text == SERVER { Ok(Limit::Server) } else { text.parse().map(Limit::Own).map_err(|error| format!("{error}")) }
}

fn density(text: &str) -> Result<Limit<u8>, String> {
    if text == SERVER {
        return Ok(Limit::Server);
    }
    let density = text.parse().ok().filter(|density| (1..=MAX_DENSITY).contains(density));
    density
        .map(Limit::Own)
        .ok_or_else(|| format!("{text:?} is no density: 1 to {MAX_DENSITY} danmu a second, or {SERVER}"))
}

/// Sets them.
///
/// # Errors
/// The settings or the store cannot be read or written, or there is no such room.
pub async fn run(LimitsArgs { room, pace, density, store }: LimitsArgs) -> Result<(), RunError> {
    let (store, config) = store.open().await?;
    if !is_room(&store, &config, &room).await? {
        return Err(RunError::NoRoom(room));
    }
    if let Some(pace) = pace {
        let (kind, own) = match pace {
            Limit::Server => (RoomMode::Pace(RoomPace::PRESETS[0].1), None),
            Limit::Own(pace) => (RoomMode::Pace(pace), Some(RoomMode::Pace(pace))),
        };
        set(&store, &room, kind, own).await?;
        match own {
            Some(_) => say(format_args!("{room} has a pace of its own; servers that run take it up within a second")),
            None => {
                say(format_args!("{room} has the pace of the settings; servers that run take it up within a second"))
            }
        }
    }
    if let Some(density) = density {
        let (kind, own) = match density {
            Limit::Server => (RoomMode::Density(1), None),
            Limit::Own(density) => (RoomMode::Density(density), Some(RoomMode::Density(density))),
        };
        set(&store, &room, kind, own).await?;
        match density {
            Limit::Own(density) => {
                say(format_args!("{room} shows up to {density} danmu a second from the next second on"))
            }
            Limit::Server => say(format_args!("{room} shows as many danmu a second as the settings say")),
        }
    }
    Ok(())
}

/// Puts this mode in the place of those of its `kind`, or nothing.
async fn set(store: &Store, room: &RoomId, kind: RoomMode, own: Option<RoomMode>) -> Result<(), RunError> {
    let (now_ms, by) = (now_ms(), By::operator());
    if let Some(mode) = own {
        let decision = Decision { on: Subject::Mode(mode), until: None, by: Rank::Operator };
        store.decide(Some(room), &decision, &by, now_ms).await?;
    }
    for row in in_force(store, now_ms).await? {
        let on = &row.decision.on;
        let is_other =
            matches!(on, Subject::Mode(mode) if discriminant(mode) == discriminant(&kind) && own != Some(*mode));
        if is_other && row.room.as_ref() == Some(room) {
            store.end(Some(room), on, Rank::Operator, &by, now_ms).await?;
        }
    }
    Ok(())
}
