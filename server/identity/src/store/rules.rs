//! What the rules of rooms say, as rows. Which of them are in force is decided elsewhere ([`super::decisions`]): a row is written
//! before the decision that names it, and never changes.

use danmu::room::{RoomId, RuleId};
use danmu_app::rules::{Rule, RuleKind};
use sqlx::{Row as _, any::AnyRow};

use super::{Store, StoreError, in_time, sql::query};

/// A rule in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRow {
    /// Its id.
    pub id: RuleId,
    /// What it says.
    pub rule: Rule,
    /// When it was made, Unix milliseconds.
    pub made_ms: i64,
}

/// The columns of a row, in reading order.
const COLUMNS: &str = "id, kind, value, made_ms";

impl Store {
    /// Writes down what a rule says.
    ///
    /// # Errors
    /// [`StoreError`], as for all operations below.
    pub async fn keep_rule(&self, room: &RoomId, row: &RuleRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO rules (id, room, kind, value, made_ms) VALUES ($1, $2, $3, $4, $5)";
        let RuleRow { id, rule, made_ms } = row;
        let kept = query(sql).bind(id.to_string()).bind(room.as_str()).bind(rule.kind.code()).bind(&rule.value);
        self.change_by([kept.bind(*made_ms)]).await.map(drop)
    }

    /// The rule of that id; `None` if there is none, or one of a kind that a later version knows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rule(&self, id: RuleId) -> Result<Option<RuleRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM rules WHERE id = $1");
        let row = query(sql).bind(id.to_string());
        Ok(in_time(row.fetch_optional(&self.pool)).await?.as_ref().and_then(read))
    }

    /// All rules that were ever made in a room, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rules(&self, room: &RoomId) -> Result<Vec<RuleRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM rules WHERE room = $1 ORDER BY made_ms DESC, id");
        let rows = query(sql).bind(room.as_str());
        Ok(in_time(rows.fetch_all(&self.pool)).await?.iter().filter_map(read).collect())
    }
}

fn read(row: &AnyRow) -> Option<RuleRow> {
    let id = row.get::<String, _>(0).parse().ok()?;
    let kind = RuleKind::of(&row.get::<String, _>(1))?;
    Some(RuleRow { id, rule: Rule { kind, value: row.get(2) }, made_ms: row.get(3) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::place::{Place, Test, on_both};

    on_both! {
        rules_are_found_by_id_and_listed_by_room,
    }

    async fn rules_are_found_by_id_and_listed_by_room(place: &Place) -> Test {
        let (store, other) = (place.open().await?, place.open().await?);
        let row = |n: u64, kind, value: &str| RuleRow {
            id: RuleId::new(n),
            rule: Rule { kind, value: value.to_owned() },
            made_ms: n as i64,
        };
        let (first, second) = (row(1, RuleKind::Words, "spam\n'; DROP TABLE rules"), row(2, RuleKind::Links, ""));
        let elsewhere: RoomId = "elsewhere".parse()?;
        for (room, row) in
            [(&RoomId::demo(), &first), (&RoomId::demo(), &second), (&elsewhere, &row(3, RuleKind::Runs, "9"))]
        {
            store.keep_rule(room, row).await?;
        }
        assert!(store.keep_rule(&elsewhere, &first).await.is_err(), "an id was given twice");
        assert_eq!(other.rules(&RoomId::demo()).await?, [second, first.clone()]);
        assert_eq!((other.rule(first.id).await?, other.rule(RuleId::new(9)).await?), (Some(first), None));
        store.execute("UPDATE rules SET kind = 'later' WHERE room = 'demo'").await?;
        assert_eq!(other.rules(&RoomId::demo()).await?, [], "what a later version made is left to it");
        Ok(())
    }
}
