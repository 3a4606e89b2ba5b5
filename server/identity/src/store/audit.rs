//! The audit, as rows: who did what, when, where and to whom.
//!
//! Promises: a decision and its entry are written in one transaction, so none is without the other.

use danmu::{
    room::RoomId,
    viewer::{Name, Rank, ViewerId},
};
use danmu_app::{
    audit::{Act, AuditDetail, AuditEntry, AuditFilter},
    error::CrewError,
    services::{AuditFuture, Auditing},
};
use sqlx::{Row as _, any::AnyRow};

use super::{
    Store, StoreError, Writing, in_time,
    ranks::{number, rank},
    sql::{query, query_scalar},
};

/// Entries in a page of the studio.
const PAGE: u32 = 50;
/// Whoever gives commands on the server's machine.
const OPERATOR: &str = "operator";
/// The server itself.
const SERVER: &str = "server";

/// Who acts, and what else is known about the act.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct By {
    actor: String,
    name: String,
    pub(super) rank: Option<Rank>,
    pub(super) detail: AuditDetail,
    /// The author of the danmu, where the server knows better than the decision.
    pub(super) author: Option<ViewerId>,
}

impl By {
    /// The operator, by a command.
    #[must_use]
    pub fn operator() -> Self {
        Self::itself(OPERATOR)
    }

    /// The server itself.
    #[must_use]
    pub fn server() -> Self {
        Self::itself(SERVER)
    }

    fn itself(actor: &str) -> Self {
        Self { actor: actor.into(), name: String::new(), rank: Some(Rank::Operator), ..Self::default() }
    }

    /// A viewer, with its name if it signed in and its rank in the room if it has one. A guest can be a streamer by the
    /// room's key only, and a moderator by an invitation only.
    #[must_use]
    pub fn viewer(viewer: &ViewerId, name: Option<&Name>, rank: Option<Rank>) -> Self {
        let came = match rank.filter(|_| viewer.is_guest()) {
            Some(Rank::Streamer) => "by streamer key",
            Some(Rank::Moderator) => "by invitation",
            _ => "",
        };
        let name = name.map_or(came, Name::as_str);
        Self { actor: viewer.to_string(), name: name.into(), rank, ..Self::default() }
    }

    /// The same, with what else is known about the act.
    #[must_use]
    pub fn with(self, detail: AuditDetail) -> Self {
        Self { detail, ..self }
    }

    /// The same, about a danmu of this author, whoever the decision says it is.
    #[must_use]
    pub fn about(self, author: Option<ViewerId>) -> Self {
        Self { author, ..self }
    }
}

/// Which entries are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entries {
    /// The newest before that number, the newest first.
    Before(i64),
    /// The oldest after that number and since that time (Unix milliseconds), the oldest first.
    After(i64, i64),
}

/// An entry that is written.
#[derive(Debug)]
pub(super) struct New<'a> {
    pub room: Option<&'a RoomId>,
    pub act: Act,
    pub subject: String,
    pub viewer: Option<&'a ViewerId>,
    pub by: &'a By,
    pub rank: Option<Rank>,
    pub detail: AuditDetail,
    pub at_ms: i64,
}

impl<'a> New<'a> {
    /// What was done to that subject.
    pub(super) fn of(room: Option<&'a RoomId>, act: Act, subject: &str, by: &'a By, at_ms: i64) -> Self {
        let (subject, detail) = (subject.to_owned(), by.detail.clone());
        Self { room, act, subject, viewer: None, by, rank: by.rank, detail, at_ms }
    }
}

