//! The store: decisions about who may speak, recent speakers, sign-outs, pool identities, streamer keys, invitations and the audit,
//! which must outlive the stream. SQLite, in a file of the data directory, or PostgreSQL, for servers that share no directory.
//!
//! Several processes may have it open: the servers that share it, and `danmu-server ban` beside them. At most one of all
//! changes it at a time (`Store::begin`). Each change of decisions and guests takes the next number of one counter in its
//! transaction, so that polling the counter shows whether anything is new. Promises: what was acknowledged is on disk, and no
//! number of a counter becomes visible before a lower one. Queries and migrations are the same for both databases (`sql`);
//! what differs is in `backend`. Never decides anything, never uses the stream.

mod aliases;
mod audit;
mod backend;
mod decisions;
mod deleted;
mod erase;
mod figures;
mod guests;
mod held;
mod identities;
mod invitations;
mod migrations;
mod mode_names;
mod ranks;
mod rooms;
mod rules;
mod sign_outs;
mod speakers;
mod sql;
mod streamer_keys;
mod url;
mod whom;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{Any, AnyPool};
use thiserror::Error;

pub use self::{
    aliases::{AliasMade, AliasRow},
    audit::{By, Entries},
    decisions::Row,
    erase::Erased,
    figures::{Details, FigureRow, bucket},
    guests::in_records,
    held::{HeldNews, HeldRow, MOST_WAITING},
    invitations::InvitationRow,
    rooms::RoomRow,
    rules::RuleRow,
    speakers::Speaker,
    streamer_keys::{StreamerKeyChange, StreamerKeyRow},
    url::{StoreUrl, StoreUrlError},
    whom::{Whom, WhomError, named},
};
use self::{
    backend::Backend,
    sql::{Query, query_scalar},
};

/// The file, in the data directory.
const FILE: &str = "danmu.db";
/// Timeout of a query, with all that it waits for, so that a hanging disk blocks no caller for longer.
const DEADLINE: Duration = Duration::from_secs(10);

/// Schema migrations, in order: version, description, and SQL. A published one must not change.
const MIGRATIONS: [(i64, &str, &str); 14] = [
    (1, "bans", include_str!("../../migrations/0001_bans.sql")),
    (2, "identities", include_str!("../../migrations/0002_identities.sql")),
    (3, "decisions", migrations::DECISIONS_SQLITE),
    (4, "speakers", include_str!("../../migrations/0004_speakers.sql")),
    (5, "sign-outs", include_str!("../../migrations/0005_sign_outs.sql")),
    (6, "streamer keys", include_str!("../../migrations/0006_streamer_keys.sql")),
    (7, "rooms", include_str!("../../migrations/0007_rooms.sql")),
    (8, "invitations", include_str!("../../migrations/0008_invitations.sql")),
    (9, "audit", include_str!("../../migrations/0009_audit.sql")),
    (10, "held", include_str!("../../migrations/0010_held.sql")),
    (11, "rules", include_str!("../../migrations/0011_rules.sql")),
    (12, "deleted rooms", include_str!("../../migrations/0012_deleted_rooms.sql")),
    (13, "figures", include_str!("../../migrations/0013_figures.sql")),
    (14, "room aliases", include_str!("../../migrations/0014_room_aliases.sql")),
];

/// A change of the store that is under way. What is not committed is undone when it is dropped.
type Writing = sqlx::Transaction<'static, Any>;

/// The store. A handle.
#[derive(Clone, Debug)]
pub struct Store {
    /// For reading. Changes go through `Store::begin` and [`Store::change_by`].
    pool: AnyPool,
    backend: Backend,
}

/// Why an operation of the store failed.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The file cannot be opened, or was migrated by a newer server.
    #[error("{path} cannot be opened: {source}; it holds the bans. Restore it, or move it away to begin anew")]
    Open {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: sqlx::Error,
    },
    /// The database cannot be reached or used, or was migrated by a newer server.
    #[error(
        "the store {url} cannot be opened: {source}; see that the database runs, that this machine reaches it, that store.url \
         names it, its user and the password, that this user may make tables there, and that no newer server has changed them"
    )]
    Connect {
        /// The database, without the password.
        url: StoreUrl,
        /// What is wrong.
        source: sqlx::Error,
    },
    /// A query failed.
    #[error("the store of bans cannot be read or written: {0}")]
    Query(#[source] sqlx::Error),
    /// The timeout has passed.
    #[error("the store of bans did not answer in time; see that its disk does, or with store.url its database")]
    Late,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut => Self::Late,
            error => Self::Query(error),
        }
    }
}

