//! Rooms that were made in the studio or by a command, as rows. A counter shows other processes that one has changed.

use danmu::room::{RoomId, RoomTexts};
use danmu_app::audit::{Act, AuditDetail};
use sqlx::{Row as _, any::AnyRow};

use super::{
    Store, StoreError,
    audit::{self, By, New},
    in_time,
    sql::{Query, query, query_scalar},
};

/// The counter of changes.
const COUNTER: &str = "rooms";

/// A room in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRow {
    /// Its id.
    pub id: RoomId,
    /// What can be changed of it.
    pub texts: RoomTexts,
    /// When it was made, Unix milliseconds.
    pub made_ms: i64,
    /// When it was archived, Unix milliseconds; `None` while it is open.
    pub archived_ms: Option<i64>,
    /// When it was deleted, Unix milliseconds. Then its texts are empty, and it is archived too.
    pub deleted_ms: Option<i64>,
}

impl Store {
    /// The number of changes of rooms so far.
    ///
    /// # Errors
    /// [`StoreError`], as for all operations below.
    pub async fn room_changes(&self) -> Result<i64, StoreError> {
        let sql = "SELECT value FROM counters WHERE name = $1";
        in_time(query_scalar(sql).bind(COUNTER).fetch_one(&self.pool)).await
    }

    /// All rooms, archived and deleted ones included, in the order in which they were made.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rooms(&self) -> Result<Vec<RoomRow>, StoreError> {
        let sql = "SELECT id, title, video, poster, made_ms, archived_ms, deleted_ms FROM rooms ORDER BY made_ms, id";
        let rows = in_time(query(sql).fetch_all(&self.pool)).await?;
        Ok(rows.iter().filter_map(read).collect())
    }

    /// Makes a room; returns whether its id was free. That of an archived or deleted room is not, nor is one that leads to another
    /// room or did.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn make_room(&self, id: &RoomId, texts: &RoomTexts, by: &By, now_ms: i64) -> Result<bool, StoreError> {
        // The types are said, since PostgreSQL does not take those of the columns here.
        let sql = "INSERT INTO rooms (id, title, video, poster, made_ms) \
                   SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT) \
                   WHERE NOT EXISTS (SELECT 1 FROM room_aliases WHERE alias = $1) ON CONFLICT (id) DO NOTHING";
        let RoomTexts { title, video, poster } = texts;
        let change = query(sql).bind(id.as_str()).bind(title).bind(video).bind(poster).bind(now_ms);
        self.change_rooms(change, titled(id, Act::MakeRoom, title, by, now_ms)).await
    }

    /// Changes an open room; returns whether there is one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn edit_room(&self, id: &RoomId, texts: &RoomTexts, by: &By, now_ms: i64) -> Result<bool, StoreError> {
        let sql = "UPDATE rooms SET title = $2, video = $3, poster = $4 WHERE id = $1 AND archived_ms IS NULL";
        let RoomTexts { title, video, poster } = texts;
        let change = query(sql).bind(id.as_str()).bind(title).bind(video).bind(poster);
        self.change_rooms(change, titled(id, Act::EditRoom, title, by, now_ms)).await
    }

    /// Archives an open room, or opens an archived one again (`archived` false); returns whether there is one. A deleted
    /// one is never opened again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn archive_room(&self, id: &RoomId, archived: bool, by: &By, now_ms: i64) -> Result<bool, StoreError> {
        let archived_ms = archived.then_some(now_ms);
        let sql = "UPDATE rooms SET archived_ms = $2 \
                   WHERE id = $1 AND (archived_ms IS NULL) = ($2 IS NOT NULL) AND deleted_ms IS NULL";
        let act = if archived { Act::ArchiveRoom } else { Act::ReopenRoom };
        let change = query(sql).bind(id.as_str()).bind(archived_ms);
        self.change_rooms(change, New::of(Some(id), act, "", by, now_ms)).await
    }

    /// Makes a change of rooms; if it changed one, counts it and writes the entry of the audit.
    async fn change_rooms(&self, change: Query, new: New<'_>) -> Result<bool, StoreError> {
        in_time(async {
            let mut writing = self.begin().await?;
            query("UPDATE counters SET value = value + 1 WHERE name = $1").bind(COUNTER).execute(&mut *writing).await?;
            let changed = change.execute(&mut *writing).await? > 0;
            if !changed {
                return writing.rollback().await.map(|()| false);
            }
            audit::write(&mut writing, new).await?;
            writing.commit().await.map(|()| true)
        })
        .await
    }
}

/// The entry of an act that gives a room this title.
fn titled<'a>(id: &'a RoomId, act: Act, title: &str, by: &'a By, now_ms: i64) -> New<'a> {
    let new = New::of(Some(id), act, "", by, now_ms);
    New { detail: AuditDetail { text: Some(title.to_owned()), ..new.detail.clone() }, ..new }
}

/// `None` for a row with an id that no room can have.
fn read(row: &AnyRow) -> Option<RoomRow> {
    let id = row.get::<String, _>(0).parse().ok()?;
    let texts = RoomTexts { title: row.get(1), video: row.get(2), poster: row.get(3) };
    Some(RoomRow { id, texts, made_ms: row.get(4), archived_ms: row.get(5), deleted_ms: row.get(6) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::place::{Place, Test, on_both};

    on_both! {
        a_room_is_made_once_changed_archived_and_opened_again_and_others_see_each_change,
    }

    fn texts(title: &str) -> RoomTexts {
        RoomTexts { title: title.into(), video: String::new(), poster: None }
    }

    async fn a_room_is_made_once_changed_archived_and_opened_again_and_others_see_each_change(place: &Place) -> Test {
        let (store, other) = (place.open().await?, place.open().await?);
        let (id, by): (RoomId, _) = ("anna".parse()?, By::operator());
        assert!(store.make_room(&id, &texts("Anna"), &by, 7).await?);
        assert!(!other.make_room(&id, &texts("Bob"), &by, 8).await?, "it is hers");
        assert!(!store.edit_room(&"bob".parse()?, &texts("Bob"), &by, 8).await?);
        assert!(store.edit_room(&id, &texts("Anna's"), &by, 8).await?);
        let room =
            |archived_ms| RoomRow { id: id.clone(), texts: texts("Anna's"), made_ms: 7, archived_ms, deleted_ms: None };
        assert_eq!((other.rooms().await?, other.room_changes().await?), (vec![room(None)], 2));
        assert!(!store.archive_room(&id, false, &by, 9).await?, "it is open");
        assert!(store.archive_room(&id, true, &by, 9).await?);
        assert!(!store.archive_room(&id, true, &by, 10).await?, "it is archived");
        assert!(
            !store.edit_room(&id, &texts("late"), &by, 11).await?
                && !store.make_room(&id, &texts("new"), &by, 11).await?
        );
        assert_eq!((other.rooms().await?, other.room_changes().await?), (vec![room(Some(9))], 3));
        assert!(store.archive_room(&id, false, &by, 12).await?);
        assert_eq!((other.rooms().await?, other.room_changes().await?), (vec![room(None)], 4));
        Ok(())
    }
}
