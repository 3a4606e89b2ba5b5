//! `danmu-server rooms delete`: deletes a room of the store for good.

use danmu::room::RoomId;
use danmu_identity::{
    clock::now_ms,
    store::{By, Store},
};

use super::{
    decide::{StoreArgs, say},
    span::span_ms,
};
use crate::error::RunError;

/// Which room is deleted.
#[derive(Clone, Debug, clap::Args)]
pub struct DeleteArgs {
    /// The room's id.
    #[arg(value_name = "ROOM")]
    pub room: RoomId,

    /// It is the right one, and nobody wants it back.
    #[arg(long)]
    pub yes: bool,

    /// Where the store is.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Deletes it.
///
/// # Errors
/// The settings or the store cannot be read or written, there is no such room in the store, or `--yes` is missing.
pub async fn run(DeleteArgs { room, yes, store }: DeleteArgs) -> Result<(), RunError> {
    let (store, config) = store.open().await?;
    if config.rooms.iter().any(|declared| declared.id == room) {
        return Err(RunError::Room(format!(
            "room {room} is declared in the settings, and ends when it is taken out there"
        )));
    }
    refuse_deleted(&store, &room).await?;
    let Some(row) = store.rooms().await?.into_iter().find(|row| row.id == room) else {
        return Err(RunError::Room(format!("there is no room {room}; danmu-server rooms list says which there are")));
    };
    if !yes {
        return Err(RunError::Room(format!(
            "room {room} ({:?}) would end for everybody and for good, with its streamer key, its invitations and its rules, and its \
             id would stay taken; add --yes if that is right. danmu-server rooms archive {room} can be undone",
            row.texts.title
        )));
    }
    if !store.delete_room(&room, &By::operator(), now_ms()).await? {
        // Somebody else was faster.
        refuse_deleted(&store, &room).await?;
    }
    say(format_args!("{room} is deleted, and its id stays taken; servers that run take it up within a second"));
    Ok(())
}

/// # Errors
/// The room is deleted, or the store cannot be read.
pub(super) async fn refuse_deleted(store: &Store, room: &RoomId) -> Result<(), RunError> {
    let rows = store.rooms().await?;
    let deleted_ms = rows.iter().find(|row| row.id == *room).and_then(|row| row.deleted_ms);
    deleted_ms.map_or(Ok(()), |deleted_ms| {
        let ago = span_ms(now_ms().saturating_sub(deleted_ms));
        Err(RunError::Room(format!(
            "room {room} was deleted {ago} ago, for good: it cannot be opened again, and its id stays taken; make another room with \
             danmu-server rooms create"
        )))
    })
}
