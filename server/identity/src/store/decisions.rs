//! Decisions, as rows: those made here, pending for the stream (an outbox), and those read from the stream.
//!
//! A row's key is its decision's id, so writing it twice is idempotent. It is written where the decision is made, published
//! by one of the servers that share the store, and takes its place in the stream's order when it is read back.

use std::collections::HashSet;

use danmu::{
    gate::KEPT_MS,
    record::{DanmuRef, Decided, Decision, Network, RecordId, Subject},
    room::RoomId,
    viewer::Rank,
};
use danmu_app::audit::{Act, AuditDetail};
use sqlx::{Row as _, any::AnyRow};

use super::{
    Store, StoreError, Writing,
    audit::{self, By, New},
    in_time,
    mode_names::{mode_of, name_of},
    next_change, next_changes,
    ranks::{number, rank},
    sql::{parts, query, query_scalar},
};

/// Lease of a claim, milliseconds: after it another server may publish the decision.
const CLAIM_MS: i64 = 5_000;
/// Rows in one statement: a row takes a parameter for each column, of at most 32,766.
const ROWS: usize = 500;
/// The columns of a row, in reading order.
const COLUMNS: &str = "id, room, kind, subject, until_ms, rank, decided_ms, told_ms, arrival_ms, change";

/// A decision in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub id: RecordId,
    /// Its room; `None` for every room.
    pub room: Option<RoomId>,
    /// What is decided.
    pub decision: Decision,
    /// When it was made, by the clock of the process that wrote it, Unix milliseconds.
    pub decided_ms: i64,
    /// Whether it was published (the stream accepted it).
    pub told: bool,
    /// When it arrived on the stream, Unix milliseconds, if it was read back.
    pub arrival_ms: Option<i64>,
    /// The change number of when it was written, or else read back.
    pub change: i64,
}

