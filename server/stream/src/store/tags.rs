//! Tags of streams and of consumers, which mean nothing to the log.

use std::{collections::BTreeMap, sync::Arc};

use super::{Refusal, Store, StoreError, change::Change, model::Stream};

/// Tags by their keys.
pub(crate) type Tags = BTreeMap<String, String>;

/// The most tags that a stream or a consumer may have.
/// <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_TagResource.html>
pub(crate) const MAX_TAGS: usize = 50;

impl Store {
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

/// The tags of a stream, or of one of its consumers.
pub(super) fn tags_of<'s>(stream: &'s mut Stream, consumer: Option<&str>) -> Result<&'s mut Tags, Refusal> {
    let Some(name) = consumer else { return Ok(&mut stream.meta.tags) };
    let found = stream.consumers.iter_mut().find(|known| &*known.name == name);
    found.map(|consumer| &mut consumer.tags).ok_or(Refusal::NoSuchConsumer)
}

/// Adds tags to those that there are; one of the same key is replaced.
pub(super) fn tag(known: &mut Tags, tags: &Tags) -> Result<(), Refusal> {
    known.extend(tags.clone());
    if known.len() <= MAX_TAGS { Ok(()) } else { Err(Refusal::TooManyTags) }
}
