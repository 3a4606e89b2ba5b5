//! Identities of an identity pool, as rows: AWS identifies viewers' sessions by them.

use super::{
    Store, StoreError, in_time,
    sql::{query, query_scalar},
};
use danmu::viewer::ViewerId;

/// Precision of the last use of an identity, milliseconds: a viewer who returns every hour causes one write a day.
const EXACT_MS: i64 = 24 * 3_600 * 1_000;
/// Retention of an identity that is no longer used, milliseconds. Sessions last half a day at most.
const KEPT_MS: i64 = 30 * 24 * 3_600 * 1_000;

impl Store {
    /// The identity that the viewer used last.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identity(&self, viewer: &ViewerId) -> Result<Option<String>, StoreError> {
        let sql = "SELECT identity FROM identities WHERE viewer = $1 ORDER BY seen_ms DESC LIMIT 1";
        in_time(query_scalar(sql).bind(viewer.as_str()).fetch_optional(&self.pool)).await
    }

    /// All identities that the viewer used lately.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identities(&self, viewer: &ViewerId) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT identity FROM identities WHERE viewer = $1 ORDER BY identity";
        in_time(query_scalar(sql).bind(viewer.as_str()).fetch_all(&self.pool)).await
    }

    /// Writes down that a viewer uses this identity, unless a recent row says so.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn keep_identity(&self, viewer: &ViewerId, identity: &str, now_ms: i64) -> Result<(), StoreError> {
        // Reads first: this may be called many times a second, and each write syncs the disk.
        let known = "SELECT COUNT(*) FROM identities WHERE viewer = $1 AND identity = $2 AND seen_ms > $3";
        let known = query_scalar(known).bind(viewer.as_str()).bind(identity).bind(now_ms - EXACT_MS);
        let known: i64 = in_time(known.fetch_one(&self.pool)).await?;
        if known > 0 {
            return Ok(());
        }
        let sql = "INSERT INTO identities (viewer, identity, seen_ms) VALUES ($1, $2, $3) \
                   ON CONFLICT (viewer, identity) DO UPDATE SET seen_ms = excluded.seen_ms";
        self.change_by([query(sql).bind(viewer.as_str()).bind(identity).bind(now_ms)]).await.map(drop)
    }

    /// Deletes identities that have not been used for long.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn forget_identities(&self, now_ms: i64) -> Result<(), StoreError> {
        self.change_by([query("DELETE FROM identities WHERE seen_ms < $1").bind(now_ms - KEPT_MS)]).await.map(drop)
    }
}
