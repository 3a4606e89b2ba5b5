//! The rooms' streamer keys, as rows: argon2id hashes, never the keys. A counter shows other processes that one has changed.

use danmu::room::RoomId;
use danmu_app::audit::Act;
use sqlx::{Row as _, any::AnyRow};

use super::{
    Store, StoreError, Writing,
    audit::{self, By, New},
    in_time,
    sql::{query, query_scalar},
};

/// The counter of changes.
const COUNTER: &str = "streamer_keys";
/// The columns of a row, in reading order.
const COLUMNS: &str = "room, id, hash, made_ms";

/// A room's streamer key in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamerKeyRow {
    /// The room.
    pub room: RoomId,
    /// The id of this key, chosen at random when it was made. The cookies that it opened name it.
    pub id: String,
    /// Its argon2id hash, as a PHC string.
    pub hash: String,
    /// When it was made, Unix milliseconds.
    pub made_ms: i64,
}

/// A change of streamer keys: while it is under way, no other process changes the store. What is not committed is undone when
/// it is dropped.
#[derive(Debug)]
pub struct StreamerKeyChange {
    writing: Writing,
}

impl Store {
    /// The number of changes of streamer keys so far.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn streamer_key_changes(&self) -> Result<i64, StoreError> {
        let sql = "SELECT value FROM counters WHERE name = $1";
        in_time(query_scalar(sql).bind(COUNTER).fetch_one(&self.pool)).await
    }

    /// The streamer keys of all rooms that have one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn streamer_keys(&self) -> Result<Vec<StreamerKeyRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM streamer_keys ORDER BY room");
        let rows = in_time(query(sql).fetch_all(&self.pool)).await?;
        Ok(rows.iter().filter_map(read).collect())
    }

    /// Begins a change of streamer keys; waits for another that is under way.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn change_streamer_keys(&self) -> Result<StreamerKeyChange, StoreError> {
        let count = query("UPDATE counters SET value = value + 1 WHERE name = $1").bind(COUNTER);
        let writing = in_time(async {
            let mut writing = self.begin().await?;
            count.execute(&mut *writing).await?;
            Ok(writing)
        });
        Ok(StreamerKeyChange { writing: writing.await? })
    }
}

impl StreamerKeyChange {
    /// The room's key at the moment.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn key(&mut self, room: &RoomId) -> Result<Option<StreamerKeyRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM streamer_keys WHERE room = $1");
        let row = query(sql).bind(room.as_str()).fetch_optional(&mut *self.writing);
        Ok(in_time(row).await?.as_ref().and_then(read))
    }

    /// Gives the room this key in the place of the one before, if there is one, and ends the change. `by`: who does that, for
    /// the audit; `None` if the making of the room is there.
    ///
    /// # Errors
    /// [`StoreError`]. Then nothing has changed.
    pub async fn put(mut self, row: &StreamerKeyRow, by: Option<&By>) -> Result<(), StoreError> {
        let StreamerKeyRow { room, id, hash, made_ms } = row;
        let sql = "INSERT INTO streamer_keys (room, id, hash, made_ms) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (room) DO UPDATE SET id = excluded.id, hash = excluded.hash, made_ms = excluded.made_ms";
        let put = query(sql).bind(room.as_str()).bind(id).bind(hash).bind(made_ms);
        in_time(async {
            put.execute(&mut *self.writing).await?;
            if let Some(by) = by {
                audit::write(&mut self.writing, New::of(Some(room), Act::NewKey, "", by, *made_ms)).await?;
            }
            self.writing.commit().await
        })
        .await
    }
}

/// `None` for a row that names no room.
fn read(row: &AnyRow) -> Option<StreamerKeyRow> {
    let room = row.get::<String, _>(0).parse().ok()?;
    Some(StreamerKeyRow { room, id: row.get(1), hash: row.get(2), made_ms: row.get(3) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::place::{Place, Test, on_both};

    on_both! {
        a_change_is_there_whole_or_not_at_all_and_others_see_that_there_was_one,
        changes_wait_for_each_other,
    }

    fn row(id: &str) -> StreamerKeyRow {
        StreamerKeyRow { room: RoomId::demo(), id: id.to_owned(), hash: "$argon2id$".to_owned(), made_ms: 7 }
    }

    async fn a_change_is_there_whole_or_not_at_all_and_others_see_that_there_was_one(place: &Place) -> Test {
        let (store, other) = (place.open().await?, place.open().await?);
        let mut change = store.change_streamer_keys().await?;
        assert_eq!(change.key(&RoomId::demo()).await?, None);
        change.put(&row("first"), None).await?;
        assert_eq!((other.streamer_key_changes().await?, other.streamer_keys().await?), (1, vec![row("first")]));

        let mut change = other.change_streamer_keys().await?;
        assert_eq!(change.key(&RoomId::demo()).await?, Some(row("first")));
        drop(change);
        assert_eq!(store.streamer_key_changes().await?, 1, "nothing has changed");
        store.change_streamer_keys().await?.put(&row("second"), None).await?;
        assert_eq!((other.streamer_key_changes().await?, other.streamer_keys().await?), (2, vec![row("second")]));
        Ok(())
    }

    async fn changes_wait_for_each_other(place: &Place) -> Test {
        let (store, other) = (place.open().await?, place.open().await?);
        let change = store.change_streamer_keys().await?;
        let waiting = tokio::spawn(async move { other.change_streamer_keys().await?.key(&RoomId::demo()).await });
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert!(!waiting.is_finished(), "both have the store to themselves");
        change.put(&row("first"), None).await?;
        assert_eq!(waiting.await??, Some(row("first")));
        Ok(())
    }
}