impl Store {
    /// Writes a decision, pending for the stream, and its entry in the audit, both or neither; returns its id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn decide(
        &self,
        room: Option<&RoomId>,
        decision: &Decision,
        by: &By,
        now_ms: i64,
    ) -> Result<RecordId, StoreError> {
        in_time(async {
            let mut writing = self.begin().await?;
            let id = write(&mut writing, room, decision, now_ms).await?;
            audit::write(&mut writing, entry(room, decision, by, now_ms)).await?;
            writing.commit().await?;
            Ok(id)
        })
        .await
    }

    /// Ends the decision in force on a scope and subject, with that rank; returns whether there was one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end(
        &self,
        room: Option<&RoomId>,
        on: &Subject,
        rank: Rank,
        by: &By,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let last = self.last(room, on).await?;
        if last.is_none_or(|row| row.decision.until_ms() <= now_ms) {
            return Ok(false);
        }
        self.decide(room, &Decision::end(on.clone(), rank), by, now_ms).await?;
        Ok(true)
    }

    /// The effective decision on a scope and subject: the last one, but a lower rank does not override one in force.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn last(&self, room: Option<&RoomId>, on: &Subject) -> Result<Option<Row>, StoreError> {
        let (kind, subject) = columns_of(on);
        let sql = format!(
            "SELECT {COLUMNS} FROM decisions WHERE kind = $1 AND subject = $2 AND room = $3 \
             ORDER BY CASE WHEN arrival_ms IS NULL THEN 1 ELSE 0 END, arrival_ms, change"
        );
        let rows = query(sql).bind(kind).bind(subject).bind(key(room));
        let rows = in_time(rows.fetch_all(&self.pool)).await?;
        let rows: Vec<_> = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(rows.into_iter().reduce(Row::counts_before))
    }

    /// The rows with a later change number, in order.
    ///
    /// # Errors
    /// [`StoreError::Query`], also for a row that cannot be read, since a decision must not be guessed.
    pub async fn decisions_since(&self, change: i64) -> Result<Vec<Row>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM decisions WHERE change > $1 ORDER BY change, decided_ms");
        let rows = in_time(query(sql).bind(change).fetch_all(&self.pool)).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Claims up to `most` pending decisions for this server to publish, under a lease. For each scope and subject only the
    /// earliest is claimed, so that none overtakes another.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn claim(&self, most: usize, now_ms: i64) -> Result<Vec<Row>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS}, claimed_ms FROM decisions WHERE told_ms IS NULL ORDER BY change, decided_ms LIMIT $1"
        );
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        // Mostly nothing is pending, and a plain read needs no write lock.
        let owed = query(sql.clone()).bind(limit).fetch_optional(&self.pool);
        if in_time(owed).await?.is_none() {
            return Ok(Vec::new());
        }
        in_time(async {
            let mut writing = self.begin().await?;
            let owed = query(sql).bind(limit).fetch_all(&mut *writing).await?;
            let (mut seen, mut claimed) = (HashSet::new(), Vec::new());
            for row in &owed {
                let claimed_ms: i64 = row.try_get("claimed_ms")?;
                let row = read(row)?;
                if seen.insert((row.room.clone(), row.decision.on.clone())) && claimed_ms <= now_ms - CLAIM_MS {
                    claimed.push(row);
                }
            }
            set(&mut writing, "claimed_ms", now_ms, claimed.iter().map(|row| row.id)).await?;
            writing.commit().await?;
            Ok(claimed)
        })
        .await
    }

    /// Releases a claim on decisions that the stream did not accept.
    ///
    /// # Errors
    /// [`StoreError::Query`]; then the lease expires.
    pub async fn release(&self, ids: impl Iterator<Item = RecordId>) -> Result<(), StoreError> {
        self.set(("claimed_ms", 0), ids).await
    }

    /// Marks decisions as published.
    ///
    /// # Errors
    /// [`StoreError::Query`]; then they are published again, which is idempotent.
    pub async fn told(&self, ids: impl Iterator<Item = RecordId>, now_ms: i64) -> Result<(), StoreError> {
        self.set(("told_ms", now_ms), ids).await
    }

    async fn set(
        &self,
        (column, value): (&'static str, i64),
        ids: impl Iterator<Item = RecordId>,
    ) -> Result<(), StoreError> {
        in_time(async {
            let mut writing = self.begin().await?;
            set(&mut writing, column, value, ids).await?;
            writing.commit().await
        })
        .await
    }

    /// Makes decisions pending again that were published before then (Unix milliseconds) and never read back.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn owe_again(&self, before_ms: i64) -> Result<(), StoreError> {
        let sql = "UPDATE decisions SET told_ms = NULL WHERE arrival_ms IS NULL AND told_ms < $1";
        self.change_by([query(sql).bind(before_ms)]).await.map(drop)
    }

    /// Writes decisions that were read from the stream, all or none. A decision keeps the arrival time of its first reading.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn keep(&self, decided: &[Decided]) -> Result<(), StoreError> {
        in_time(async {
            let mut writing = self.begin().await?;
            let mut changes = next_changes(&mut writing, decided.len()).await?..;
            for rows in parts(decided, ROWS, |decided| decided.id) {
                let mut sql = query(
                    "INSERT INTO decisions \
                     (id, room, kind, subject, until_ms, rank, decided_ms, claimed_ms, told_ms, arrival_ms, change) VALUES ",
                );
                sql.push_rows(rows.iter().zip(&mut changes), |(decided, change), row| {
                    let (kind, subject) = columns_of(&decided.decision.on);
                    row.bind(decided.id.to_string()).bind(key(decided.room.as_ref())).bind(kind).bind(subject);
                    row.bind(decided.decision.until).bind(number(decided.decision.by));
                    row.bind(decided.at).bind(0).bind(decided.at).bind(decided.at).bind(change);
                });
                sql.push(
                    " ON CONFLICT (id) DO UPDATE SET arrival_ms = excluded.arrival_ms, change = excluded.change, \
                     told_ms = COALESCE(decisions.told_ms, excluded.told_ms) WHERE decisions.arrival_ms IS NULL",
                );
                sql.execute(&mut *writing).await?;
            }
            writing.commit().await
        })
        .await
    }

    /// The mark up to which everything from the stream is kept, Unix milliseconds; `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn heard(&self) -> Result<Option<i64>, StoreError> {
        let heard = query_scalar("SELECT value FROM counters WHERE name = 'heard'");
        in_time(heard.fetch_optional(&self.pool)).await
    }

    /// Sets that mark, Unix milliseconds; it only grows.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn set_heard(&self, until_ms: i64) -> Result<(), StoreError> {
        let sql = "INSERT INTO counters (name, value) VALUES ('heard', $1) \
                   ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE counters.value < excluded.value";
        self.change_by([query(sql).bind(until_ms)]).await.map(drop)
    }

    /// Deletes decisions that were over long ago, or superseded long ago, and old guests.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn forget(&self, now_ms: i64) -> Result<(), StoreError> {
        let over_ms = now_ms - KEPT_MS;
        let superseded = "DELETE FROM decisions WHERE arrival_ms < $1 AND kind <> 'sessions' AND EXISTS ( \
                          SELECT 1 FROM decisions AS later WHERE later.kind = decisions.kind \
                          AND later.subject = decisions.subject AND later.room = decisions.room AND later.rank >= decisions.rank \
                          AND later.arrival_ms > decisions.arrival_ms AND later.arrival_ms < $1)";
        let over = "DELETE FROM decisions WHERE arrival_ms < $1 AND until_ms < $1 AND kind <> 'sessions'";
        let guests = "DELETE FROM guests WHERE until_ms < $1";
        self.change_by([superseded, over, guests].map(|sql| query(sql).bind(over_ms))).await.map(drop)
    }
}

