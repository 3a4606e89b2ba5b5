//! Identities of an identity pool, as rows: by them AWS knows the sessions of viewers.

use danmu::viewer::ViewerId;
use sqlx::{query, query_scalar};

use super::{Store, StoreError, in_time};

/// How exact it is when an identity was last seen, milliseconds: whoever comes every hour is written down once a day.
const EXACT_MS: i64 = 24 * 3_600 * 1_000;
/// How long one is kept that nobody has come with, milliseconds. No session lasts longer than half a day.
const KEPT_MS: i64 = 30 * 24 * 3_600 * 1_000;

impl Store {
    /// The identity that a viewer was last seen with.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identity(&self, viewer: &ViewerId) -> Result<Option<String>, StoreError> {
        let sql = "SELECT identity FROM identities WHERE viewer = $1 ORDER BY seen_ms DESC LIMIT 1";
        in_time(query_scalar(sql).bind(viewer.as_str()).fetch_optional(&self.pool)).await
    }

    /// All that a viewer was seen with lately.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identities(&self, viewer: &ViewerId) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT identity FROM identities WHERE viewer = $1 ORDER BY identity";
        in_time(query_scalar(sql).bind(viewer.as_str()).fetch_all(&self.pool)).await
    }

    /// Writes down that a viewer comes with this identity, unless that is known.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn keep_identity(&self, viewer: &ViewerId, identity: &str, now_ms: i64) -> Result<(), StoreError> {
        // A read first: there may be many of these a second, and each write is a sync of the disk.
        let known = "SELECT COUNT(*) FROM identities WHERE viewer = $1 AND identity = $2 AND seen_ms > $3";
        let known = query_scalar(known).bind(viewer.as_str()).bind(identity).bind(now_ms - EXACT_MS);
        let known: i64 = in_time(known.fetch_one(&self.pool)).await?;
        if known > 0 {
            return Ok(());
        }
        let sql = "INSERT INTO identities (viewer, identity, seen_ms) VALUES ($1, $2, $3) \
                   ON CONFLICT (viewer, identity) DO UPDATE SET seen_ms = excluded.seen_ms";
        let written = query(sql).bind(viewer.as_str()).bind(identity).bind(now_ms).execute(&self.pool);
        in_time(written).await.map(drop)
    }

    /// Forgets those that nobody has come with for long.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn forget_identities(&self, now_ms: i64) -> Result<(), StoreError> {
        let forgotten = query("DELETE FROM identities WHERE seen_ms < $1").bind(now_ms - KEPT_MS).execute(&self.pool);
        in_time(forgotten).await.map(drop)
    }
}
