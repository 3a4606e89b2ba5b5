//! Bans, as rows.

use std::{fmt, net::IpAddr, str::FromStr};

use danmu::{room::RoomId, viewer::ViewerId};
use ipnet::IpNet;
use sqlx::{Row, query, sqlite::SqliteRow};
use thiserror::Error;

use super::{Store, StoreError, next_change};

/// How long a server may take to tell the stream of a decision before another one does, milliseconds.
const CLAIM_MS: i64 = 5_000;
/// How long a ban that is over is kept, milliseconds: for those who read old records again.
const KEPT_MS: i64 = 3 * 3_600 * 1_000;

/// Whom a ban concerns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whom {
    /// A viewer.
    Viewer(ViewerId),
    /// The guests of a network, while they come from there.
    Network(IpNet),
}

/// Why a text names nobody.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{0:?} is no viewer and no network: give a viewer's id (1 to 64 visible ASCII characters), an address, or 192.0.2.0/24"
)]
pub struct WhomError(String);

impl FromStr for Whom {
    type Err = WhomError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network.trunc()));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address.to_canonical().into()));
        }
        text.parse().map(Self::Viewer).map_err(|_| WhomError(text.to_owned()))
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Viewer(viewer) => viewer.fmt(f),
            Self::Network(network) => network.fmt(f),
        }
    }
}

impl Whom {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Viewer(_) => "viewer",
            Self::Network(_) => "network",
        }
    }
}

/// A ban that is in force, or was, or whose end the stream has not been told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ban {
    /// Whom it concerns.
    pub whom: Whom,
    /// In which room; in every one where there is none.
    pub room: Option<RoomId>,
    /// From when on, Unix milliseconds.
    pub from_ms: i64,
    /// Until when, Unix milliseconds; for good where there is none.
    pub until_ms: Option<i64>,
    /// The number of the decision.
    pub change: i64,
    /// Whether the stream has been told of it.
    pub told: bool,
}

impl Ban {
    /// Whether it is in force. From the moment that one knows of it: its beginning, by another's clock, may lie ahead, and whoever
    /// waited for that would have to look again.
    #[must_use]
    pub fn holds(&self, now_ms: i64) -> bool {
        self.until_ms.is_none_or(|until_ms| now_ms < until_ms)
    }
}