/// Runs a query with the timeout [`DEADLINE`]. A transaction that is cancelled is rolled back.
async fn in_time<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    Ok(tokio::time::timeout(DEADLINE, work).await.map_err(|_| StoreError::Late)??)
}

impl Store {
    /// Opens the store of the settings: the database at that address, or without one the file in a data directory.
    ///
    /// # Errors
    /// [`StoreError::Open`], [`StoreError::Connect`].
    pub async fn at(url: Option<&StoreUrl>, data: &Path) -> Result<Self, StoreError> {
        match url {
            Some(url) => Self::connect(url).await,
            None => Self::open(data).await,
        }
    }

    /// Opens the store of a data directory; creates it if there is none, and migrates it to this version.
    ///
    /// # Errors
    /// [`StoreError::Open`].
    pub async fn open(data: &Path) -> Result<Self, StoreError> {
        let path = data.join(FILE);
        let failed = |source: sqlx::Error| StoreError::Open { path: path.clone(), source };
        create_private(data, &path).map_err(|error| failed(sqlx::Error::Io(error)))?;
        let pool = Backend::open_file(&path).await.map_err(failed)?;
        Ok(Self { pool, backend: Backend::Sqlite })
    }

    /// Connects to the store in a database of PostgreSQL, and migrates it to this version.
    ///
    /// # Errors
    /// [`StoreError::Connect`].
    pub async fn connect(url: &StoreUrl) -> Result<Self, StoreError> {
        let pool = Backend::connect(url).await.map_err(|source| StoreError::Connect { url: url.clone(), source })?;
        Ok(Self { pool, backend: Backend::Postgres })
    }

    /// Whether servers that share no directory may share it.
    #[must_use]
    pub fn is_apart(&self) -> bool {
        self.backend == Backend::Postgres
    }

    /// Runs a statement, for fault injection.
    #[cfg(test)]
    pub(crate) async fn execute(&self, sql: &'static str) -> Result<(), StoreError> {
        sqlx::query(sql).execute(&self.pool).await?;
        Ok(())
    }

    /// The change number: the counter's current value. It only grows.
    ///
    /// # Errors
    /// [`StoreError::Query`], [`StoreError::Late`], as for all operations below.
    pub async fn change(&self) -> Result<i64, StoreError> {
        in_time(query_scalar("SELECT value FROM counters WHERE name = 'change'").fetch_one(&self.pool)).await
    }

    /// Begins a change; waits for the one that is under way, in any process.
    async fn begin(&self) -> Result<Writing, sqlx::Error> {
        self.backend.begin(&self.pool).await
    }

    /// Makes changes, all or none; returns how many rows the last one changed.
    async fn change_by(&self, changes: impl IntoIterator<Item = Query>) -> Result<u64, StoreError> {
        in_time(async {
            let (mut writing, mut changed) = (self.begin().await?, 0);
            for change in changes {
                changed = change.execute(&mut *writing).await?;
            }
            writing.commit().await.map(|()| changed)
        })
        .await
    }
}

/// Takes the next change number.
async fn next_change(writing: &mut Writing) -> Result<i64, sqlx::Error> {
    next_changes(writing, 1).await
}

/// Takes `count` change numbers; returns the first.
async fn next_changes(writing: &mut Writing, count: usize) -> Result<i64, sqlx::Error> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let sql = "UPDATE counters SET value = value + $1 WHERE name = 'change' RETURNING value - $1 + 1";
    query_scalar(sql).bind(count).fetch_one(&mut **writing).await
}

/// Creates directory and file so that only their owner can read who is banned.
fn create_private(dir: &Path, path: &Path) -> std::io::Result<()> {
    danmu_stream::create_private_dir(dir)?;
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?;
    danmu_stream::keep_private(path)
}

#[cfg(test)]
pub(crate) mod place;
#[cfg(test)]
#[path = "../../../../tests/postgres/mod.rs"]
#[allow(dead_code, reason = "other tests need what these do not")]
mod postgres;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod together;
