//! The store's methods that change an existing stream, other than a single split or merge: each sends a [`Change`].

use std::sync::Arc;

use super::{
    Command, Refusal, Store, StoreError,
    change::Change,
    model::{Consumer, Stream, Tags},
};

impl Store {
    /// Sets the retention of a stream, hours.
    pub(crate) async fn set_retention(&self, stream: &str, hours: u32) -> Result<(), StoreError> {
        self.change(stream, Change::Retention(hours)).await.map(drop)
    }

    /// Splits and merges until the stream has `shards` open shards of about equal ranges.
    pub(crate) async fn resize(&self, stream: &str, shards: u32) -> Result<(), StoreError> {
        self.change(stream, Change::Resize(shards)).await.map(drop)
    }

    pub(crate) async fn register_consumer(&self, stream: &str, name: &str, tags: Tags) -> Result<Consumer, StoreError> {
        let stream = self.change(stream, Change::Register(name.into(), tags)).await?;
        stream.consumer(name).cloned().ok_or(StoreError::Refused(Refusal::NoSuchConsumer))
    }

    pub(crate) async fn deregister_consumer(&self, stream: &str, name: &str) -> Result<(), StoreError> {
        self.change(stream, Change::Deregister(name.into())).await.map(drop)
    }

    /// Applies a change; returns the changed stream.
    async fn change(&self, stream: &str, change: Change) -> Result<Arc<Stream>, StoreError> {
        self.ask(|answer| Command::Change { stream: stream.into(), change, answer }).await
    }

    /// Adds tags to a stream, or to a consumer of it.
    pub(crate) async fn tag(&self, stream: &str, consumer: Option<Arc<str>>, tags: Tags) -> Result<(), StoreError> {
        self.change(stream, Change::Tag(consumer, tags)).await.map(drop)
    }

    /// Removes the tags with these keys.
    pub(crate) async fn untag(
        &self,
        stream: &str,
        consumer: Option<Arc<str>>,
        keys: Vec<String>,
    ) -> Result<(), StoreError> {
        self.change(stream, Change::Untag(consumer, keys)).await.map(drop)
    }
}
