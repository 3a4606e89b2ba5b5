//! The two engines, each used for the log as it would be: one place for records, one for the last position.

use std::{path::Path, sync::Arc};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode, compaction::Leveled};
use redb::{Builder, Durability, ReadableDatabase, TableDefinition};

use crate::kit::{Failure, MIB};

/// The length of a record's key: stream, shard, time, counter.
pub const KEY: usize = 28;
/// Memory for what is read, the same for both: 32 MiB, as the log has it.
const CACHE: u64 = 32 * MIB;
/// Keys that one batch of a trim removes.
const TRIM_BATCH: usize = 2048;

/// A record: its key and its value.
pub type Record = ([u8; KEY], Vec<u8>);

/// What the log asks of an engine.
pub trait Engine: Sized {
    /// Opens what is in a directory, or makes it.
    fn open(dir: &Path) -> Result<Self, Failure>;
    /// Writes a group and syncs it.
    fn append(&mut self, group: Vec<Record>) -> Result<(), Failure>;
    /// Reads up to `count` records from a key on; their bytes.
    fn read(&self, from: [u8; KEY], to: [u8; KEY], count: usize) -> Result<usize, Failure>;
    /// Removes all records between two keys; how many there were.
    fn trim(&mut self, from: [u8; KEY], to: [u8; KEY]) -> Result<u64, Failure>;
    /// Gives back what room it can; only where that is a step of its own.
    fn compact(&mut self) -> Result<(), Failure>;
}

/// Log-structured: a journal that is synced, and tables that are written and merged by threads of its own. With `APART`
/// values lie in files beside the tables, which a merge does not copy, and memory is handed on sooner.
pub struct Fjall<const APART: bool> {
    db: Database,
    records: Keyspace,
}

impl<const APART: bool> Engine for Fjall<APART> {
    fn open(dir: &Path) -> Result<Self, Failure> {
        let db = Database::builder(dir).cache_size(CACHE).worker_threads(2).max_journaling_size(64 * MIB).open()?;
        let apart = || {
            let values = KvSeparationOptions::default().separation_threshold(32);
            KeyspaceCreateOptions::default()
                .max_memtable_size(16 * MIB)
                .compaction_strategy(Arc::new(Leveled::default().with_table_target_size(8 * MIB)))
                .with_kv_separation(Some(values))
        };
        let records = db.keyspace("records", if APART { apart } else { KeyspaceCreateOptions::default })?;
        Ok(Self { db, records })
    }

    fn append(&mut self, group: Vec<Record>) -> Result<(), Failure> {
        let mut batch = self.db.batch().durability(Some(PersistMode::SyncAll));
        if let Some((key, _)) = group.last() {
            batch.insert(&self.records, "\u{ff}high", *key);
        }
        for (key, value) in group {
            batch.insert(&self.records, key, value);
        }
        Ok(batch.commit()?)
    }

    fn read(&self, from: [u8; KEY], to: [u8; KEY], count: usize) -> Result<usize, Failure> {
        let mut bytes = 0;
        for entry in self.records.range(from..to).take(count) {
            bytes += entry.value()?.len();
        }
        Ok(bytes)
    }

    fn trim(&mut self, from: [u8; KEY], to: [u8; KEY]) -> Result<u64, Failure> {
        let mut past = self.records.range(from..to);
        let mut removed = 0;
        loop {
            // A removal that is lost in a crash is made again: no sync.
            let mut batch = self.db.batch();
            for entry in past.by_ref().take(TRIM_BATCH) {
                batch.remove(&self.records, entry.key()?);
            }
            if batch.is_empty() {
                return Ok(removed);
            }
            removed += batch.len() as u64;
            batch.commit()?;
        }
    }

    /// Its threads merge by themselves.
    fn compact(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

const RECORDS: TableDefinition<'_, &[u8; KEY], &[u8]> = TableDefinition::new("records");
const HIGH: TableDefinition<'_, (), &[u8; KEY]> = TableDefinition::new("high");

/// A B-tree whose pages are copied when they change. With `QUICK` each commit keeps what a start after a crash would
/// otherwise have to find out.
pub struct Redb<const QUICK: bool>(redb::Database);

impl<const QUICK: bool> Redb<QUICK> {
    fn write(&self, run: impl FnOnce(&redb::WriteTransaction) -> Result<u64, Failure>) -> Result<u64, Failure> {
        let mut transaction = self.0.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        transaction.set_quick_repair(QUICK);
        let result = run(&transaction)?;
        transaction.commit()?;
        Ok(result)
    }
}

impl<const QUICK: bool> Engine for Redb<QUICK> {
    fn open(dir: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(dir)?;
        let engine = Self(Builder::new().set_cache_size(CACHE as usize).create(dir.join("log.redb"))?);
        engine.write(|transaction| {
            transaction.open_table(RECORDS)?;
            transaction.open_table(HIGH)?;
            Ok(0)
        })?;
        Ok(engine)
    }

    fn append(&mut self, group: Vec<Record>) -> Result<(), Failure> {
        self.write(|transaction| {
            if let Some((key, _)) = group.last() {
                transaction.open_table(HIGH)?.insert((), key)?;
            }
            let mut records = transaction.open_table(RECORDS)?;
            for (key, value) in &group {
                records.insert(key, value.as_slice())?;
            }
            Ok(0)
        })?;
        Ok(())
    }

    fn read(&self, from: [u8; KEY], to: [u8; KEY], count: usize) -> Result<usize, Failure> {
        let records = self.0.begin_read()?.open_table(RECORDS)?;
        let mut bytes = 0;
        for entry in records.range::<&[u8; KEY]>(&from..&to)?.take(count) {
            bytes += entry?.1.value().to_vec().len();
        }
        Ok(bytes)
    }

    fn trim(&mut self, from: [u8; KEY], to: [u8; KEY]) -> Result<u64, Failure> {
        self.write(|transaction| {
            let mut removed = 0;
            transaction.open_table(RECORDS)?.retain_in::<&[u8; KEY], _>(&from..&to, |_, _| {
                removed += 1;
                false
            })?;
            Ok(removed)
        })
    }

    fn compact(&mut self) -> Result<(), Failure> {
        self.0.compact()?;
        Ok(())
    }
}
