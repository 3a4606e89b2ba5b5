//! The figures of rooms, minute by minute.
//!
//! Every server reads the whole stream, and one that starts reads the last minutes again: so of what was said and refused, the
//! largest of a minute's rows counts. Viewers and latency are of each server alone: these add up. A row is written by one run of one server,
//! always whole, so writing it twice changes nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use danmu::room::RoomId;
use danmu_app::{
    error::CrewError,
    figures::{HourFigures, MinuteFigures},
    services::{Figuring, HourFuture},
};
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, any::AnyRow};

use super::{
    Store, StoreError, in_time,
    sql::{Query, query},
};
use crate::clock::now_ms;

/// A minute, in milliseconds.
const MINUTE_MS: i64 = 60_000;
/// How many minutes are shown.
const SHOWN: i64 = 60;
/// How many words are shown.
const WORDS: usize = 20;
/// Rows in one statement.
const AT_ONCE: usize = 100;
/// The buckets of latency: the first ends at 1 ms, each next one is half again as wide; the last one, of 57 seconds, has what is later too.
const BUCKETS: u32 = 28;

/// The bucket of a latency of so many milliseconds.
#[must_use]
pub fn bucket(ms: u64) -> u32 {
    (0..BUCKETS - 1).find(|bucket| ms <= upper_ms(*bucket)).unwrap_or(BUCKETS - 1)
}

/// Where a bucket ends, in milliseconds.
fn upper_ms(bucket: u32) -> u64 {
    (0..bucket.min(BUCKETS)).fold(1.0_f64, |upper, _| upper * 1.5) as u64
}

/// What a row has beside its numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// How many records were refused, by reason.
    #[serde(rename = "r", skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<String, u64>,
    /// How many danmu were told with what latency, by [`bucket`].
    #[serde(rename = "l", skip_serializing_if = "BTreeMap::is_empty")]
    pub delays: BTreeMap<u32, u64>,
    /// What was said most often.
    #[serde(rename = "w", skip_serializing_if = "BTreeMap::is_empty")]
    pub words: BTreeMap<String, u64>,
    /// What was hidden in that minute: not to be shown among the words of any.
    #[serde(rename = "h", skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<String>,
}

/// A minute of a room, as one run of a server saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FigureRow {
    /// The room.
    pub room: RoomId,
    /// When the minute began, Unix milliseconds.
    pub minute_ms: i64,
    /// The server's name, the same after a restart.
    pub server: String,
    /// When that run began to count, Unix milliseconds.
    pub run_ms: i64,
    /// The danmu that were shown.
    pub danmu: u64,
    /// The most viewers at once.
    pub viewers: u64,
    /// The rest.
    pub details: Details,
}

impl Store {
    /// Writes minutes of rooms, in the place of what the same run wrote of them before.
    ///
    /// # Errors
    /// [`StoreError`], as for all operations below. Then none is written.
    pub async fn keep_figures(&self, rows: &[FigureRow]) -> Result<(), StoreError> {
        let changes: Vec<_> = rows.chunks(AT_ONCE).map(put).collect();
        self.change_by(changes).await.map(drop)
    }

    /// Deletes minutes that began before that time, Unix milliseconds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_figures(&self, before_ms: i64) -> Result<u64, StoreError> {
        self.change_by([query("DELETE FROM figures WHERE minute_ms < $1").bind(before_ms)]).await
    }

    /// The hour of a room that ends now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn hour(&self, room: &RoomId, now_ms: i64) -> Result<HourFigures, StoreError> {
        let since_ms = now_ms - now_ms.rem_euclid(MINUTE_MS) - (SHOWN - 1) * MINUTE_MS;
        let rows = query(
            "SELECT minute_ms, server, danmu, viewers, details FROM figures \
             WHERE room = $1 AND minute_ms >= $2 AND minute_ms <= $3 ORDER BY minute_ms",
        );
        let rows = rows.bind(room.as_str()).bind(since_ms).bind(now_ms);
        let rows = in_time(rows.fetch_all(&self.pool)).await?;
        Ok(merged(rows.iter().filter_map(read), now_ms))
    }
}

impl Figuring for Store {
    fn hour(&self, room: RoomId) -> HourFuture {
        let store = self.clone();
        Box::pin(async move {
            Self::hour(&store, &room, now_ms()).await.map_err(|error| {
                tracing::error!(%room, %error, "the figures cannot be read");
                CrewError::Store.into()
            })
        })
    }
}

