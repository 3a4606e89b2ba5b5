//! The two databases, and all in which they differ for the store but for one migration: how they are reached, and how a change
//! begins.

use std::{io, path::Path, time::Duration};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use sqlx::{
    Any, AnyConnection, AnyPool, ConnectOptions, Connection, Executor, Transaction,
    any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers},
    migrate::Migrator,
};
use tokio::time::{Instant, sleep, timeout};

use super::{sql::query, url::StoreUrl};

/// Connections of a process to SQLite, of which one at a time writes.
const SQLITE_CONNECTIONS: u32 = 2;
/// Connections of a process to PostgreSQL. A change that waits for its turn has one.
const POSTGRES_CONNECTIONS: u32 = 8;
/// How long a call waits for a connection to SQLite: as long as two others may wait for another process's change.
const SQLITE_WAIT: Duration = Duration::from_secs(10);
/// How long a start waits before it asks again for a file that another process begins.
const SQLITE_AGAIN: Duration = Duration::from_millis(10);
/// How long a call waits for a connection to PostgreSQL, a new one too: while the server is away, each call ends after this.
const POSTGRES_WAIT: Duration = Duration::from_secs(5);
/// Timeout of the first connection to PostgreSQL, at the start.
const POSTGRES_START: Duration = Duration::from_secs(10);
/// How long a connection to PostgreSQL may take to be usable again after a call was given up, before it is closed.
const POSTGRES_RETURN: Duration = Duration::from_secs(2);
/// With WAL, readers do not block a writer; `FULL` syncs a commit before it is acknowledged. The timeout, milliseconds, is how long
/// a change waits for another process's.
const SQLITE_SETUP: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL";
/// What nobody waits for any more ends by itself (see `DEADLINE`), and a process that dies in the middle of a change with its
/// connection left open holds up others for no longer.
const POSTGRES_SETUP: &str = "SET lock_timeout = '9s'; SET statement_timeout = '10s'; \
                              SET idle_in_transaction_session_timeout = '10s'";
/// The key of the lock that a change holds: "danmu" in ASCII.
const LOCK: i64 = 0x64_61_6e_6d_75;

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    /// Opens a file of SQLite; creates it if there is none, and migrates it.
    pub(super) async fn open_file(path: &Path) -> Result<AnyPool, sqlx::Error> {
        let name = percent_encode(path.as_os_str().as_encoded_bytes(), NON_ALPHANUMERIC);
        Self::Sqlite.open(format!("sqlite:{name}?mode=rwc").parse()?).await
    }

    /// Connects to a database of PostgreSQL, and migrates it.
    pub(super) async fn connect(url: &StoreUrl) -> Result<AnyPool, sqlx::Error> {
        Self::Postgres.open(url.secret().parse()?).await
    }

    async fn open(self, options: AnyConnectOptions) -> Result<AnyPool, sqlx::Error> {
        install_default_drivers();
        let pool = match self {
            Self::Sqlite => AnyPoolOptions::new().max_connections(SQLITE_CONNECTIONS).acquire_timeout(SQLITE_WAIT),
            // A connection of which nobody knows the end of the last call would occupy its place for as long as the network
            // leaves that open.
            Self::Postgres => AnyPoolOptions::new()
                .max_connections(POSTGRES_CONNECTIONS)
                .acquire_timeout(POSTGRES_WAIT)
                .after_release(|connection, _| {
                    Box::pin(async { Ok(matches!(timeout(POSTGRES_RETURN, connection.ping()).await, Ok(Ok(())))) })
                }),
        };
        let pool = pool.after_connect(move |connection, _| {
            Box::pin(async move { connection.execute(self.setup()).await.map(drop) })
        });
        // By a connection of its own: the pool would try until its timeout, and say nothing but that.
        let mut first = self.first(&options).await?;
        let migrator = Migrator::new(self).await?;
        // On PostgreSQL it takes a lock, so that processes that start at once do not meet in it. On SQLite they may; mostly there
        // is nothing to migrate, and a start should not wait for a writer, so they take turns only when that has failed.
        let migrated = migrator.run(&mut first).await;
        if migrated.is_err() && self == Self::Sqlite {
            let mut alone = first.begin_with("BEGIN IMMEDIATE").await?;
            migrator.run(&mut *alone).await?;
            alone.commit().await?;
        } else {
            migrated?;
        }
        first.close().await?;
        Ok(pool.connect_lazy_with(options))
    }

    async fn first(self, options: &AnyConnectOptions) -> Result<AnyConnection, sqlx::Error> {
        if self == Self::Postgres {
            let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {POSTGRES_START:?}"));
            return timeout(POSTGRES_START, options.connect()).await.map_err(late)?;
        }
        let mut first = options.connect().await?;
        // To begin a WAL, SQLite wants the file alone, and waits for nobody: of processes that start at once on a new file one does it.
        let begun = Instant::now();
        while let Err(error) = first.execute(self.setup()).await {
            if !is_busy(&error) || begun.elapsed() > SQLITE_WAIT {
                return Err(error);
            }
            sleep(SQLITE_AGAIN).await;
        }
        Ok(first)
    }

    const fn setup(self) -> &'static str {
        match self {
            Self::Sqlite => SQLITE_SETUP,
            Self::Postgres => POSTGRES_SETUP,
        }
    }

    /// Begins a change: at most one at a time in all processes that share the store, from its begin to its commit. So numbers of
    /// a counter become visible in their order, and no two changes wait for each other.
    pub(super) async fn begin(self, pool: &AnyPool) -> Result<Transaction<'static, Any>, sqlx::Error> {
        let pool = pool.clone();
        // In a task: sqlx leaves a connection in a transaction whose begin is cancelled.
        let begun = tokio::spawn(async move {
            match self {
                Self::Sqlite => pool.begin_with("BEGIN IMMEDIATE").await,
                Self::Postgres => pool.begin().await,
            }
        });
        let mut writing = begun.await.map_err(|error| sqlx::Error::Io(io::Error::other(error)))??;
        if self == Self::Postgres {
            // Until the end of the transaction, and PostgreSQL shows a commit before it releases the lock.
            query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *writing).await?;
        }
        Ok(writing)
    }
}

/// Whether SQLite says that another process has the file (`SQLITE_BUSY`, whatever its extended code).
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_start_waits_for_a_process_that_begins_the_file() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("danmu.db");
        install_default_drivers();
        let name = percent_encode(path.as_os_str().as_encoded_bytes(), NON_ALPHANUMERIC);
        let options: AnyConnectOptions = format!("sqlite:{name}?mode=rwc").parse()?;
        let mut other = options.connect().await?;
        other.execute("BEGIN IMMEDIATE; CREATE TABLE begun (it INTEGER)").await?;
        let end = async {
            // It has met the other by then.
            sleep(Duration::from_millis(200)).await;
            other.execute("COMMIT").await?;
            other.close().await
        };
        let (opened, ended) = tokio::join!(Backend::open_file(&path), end);
        ended?;
        opened?;
        Ok(())
    }
}
