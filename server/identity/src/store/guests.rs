//! Guests of banned networks, as rows: a ban of a network is a single decision, and these are the guests whom it concerns.

use std::collections::BTreeMap;

use danmu::{
    record::{Guests, Network},
    viewer::ViewerId,
};
use sqlx::{Row as _, any::AnyRow};

use super::{
    Store, StoreError, in_time, next_change,
    sql::{parts, query},
};

/// Rows in one statement.
const ROWS: usize = 1_000;
/// Guests in one record: 36 bytes each, of the 8,192 that a record may have with its ticket.
const MOST: usize = 180;

impl Store {
    /// Writes guests of networks, all or none. Those without a publishing time (`from`) are pending for the stream.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn keep_guests(&self, guests: &[Guests]) -> Result<(), StoreError> {
        in_time(async {
            let mut writing = self.begin().await?;
            let change = next_change(&mut writing).await?;
            for Guests { network, viewers, until, from } in guests {
                for rows in parts(viewers, ROWS, |viewer| viewer) {
                    let mut sql = query("INSERT INTO guests (network, viewer, until_ms, told_ms, change) VALUES ");
                    sql.push_rows(rows, |viewer, row| {
                        row.bind(network.as_str()).bind(viewer.as_str()).bind(*until).bind(*from).bind(change);
                    });
                    // A guest whose session now ends later than published is pending again.
                    sql.push(
                        " ON CONFLICT (network, viewer) DO UPDATE SET \
                         told_ms = CASE WHEN excluded.told_ms IS NULL THEN NULL \
                                   ELSE COALESCE(guests.told_ms, excluded.told_ms) END, \
                         until_ms = CASE WHEN excluded.until_ms > guests.until_ms THEN excluded.until_ms \
                                    ELSE guests.until_ms END, change = excluded.change \
                         WHERE excluded.until_ms > guests.until_ms OR guests.told_ms IS NULL",
                    );
                    sql.execute(&mut *writing).await?;
                }
            }
            writing.commit().await
        })
        .await
    }

    /// The published guests whose rows changed after that change number.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn guests_since(&self, change: i64) -> Result<Vec<Guests>, StoreError> {
        let sql = "SELECT network, viewer, until_ms, told_ms FROM guests WHERE change > $1 AND told_ms IS NOT NULL";
        grouped(&in_time(query(sql).bind(change).fetch_all(&self.pool)).await?)
    }

    /// The guests that are pending for the stream, grouped as records.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn owed_guests(&self) -> Result<Vec<Guests>, StoreError> {
        let sql = "SELECT network, viewer, until_ms, told_ms FROM guests WHERE told_ms IS NULL ORDER BY until_ms";
        let all = grouped(&in_time(query(sql).fetch_all(&self.pool)).await?)?;
        Ok(all.iter().flat_map(in_records).collect())
    }
}

/// Splits guests into groups that fit into one record each.
pub fn in_records(guests: &Guests) -> impl Iterator<Item = Guests> + use<'_> {
    guests.viewers.chunks(MOST).map(|viewers| Guests { viewers: viewers.to_vec(), ..guests.clone() })
}

/// Groups rows by network, publishing time, and the minute in which the session ends.
fn grouped(rows: &[AnyRow]) -> Result<Vec<Guests>, StoreError> {
    let decode = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
    let mut groups = BTreeMap::<_, (i64, Vec<ViewerId>)>::new();
    for row in rows {
        let (until, from): (i64, Option<i64>) = (row.try_get("until_ms")?, row.try_get("told_ms")?);
        let viewer: &str = row.try_get("viewer")?;
        let viewer = viewer.parse().map_err(|error| decode(Box::new(error)))?;
        let network: String = row.try_get("network")?;
        let group = groups.entry((network, from, until.div_euclid(60_000))).or_default();
        group.0 = group.0.max(until);
        group.1.push(viewer);
    }
    let group = |((network, from, _), (until, viewers))| {
        let network = Network::try_from(network).map_err(|error| decode(Box::new(error)))?;
        Ok(Guests { network, viewers, until, from })
    };
    groups.into_iter().map(group).collect()
}
