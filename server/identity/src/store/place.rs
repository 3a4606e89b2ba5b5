//! Where the store of a test is: each test of the store runs on both databases.

use tempfile::TempDir;

use super::{Store, StoreError, postgres};

/// The outcome of a test.
pub(crate) type Test = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// A store that tests open, once or several times.
pub(crate) struct Place {
    /// The data directory.
    pub dir: TempDir,
    database: Option<postgres::Database>,
}

impl Place {
    /// SQLite, in a directory of its own.
    pub(crate) fn sqlite() -> Result<Self, postgres::Failure> {
        Ok(Self { dir: tempfile::tempdir()?, database: None })
    }

    /// PostgreSQL, in a database of its own; `None` where there is no PostgreSQL.
    pub(crate) fn postgres() -> Result<Option<Self>, postgres::Failure> {
        let database = postgres::database()?;
        let place = |database| Ok(Self { dir: tempfile::tempdir()?, database: Some(database) });
        database.map(place).transpose()
    }

    /// Opens the store, as a process does.
    pub(crate) async fn open(&self) -> Result<Store, StoreError> {
        let url = self.database.as_ref().map(|database| database.url.parse().expect("an address"));
        Store::at(url.as_ref(), self.dir.path()).await
    }
}

impl Store {
    /// Has the database refuse new rows of a table, or take them again.
    pub(crate) async fn refuse(&self, table: &str, refused: bool) -> Result<(), StoreError> {
        let sql = match (self.is_apart(), refused) {
            (false, true) => {
                format!("CREATE TRIGGER refused BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END")
            }
            (false, false) => "DROP TRIGGER refused".to_owned(),
            (true, true) => format!("ALTER TABLE {table} ADD CONSTRAINT refused CHECK (false) NOT VALID"),
            (true, false) => format!("ALTER TABLE {table} DROP CONSTRAINT refused"),
        };
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&self.pool).await?;
        Ok(())
    }
}

/// Makes two tests of each function that takes a place: one in `on_sqlite`, one in `on_postgres`.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() -> crate::store::place::Test {
                super::$name(&crate::store::place::Place::sqlite()?).await
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() -> crate::store::place::Test {
                let Some(place) = crate::store::place::Place::postgres()? else { return Ok(()) };
                super::$name(&place).await
            })*
        }
    };
}
pub(crate) use on_both;
