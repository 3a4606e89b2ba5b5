//! Changes of an existing stream, other than a single split or merge.

use std::sync::Arc;

use super::{
    Refusal,
    model::{Consumer, MAX_CONSUMERS, Stream, Tags},
    reshard,
    tags::{tag, tags_of},
};
use crate::sequence::RecordPosition;

/// An atomic change of a stream.
#[derive(Debug)]
pub(super) enum Change {
    /// The new retention, hours.
    Retention(u32),
    /// The new number of open shards, of about equal ranges.
    Resize(u32),
    Register(Arc<str>, Tags),
    Deregister(Arc<str>),
    /// Tags to add to the stream, or to a consumer of it.
    Tag(Option<Arc<str>>, Tags),
    /// Keys of tags to remove from the stream, or from a consumer of it.
    Untag(Option<Arc<str>>, Vec<String>),
}

impl Change {
    /// Applies the change. `advance` returns positions, each later than all before.
    pub(super) fn apply(
        &self,
        stream: &mut Stream,
        advance: &mut impl FnMut() -> RecordPosition,
    ) -> Result<(), Refusal> {
        match self {
            Self::Retention(hours) => {
                // "Data that is already expired is not accessible", even after an increase.
                stream.meta.horizon_ms = stream.horizon(advance().ms);
                stream.meta.retention_hours = *hours;
                Ok(())
            }
            Self::Resize(shards) => reshard::resize(stream, *shards, advance),
            Self::Register(name, tags) => register(stream, name, tags, advance().ms),
            Self::Deregister(name) => deregister(stream, name),
            Self::Tag(consumer, tags) => tag(tags_of(stream, consumer.as_deref())?, tags),
            Self::Untag(consumer, keys) => {
                tags_of(stream, consumer.as_deref())?.retain(|key, _| !keys.contains(key));
                Ok(())
            }
        }
    }
}

fn register(stream: &mut Stream, name: &Arc<str>, tags: &Tags, now_ms: u64) -> Result<(), Refusal> {
    let at = stream.consumers.binary_search_by(|known| known.name.cmp(name)).err().ok_or(Refusal::ConsumerExists)?;
    if stream.consumers.len() >= MAX_CONSUMERS {
        return Err(Refusal::TooManyConsumers);
    }
    // The second is part of the ARN, which must not name an earlier consumer of the same name.
    let created_ms = now_ms.max((stream.meta.last_deregistered_s + 1) * 1000);
    let mut consumer = Consumer { name: Arc::clone(name), created_ms, tags: Tags::new() };
    tag(&mut consumer.tags, tags)?;
    stream.consumers.insert(at, consumer);
    Ok(())
}

fn deregister(stream: &mut Stream, name: &str) -> Result<(), Refusal> {
    let at = stream.consumers.binary_search_by(|known| (*known.name).cmp(name)).map_err(|_| Refusal::NoSuchConsumer)?;
    let gone = stream.consumers.remove(at);
    stream.meta.last_deregistered_s = stream.meta.last_deregistered_s.max(gone.created_ms / 1000);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::SystemClock,
        store::{NewRecord, Store, StoreError, UNBOUNDED},
    };

    const NOW: u64 = 1_732_000_000_000;

    fn change(stream: &mut Stream, change: &Change) -> Result<(), Refusal> {
        change.apply(stream, &mut || RecordPosition::at(NOW))
    }

    #[test]
    fn a_consumer_registered_again_within_the_second_is_another() -> Result<(), Refusal> {
        let mut stream = reshard::create(1, "s", 1, NOW);
        let mut seconds = Vec::new();
        for _ in 0..3 {
            change(&mut stream, &Change::Register("a".into(), Tags::new()))?;
            assert_eq!(change(&mut stream, &Change::Register("a".into(), Tags::new())), Err(Refusal::ConsumerExists));
            seconds.extend(stream.consumer("a").map(|consumer| consumer.created_ms / 1000));
            change(&mut stream, &Change::Deregister("a".into()))?;
        }
        assert_eq!(seconds, [NOW / 1000, NOW / 1000 + 1, NOW / 1000 + 2]);
        assert_eq!(change(&mut stream, &Change::Deregister("a".into())), Err(Refusal::NoSuchConsumer));
        Ok(())
    }

    #[test]
    fn a_stream_has_twenty_consumers_in_the_order_of_their_names() -> Result<(), Refusal> {
        let mut stream = reshard::create(1, "s", 1, NOW);
        for number in (0..MAX_CONSUMERS).rev() {
            change(&mut stream, &Change::Register(format!("{number:02}").into(), Tags::new()))?;
        }
        assert_eq!(change(&mut stream, &Change::Register("x".into(), Tags::new())), Err(Refusal::TooManyConsumers));
        assert!(stream.consumers.is_sorted_by_key(|consumer| Arc::clone(&consumer.name)));
        Ok(())
    }

    #[tokio::test]
    async fn what_was_changed_is_so_after_a_restart_and_what_was_deleted_leaves_nothing()
    -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let open = || Store::open(dir.path(), UNBOUNDED, Arc::new(SystemClock));
        let (kept, gone) = {
            let store = open()?;
            let tags = |key: &str, value: &str| Tags::from([(key.to_owned(), value.to_owned())]);
            let kept = store.create("kept", 1, tags("team", "live")).await?.meta.id;
            let gone = store.create("gone", 1, Tags::new()).await?.meta.id;
            store.register_consumer("kept", "b", Tags::new()).await?;
            store.register_consumer("kept", "a", tags("wall", "1")).await?;
            store.deregister_consumer("kept", "b").await?;
            store.tag("kept", None, tags("cost", "7")).await?;
            store.tag("kept", Some("a".into()), tags("wall", "2")).await?;
            store.untag("kept", None, vec!["team".to_owned(), "none".to_owned()]).await?;
            store.set_retention("kept", 48).await?;
            store.resize("kept", 2).await?;
            for name in ["kept", "gone"] {
                store.put(name.into(), vec![NewRecord::new("k", 0, b"text")]).await?;
            }
            store.delete("gone", false).await?;
            assert!(matches!(store.delete("gone", false).await, Err(StoreError::Refused(Refusal::NoSuchStream))));
            assert!(store.stream("gone").is_none());
            (kept, gone)
        };
        let store = open()?;
        let names: Vec<_> = store.streams().iter().map(|stream| stream.meta.name.to_string()).collect();
        assert_eq!(names, ["kept"]);
        let stream = store.stream("kept").ok_or("it is gone")?;
        assert_eq!((stream.meta.retention_hours, stream.open_shards()), (48, 2));
        assert_eq!(stream.consumers.iter().map(|consumer| &*consumer.name).collect::<Vec<_>>(), ["a"]);
        assert_eq!(format!("{:?} {:?}", stream.meta.tags, stream.consumers[0].tags), r#"{"cost": "7"} {"wall": "2"}"#);
        let count = |stream, shard| {
            Ok::<_, StoreError>(store.read(stream, shard, RecordPosition::START, 10, 100)?.records.len())
        };
        assert_eq!((count(gone, 0)?, store.trim()?.records, count(gone, 0)?), (1, 1, 0));
        assert_eq!((count(kept, 1)?, store.trim()?.records), (1, 0), "and it is not looked for again");
        // A stream of the same name shares nothing with it.
        assert_ne!(store.create("gone", 1, Tags::new()).await?.meta.id, gone);
        Ok(())
    }
}
