//! Invitations of moderators, as rows: hashes of their tokens, never the tokens. A counter shows other processes that one was
//! made or revoked; a use changes nothing that they must know.

use danmu::room::RoomId;
use sqlx::{Row as _, any::AnyRow};

use super::{
    Store, StoreError, Writing, in_time,
    sql::{query, query_scalar},
};

/// The counter of changes.
const COUNTER: &str = "invitations";
/// The columns of a row, in reading order.
const COLUMNS: &str = "id, room, hash, label, made_ms, expires_ms, revoked_ms, used_ms, uses";
/// How many revoked and expired invitations of a room are kept, the newest.
const ENDED_KEPT: i64 = 100;

/// An invitation in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationRow {
    /// Its id, chosen at random when it was made. The cookies that it opened name it.
    pub id: String,
    /// The room.
    pub room: RoomId,
    /// The SHA-256 of its token, in hexadecimal.
    pub hash: String,
    /// For whom it is, as the streamer calls them; may be empty.
    pub label: String,
    /// When it was made, Unix milliseconds.
    pub made_ms: i64,
    /// When it ends, Unix milliseconds; `None`: never.
    pub expires_ms: Option<i64>,
    /// When the streamer revoked it, Unix milliseconds.
    pub revoked_ms: Option<i64>,
    /// When somebody last came by it, Unix milliseconds.
    pub used_ms: Option<i64>,
    /// How often somebody came by it.
    pub uses: i64,
}

impl Store {
    /// The number of times that an invitation was made or revoked so far.
    ///
    /// # Errors
    /// [`StoreError`], as for all operations below.
    pub async fn invitation_changes(&self) -> Result<i64, StoreError> {
        let sql = "SELECT value FROM counters WHERE name = $1";
        in_time(query_scalar(sql).bind(COUNTER).fetch_one(&self.pool)).await
    }

    /// The invitations of all rooms that are neither revoked nor expired.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn live_invitations(&self, now_ms: i64) -> Result<Vec<InvitationRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM invitations WHERE revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > $1)"
        );
        let rows = in_time(query(sql).bind(now_ms).fetch_all(&self.pool)).await?;
        Ok(rows.iter().filter_map(read).collect())
    }

    /// The invitations of a room, revoked and expired ones included, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn invitations(&self, room: &RoomId) -> Result<Vec<InvitationRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM invitations WHERE room = $1 ORDER BY made_ms DESC, id");
        let rows = in_time(query(sql).bind(room.as_str()).fetch_all(&self.pool)).await?;
        Ok(rows.iter().filter_map(read).collect())
    }

    /// Makes an invitation, unless the room has `most` that are neither revoked nor expired when it is made; returns whether it
    /// was made. Of the others of the room all but the newest hundred are deleted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn make_invitation(&self, row: &InvitationRow, most: i64) -> Result<bool, StoreError> {
        let InvitationRow { id, room, hash, label, made_ms, expires_ms, revoked_ms, used_ms, uses } = row;
        let count = "SELECT COUNT(*) FROM invitations \
                     WHERE room = $1 AND revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > $2)";
        let forget = "DELETE FROM invitations WHERE id IN (SELECT id FROM invitations \
                      WHERE room = $1 AND (revoked_ms IS NOT NULL OR expires_ms <= $2) \
                      ORDER BY made_ms DESC, id LIMIT 1000 OFFSET $3)";
        let sql = format!("INSERT INTO invitations ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
        let make = query(sql).bind(id).bind(room.as_str()).bind(hash).bind(label).bind(made_ms);
        let make = make.bind(expires_ms).bind(revoked_ms).bind(used_ms).bind(uses);
        in_time(async {
            let mut writing = self.change_invitations().await?;
            let live: i64 = query_scalar(count).bind(room.as_str()).bind(made_ms).fetch_one(&mut *writing).await?;
            if live >= most {
                return writing.rollback().await.map(|()| false);
            }
            query(forget).bind(room.as_str()).bind(made_ms).bind(ENDED_KEPT).execute(&mut *writing).await?;
            make.execute(&mut *writing).await?;
            writing.commit().await.map(|()| true)
        })
        .await
    }

    /// Revokes an invitation of a room; returns whether there is one of that id. One that was revoked before stays as it is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke_invitation(&self, room: &RoomId, id: &str, now_ms: i64) -> Result<bool, StoreError> {
        let sql = "UPDATE invitations SET revoked_ms = COALESCE(revoked_ms, $3) WHERE room = $1 AND id = $2";
        let revoke = query(sql).bind(room.as_str()).bind(id).bind(now_ms);
        in_time(async {
            let mut writing = self.change_invitations().await?;
            let known = revoke.execute(&mut *writing).await? > 0;
            if known { writing.commit().await.map(|()| true) } else { writing.rollback().await.map(|()| false) }
        })
        .await
    }

    /// Counts a use of the room's invitation whose token has that hash, if it is neither revoked nor expired; returns its id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn use_invitation(&self, room: &RoomId, hash: &str, now_ms: i64) -> Result<Option<String>, StoreError> {
        // Read first: a wrong token takes no write lock.
        let find = "SELECT id FROM invitations WHERE room = $1 AND hash = $2";
        let sql = "UPDATE invitations SET used_ms = $2, uses = uses + 1 \
                   WHERE id = $1 AND revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > $2)";
        let found = query_scalar(find).bind(room.as_str()).bind(hash).fetch_optional(&self.pool);
        let Some(id): Option<String> = in_time(found).await? else { return Ok(None) };
        let used = self.change_by([query(sql).bind(&id).bind(now_ms)]).await? > 0;
        Ok(used.then_some(id))
    }

    /// Begins a change that is counted when it is committed.
    async fn change_invitations(&self) -> Result<Writing, sqlx::Error> {
        let mut writing = self.begin().await?;
        query("UPDATE counters SET value = value + 1 WHERE name = $1").bind(COUNTER).execute(&mut *writing).await?;
        Ok(writing)
    }
}

