//! Two readers share one shard's five reads a second for a while.

use std::time::Duration;

use danmu::kinesis::Scope;
use futures::future::try_join3;

use crate::world::{Failure, Test, World, assert_complete, read, story};

const RECORDS: usize = 160;
const PAUSE: Duration = Duration::from_millis(125);

#[test]
fn two_readers_on_one_shard_lose_nothing_and_neither_starves() -> Test {
    story(async {
        let world = World::start(1).await?;
        let producer = world.producer();
        let (mut one, mut two) = (world.reader(Scope::All), world.reader(Scope::All));
        let write = async {
            for n in 0..RECORDS {
                producer.put(format!("{n}").into_bytes(), "demo").await?;
                tokio::time::sleep(PAUSE).await;
            }
            Ok::<_, Failure>(())
        };
        let patience = PAUSE * RECORDS as u32 + Duration::from_secs(15);
        let ((), first, second) = try_join3(
            write,
            read(&mut one, &world.clock, RECORDS, patience),
            read(&mut two, &world.clock, RECORDS, patience),
        )
        .await?;
        for (mut seen, stats) in [(first, one.stats()), (second, two.stats())] {
            assert_complete(&seen.records, (0..RECORDS).map(|n| n.to_string()));
            seen.ages.sort_unstable();
            let at = |percent: usize| seen.ages[(seen.ages.len() - 1) * percent / 100];
            println!("median {} ms, p95 {} ms, most {} ms; {stats:?}", at(50), at(95), at(100));
            // Twice what it takes on an idle machine: other tests run beside this one.
            assert!(at(50) <= 500 && at(95) <= 1_200, "median {} ms, p95 {} ms", at(50), at(95));
        }
        Ok(())
    })
}