/// Sets a column of unpublished rows.
async fn set(
    writing: &mut Writing,
    column: &'static str,
    value: i64,
    ids: impl Iterator<Item = RecordId>,
) -> Result<(), sqlx::Error> {
    let ids: Vec<_> = ids.map(|id| id.to_string()).collect();
    for ids in ids.chunks(ROWS) {
        let mut sql = query("UPDATE decisions SET ");
        sql.push(column).push(" = ").push_bind(value).push(" WHERE told_ms IS NULL AND id IN ");
        sql.push_rows([ids], |ids, list| ids.iter().for_each(|id| _ = list.bind(id)));
        sql.execute(&mut **writing).await?;
    }
    Ok(())
}

/// Writes a decision, pending for the stream, in a transaction; returns its id.
pub(super) async fn write(
    writing: &mut Writing,
    room: Option<&RoomId>,
    decision: &Decision,
    now_ms: i64,
) -> Result<RecordId, sqlx::Error> {
    let id = new_id(now_ms)?;
    let change = next_change(writing).await?;
    let (kind, subject) = columns_of(&decision.on);
    let sql = "INSERT INTO decisions \
               (id, room, kind, subject, until_ms, rank, decided_ms, claimed_ms, told_ms, arrival_ms, change) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, 0, NULL, NULL, $8)";
    let row = query(sql).bind(id.to_string()).bind(key(room)).bind(kind).bind(subject).bind(decision.until);
    row.bind(number(decision.by)).bind(now_ms).bind(change).execute(&mut **writing).await?;
    Ok(id)
}

/// A unique random id.
fn new_id(now_ms: i64) -> Result<RecordId, sqlx::Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| sqlx::Error::Io(std::io::Error::other(error)))?;
    Ok(RecordId::new(now_ms, u128::from_be_bytes(random)))
}

impl Row {
    /// Which of two decisions is effective; `later` is the later one.
    #[must_use]
    pub fn counts_before(self, later: Self) -> Self {
        let at_ms = later.arrival_ms.unwrap_or(later.decided_ms);
        if self.decision.by > later.decision.by && at_ms < self.decision.until_ms() { self } else { later }
    }
}