/// Writes an entry in a transaction. Nothing else writes the table's rows.
pub(super) async fn write(writing: &mut Writing, new: New<'_>) -> Result<(), sqlx::Error> {
    let New { room, act, subject, viewer, by, rank, mut detail, at_ms } = new;
    let viewer = viewer.map_or("", ViewerId::as_str);
    if !viewer.is_empty() && detail.name.is_none() {
        let name = query_scalar("SELECT name FROM speakers WHERE viewer = $1").bind(viewer);
        let name: Option<String> = name.fetch_optional(&mut **writing).await?;
        detail.name = name.filter(|name| !name.is_empty());
    }
    let next = query_scalar("UPDATE counters SET value = value + 1 WHERE name = 'audit' RETURNING value");
    let next: i64 = next.fetch_one(&mut **writing).await?;
    let sql = "INSERT INTO audit (number, at_ms, room, actor, name, rank, what, subject, viewer, detail) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let row = query(sql).bind(next).bind(at_ms).bind(room.map_or("", RoomId::as_str)).bind(&by.actor).bind(&by.name);
    let row = row.bind(rank.map(number)).bind(act.code()).bind(subject).bind(viewer).bind(json(&detail)?);
    row.execute(&mut **writing).await.map(drop)
}

/// A detail as the table has it.
pub(super) fn json(detail: &AuditDetail) -> Result<String, sqlx::Error> {
    serde_json::to_string(detail).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

impl Store {
    /// Writes down that something was done which is no row of the store itself.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note(
        &self,
        room: Option<&RoomId>,
        act: Act,
        subject: &str,
        by: &By,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        in_time(async {
            let mut writing = self.begin().await?;
            write(&mut writing, New::of(room, act, subject, by, now_ms)).await?;
            writing.commit().await
        })
        .await
    }

    /// Up to `most` entries, of one room or (`None`) of all and of the whole server.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit(
        &self,
        room: Option<&RoomId>,
        which: Entries,
        filter: &AuditFilter,
        most: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let mut sql = query(
            "SELECT number, at_ms, room, actor, name, rank, what, subject, viewer, detail FROM audit WHERE number ",
        );
        match which {
            Entries::Before(number) => _ = sql.push("< ").push_bind(number),
            Entries::After(number, since_ms) => {
                sql.push("> ").push_bind(number).push(" AND at_ms >= ").push_bind(since_ms);
            }
        }
        if let Some(room) = room {
            sql.push(" AND room = ").push_bind(room.as_str().to_owned());
        }
        let AuditFilter { actor, what, subject } = filter;
        if let Some(actor) = actor {
            sql.push(" AND (actor = ").push_bind(actor.clone()).push(" OR name = ").push_bind(actor.clone()).push(")");
        }
        if let Some(what) = what {
            sql.push(" AND what = ").push_bind(what.clone());
        }
        if let Some(subject) = subject {
            sql.push(" AND (subject = ").push_bind(subject.clone());
            sql.push(" OR viewer = ").push_bind(subject.clone()).push(")");
        }
        let order = if matches!(which, Entries::Before(_)) {
            " ORDER BY number DESC LIMIT "
        } else {
            " ORDER BY number LIMIT "
        };
        sql.push(order).push_bind(i64::from(most));
        let rows = in_time(sql.fetch_all(&self.pool)).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Deletes the entries of before then, Unix milliseconds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_audit(&self, before_ms: i64) -> Result<(), StoreError> {
        self.change_by([query("DELETE FROM audit WHERE at_ms < $1").bind(before_ms)]).await.map(drop)
    }
}

/// A detail that cannot be read is taken for none, so that no row hides the others.
fn read(row: &AnyRow) -> Result<AuditEntry, sqlx::Error> {
    Ok(AuditEntry {
        number: row.try_get("number")?,
        at_ms: row.try_get("at_ms")?,
        room: row.try_get("room")?,
        actor: row.try_get("actor")?,
        name: row.try_get("name")?,
        rank: row.try_get::<Option<i64>, _>("rank")?.map(rank),
        what: row.try_get("what")?,
        subject: row.try_get("subject")?,
        viewer: row.try_get("viewer")?,
        detail: serde_json::from_str(row.try_get("detail")?).unwrap_or_default(),
    })
}

impl Auditing for Store {
    fn audit(&self, room: RoomId, before: Option<i64>, filter: AuditFilter) -> AuditFuture {
        let store = self.clone();
        Box::pin(async move {
            let which = Entries::Before(before.unwrap_or(i64::MAX));
            Self::audit(&store, Some(&room), which, &filter, PAGE).await.map_err(|error| {
                tracing::error!(%room, %error, "the audit cannot be read");
                CrewError::Store.into()
            })
        })
    }
}

#[cfg(test)]
mod tests;
