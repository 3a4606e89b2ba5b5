//! The store: decisions about who may speak, recent speakers, sign-outs, pool identities, streamer keys, invitations and the audit,
//! which must outlive the stream. SQLite, in a file of the data directory.
//!
//! Several processes may have it open: servers that share a directory, and `danmu-server ban` beside them. Each change of
//! decisions and guests takes the next number of one counter in its transaction, so that polling the counter shows whether
//! anything is new. Promises: what was acknowledged is on disk. The queries are plain SQL that PostgreSQL accepts too. Never
//! decides anything, never uses the stream.

mod audit;
mod decisions;
mod erase;
mod guests;
mod held;
mod identities;
mod invitations;
mod mode_names;
mod ranks;
mod rooms;
mod sign_outs;
mod speakers;
mod streamer_keys;
mod whom;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use futures::future::BoxFuture;
use sqlx::{
    SqlSafeStr, SqlitePool, SqliteTransaction,
    error::BoxDynError,
    migrate::{Migration, MigrationSource, MigrationType, Migrator},
    query_scalar,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use thiserror::Error;

pub use self::{
    audit::{By, Entries},
    decisions::Row,
    erase::Erased,
    guests::in_records,
    held::{HeldNews, HeldRow, MOST_WAITING},
    invitations::InvitationRow,
    rooms::RoomRow,
    speakers::Speaker,
    streamer_keys::{StreamerKeyChange, StreamerKeyRow},
    whom::{Whom, WhomError, named},
};

/// The file, in the data directory.
const FILE: &str = "danmu.db";
/// How long a write waits for another process's write (SQLite's busy timeout).
const PATIENCE: Duration = Duration::from_secs(5);
/// Timeout of a query, with all that it waits for, so that a hanging disk blocks no caller for longer.
const DEADLINE: Duration = Duration::from_secs(10);
/// Size of a process's connection pool.
const CONNECTIONS: u32 = 2;

/// Schema migrations, in order: version, description, and SQL. A published one must not change.
const MIGRATIONS: [(i64, &str, &str); 10] = [
    (1, "bans", include_str!("../../migrations/0001_bans.sql")),
    (2, "identities", include_str!("../../migrations/0002_identities.sql")),
    (3, "decisions", include_str!("../../migrations/0003_decisions.sql")),
    (4, "speakers", include_str!("../../migrations/0004_speakers.sql")),
    (5, "sign-outs", include_str!("../../migrations/0005_sign_outs.sql")),
    (6, "streamer keys", include_str!("../../migrations/0006_streamer_keys.sql")),
    (7, "rooms", include_str!("../../migrations/0007_rooms.sql")),
    (8, "invitations", include_str!("../../migrations/0008_invitations.sql")),
    (9, "audit", include_str!("../../migrations/0009_audit.sql")),
    (10, "held", include_str!("../../migrations/0010_held.sql")),
];

/// The store. A handle.
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
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
    /// A query failed.
    #[error("the store of bans cannot be read or written: {0}")]
    Query(#[from] sqlx::Error),
    /// The timeout has passed.
    #[error("the store of bans did not answer within {} s; see that its disk does", DEADLINE.as_secs())]
    Late,
}

/// Runs a query with the timeout [`DEADLINE`]. A transaction that is cancelled is rolled back.
async fn in_time<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    Ok(tokio::time::timeout(DEADLINE, work).await.map_err(|_| StoreError::Late)??)
}

/// [`MIGRATIONS`] in the form that the migrator takes.
#[derive(Debug)]
struct Ours;

impl MigrationSource<'static> for Ours {
    fn resolve(self) -> BoxFuture<'static, Result<Vec<Migration>, BoxDynError>> {
        let migration = |(version, description, sql): (i64, &'static str, &'static str)| {
            Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
        };
        Box::pin(std::future::ready(Ok(MIGRATIONS.into_iter().map(migration).collect())))
    }
}

impl Store {
    /// Opens the store of a data directory; creates it if there is none, and migrates it to this version.
    ///
    /// # Errors
    /// [`StoreError::Open`].
    pub async fn open(data: &Path) -> Result<Self, StoreError> {
        let path = data.join(FILE);
        let failed = |source: sqlx::Error| StoreError::Open { path: path.clone(), source };
        create_private(data, &path).map_err(|error| failed(sqlx::Error::Io(error)))?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            // With WAL, readers do not block a writer; `FULL` syncs a commit before it is acknowledged.
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(PATIENCE);
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(2 * PATIENCE);
        let pool = pool.connect_with(options).await.map_err(failed)?;
        let migrator = Migrator::new(Ours).await.map_err(|error| failed(error.into()))?;
        migrator.run(&pool).await.map_err(|error| failed(error.into()))?;
        Ok(Self { pool })
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
}

/// Takes the next change number. Call it first in a transaction: it takes the write lock, so changes are serialized.
async fn next_change(writing: &mut SqliteTransaction<'_>) -> Result<i64, sqlx::Error> {
    next_changes(writing, 1).await
}

/// Takes `count` change numbers; returns the first.
async fn next_changes(writing: &mut SqliteTransaction<'_>, count: usize) -> Result<i64, sqlx::Error> {
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
mod tests;
