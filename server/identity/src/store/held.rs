//! Danmu of reviewed rooms that wait, as rows: each waits until it is let through, taken out, or has waited too long.
//!
//! Every server that reads the stream writes what waits, so writing a row twice changes nothing. What comes first counts: a row
//! leaves its state once. One that is let through is pending for the stream, in this table ([`outbox`]). Each change of a row
//! takes the next number of a counter in its transaction, first of all, so that changes are serialized and readers see what is
//! new by number. A row is deleted [`FORGET_MS`] after its danmu arrived.

mod outbox;

use danmu::{
    record::{DanmuRef, Decision, Passed, Subject},
    room::{HELD_MS, RoomId},
    viewer::{Rank, ViewerId},
};
use danmu_app::{
    audit::{Act, AuditDetail},
    review::{NotWaiting, Waiting, WaitingChanges, waiting_id},
};
use sqlx::{Row as _, any::AnyRow};

use super::{
    Store, StoreError, Writing,
    audit::{self, By, New},
    decisions, in_time,
    sql::{query, query_scalar},
};

/// The most danmu of a room that wait; beyond, the oldest fall out.
pub const MOST_WAITING: usize = 2_000;
/// How long after a danmu's arrival its row is kept, milliseconds: no gate lets it through any more, and none that starts reads
/// its author's record again as one that waits.
const FORGET_MS: i64 = HELD_MS + 5 * 60_000;
/// Rows in one statement.
const ROWS: usize = 500;
/// Rows in one answer to a page.
const ANSWER: u32 = 500;
/// Characters of a danmu's text that the audit keeps.
const CHARACTERS: usize = 200;

// The states.
const WAITS: i64 = 0;
const PASSED: i64 = 1;
const SHOWN: i64 = 2;
const OUT: i64 = 3;
const LATE: i64 = 4;

/// A danmu that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRow {
    /// Its room.
    pub room: RoomId,
    /// The danmu.
    pub said: Passed,
    /// When it is let through by itself, Unix milliseconds; `None`: never.
    pub due_ms: Option<i64>,
}

/// What was read from the stream about danmu that wait.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldNews {
    /// Danmu that wait.
    pub held: Vec<HeldRow>,
    /// Danmu that were let through.
    pub shown: Vec<(RoomId, DanmuRef)>,
    /// Viewers and danmu about which something was decided, in a room or (`None`) in every room: what waits of them is out.
    pub gone: Vec<(Option<RoomId>, Subject)>,
}

/// A row's key.
type Key = (String, String, String);

