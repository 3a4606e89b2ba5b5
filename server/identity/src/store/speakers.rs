//! Speakers of the last hour, as rows, so that an operator finds the id behind a name, also after a restart.

use danmu::{room::RoomId, viewer::ViewerId};
use sqlx::{Row as _, any::AnyRow};

use super::{
    Store, StoreError, in_time,
    sql::{parts, query, query_scalar},
};

/// Retention of a speaker after its last danmu, milliseconds.
const KEPT_MS: i64 = 3_600_000;
/// Rows in one statement.
const ROWS: usize = 1_000;

/// A viewer who spoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// The viewer.
    pub viewer: ViewerId,
    /// Its name, if it signed in.
    pub name: Option<String>,
    /// The room in which it spoke last.
    pub room: RoomId,
    /// When it was first heard, Unix milliseconds.
    pub first_ms: i64,
    /// When it was last heard, Unix milliseconds.
    pub last_ms: i64,
    /// The beginning of its last danmu.
    pub words: String,
}

impl Store {
    /// Writes speakers, all or none.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn keep_speakers(&self, speakers: &[Speaker]) -> Result<(), StoreError> {
        in_time(async {
            let mut writing = self.begin().await?;
            for rows in parts(speakers, ROWS, |speaker| &speaker.viewer) {
                let mut sql = query("INSERT INTO speakers (viewer, name, room, first_ms, last_ms, words) VALUES ");
                sql.push_rows(rows, |Speaker { viewer, name, room, first_ms, last_ms, words }, row| {
                    row.bind(viewer.as_str()).bind(name.as_deref().unwrap_or_default()).bind(room.as_str());
                    row.bind(first_ms).bind(last_ms).bind(words);
                });
                // Rows can be older than the stored ones: a server that starts reads recent records again.
                sql.push(
                    " ON CONFLICT (viewer) DO UPDATE SET \
                     first_ms = CASE WHEN excluded.first_ms < speakers.first_ms THEN excluded.first_ms ELSE speakers.first_ms END, \
                     name = CASE WHEN excluded.last_ms < speakers.last_ms THEN speakers.name ELSE excluded.name END, \
                     room = CASE WHEN excluded.last_ms < speakers.last_ms THEN speakers.room ELSE excluded.room END, \
                     words = CASE WHEN excluded.last_ms < speakers.last_ms THEN speakers.words ELSE excluded.words END, \
                     last_ms = CASE WHEN excluded.last_ms < speakers.last_ms THEN speakers.last_ms ELSE excluded.last_ms END",
                );
                sql.execute(&mut *writing).await?;
            }
            writing.commit().await
        })
        .await
    }

    /// Speakers of the last hour, the latest first.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn speakers(&self, now_ms: i64) -> Result<Vec<Speaker>, StoreError> {
        let sql = "SELECT viewer, name, room, first_ms, last_ms, words FROM speakers WHERE last_ms >= $1 \
                   ORDER BY last_ms DESC, viewer";
        let rows = in_time(query(sql).bind(now_ms - KEPT_MS).fetch_all(&self.pool)).await?;
        Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// The names of the speakers of the last hour that have one, each once.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn speakers_names(&self, now_ms: i64) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT DISTINCT name FROM speakers WHERE last_ms >= $1 AND name <> ''";
        let rows = in_time(query(sql).bind(now_ms - KEPT_MS).fetch_all(&self.pool)).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Whether a viewer with that id is known: a speaker of the last hour, or the subject of a decision.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn knows(&self, viewer: &ViewerId) -> Result<bool, StoreError> {
        let sql = "SELECT (SELECT COUNT(*) FROM speakers WHERE viewer = $1) \
                   + (SELECT COUNT(*) FROM decisions WHERE kind = 'viewer' AND subject = $1)";
        let count: i64 = in_time(query_scalar(sql).bind(viewer.as_str()).fetch_one(&self.pool)).await?;
        Ok(count > 0)
    }

    /// Deletes speakers who were silent for an hour.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn forget_speakers(&self, now_ms: i64) -> Result<(), StoreError> {
        self.change_by([query("DELETE FROM speakers WHERE last_ms < $1").bind(now_ms - KEPT_MS)]).await.map(drop)
    }
}

fn read(row: &AnyRow) -> Result<Speaker, sqlx::Error> {
    let decode = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
    let name: String = row.try_get("name")?;
    Ok(Speaker {
        viewer: row.try_get::<&str, _>("viewer")?.parse().map_err(|error| decode(Box::new(error)))?,
        name: Some(name).filter(|name| !name.is_empty()),
        room: row.try_get::<&str, _>("room")?.parse().map_err(|error| decode(Box::new(error)))?,
        first_ms: row.try_get("first_ms")?,
        last_ms: row.try_get("last_ms")?,
        words: row.try_get("words")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::place::{Place, Test, on_both};

    on_both! {
        speakers_of_the_last_hour_are_there_after_a_restart_with_their_last_words,
    }

    const HOUR_MS: i64 = 3_600_000;

    fn said(viewer: &str, ms: i64, words: &str) -> Speaker {
        let (viewer, room) = (viewer.parse().expect("an id"), RoomId::demo());
        Speaker { viewer, name: None, room, first_ms: ms, last_ms: ms, words: words.into() }
    }

    async fn speakers_of_the_last_hour_are_there_after_a_restart_with_their_last_words(place: &Place) -> Test {
        let store = place.open().await?;
        let now_ms = 10 * HOUR_MS;
        let ann = [said("ann", now_ms - HOUR_MS, "first"), said("ann", now_ms - 5, "last")];
        store.keep_speakers(&[ann[1].clone(), said("bob", now_ms - 9, "hi")]).await?;
        store.keep_speakers(&[ann[0].clone(), said("eve", now_ms - HOUR_MS - 1, "long ago")]).await?;
        drop(store);
        let store = place.open().await?;
        store.forget_speakers(now_ms).await?;
        let whole = Speaker { first_ms: now_ms - HOUR_MS, ..ann[1].clone() };
        assert_eq!(store.speakers(now_ms).await?, [whole, said("bob", now_ms - 9, "hi")]);
        let known = ["ann", "bob", "eve"].map(|viewer| viewer.parse::<ViewerId>().expect("an id"));
        let mut knows = Vec::new();
        for viewer in &known {
            knows.push(store.knows(viewer).await?);
        }
        assert_eq!(knows, [true, true, false]);
        Ok(())
    }
}
