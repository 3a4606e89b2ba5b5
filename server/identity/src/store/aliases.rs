//! Other ids of the rooms that the store keeps. They are counted as changes of rooms.
//!
//! Promises: no id is a room's and an alias, and none is an alias of two rooms, whoever asks on which server at the same time.

use danmu::room::RoomId;
use danmu_app::{
    audit::Act,
    error::{MOST_ALIASES, MOST_ALIASES_EVER},
};
use sqlx::Row as _;

use super::{
    Store, StoreError, Writing,
    audit::{self, By, New},
    in_time,
    sql::{query, query_scalar},
};

/// An alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasRow {
    /// The other id.
    pub alias: RoomId,
    /// The room.
    pub room: RoomId,
    /// When it was taken away, Unix milliseconds; `None` while it leads to the room.
    pub ended_ms: Option<i64>,
}

/// What became of an alias that was to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AliasMade {
    /// It leads to the room.
    Made,
    /// A room has that id, or had it, or it is another room's alias, or was.
    Taken,
    /// The room has [`MOST_ALIASES`], or [`MOST_ALIASES_EVER`] with those that were taken away.
    TooMany,
    /// The store keeps no such room, or it is deleted.
    NoRoom,
}

impl Store {
    /// All aliases, in the order in which they were made.
    ///
    /// # Errors
    /// [`StoreError`], as for all operations below.
    pub async fn aliases(&self) -> Result<Vec<AliasRow>, StoreError> {
        let sql = "SELECT alias, room, ended_ms FROM room_aliases ORDER BY made_ms, alias";
        let rows = in_time(query(sql).fetch_all(&self.pool)).await?;
        let read = |row: &sqlx::any::AnyRow| {
            let [alias, room] = [0, 1].map(|at| row.get::<String, _>(at).parse().ok());
            Some(AliasRow { alias: alias?, room: room?, ended_ms: row.get(2) })
        };
        Ok(rows.iter().filter_map(read).collect())
    }

    /// Makes an alias of a room, or makes one that was taken away again. Of one that there is already nothing is changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_alias(
        &self,
        room: &RoomId,
        alias: &RoomId,
        by: &By,
        now_ms: i64,
    ) -> Result<AliasMade, StoreError> {
        in_time(async {
            let mut writing = self.begin().await?;
            let (made, is_new) = put(&mut writing, room, alias, now_ms).await?;
            if !is_new {
                return writing.rollback().await.map(|()| made);
            }
            changed(writing, New::of(Some(room), Act::AddAlias, alias.as_str(), by, now_ms)).await.map(|()| made)
        })
        .await
    }

    /// Takes an alias of a room away; returns whether there is one. It stays the room's, and no other takes it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_alias(&self, room: &RoomId, alias: &RoomId, by: &By, now_ms: i64) -> Result<bool, StoreError> {
        let sql = "UPDATE room_aliases SET ended_ms = $3 WHERE room = $1 AND alias = $2 AND ended_ms IS NULL";
        let end = query(sql).bind(room.as_str()).bind(alias.as_str()).bind(now_ms);
        in_time(async {
            let mut writing = self.begin().await?;
            if end.execute(&mut *writing).await? == 0 {
                return writing.rollback().await.map(|()| false);
            }
            changed(writing, New::of(Some(room), Act::EndAlias, alias.as_str(), by, now_ms)).await.map(|()| true)
        })
        .await
    }
}

