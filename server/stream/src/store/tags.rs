//! Tags of streams and consumers; the log does not interpret them.

use super::{
    Refusal,
    model::{Stream, Tags},
};

/// The most tags that a stream or a consumer may have.
/// <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_TagResource.html>
pub(crate) const MAX_TAGS: usize = 50;

/// The tags of a stream, or of one of its consumers.
pub(super) fn tags_of<'s>(stream: &'s mut Stream, consumer: Option<&str>) -> Result<&'s mut Tags, Refusal> {
    let Some(name) = consumer else { return Ok(&mut stream.meta.tags) };
    let found = stream.consumers.iter_mut().find(|known| &*known.name == name);
    found.map(|consumer| &mut consumer.tags).ok_or(Refusal::NoSuchConsumer)
}

/// Adds tags; one with the same key is replaced.
pub(super) fn tag(known: &mut Tags, tags: &Tags) -> Result<(), Refusal> {
    known.extend(tags.clone());
    if known.len() <= MAX_TAGS { Ok(()) } else { Err(Refusal::TooManyTags) }
}