/// The entry of a decision in the audit, with the rank that the decision has.
fn entry<'a>(room: Option<&'a RoomId>, decision: &'a Decision, by: &'a By, at_ms: i64) -> New<'a> {
    let ends = decision.until == Some(0);
    let (act, viewer) = match &decision.on {
        Subject::Viewer(viewer) => (if ends { Act::Unban } else { Act::Ban }, Some(viewer)),
        Subject::Network(_) => (if ends { Act::Unban } else { Act::Ban }, None),
        Subject::Danmu(danmu) => {
            (if ends { Act::Unhide } else { Act::Hide }, by.author.as_ref().or(danmu.viewer.as_ref()))
        }
        Subject::Mode(_) => (if ends { Act::ModeOff } else { Act::ModeOn }, None),
        Subject::Rule(_) => (if ends { Act::RuleOff } else { Act::RuleOn }, by.author.as_ref()),
        Subject::Vending => (if ends { Act::Thaw } else { Act::Freeze }, None),
        Subject::Sessions => (Act::Revoke, None),
    };
    let subject = match &decision.on {
        Subject::Danmu(DanmuRef { key, .. }) => key.to_string(),
        on => columns_of(on).1,
    };
    let detail = AuditDetail { until: decision.until.filter(|until| *until != 0), ..by.detail.clone() };
    New { viewer, rank: Some(decision.by), detail, ..New::of(room, act, &subject, by, at_ms) }
}

/// A room's key in the table; empty for every room.
fn key(room: Option<&RoomId>) -> &str {
    room.map_or("", RoomId::as_str)
}

/// A subject's columns in the table: kind and name.
fn columns_of(on: &Subject) -> (&'static str, String) {
    match on {
        Subject::Viewer(viewer) => ("viewer", viewer.to_string()),
        Subject::Network(network) => ("network", network.to_string()),
        // Neither has a blank.
        Subject::Danmu(DanmuRef { key, viewer: None }) => ("danmu", key.to_string()),
        Subject::Danmu(DanmuRef { key, viewer: Some(viewer) }) => ("danmu", format!("{key} {viewer}")),
        Subject::Mode(mode) => ("mode", name_of(*mode)),
        Subject::Rule(rule) => ("rule", rule.to_string()),
        Subject::Vending => ("vending", String::new()),
        Subject::Sessions => ("sessions", String::new()),
    }
}

fn read(row: &AnyRow) -> Result<Row, sqlx::Error> {
    let decode = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
    let subject: &str = row.try_get("subject")?;
    let on = match row.try_get::<&str, _>("kind")? {
        "viewer" => Subject::Viewer(subject.parse().map_err(|error| decode(Box::new(error)))?),
        "network" => Subject::Network(Network::try_from(subject.to_owned()).map_err(|error| decode(Box::new(error)))?),
        "danmu" => {
            let (key, viewer) = subject.split_once(' ').map_or((subject, None), |(key, viewer)| (key, Some(viewer)));
            let viewer = viewer.map(str::parse).transpose().map_err(|error| decode(Box::new(error)))?;
            Subject::Danmu(DanmuRef { key: key.parse().map_err(|error| decode(Box::new(error)))?, viewer })
        }
        "mode" => Subject::Mode(mode_of(subject).ok_or_else(|| decode(format!("a mode {subject:?}").into()))?),
        "rule" => Subject::Rule(subject.parse().map_err(|error| decode(Box::new(error)))?),
        "vending" => Subject::Vending,
        "sessions" => Subject::Sessions,
        other => return Err(decode(format!("a decision of kind {other:?}").into())),
    };
    let room: &str = row.try_get("room")?;
    let room = if room.is_empty() { None } else { Some(room.parse().map_err(|error| decode(Box::new(error)))?) };
    Ok(Row {
        id: row.try_get::<&str, _>("id")?.parse().map_err(|error| decode(Box::new(error)))?,
        room,
        decision: Decision { on, until: row.try_get("until_ms")?, by: rank(row.try_get("rank")?) },
        decided_ms: row.try_get("decided_ms")?,
        told: row.try_get::<Option<i64>, _>("told_ms")?.is_some(),
        arrival_ms: row.try_get("arrival_ms")?,
        change: row.try_get("change")?,
    })
}
