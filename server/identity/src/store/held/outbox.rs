//! What was let through and is pending for the stream.

use danmu::{
    record::{DanmuRef, Passed},
    room::RoomId,
};
use sqlx::any::AnyRow;

use super::{super::sql::query, HELD_MS, HeldRow, Store, StoreError, Writing, in_time, next_changes, read, viewer_of};

/// Lease of a claim, milliseconds: after it another server may publish.
const CLAIM_MS: i64 = 5_000;
/// How long after a claim another attempt is made, milliseconds. If its server ended before it knew whether the stream took the
/// record, one that starts within this time reads it; later it might be on the stream unknown to all, and be shown twice.
const AGAIN_MS: i64 = 600_000;

impl Store {
    /// Claims up to `most` danmu that were let through for this server to publish, under a lease, in the order of that.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_passed(&self, most: usize, now_ms: i64) -> Result<Vec<HeldRow>, StoreError> {
        const OWED: &str = "SELECT room, viewer, danmu, said, due_ms FROM held WHERE state = 1 AND told_ms IS NULL \
                            AND claimed_ms <= $1 AND (claimed_ms = 0 OR claimed_ms > $2) AND arrival_ms > $3 \
                            ORDER BY change LIMIT $4";
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        let owed = || query(OWED).bind(now_ms - CLAIM_MS).bind(now_ms - AGAIN_MS).bind(now_ms - HELD_MS).bind(limit);
        // Mostly nothing is pending, and a plain read needs no write lock.
        if in_time(owed().fetch_optional(&self.pool)).await?.is_none() {
            return Ok(Vec::new());
        }
        in_time(async {
            let mut writing = self.begin().await?;
            next_changes(&mut writing, 0).await?;
            let rows = owed().fetch_all(&mut *writing).await?;
            let rows = rows.iter().map(|row: &AnyRow| read(row)).collect::<Result<Vec<_>, _>>()?;
            for HeldRow { room, said, .. } in &rows {
                set_column(&mut writing, "claimed_ms", now_ms, room, &said.danmu()).await?;
            }
            writing.commit().await?;
            Ok(rows)
        })
        .await
    }

    /// Releases a claim on what the stream did not accept.
    ///
    /// # Errors
    /// [`StoreError`]; then the lease expires.
    pub async fn release_passed(&self, rows: impl Iterator<Item = &HeldRow>) -> Result<(), StoreError> {
        self.set_passed("claimed_ms", 0, rows).await
    }

    /// Marks what was let through as published.
    ///
    /// # Errors
    /// [`StoreError`]; then it is published again, and gates know its id.
    pub async fn passed_told(&self, rows: impl Iterator<Item = &HeldRow>, now_ms: i64) -> Result<(), StoreError> {
        self.set_passed("told_ms", now_ms, rows).await
    }

    async fn set_passed(
        &self,
        column: &'static str,
        value: i64,
        rows: impl Iterator<Item = &HeldRow>,
    ) -> Result<(), StoreError> {
        let of: Vec<_> = rows.map(|HeldRow { room, said, .. }: &HeldRow| (room.clone(), Passed::danmu(said))).collect();
        in_time(async {
            let mut writing = self.begin().await?;
            next_changes(&mut writing, 0).await?;
            for (room, danmu) in &of {
                set_column(&mut writing, column, value, room, danmu).await?;
            }
            writing.commit().await
        })
        .await
    }
}

/// Sets a column of a row that is not published.
async fn set_column(
    writing: &mut Writing,
    column: &'static str,
    value: i64,
    room: &RoomId,
    danmu: &DanmuRef,
) -> Result<(), sqlx::Error> {
    let sql =
        format!("UPDATE held SET {column} = $1 WHERE room = $2 AND viewer = $3 AND danmu = $4 AND told_ms IS NULL");
    let row = query(sql).bind(value).bind(room.as_str()).bind(viewer_of(danmu));
    row.bind(danmu.key.to_string()).execute(&mut **writing).await.map(drop)
}