impl Store {
    /// Writes what was read, all or nothing; returns how many danmu fell out of full rooms.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_held(&self, news: &HeldNews, now_ms: i64) -> Result<u64, StoreError> {
        if news.held.is_empty() && !self.has_held().await? {
            return Ok(0);
        }
        in_time(async {
            let mut writing = self.begin().await?;
            let mut changes = next_changes(&mut writing, news.held.len()).await?..;
            let fresh: Vec<_> = news.held.iter().filter(|row| row.said.at > now_ms - HELD_MS).collect();
            for rows in fresh.chunks(ROWS) {
                insert(&mut writing, rows, &mut changes).await?;
            }
            for (room, danmu) in &news.shown {
                let sql = "SELECT room, viewer, danmu FROM held WHERE room = $1 AND viewer = $2 AND danmu = $3 AND state IN (0, 1)";
                let rows = query(sql).bind(room.as_str()).bind(viewer_of(danmu)).bind(danmu.key.to_string());
                let rows = rows.fetch_all(&mut *writing).await?;
                move_to(&mut writing, &rows, SHOWN).await?;
            }
            for (room, on) in &news.gone {
                let rows = waiting_of(&mut writing, room.as_ref(), on).await?;
                move_to(&mut writing, &rows, OUT).await?;
            }
            let mut rooms: Vec<_> = fresh.iter().map(|row| &row.room).collect();
            rooms.sort_unstable();
            rooms.dedup();
            let mut fallen = 0;
            for room in rooms {
                fallen += cut(&mut writing, room).await?;
            }
            writing.commit().await?;
            Ok(fallen)
        })
        .await
    }

    /// Whether there are rows, of danmu that wait or waited.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn has_held(&self) -> Result<bool, StoreError> {
        let any = query_scalar("SELECT state FROM held LIMIT 1").fetch_optional::<i64>(&self.pool);
        in_time(any).await.map(|any| any.is_some())
    }

    /// What changed in a room after that change; after 0 what waits.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn waiting(&self, room: &RoomId, since: i64) -> Result<WaitingChanges, StoreError> {
        let sql = "SELECT room, viewer, danmu, said, due_ms, state, change FROM held \
                   WHERE room = $1 AND change > $2 AND (state = 0 OR $2 > 0) ORDER BY change LIMIT $3";
        let rows = query(sql).bind(room.as_str()).bind(since).bind(i64::from(ANSWER)).fetch_all(&self.pool);
        let count = query_scalar("SELECT COUNT(*) FROM held WHERE room = $1 AND state = 0").bind(room.as_str());
        let count = count.fetch_one(&self.pool);
        let (rows, count): (_, i64) = in_time(async { Ok((rows.await?, count.await?)) }).await?;
        let mut told = WaitingChanges {
            upto: since,
            more: rows.len() == ANSWER as usize,
            count: u32::try_from(count).unwrap_or(u32::MAX),
            ..WaitingChanges::default()
        };
        for row in &rows {
            told.upto = row.try_get("change")?;
            let HeldRow { said, due_ms, .. } = read(row)?;
            let id = waiting_id(&said.danmu());
            if row.try_get::<i64, _>("state")? != WAITS {
                told.gone.push(id);
                continue;
            }
            let Passed { viewer, name, role, text, color, at: at_ms, .. } = said;
            let (viewer, name) = (viewer.map(String::from), name.map(String::from));
            told.waiting.push(Waiting { id, viewer, name, role, text, color, at_ms, due_ms });
        }
        Ok(told)
    }

    /// Lets danmu of a room through, with an entry of the audit for each, all that wait or (on an error) none; returns those
    /// that did not wait.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pass(
        &self,
        room: &RoomId,
        danmu: &[DanmuRef],
        by: &By,
        now_ms: i64,
    ) -> Result<Vec<NotWaiting>, StoreError> {
        in_time(async {
            let mut writing = self.begin().await?;
            let change = next_changes(&mut writing, danmu.len()).await?;
            let mut refused = Vec::new();
            for (change, danmu) in (change..).zip(danmu) {
                match decide(&mut writing, (room, danmu), PASSED, change).await? {
                    Ok(said) => enter(&mut writing, room, Act::Pass, &said, by, now_ms).await?,
                    Err(reason) => refused.push(reason),
                }
            }
            writing.commit().await?;
            Ok(refused)
        })
        .await
    }

    /// Takes a danmu of a room out, if it waits, with the decision that hides it and its entry in the audit, all or nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_out(
        &self,
        room: &RoomId,
        danmu: &DanmuRef,
        rank: Rank,
        by: &By,
        now_ms: i64,
    ) -> Result<Result<(), NotWaiting>, StoreError> {
        in_time(async {
            let mut writing = self.begin().await?;
            let change = next_changes(&mut writing, 1).await?;
            let said = match decide(&mut writing, (room, danmu), OUT, change).await? {
                Ok(said) => said,
                Err(reason) => return Ok(Err(reason)),
            };
            // Servers with stores of their own hear of it by the stream. Later no gate lets it through anyway.
            let until = Some(said.at.saturating_add(FORGET_MS));
            let hidden = Decision { on: Subject::Danmu(danmu.clone()), until, by: rank };
            decisions::write(&mut writing, Some(room), &hidden, now_ms).await?;
            enter(&mut writing, room, Act::TakeOut, &said, by, now_ms).await?;
            writing.commit().await?;
            Ok(Ok(()))
        })
        .await
    }

    /// Lets through what is due by itself, and ends the waiting of what waited too long; returns how many were let through.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn settle_held(&self, now_ms: i64) -> Result<u64, StoreError> {
        const DUE: &str = "SELECT room, viewer, danmu FROM held WHERE state = 0 AND due_ms <= $1 AND arrival_ms > $2 \
                           ORDER BY due_ms LIMIT 500";
        const OVER: &str =
            "SELECT room, viewer, danmu FROM held WHERE state = 0 AND arrival_ms <= $2 AND arrival_ms <= $1 LIMIT 500";
        let late_ms = now_ms - HELD_MS;
        let mut passed = 0;
        for (sql, state) in [(DUE, PASSED), (OVER, LATE)] {
            loop {
                // Mostly there is nothing, and a plain read needs no write lock.
                let any = query(sql).bind(now_ms).bind(late_ms).fetch_optional(&self.pool);
                if in_time(any).await?.is_none() {
                    break;
                }
                let moved = in_time(async {
                    let mut writing = self.begin().await?;
                    next_changes(&mut writing, 0).await?;
                    let rows = query(sql).bind(now_ms).bind(late_ms).fetch_all(&mut *writing).await?;
                    move_to(&mut writing, &rows, state).await?;
                    writing.commit().await?;
                    Ok(rows.len() as u64)
                });
                let moved = moved.await?;
                passed += if state == PASSED { moved } else { 0 };
            }
        }
        Ok(passed)
    }

    /// Deletes rows of danmu that arrived long ago.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_held(&self, now_ms: i64) -> Result<(), StoreError> {
        let forgotten = query("DELETE FROM held WHERE arrival_ms < $1").bind(now_ms - FORGET_MS);
        self.change_by([forgotten]).await.map(drop)
    }
}

