//! What becomes of a room: it is deleted for good, or gets another streamer key.
//!
//! Neither can be undone. So who asks is looked at again, after the store was asked whether a key has changed: somebody whose key was
//! replaced on another server a moment ago must not take the room from the streamer who replaced it.

use std::num::NonZeroU32;

use danmu::{
    room::RoomId,
    viewer::{Rank, ViewerId},
};
use danmu_app::{
    error::{ApiError, CrewError},
    services::{Decider, MadeRoom, RoomKeeper},
};
use danmu_identity::{
    clock::now_ms,
    identity::STUDIO_AGE_S,
    studio::{NewKey, StudioError, rotate_known},
    vending::Rate,
};
use http::request::Parts;

use super::{StoredRooms, not_stored, who};
use crate::http::{STUDIO, rights_now};

/// Rate limit of keys and deletions of one room. A key takes 19 MiB and some 18 ms to hash.
pub(super) const PACE: Rate = Rate { per_minute: NonZeroU32::new(10).unwrap(), burst: NonZeroU32::new(5).unwrap() };
/// How often a key is tried to be made while others make one for the same room.
const TRIES: usize = 3;

/// Deletes a room of the store.
///
/// # Errors
/// See [`RoomKeeper::delete`].
pub(super) async fn delete(rooms: &StoredRooms, by: Decider, room: RoomId, request: Parts) -> Result<(), ApiError> {
    if !rooms.keeps(&room) {
        return Err(CrewError::NotKept.into());
    }
    check_pace(rooms, &room)?;
    rooms.0.studio.key_id(&room).await;
    check_streamer(rooms, &by.viewer, &room, &request)?;
    if !rooms.0.store.delete_room(&room, &who(&by), now_ms()).await.map_err(not_stored)? {
        return Err(ApiError::NoRoom(room.to_string()));
    }
    tracing::info!(by = %by.viewer, %room, "a room is deleted");
    // What its key and its invitations opened ends with it.
    rooms.0.studio.key_id(&room).await;
    rooms.refresh().await.map_err(not_stored)
}

/// Makes a new streamer key for a room.
///
/// # Errors
/// See [`RoomKeeper::new_key`].
pub(super) async fn new_key(
    rooms: &StoredRooms,
    by: Decider,
    room: RoomId,
    stay: bool,
    request: Parts,
) -> Result<MadeRoom, ApiError> {
    check_pace(rooms, &room)?;
    let NewKey { key, id, .. } = rotate_as(rooms, &by, &room, &request).await?;
    tracing::info!(by = %by.viewer, %room, stay, "a room gets a new streamer key");
    let studio = &rooms.0.studio;
    // What the key before opened ends here, too.
    studio.key_id(&room).await;
    let pass = stay.then(|| studio.pass(room.clone(), id, by.viewer));
    let cookie = pass.and_then(|pass| STUDIO.set_for(room.as_str(), &pass, STUDIO_AGE_S, &request.headers));
    Ok(MadeRoom { key: key.to_string(), cookie })
}

/// Makes the key if the request is the streamer's by the key that is replaced, or because of who signed in.
async fn rotate_as(rooms: &StoredRooms, by: &Decider, room: &RoomId, request: &Parts) -> Result<NewKey, ApiError> {
    for _ in 0..TRIES {
        // Read before the rights, so that they are never by an older key than this.
        let known = rooms.0.studio.key_id(room).await;
        check_streamer(rooms, &by.viewer, room, request)?;
        match rotate_known(&rooms.0.store, &rooms.0.data, room, &who(by), known.as_deref()).await {
            Err(StudioError::Newer(_)) => {}
            Ok(made) => return Ok(made),
            Err(error) => {
                tracing::error!(%room, %error, "no streamer key can be made");
                return Err(CrewError::Store.into());
            }
        }
    }
    tracing::error!(%room, "no streamer key can be made: others go on making some");
    Err(CrewError::Store.into())
}

fn check_pace(rooms: &StoredRooms, room: &RoomId) -> Result<(), ApiError> {
    rooms.0.fates.check(room).map_err(|retry_after_s| ApiError::TooMany { retry_after_s })
}

/// Checks that the viewer is the room's streamer at this moment, as far as this server has read the store.
fn check_streamer(rooms: &StoredRooms, viewer: &ViewerId, room: &RoomId, request: &Parts) -> Result<(), ApiError> {
    match Rank::of(rights_now(&rooms.0.studio, viewer, request).role_in(room)) {
        Some(Rank::Streamer) => Ok(()),
        Some(_) => Err(CrewError::NotAbove.into()),
        None => Err(CrewError::NotModerator.into()),
    }
}

#[cfg(test)]
mod tests {
    use danmu::{rights::Rights, room::RoomTexts, viewer::Role};
    use danmu_identity::{
        identity::Identity,
        store::{By, Store},
        studio::{Studio, rotate},
    };
    use danmu_relay::rooms::RoomMap;
    use http::{Request, header};

    use super::*;
    use crate::config::RoomMakers;

    #[tokio::test]
    async fn by_a_key_that_another_server_replaced_a_moment_ago_nobody_takes_a_room()
    -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let (store, elsewhere) = (Store::open(dir.path()).await?, Store::open(dir.path()).await?);
        let identity = Identity::open(&dir.path().join("keys.json"))?;
        let (anna, texts): (RoomId, _) =
            ("anna".parse()?, RoomTexts { title: "Anna".into(), video: String::new(), poster: None });
        assert!(store.make_room(&anna, &texts, &By::operator(), 1).await?);
        rotate(&store, dir.path(), &anna, None).await?;
        // Nobody has it follow the store.
        let studio = Studio::open(store.clone(), identity).await?;
        let place = (store.clone(), dir.path().to_owned());
        let rooms = StoredRooms::open(place, studio.clone(), RoomMap::new(Vec::new()), RoomMakers::Anyone).await?;
        let thief = ViewerId::guest(1);
        for deletes in [false, true] {
            let id = studio.key_id(&anna).await.ok_or("no key")?;
            let pass = studio.pass(anna.clone(), id, thief.clone());
            rotate(&elsewhere, dir.path(), &anna, None).await?;
            let heard = studio.rights(&thief, Rights::default(), [&*pass].into_iter()).role_in(&anna);
            assert_eq!(heard, Role::Streamer, "this server has heard of the new key already");
            let request = Request::builder().header(header::COOKIE, format!("danmu_studio_anna={pass}")).body(())?;
            let (request, by) =
                (request.into_parts().0, Decider { viewer: thief.clone(), rank: Rank::Streamer, name: None });
            let done = if deletes {
                delete(&rooms, by, anna.clone(), request).await
            } else {
                new_key(&rooms, by, anna.clone(), true, request).await.map(drop)
            };
            assert_eq!(done, Err(CrewError::NotModerator.into()), "an old key counts");
        }
        assert_eq!(store.rooms().await?[0].deleted_ms, None);
        Ok(())
    }
}