/// Makes it, if it may be made; returns whether anything was changed.
async fn put(
    writing: &mut Writing,
    room: &RoomId,
    alias: &RoomId,
    now_ms: i64,
) -> Result<(AliasMade, bool), sqlx::Error> {
    let open = query_scalar("SELECT COUNT(*) FROM rooms WHERE id = $1 AND deleted_ms IS NULL").bind(room.as_str());
    let open: i64 = open.fetch_one(&mut **writing).await?;
    if open == 0 {
        return Ok((AliasMade::NoRoom, false));
    }
    let rooms: i64 =
        query_scalar("SELECT COUNT(*) FROM rooms WHERE id = $1").bind(alias.as_str()).fetch_one(&mut **writing).await?;
    let known = query("SELECT room, ended_ms FROM room_aliases WHERE alias = $1").bind(alias.as_str());
    let known = known.fetch_all(&mut **writing).await?;
    let known = known.first().map(|row| (row.get::<String, _>(0), row.get::<Option<i64>, _>(1)));
    match &known {
        _ if rooms > 0 => return Ok((AliasMade::Taken, false)),
        Some((of, _)) if *of != room.as_str() => return Ok((AliasMade::Taken, false)),
        Some((_, None)) => return Ok((AliasMade::Made, false)),
        _ => {}
    }
    let count = "SELECT COUNT(*) FROM room_aliases WHERE room = $1 AND ended_ms IS NULL";
    let live: i64 = query_scalar(count).bind(room.as_str()).fetch_one(&mut **writing).await?;
    let count = "SELECT COUNT(*) FROM room_aliases WHERE room = $1";
    let ever: i64 = query_scalar(count).bind(room.as_str()).fetch_one(&mut **writing).await?;
    if live >= MOST_ALIASES.into() || known.is_none() && ever >= MOST_ALIASES_EVER.into() {
        return Ok((AliasMade::TooMany, false));
    }
    let sql = "INSERT INTO room_aliases (alias, room, made_ms) VALUES ($1, $2, $3) \
               ON CONFLICT (alias) DO UPDATE SET made_ms = $3, ended_ms = NULL";
    query(sql).bind(alias.as_str()).bind(room.as_str()).bind(now_ms).execute(&mut **writing).await?;
    Ok((AliasMade::Made, true))
}

/// Counts the change, writes its entry and commits it.
async fn changed(mut writing: Writing, new: New<'_>) -> Result<(), sqlx::Error> {
    query("UPDATE counters SET value = value + 1 WHERE name = 'rooms'").execute(&mut *writing).await?;
    audit::write(&mut writing, new).await?;
    writing.commit().await
}

#[cfg(test)]
mod tests {
    use danmu::room::RoomTexts;
    use danmu_app::audit::AuditFilter;

    use super::*;
    use crate::store::{
        Entries,
        place::{Place, Test, on_both},
    };

    on_both! {
        an_alias_is_a_rooms_for_good_and_no_room_is_made_under_it,
        a_room_has_so_many_aliases,
        of_two_who_want_the_same_id_one_gets_it,
    }

    fn texts() -> RoomTexts {
        RoomTexts { title: "Anna".into(), ..RoomTexts::default() }
    }