/// Takes `count` change numbers of these rows; returns the first.
async fn next_changes(writing: &mut Writing, count: usize) -> Result<i64, sqlx::Error> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let sql = "UPDATE counters SET value = value + $1 WHERE name = 'held' RETURNING value - $1 + 1";
    query_scalar(sql).bind(count).fetch_one(&mut **writing).await
}

/// Writes rows; those that are there already stay as they are.
async fn insert(
    writing: &mut Writing,
    rows: &[&HeldRow],
    changes: &mut std::ops::RangeFrom<i64>,
) -> Result<(), sqlx::Error> {
    let json = |row: &HeldRow| serde_json::to_string(&row.said).map_err(|error| sqlx::Error::Encode(Box::new(error)));
    let texts = rows.iter().map(|row| json(row)).collect::<Result<Vec<_>, _>>()?;
    let mut sql = query(
        "INSERT INTO held (room, viewer, danmu, said, arrival_ms, due_ms, state, claimed_ms, told_ms, change) VALUES ",
    );
    let numbered = rows.iter().zip(texts).zip(changes);
    sql.push_rows(numbered, |((HeldRow { room, said, due_ms }, text), change), row| {
        row.bind(room.as_str()).bind(said.viewer.as_ref().map_or("", ViewerId::as_str)).bind(said.key.to_string());
        row.bind(text).bind(said.at).bind(*due_ms).bind(WAITS).bind(0).bind(None::<i64>).bind(change);
    });
    sql.push(" ON CONFLICT (room, viewer, danmu) DO NOTHING");
    sql.execute(&mut **writing).await.map(drop)
}

/// The rows that a decision on a viewer or a danmu concerns.
async fn waiting_of(writing: &mut Writing, room: Option<&RoomId>, on: &Subject) -> Result<Vec<AnyRow>, sqlx::Error> {
    let (viewer, danmu) = match on {
        Subject::Viewer(viewer) => (viewer.as_str(), None),
        Subject::Danmu(danmu) => (viewer_of(danmu), Some(danmu.key.to_string())),
        _ => return Ok(Vec::new()),
    };
    let mut sql = query("SELECT room, viewer, danmu FROM held WHERE state = 0 AND viewer = ");
    sql.push_bind(viewer);
    if let Some(room) = room {
        sql.push(" AND room = ").push_bind(room.as_str());
    }
    if let Some(danmu) = danmu {
        sql.push(" AND danmu = ").push_bind(danmu);
    }
    sql.fetch_all(&mut **writing).await
}

