//! The reader's pace against both kinds of read limit: refusing at once, and letting wait.

use danmu::kinesis::{Scope, State, StreamCursor};

use crate::{
    driver::{Act, Driver, run},
    model::{Limit, Model},
    world::{EPOCH_MS, random},
};

/// Two readers on one shard: milliseconds from put to seen by each, and the reads refused.
fn latencies(limit: Limit, seed: u64) -> (Vec<i64>, u64) {
    let mut model = Model::new(true, limit);
    let new = |seed| Driver::new(Scope::All, StreamCursor::at(EPOCH_MS), seed, 0);
    let mut readers = [new(seed), new(seed ^ 0xffff)];
    let (mut now, mut put_at, mut seed) = (EPOCH_MS, EPOCH_MS + 3_000, seed);
    while now < EPOCH_MS + 123_000 {
        if now >= put_at {
            model.put("key", now);
            put_at += 300 + (random(&mut seed) % 700) as i64;
        }
        let next: Vec<i64> = readers.iter_mut().map(|reader| reader.turn(&mut model, now)).collect();
        now = next.into_iter().min().unwrap_or(put_at).min(put_at).max(now + 1);
    }
    let mut waits: Vec<i64> =
        readers.iter().flat_map(|r| &r.got).map(|(seen, record)| seen - record.arrival_ms).collect();
    waits.sort_unstable();
    (waits, readers.iter().map(|reader| reader.machine.stats().throttled).sum())
}

#[test]
fn two_readers_see_a_record_within_300_ms_at_the_median_under_either_kind_of_limit() {
    for limit in [Limit::Refuse, Limit::Queue] {
        for seed in 0..20 {
            let (waits, throttled) = latencies(limit, seed);
            let at = |percent: usize| waits[waits.len() * percent / 100];
            let kind = if limit == Limit::Refuse { "refused" } else { "queued" };
            println!(
                "{kind}: median {} ms, p95 {} ms, most {} ms, {throttled} refused",
                at(50),
                at(95),
                waits[waits.len() - 1]
            );
            assert!(at(50) <= 300 && at(95) <= 600, "{kind}: median {} ms, p95 {} ms", at(50), at(95));
        }
    }
}

#[test]
fn alone_a_reader_is_never_refused_and_sees_a_record_within_a_quarter_second() {
    let mut model = Model::new(true, Limit::Refuse);
    let mut reader = Driver::new(Scope::All, StreamCursor::at(EPOCH_MS), 3, 0);
    let script: Vec<_> = (0..200).map(|n| (EPOCH_MS + n * 333, Act::Put(0))).collect();
    run(&mut reader, &mut model, &script, 1_000, &Scope::All);
    assert_eq!(reader.got.len(), 200);
    assert_eq!(reader.machine.stats().throttled, 0);
    assert!(reader.got.iter().skip(1).all(|(seen, record)| seen - record.arrival_ms <= 260));
    assert_eq!(reader.states, [State::Live]);
}

#[test]
fn a_reader_that_is_far_behind_reads_as_fast_as_the_shard_gives() {
    let mut model = Model::new(true, Limit::Refuse);
    for _ in 0..700 {
        model.put("key", EPOCH_MS);
    }
    let mut reader = Driver::new(Scope::All, StreamCursor::at(EPOCH_MS), 3, 0);
    run(&mut reader, &mut model, &[(EPOCH_MS, Act::Put(0))], 21_500, &Scope::All);
    // Seven a read, at most five reads a second, less a few refused ones.
    assert!(reader.got.len() >= 660, "{} in 21.5 s", reader.got.len());
}

#[test]
fn a_crowd_of_readers_is_told_that_the_limit_bites() {
    let mut model = Model::new(true, Limit::Queue);
    let mut readers: Vec<Driver> = (0..8).map(|n| Driver::new(Scope::All, StreamCursor::at(EPOCH_MS), n, 0)).collect();
    let mut now = EPOCH_MS;
    while now < EPOCH_MS + 30_000 {
        let next: Vec<i64> = readers.iter_mut().map(|reader| reader.turn(&mut model, now)).collect();
        now = next.into_iter().min().unwrap_or(now).max(now + 1);
    }
    for reader in &readers {
        assert!(matches!(reader.machine.state(), State::Throttled { .. }), "{:?}", reader.machine.state());
    }
}