    async fn an_alias_is_a_rooms_for_good_and_no_room_is_made_under_it(place: &Place) -> Test {
        let (store, other, by) = (place.open().await?, place.open().await?, By::operator());
        let [anna, bob, show, gone]: [RoomId; 4] = ["anna".parse()?, "bob".parse()?, "show".parse()?, "gone".parse()?];
        for room in [&anna, &bob, &gone] {
            assert!(store.make_room(room, &texts(), &by, 1).await?);
        }
        assert!(store.delete_room(&gone, &by, 2).await?);
        let before = other.room_changes().await?;
        for (room, alias, becomes) in [
            (&gone, &show, AliasMade::NoRoom),
            (&"nobody".parse()?, &show, AliasMade::NoRoom),
            (&anna, &bob, AliasMade::Taken),
            (&anna, &anna, AliasMade::Taken),
            (&anna, &gone, AliasMade::Taken),
        ] {
            assert_eq!(store.put_alias(room, alias, &by, 3).await?, becomes, "{alias} of {room}");
        }
        assert_eq!((other.room_changes().await?, other.aliases().await?), (before, vec![]), "nothing has changed");

        assert_eq!(store.put_alias(&anna, &show, &by, 4).await?, AliasMade::Made);
        assert_eq!(store.put_alias(&anna, &show, &by, 5).await?, AliasMade::Made, "it is there");
        let row = |ended_ms| vec![AliasRow { alias: show.clone(), room: anna.clone(), ended_ms }];
        assert_eq!((other.room_changes().await?, other.aliases().await?), (before + 1, row(None)));
        assert_eq!(other.put_alias(&bob, &show, &by, 6).await?, AliasMade::Taken, "it is Anna's");
        assert!(!other.make_room(&show, &texts(), &by, 6).await?, "a room is made under an alias");
        assert!(!other.end_alias(&bob, &show, &by, 6).await?, "another's is taken away");

        assert!(other.end_alias(&anna, &show, &by, 7).await? && !other.end_alias(&anna, &show, &by, 8).await?);
        assert_eq!((store.room_changes().await?, store.aliases().await?), (before + 2, row(Some(7))));
        assert_eq!(store.put_alias(&bob, &show, &by, 9).await?, AliasMade::Taken, "it stays hers");
        assert!(!store.make_room(&show, &texts(), &by, 9).await?, "it stays taken");
        assert_eq!(store.put_alias(&anna, &show, &by, 10).await?, AliasMade::Made, "for her it is free");
        assert!(store.delete_room(&anna, &by, 11).await?);
        assert_eq!(store.put_alias(&bob, &show, &by, 12).await?, AliasMade::Taken, "also of a deleted room");
        assert!(!store.make_room(&show, &texts(), &by, 12).await?);
        let entries = other.audit(Some(&anna), Entries::After(0, 0), &AuditFilter::default(), 10).await?;
        let acts: Vec<_> = entries.iter().map(|entry| (&*entry.what, &*entry.subject)).collect();
        let (add, end) = (("add_alias", "show"), ("end_alias", "show"));
        assert_eq!(acts, [("make_room", ""), add, end, add, ("delete_room", "")]);
        Ok(())
    }

    async fn a_room_has_so_many_aliases(place: &Place) -> Test {
        let (store, by, anna) = (place.open().await?, By::operator(), "anna".parse()?);
        assert!(store.make_room(&anna, &texts(), &by, 1).await?);
        let alias = |n: u8| format!("alias-{n}").parse::<RoomId>();
        for n in 0..MOST_ALIASES {
            assert_eq!(store.put_alias(&anna, &alias(n)?, &by, n.into()).await?, AliasMade::Made);
        }
        assert_eq!(store.put_alias(&anna, &alias(MOST_ALIASES)?, &by, 9).await?, AliasMade::TooMany);
        for n in MOST_ALIASES..MOST_ALIASES_EVER {
            assert!(store.end_alias(&anna, &alias(n - 1)?, &by, n.into()).await?);
            assert_eq!(store.put_alias(&anna, &alias(n)?, &by, n.into()).await?, AliasMade::Made);
        }
        assert!(store.end_alias(&anna, &alias(0)?, &by, 99).await?);
        assert_eq!(store.put_alias(&anna, &alias(99)?, &by, 99).await?, AliasMade::TooMany, "with those of before");
        assert_eq!(store.put_alias(&anna, &alias(0)?, &by, 99).await?, AliasMade::Made, "one of before may come back");
        Ok(())
    }

    async fn of_two_who_want_the_same_id_one_gets_it(place: &Place) -> Test {
        let (store, other, by) = (place.open().await?, place.open().await?, By::operator());
        let (anna, bob): (RoomId, RoomId) = ("anna".parse()?, "bob".parse()?);
        for room in [&anna, &bob] {
            assert!(store.make_room(room, &texts(), &by, 1).await?);
        }
        for n in 0..5 {
            let (alias, texts): (RoomId, _) = (format!("id-{n}").parse()?, texts());
            let (one, two, made) = tokio::join!(
                store.put_alias(&anna, &alias, &by, 2),
                other.put_alias(&bob, &alias, &by, 2),
                other.make_room(&alias, &texts, &by, 2),
            );
            let got = [one? == AliasMade::Made, two? == AliasMade::Made, made?];
            assert_eq!(got.into_iter().filter(|got| *got).count(), 1, "{got:?}");
        }
        Ok(())
    }
}
