//! What must outlive the stream: what is decided about who may speak, who spoke lately, and who signed out. SQLite, in a file of the
//! data directory.
//!
//! Several processes may have it open: servers that share a directory, and `danmu-server ban` beside them. Each change takes
//! the next number of one counter in its own transaction, so that whoever looks at the counter knows whether there is anything
//! new. Promises: what was answered is on disk. The queries are plain SQL that PostgreSQL takes, too.
//! Never decides anything, never talks to the stream.

mod decisions;
mod guests;
mod identities;
mod sign_outs;
mod speakers;
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
    decisions::Row,
    guests::in_records,
    speakers::Speaker,
    whom::{Whom, WhomError, named},
};

/// The file, in the data directory.
const FILE: &str = "danmu.db";
/// How long a write waits for another process' write.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a query may take with all that it waits for: a disk that does not answer holds up nobody for longer.
const DEADLINE: Duration = Duration::from_secs(10);
/// Connections of a process.
const CONNECTIONS: u32 = 2;

/// What changes the tables, in order: version, what it is for, and the SQL. What is published stays as it is.
const MIGRATIONS: [(i64, &str, &str); 5] = [
    (1, "bans", include_str!("../../migrations/0001_bans.sql")),
    (2, "identities", include_str!("../../migrations/0002_identities.sql")),
    (3, "decisions", include_str!("../../migrations/0003_decisions.sql")),
    (4, "speakers", include_str!("../../migrations/0004_speakers.sql")),
    (5, "sign-outs", include_str!("../../migrations/0005_sign_outs.sql")),
];

/// The store. A handle.
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
}

/// Why the store could not do what it was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The file cannot be opened, or is of a newer server.
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
    /// It took too long.
    #[error("the store of bans did not answer within {} s; see that its disk does", DEADLINE.as_secs())]
    Late,
}

/// What a query gives, within [`DEADLINE`]. A transaction that is cut off is rolled back.
async fn in_time<T>(work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    Ok(tokio::time::timeout(DEADLINE, work).await.map_err(|_| StoreError::Late)??)
}

/// [`MIGRATIONS`], as the migrator takes them.
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
    /// The store of a data directory, made if there is none, and brought to the form that this server knows.
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
            // Readers and a writer do not wait for each other, and a decision is on disk when it is answered.
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(PATIENCE);
        let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(2 * PATIENCE);
        let pool = pool.connect_with(options).await.map_err(failed)?;
        let migrator = Migrator::new(Ours).await.map_err(|error| failed(error.into()))?;
        migrator.run(&pool).await.map_err(|error| failed(error.into()))?;
        Ok(Self { pool })
    }

    /// Runs a statement, to break things with.
    #[cfg(test)]
    pub(crate) async fn execute(&self, sql: &'static str) -> Result<(), StoreError> {
        sqlx::query(sql).execute(&self.pool).await?;
        Ok(())
    }

    /// The number of the last change. It only grows.
    ///
    /// # Errors
    /// [`StoreError::Query`], [`StoreError::Late`], as of all that follow.
    pub async fn change(&self) -> Result<i64, StoreError> {
        in_time(query_scalar("SELECT value FROM counters WHERE name = 'change'").fetch_one(&self.pool)).await
    }
}

/// The number of the change that is made now. First of all that it does: so only one is made at a time.
async fn next_change(writing: &mut SqliteTransaction<'_>) -> Result<i64, sqlx::Error> {
    next_changes(writing, 1).await
}

/// The same of so many changes: the first of their numbers.
async fn next_changes(writing: &mut SqliteTransaction<'_>, count: usize) -> Result<i64, sqlx::Error> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let sql = "UPDATE counters SET value = value + $1 WHERE name = 'change' RETURNING value - $1 + 1";
    query_scalar(sql).bind(count).fetch_one(&mut **writing).await
}

/// Nobody else needs to know who is banned.
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