/// `None` for a row that names no room.
fn read(row: &AnyRow) -> Option<InvitationRow> {
    let room = row.get::<String, _>(1).parse().ok()?;
    let (id, hash, label, made_ms, expires_ms) = (row.get(0), row.get(2), row.get(3), row.get(4), row.get(5));
    let (revoked_ms, used_ms, uses) = (row.get(6), row.get(7), row.get(8));
    Some(InvitationRow { id, room, hash, label, made_ms, expires_ms, revoked_ms, used_ms, uses })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::place::{Place, Test, on_both};

    on_both! {
        an_invitation_is_made_used_and_revoked_and_others_see_that_but_for_its_uses,
        a_room_has_so_many_live_invitations_and_the_oldest_ended_ones_are_forgotten,
    }

    fn row(id: &str, made_ms: i64, expires_ms: Option<i64>) -> InvitationRow {
        let (room, hash, label) = (RoomId::demo(), format!("hash of {id}"), "Ann".to_owned());
        let (id, revoked_ms, used_ms, uses) = (id.to_owned(), None, None, 0);
        InvitationRow { id, room, hash, label, made_ms, expires_ms, revoked_ms, used_ms, uses }
    }

    async fn an_invitation_is_made_used_and_revoked_and_others_see_that_but_for_its_uses(place: &Place) -> Test {
        let (store, other) = (place.open().await?, place.open().await?);
        let (demo, elsewhere) = (RoomId::demo(), "other".parse()?);
        assert!(store.make_invitation(&row("a", 10, None), 100).await?);
        assert!(store.make_invitation(&row("b", 20, Some(50)), 100).await?);
        let ids = |rows: Vec<InvitationRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
        assert_eq!(other.invitation_changes().await?, 2);
        assert_eq!(ids(other.invitations(&demo).await?), ["b", "a"]);
        assert_eq!(ids(other.invitations(&elsewhere).await?), [""; 0]);
        assert_eq!(ids(other.live_invitations(50).await?), ["a"], "b has expired");

        assert_eq!(store.use_invitation(&demo, "hash of b", 49).await?.as_deref(), Some("b"));
        assert_eq!(store.use_invitation(&demo, "hash of b", 50).await?, None, "it has expired");
        assert_eq!(store.use_invitation(&elsewhere, "hash of a", 30).await?, None, "another room's");
        assert_eq!(store.use_invitation(&demo, "hash of c", 30).await?, None);
        let used = InvitationRow { used_ms: Some(49), uses: 1, ..row("b", 20, Some(50)) };
        assert_eq!(other.invitations(&demo).await?, [used, row("a", 10, None)]);
        assert_eq!(other.invitation_changes().await?, 2, "a use is no change");

        assert!(!store.revoke_invitation(&elsewhere, "a", 60).await?, "another room's is revoked");
        assert!(!store.revoke_invitation(&demo, "c", 60).await?);
        assert_eq!(other.invitation_changes().await?, 2, "nothing has changed");
        assert!(store.revoke_invitation(&demo, "a", 60).await? && store.revoke_invitation(&demo, "a", 70).await?);
        assert_eq!(other.invitations(&demo).await?[1].revoked_ms, Some(60));
        assert_eq!(store.use_invitation(&demo, "hash of a", 61).await?, None, "it is revoked");
        assert_eq!(ids(other.live_invitations(30).await?), ["b"]);
        assert!(other.invitation_changes().await? > 2);
        Ok(())
    }

    async fn a_room_has_so_many_live_invitations_and_the_oldest_ended_ones_are_forgotten(place: &Place) -> Test {
        let room = RoomId::demo();
        let store = place.open().await?;
        for n in 0..3 {
            assert!(store.make_invitation(&row(&format!("early-{n}"), n, Some(100)), 3).await?);
        }
        assert!(!store.make_invitation(&row("fourth", 99, None), 3).await?, "there are three");
        assert_eq!(store.invitation_changes().await?, 3, "nothing has changed");
        let mut elsewhere = row("elsewhere", 99, None);
        elsewhere.room = "other".parse()?;
        assert!(store.make_invitation(&elsewhere, 3).await?, "another room has its own");
        assert!(store.make_invitation(&row("fourth", 100, None), 3).await?, "the others have expired");
        for n in 101..300 {
            let id = n.to_string();
            assert!(store.make_invitation(&row(&id, n, None), 3).await?);
            assert!(store.revoke_invitation(&room, &id, n).await?);
        }
        let kept = store.invitations(&room).await?;
        assert_eq!((kept.len(), &*kept[0].id), (102, "299"), "the live one, a hundred, and the last");
        assert!(kept.iter().any(|row| row.id == "fourth") && kept.iter().all(|row| !row.id.starts_with("early")));
        Ok(())
    }
}
