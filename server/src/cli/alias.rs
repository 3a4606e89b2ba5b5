//! `danmu-server rooms alias`: another id of a room of the store.

use danmu::room::RoomId;
use danmu_app::error::CrewError;
use danmu_identity::{
    clock::now_ms,
    store::{AliasMade, By},
};

use super::{
    decide::{StoreArgs, say},
    delete::refuse_deleted,
};
use crate::error::RunError;

/// Which id leads to which room.
#[derive(Clone, Debug, clap::Args)]
pub struct AliasArgs {
    /// The room's id.
    #[arg(value_name = "ROOM")]
    pub room: RoomId,

    /// The other id, under which pages lead to the room: a-z, 0-9, - and _.
    #[arg(value_name = "ID")]
    pub alias: RoomId,

    /// Takes it away. It stays the room's: no other room gets it.
    #[arg(long)]
    pub end: bool,

    /// Where the store is.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Makes it, or takes it away.
///
/// # Errors
/// The settings or the store cannot be read or written, there is no such room in the store, or the id is taken.
pub async fn run(AliasArgs { room, alias, end, store }: AliasArgs) -> Result<(), RunError> {
    let (store, config) = store.open().await?;
    let (refuse, is_declared) =
        (|why: String| Err(RunError::Room(why)), |id: &RoomId| config.rooms.iter().any(|declared| declared.id == *id));
    if is_declared(&room) {
        return refuse(format!(
            "room {room} is declared in the settings, and such a room has one id; declare another there"
        ));
    }
    if end {
        if !store.end_alias(&room, &alias, &By::operator(), now_ms()).await? {
            return refuse(format!("{alias} does not lead to room {room}; danmu-server rooms list says which ids do"));
        }
        say(format_args!("{alias} leads nowhere, and stays {room}'s; servers that run take it up within a second"));
        return Ok(());
    }
    let made = match is_declared(&alias) {
        true => AliasMade::Taken,
        false => store.put_alias(&room, &alias, &By::operator(), now_ms()).await?,
    };
    match made {
        AliasMade::Made => say(format_args!("{alias} leads to {room}; servers that run take it up within a second")),
        AliasMade::Taken => return refuse(CrewError::RoomExists(alias.to_string()).to_string()),
        AliasMade::TooMany => return refuse(CrewError::TooManyAliases.to_string()),
        AliasMade::NoRoom => {
            refuse_deleted(&store, &room).await?;
            return refuse(format!("there is no room {room}; danmu-server rooms list says which there are"));
        }
    }
    Ok(())
}
