//! Watches: notify readers of changes in a shard.
//!
//! Promises: a watcher is woken after every commit that touched the shard (its records, its end, its stream's settings or
//! deletion), once the change can be read. A watch costs nothing while nothing happens; entries of shards that are no longer
//! watched are dropped at the next [`Watches::watch`].

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use tokio::sync::watch::{Receiver, Sender};

/// A stream's id and a shard's index.
pub(super) type ShardKey = (u64, u32);

#[derive(Debug, Default)]
pub(super) struct Watches {
    watched: Mutex<HashMap<ShardKey, Sender<u64>>>,
}

impl Watches {
    /// A receiver that changes with every later commit that touches the shard.
    pub(super) fn watch(&self, shard: ShardKey) -> Receiver<u64> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|_, sender| sender.receiver_count() > 0);
        watched.entry(shard).or_default().subscribe()
    }

    /// Wakes the watchers of these shards; to be called once the change can be read.
    pub(super) fn touched(&self, shards: &HashSet<ShardKey>) {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        for sender in shards.iter().filter_map(|shard| watched.get(shard)) {
            sender.send_modify(|commits| *commits += 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::{
        clock::SystemClock,
        sequence::RecordPosition,
        store::{NewRecord, Store, Tags, UNBOUNDED},
    };

    #[tokio::test]
    async fn whoever_watches_a_shard_is_woken_by_what_happens_there_and_can_see_it()
    -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let store = Store::open(dir.path(), UNBOUNDED, Arc::new(SystemClock))?;
        let id = store.create("s", 2, Tags::new()).await?.meta.id;
        let mut changes = store.watch(id, 0);
        let put = |hash_key| store.put("s".into(), vec![NewRecord::new("k", hash_key, b"text")]);
        put(u128::MAX).await?;
        assert!(!changes.has_changed()?, "the other shard");
        tokio::try_join!(put(0), async {
            changes.changed().await.map_err(|_| crate::store::StoreError::Closed)?;
            assert_eq!(store.read(id, 0, RecordPosition::START, 10, 100)?.records.len(), 1);
            Ok(())
        })?;
        store.split("s", 0, 1 << 64).await?;
        changes.changed().await?;
        assert!(store.stream("s").is_some_and(|stream| stream.open_shards() == 3));
        changes.mark_unchanged();
        store.delete("s", false).await?;
        changes.changed().await?;
        assert!(store.stream("s").is_none());
        Ok(())
    }
}
