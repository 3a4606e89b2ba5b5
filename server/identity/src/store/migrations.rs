//! The migrations of the schema. A published text must not change: databases know it by its checksum.

use futures::future::BoxFuture;
use sqlx::{
    SqlSafeStr,
    error::BoxDynError,
    migrate::{Migration, MigrationSource, MigrationType},
};

use super::{MIGRATIONS, backend::Backend};

/// Version 3 also moves the rows of version 1, by functions that only SQLite has. It is the one text that differs.
pub(super) const DECISIONS_SQLITE: &str = concat!(
    include_str!("../../migrations/0003_decisions.sql"),
    include_str!("../../migrations/0003_decisions_from_bans.sql"),
    include_str!("../../migrations/0003_decisions_drop_bans.sql"),
);
/// On PostgreSQL there are no rows of version 1: no server that wrote them could use it.
const DECISIONS_POSTGRES: &str = concat!(
    include_str!("../../migrations/0003_decisions.sql"),
    include_str!("../../migrations/0003_decisions_drop_bans.sql"),
);

impl MigrationSource<'static> for Backend {
    fn resolve(self) -> BoxFuture<'static, Result<Vec<Migration>, BoxDynError>> {
        let migration = |(version, description, sql): (i64, &'static str, &'static str)| {
            let sql = if version == 3 && self == Self::Postgres { DECISIONS_POSTGRES } else { sql };
            Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
        };
        Box::pin(std::future::ready(Ok(MIGRATIONS.into_iter().map(migration).collect())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_published_migration_has_changed() -> Result<(), Box<dyn std::error::Error>> {
        // The first 8 bytes of each checksum (SHA-384 of the text). A migration is added here when it is published.
        let published = [
            "317c749f92da09c8",
            "41271566db9d4e3a",
            "",
            "0e4290bb8d7cd301",
            "67bb7aa31e7ee030",
            "388455eab07d6405",
            "ec2c47f335698e10",
            "601c33b5bd60c38e",
            "ddf9ac84aad9ce67",
        ];
        for (backend, third) in [(Backend::Sqlite, "2d9b699e1ba1676f"), (Backend::Postgres, "1fb0debd44f0940a")] {
            let migrations = backend.resolve().await.map_err(|error| error.to_string())?;
            let begin = |sum: &[u8]| sum.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>();
            let sums: Vec<_> = migrations.iter().map(|migration| begin(&migration.checksum)).collect();
            let expected: Vec<_> =
                published.iter().enumerate().map(|(at, sum)| if at == 2 { third } else { *sum }).collect();
            let sums = &sums[..expected.len()];
            assert_eq!(sums, expected, "{backend:?}: servers would not start over a database that is there");
        }
        Ok(())
    }
}