/// Lets the oldest rows of a room fall out until [`MOST_WAITING`] are left; returns how many fell out.
async fn cut(writing: &mut Writing, room: &RoomId) -> Result<u64, sqlx::Error> {
    let count = query_scalar("SELECT COUNT(*) FROM held WHERE room = $1 AND state = 0").bind(room.as_str());
    let count: i64 = count.fetch_one(&mut **writing).await?;
    let over = count - MOST_WAITING as i64;
    if over <= 0 {
        return Ok(0);
    }
    let sql = "SELECT room, viewer, danmu FROM held WHERE room = $1 AND state = 0 ORDER BY arrival_ms, change LIMIT $2";
    let rows = query(sql).bind(room.as_str()).bind(over).fetch_all(&mut **writing).await?;
    move_to(writing, &rows, LATE).await?;
    Ok(rows.len() as u64)
}

/// Moves rows to a state. The transaction has taken a change number before it read them.
async fn move_to(writing: &mut Writing, rows: &[AnyRow], state: i64) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let change = next_changes(writing, rows.len()).await?;
    for (change, row) in (change..).zip(rows) {
        let (room, viewer, danmu): Key = (row.try_get("room")?, row.try_get("viewer")?, row.try_get("danmu")?);
        let sql = "UPDATE held SET state = $1, change = $2 WHERE room = $3 AND viewer = $4 AND danmu = $5";
        let row = query(sql).bind(state).bind(change).bind(room).bind(viewer).bind(danmu);
        row.execute(&mut **writing).await?;
    }
    Ok(())
}

/// Moves a row that waits to a state; returns what was said.
async fn decide(
    writing: &mut Writing,
    (room, danmu): (&RoomId, &DanmuRef),
    state: i64,
    change: i64,
) -> Result<Result<Passed, NotWaiting>, sqlx::Error> {
    let sql = "UPDATE held SET state = $1, change = $2 \
               WHERE room = $3 AND viewer = $4 AND danmu = $5 AND state = 0 RETURNING room, said, due_ms";
    let (viewer, key) = (viewer_of(danmu), danmu.key.to_string());
    let row = query(sql).bind(state).bind(change).bind(room.as_str()).bind(viewer).bind(&key);
    if let Some(row) = row.fetch_optional(&mut **writing).await? {
        return Ok(Ok(read(&row)?.said));
    }
    let sql = "SELECT state FROM held WHERE room = $1 AND viewer = $2 AND danmu = $3";
    let known = query_scalar(sql).bind(room.as_str()).bind(viewer).bind(&key);
    Ok(Err(match known.fetch_optional::<i64>(&mut **writing).await? {
        Some(PASSED | SHOWN) => NotWaiting::Passed,
        Some(OUT) => NotWaiting::Out,
        _ => NotWaiting::Late,
    }))
}

/// Writes the entry of what was decided about a danmu.
async fn enter(
    writing: &mut Writing,
    room: &RoomId,
    act: Act,
    said: &Passed,
    by: &By,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let text = Some(said.text.chars().take(CHARACTERS).collect());
    let name = said.name.clone().map(String::from);
    let detail = AuditDetail { text, name, ..by.detail.clone() };
    let entry = New::of(Some(room), act, &said.key.to_string(), by, now_ms);
    audit::write(writing, New { viewer: said.viewer.as_ref(), detail, ..entry }).await
}

/// The column of a danmu's author.
fn viewer_of(danmu: &DanmuRef) -> &str {
    danmu.viewer.as_ref().map_or("", ViewerId::as_str)
}

fn read(row: &AnyRow) -> Result<HeldRow, sqlx::Error> {
    let decode = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
    Ok(HeldRow {
        room: row.try_get::<&str, _>("room")?.parse().map_err(|error| decode(Box::new(error)))?,
        said: serde_json::from_str(row.try_get("said")?).map_err(|error| decode(Box::new(error)))?,
        due_ms: row.try_get("due_ms")?,
    })
}

#[cfg(test)]
mod tests;