impl Store {
    /// Bans from `at_ms` on, until `until_ms` or for good. One that is in force goes on, to the new end.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn ban(
        &self,
        whom: &Whom,
        room: Option<&RoomId>,
        at_ms: i64,
        until_ms: Option<i64>,
    ) -> Result<(), StoreError> {
        let mut decision = self.pool.begin().await?;
        let change = next_change(&mut decision).await?;
        let sql = "INSERT INTO bans (kind, subject, room, from_ms, until_ms, decided_ms, change, claimed_ms, told_ms) \
                   VALUES ($1, $2, $3, $4, $5, $4, $6, 0, NULL) \
                   ON CONFLICT (kind, subject, room) DO UPDATE SET \
                   from_ms = CASE WHEN bans.until_ms IS NULL OR bans.until_ms >= excluded.from_ms \
                             THEN bans.from_ms ELSE excluded.from_ms END, \
                   until_ms = excluded.until_ms, decided_ms = excluded.decided_ms, change = excluded.change, \
                   claimed_ms = 0, told_ms = NULL";
        let row = query(sql).bind(whom.kind()).bind(whom.to_string()).bind(key(room));
        row.bind(at_ms).bind(until_ms).bind(change).execute(&mut *decision).await?;
        Ok(decision.commit().await?)
    }

    /// Ends a ban; whether there was one in force.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn unban(&self, whom: &Whom, room: Option<&RoomId>, at_ms: i64) -> Result<bool, StoreError> {
        let mut decision = self.pool.begin().await?;
        let change = next_change(&mut decision).await?;
        let sql = "UPDATE bans SET until_ms = $4, decided_ms = $4, change = $5, claimed_ms = 0, told_ms = NULL \
                   WHERE kind = $1 AND subject = $2 AND room = $3 AND (until_ms IS NULL OR until_ms > $4)";
        let row = query(sql).bind(whom.kind()).bind(whom.to_string()).bind(key(room)).bind(at_ms).bind(change);
        if row.execute(&mut *decision).await?.rows_affected() == 0 {
            return Ok(false);
        }
        decision.commit().await?;
        Ok(true)
    }

    /// Takes in a viewer's ban that the stream tells of, as of `arrival_ms`, until `until_ms` or for good. What was decided here
    /// since then counts for more; whether there was anything new in it.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn heard_ban(
        &self,
        viewer: &ViewerId,
        room: &RoomId,
        arrival_ms: i64,
        until_ms: Option<i64>,
    ) -> Result<bool, StoreError> {
        let mut decision = self.pool.begin().await?;
        let change = next_change(&mut decision).await?;
        // What is known for every room needs no row of its own for each.
        let known = "SELECT COUNT(*) FROM bans WHERE kind = 'viewer' AND subject = $1 AND room IN ('', $2) \
                     AND (decided_ms > $3 OR until_ms = $4 OR (until_ms IS NULL AND $4 IS NULL))";
        let known = query(known).bind(viewer.as_str()).bind(room.as_str()).bind(arrival_ms).bind(until_ms);
        if known.fetch_one(&mut *decision).await?.try_get::<i64, _>(0)? > 0 {
            return Ok(false);
        }
        let sql = "INSERT INTO bans (kind, subject, room, from_ms, until_ms, decided_ms, change, claimed_ms, told_ms) \
                   VALUES ('viewer', $1, $2, $3, $4, $3, $5, 0, $3) \
                   ON CONFLICT (kind, subject, room) DO UPDATE SET \
                   from_ms = CASE WHEN bans.until_ms IS NULL OR bans.until_ms >= excluded.from_ms \
                             THEN bans.from_ms ELSE excluded.from_ms END, \
                   until_ms = excluded.until_ms, decided_ms = excluded.decided_ms, change = excluded.change, \
                   told_ms = excluded.told_ms";
        let row = query(sql).bind(viewer.as_str()).bind(room.as_str()).bind(arrival_ms).bind(until_ms).bind(change);
        row.execute(&mut *decision).await?;
        decision.commit().await?;
        Ok(true)
    }

    /// Takes in the end of a viewer's ban that the stream tells of, otherwise as [`Store::heard_ban`].
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn heard_unban(&self, viewer: &ViewerId, room: &RoomId, arrival_ms: i64) -> Result<bool, StoreError> {
        let mut decision = self.pool.begin().await?;
        let change = next_change(&mut decision).await?;
        let sql = "UPDATE bans SET until_ms = $3, decided_ms = $3, change = $4, told_ms = $3 \
                   WHERE kind = 'viewer' AND subject = $1 AND room IN ('', $2) \
                   AND decided_ms <= $3 AND (until_ms IS NULL OR until_ms > $3)";
        let row = query(sql).bind(viewer.as_str()).bind(room.as_str()).bind(arrival_ms).bind(change);
        if row.execute(&mut *decision).await?.rows_affected() == 0 {
            return Ok(false);
        }
        decision.commit().await?;
        Ok(true)
    }

    /// All bans, those that were over lately among them; the oldest decision first.
    ///
    /// # Errors
    /// [`StoreError::Query`], also for a row that cannot be read: who is banned must not be guessed at.
    pub async fn bans(&self) -> Result<Vec<Ban>, StoreError> {
        let sql = "SELECT kind, subject, room, from_ms, until_ms, change, told_ms FROM bans ORDER BY change";
        let rows = query(sql).fetch_all(&self.pool).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Takes it upon this server to tell the stream of a decision; `false` where another one does, or there is a later one.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn claim(&self, ban: &Ban, now_ms: i64) -> Result<bool, StoreError> {
        let sql = "UPDATE bans SET claimed_ms = $5 WHERE kind = $1 AND subject = $2 AND room = $3 AND change = $4 \
                   AND told_ms IS NULL AND claimed_ms < $6";
        let row = query(sql).bind(ban.whom.kind()).bind(ban.whom.to_string()).bind(key(ban.room.as_ref()));
        let row = row.bind(ban.change).bind(now_ms).bind(now_ms - CLAIM_MS);
        Ok(row.execute(&self.pool).await?.rows_affected() == 1)
    }

    /// The stream has been told of a decision.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn told(&self, ban: &Ban, now_ms: i64) -> Result<(), StoreError> {
        let sql = "UPDATE bans SET told_ms = $5 WHERE kind = $1 AND subject = $2 AND room = $3 AND change = $4";
        let row = query(sql).bind(ban.whom.kind()).bind(ban.whom.to_string()).bind(key(ban.room.as_ref()));
        row.bind(ban.change).bind(now_ms).execute(&self.pool).await?;
        Ok(())
    }

    /// Forgets the bans that have been over for long.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn forget_bans(&self, now_ms: i64) -> Result<(), StoreError> {
        query("DELETE FROM bans WHERE until_ms < $1").bind(now_ms - KEPT_MS).execute(&self.pool).await?;
        Ok(())
    }
}

/// How a room stands in the table.
fn key(room: Option<&RoomId>) -> &str {
    room.map_or("", RoomId::as_str)
}

fn read(row: &SqliteRow) -> Result<Ban, sqlx::Error> {
    let decode = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
    let subject: &str = row.try_get("subject")?;
    let whom = match row.try_get::<&str, _>("kind")? {
        "viewer" => Whom::Viewer(subject.parse().map_err(|error| decode(Box::new(error)))?),
        "network" => Whom::Network(subject.parse().map_err(|error| decode(Box::new(error)))?),
        other => return Err(decode(format!("a ban of kind {other:?}").into())),
    };
    let room: &str = row.try_get("room")?;
    let room = if room.is_empty() { None } else { Some(room.parse().map_err(|error| decode(Box::new(error)))?) };
    Ok(Ban {
        whom,
        room,
        from_ms: row.try_get("from_ms")?,
        until_ms: row.try_get("until_ms")?,
        change: row.try_get("change")?,
        told: row.try_get::<Option<i64>, _>("told_ms")?.is_some(),
    })
}
