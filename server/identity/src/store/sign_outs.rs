//! Sign-outs, as rows. Sign-ins are not stored; a sign-out is kept until every copy of its cookie has expired.

use super::{
    Store, StoreError, in_time,
    sql::{query, query_scalar},
};

impl Store {
    /// Revokes a sign-in until `until_ms` (Unix milliseconds), when its cookies have expired. Deletes rows that are over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sign_out(&self, sign_in: &str, until_ms: i64, now_ms: i64) -> Result<(), StoreError> {
        let forget = query("DELETE FROM sign_outs WHERE until_ms < $1").bind(now_ms);
        let sql = "INSERT INTO sign_outs (sign_in, until_ms) VALUES ($1, $2) ON CONFLICT (sign_in) DO NOTHING";
        let keep = query(sql).bind(sign_in).bind(until_ms);
        self.change_by([forget, keep]).await.map(drop)
    }

    /// Whether a sign-in was revoked.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_signed_out(&self, sign_in: &str) -> Result<bool, StoreError> {
        let ended = query_scalar("SELECT COUNT(*) FROM sign_outs WHERE sign_in = $1").bind(sign_in);
        let ended: i64 = in_time(ended.fetch_one(&self.pool)).await?;
        Ok(ended > 0)
    }
}
