//! What the store keeps, and when it answers.

use std::sync::atomic::AtomicI64;

use super::*;
use crate::clock::SystemClock;

/// The engine shows a batch only after its journal was synced, so what is seen at the answer was on disk before it.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_after_its_batch_and_never_before() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path(), UNBOUNDED, Arc::new(SystemClock))?;
    let stream = store.create("s", 1, Tags::new()).await?;
    let id = stream.meta.id;
    for number in 0..100_u8 {
        let from = store.tip();
        let record = NewRecord::new("key", 0, &[number]);
        let outcomes = store.put(Arc::clone(&stream.meta.name), vec![record]).await?;
        let [Put::Written(sequence)] = outcomes[..] else { return Err("not written".into()) };
        let page = store.read(id, 0, from, 10, 100)?;
        let seen: Vec<_> = page.records.iter().map(|record| (record.position, record.data.as_slice())).collect();
        assert_eq!(seen, [(sequence.position, &[number][..])]);
        assert!(sequence.position >= from && store.tip() > sequence.position);
    }
    assert_eq!(store.commits(), 101);
    Ok(())
}

/// A clock that is a step further whenever it is looked at, milliseconds.
#[derive(Default)]
struct Hurried {
    now_ms: AtomicI64,
    step_ms: AtomicI64,
}

impl Clock for Hurried {
    fn now_ms(&self) -> i64 {
        self.now_ms.fetch_add(self.step_ms.load(Relaxed), Relaxed)
    }
}

#[tokio::test]
async fn a_shard_is_forgotten_with_its_last_record_and_not_before() -> Result<(), Box<dyn std::error::Error>> {
    const DAY_MS: u64 = 24 * 3_600_000;
    let dir = tempfile::tempdir()?;
    let clock = Arc::new(Hurried::default());
    clock.now_ms.store(1_732_000_000_000, Relaxed);
    let store = Store::open(dir.path(), UNBOUNDED, Arc::clone(&clock) as Arc<dyn Clock>)?;
    let stream = store.create("s", 1, Tags::new()).await?;
    let (id, name) = (stream.meta.id, Arc::clone(&stream.meta.name));
    store.put(Arc::clone(&name), vec![NewRecord::new("k", 0, b"last")]).await?;
    store.split(&name, 0, 1 << 64).await?;
    let closed = store.stream(&name).and_then(|stream| stream.shard(0)?.closed).ok_or("not closed")?;
    let left = || store.read(id, 0, RecordPosition::START, 10, 1000).map(|page| page.records.len());

    // A look at the clock before the shard's end is past retention, the next one after it.
    clock.step_ms.store(10, Relaxed);
    let end = i64::try_from(closed.ms + DAY_MS)?;
    for now_ms in end - 12..=end + 1 {
        clock.now_ms.store(now_ms, Relaxed);
        store.forget_shards(store.trim()?.empty).await?;
        let is_known = store.stream(&name).is_some_and(|stream| stream.shard(0).is_some());
        assert!(is_known || left()? == 0, "forgotten with a record in the log, {now_ms}");
    }
    assert_eq!(left()?, 0);
    assert!(store.stream(&name).is_some_and(|stream| stream.shard(0).is_none() && stream.open_shards() == 2));
    Ok(())
}

#[tokio::test]
async fn shards_of_a_stream_that_is_gone_keep_no_others() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path(), UNBOUNDED, Arc::new(SystemClock))?;
    let (gone, stays) = (store.create("a", 1, Tags::new()).await?, store.create("b", 1, Tags::new()).await?);
    store.split(&stays.meta.name, 0, 1 << 64).await?;
    store.delete(&gone.meta.name, false).await?;
    store.forget_shards(vec![(Arc::clone(&gone.meta.name), 0), (Arc::clone(&stays.meta.name), 0)]).await?;
    assert!(store.stream("b").is_some_and(|stream| stream.shard(0).is_none()));
    Ok(())
}

#[tokio::test]
async fn what_is_refused_moves_nothing() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path(), UNBOUNDED, Arc::new(SystemClock))?;
    store.create("s", 1, Tags::new()).await?;
    let (tip, commits) = (store.tip(), store.commits());
    assert!(store.create("s", 1, Tags::new()).await.is_err());
    assert!(store.split("s", 0, 0).await.is_err());
    assert!(store.merge("s", 0, 0).await.is_err());
    assert_eq!((store.tip(), store.commits()), (tip, commits), "a place that is not on disk may be given out again");
    Ok(())
}

#[tokio::test]
async fn a_page_ends_at_its_limits_and_says_that_there_is_more() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path(), UNBOUNDED, Arc::new(SystemClock))?;
    let stream = store.create("s", 1, Tags::new()).await?;
    let records = (0..5).map(|_| NewRecord::new("k", 0, &[0; 99])).collect();
    store.put(Arc::clone(&stream.meta.name), records).await?;
    let read = |from, limit, bytes| store.read(stream.meta.id, 0, from, limit, bytes);
    for (limit, bytes, expected, more) in
        [(2, 1000, 2, true), (10, 250, 2, true), (10, 1, 1, true), (5, 500, 5, false), (10, 1000, 5, false)]
    {
        let page = read(RecordPosition::START, limit, bytes)?;
        assert_eq!((page.records.len(), page.more), (expected, more), "{limit} records, {bytes} bytes");
        let rest = read(page.next, 10, 1000)?;
        assert_eq!(rest.records.len(), 5 - expected, "the next page begins where this one ended");
    }
    Ok(())
}