/// Writes a part of the rows.
fn put(rows: &[FigureRow]) -> Query {
    let mut put = query("INSERT INTO figures (room, minute_ms, server, run_ms, danmu, viewers, details) VALUES ");
    put.push_rows(rows, |row, cells| {
        let details = serde_json::to_string(&row.details).unwrap_or_else(|_| "{}".to_owned());
        cells.bind(row.room.as_str()).bind(row.minute_ms).bind(&row.server).bind(row.run_ms);
        cells.bind(number(row.danmu)).bind(number(row.viewers)).bind(details);
    });
    put.push(
        " ON CONFLICT (room, minute_ms, server, run_ms) DO UPDATE SET danmu = excluded.danmu, \
         viewers = excluded.viewers, details = excluded.details",
    );
    put
}

/// A row as it is read.
struct Read {
    minute_ms: i64,
    server: String,
    danmu: u64,
    viewers: u64,
    details: Details,
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A row; `None` for one that a later version wrote in another form.
fn read(row: &AnyRow) -> Option<Read> {
    let count = |at: usize| row.try_get::<i64, _>(at).ok().and_then(|count| u64::try_from(count).ok());
    let details = serde_json::from_str(&row.try_get::<String, _>(4).ok()?).ok()?;
    Some(Read {
        minute_ms: row.try_get(0).ok()?,
        server: row.try_get(1).ok()?,
        danmu: count(2)?,
        viewers: count(3)?,
        details,
    })
}

/// What one minute's rows say together.
#[derive(Default)]
struct Minute {
    danmu: u64,
    refused: BTreeMap<String, u64>,
    viewers: HashMap<String, u64>,
    delays: BTreeMap<u32, u64>,
    words: BTreeMap<String, u64>,
}

fn merged(rows: impl Iterator<Item = Read>, now_ms: i64) -> HourFigures {
    let (mut minutes, mut hidden) = (BTreeMap::<i64, Minute>::new(), HashSet::new());
    for Read { minute_ms, server, danmu, viewers, details } in rows {
        let minute = minutes.entry(minute_ms).or_default();
        minute.danmu = minute.danmu.max(danmu);
        most(&mut minute.refused, details.refused);
        most(&mut minute.words, details.words);
        let of_server = minute.viewers.entry(server).or_default();
        *of_server = viewers.max(*of_server);
        for (bucket, count) in details.delays {
            *minute.delays.entry(bucket).or_default() += count;
        }
        hidden.extend(details.hidden);
    }
    let mut words = HashMap::<String, u64>::new();
    for (word, count) in minutes.values_mut().flat_map(|minute| std::mem::take(&mut minute.words)) {
        *words.entry(word).or_default() += count;
    }
    let mut words: Vec<_> = words.into_iter().filter(|(word, count)| *count > 1 && !hidden.contains(word)).collect();
    words.sort_by(|(a, of_a), (b, of_b)| of_b.cmp(of_a).then_with(|| a.cmp(b)));
    words.truncate(WORDS);
    let minutes = minutes.into_iter().map(|(at_ms, minute)| MinuteFigures {
        at_ms,
        danmu: minute.danmu,
        p50_ms: quantile(&minute.delays, 50),
        p95_ms: quantile(&minute.delays, 95),
        refused: minute.refused.into_iter().collect(),
        viewers: minute.viewers.into_values().sum(),
    });
    HourFigures { now_ms, minutes: minutes.collect(), words }
}

/// Raises each count to the other's.
fn most(known: &mut BTreeMap<String, u64>, others: BTreeMap<String, u64>) {
    for (name, count) in others {
        let known = known.entry(name).or_default();
        *known = count.max(*known);
    }
}

/// Within how many milliseconds so many of 100 were told, to the end of their bucket; `None` if there are none.
fn quantile(delays: &BTreeMap<u32, u64>, of_100: u64) -> Option<u32> {
    let wanted = (delays.values().sum::<u64>() * of_100).div_ceil(100);
    let mut sum = 0;
    let found = delays.iter().find(|(_, count)| {
        sum += **count;
        sum >= wanted
    });
    found.map(|(bucket, _)| u32::try_from(upper_ms(*bucket)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
