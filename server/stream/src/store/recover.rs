//! Recovery of the metadata when the log is opened.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    Keyspaces, Shared, StoreError, keys,
    model::{Shard, Stream, StreamEntry},
};

impl Keyspaces {
    /// Reads the streams, shards and last position back.
    pub(super) fn recover(&self) -> Result<Shared, StoreError> {
        let mut shards: HashMap<u64, Vec<Shard>> = HashMap::new();
        for entry in self.shards.iter() {
            let (key, value) = entry.into_inner().map_err(StoreError::engine)?;
            let stream = key.get(..8).and_then(|id| id.try_into().ok()).map(u64::from_be_bytes);
            let stream = stream.ok_or_else(|| StoreError::Engine("a shard's key is unreadable".to_owned()))?;
            let shard = serde_json::from_slice(&value).map_err(StoreError::engine)?;
            shards.entry(stream).or_default().push(shard);
        }
        let mut streams = BTreeMap::new();
        for entry in self.streams.iter() {
            let StreamEntry { meta, consumers } =
                serde_json::from_slice(&entry.value().map_err(StoreError::engine)?).map_err(StoreError::engine)?;
            let shards = shards.remove(&meta.id).unwrap_or_default();
            streams.insert(Arc::clone(&meta.name), Arc::new(Stream { meta, shards, consumers }));
        }
        let high = self
            .state
            .get(keys::HIGH)
            .map_err(StoreError::engine)?
            .map(|bytes| {
                keys::decode(&bytes).ok_or_else(|| StoreError::Engine("the last position is unreadable".to_owned()))
            })
            .transpose()?
            .unwrap_or_default();
        Ok(Shared { streams, high })
    }
}
