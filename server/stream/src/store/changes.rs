//! What may be asked of a stream that exists, besides a single split or merge: each is a [`Change`].

use std::sync::Arc;

use super::{
    Command, Refusal, Store, StoreError,
    change::Change,
    model::{Consumer, Stream, Tags},
};

impl Store {
    /// How long the records of a stream are kept, hours.
    pub(crate) async fn set_retention(&self, stream: &str, hours: u32) -> Result<(), StoreError> {
        self.change(stream, Change::Retention(hours)).await.map(drop)
    }

    /// Splits and merges until the stream has so many open shards of equal ranges.
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

    /// The stream as it is then.
    async fn change(&self, stream: &str, change: Change) -> Result<Arc<Stream>, StoreError> {
        self.ask(|answer| Command::Change { stream: stream.into(), change, answer }).await
    }

    /// Gives tags to a stream, or to a consumer of it.
    pub(crate) async fn tag(&self, stream: &str, consumer: Option<Arc<str>>, tags: Tags) -> Result<(), StoreError> {
        self.change(stream, Change::Tag(consumer, tags)).await.map(drop)
    }

    /// Takes the tags of these keys off.
    pub(crate) async fn untag(
        &self,
        stream: &str,
        consumer: Option<Arc<str>>,
        keys: Vec<String>,
    ) -> Result<(), StoreError> {
        self.change(stream, Change::Untag(consumer, keys)).await.map(drop)
    }
}
