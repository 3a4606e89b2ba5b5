//! Two readers share the limit of five reads a second on one shard.

use std::time::Duration;

use danmu::kinesis::Scope;
use futures::future::try_join3;

use crate::world::{Failure, PATIENCE, Test, World, assert_complete, read, story};

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
        let patience = PAUSE * RECORDS as u32 + PATIENCE;
        let ((), first, second) =
            try_join3(write, read(&mut one, RECORDS, patience), read(&mut two, RECORDS, patience)).await?;
        for (seen, stats) in [(first, one.stats()), (second, two.stats())] {
            assert_complete(&seen.records, (0..RECORDS).map(|n| n.to_string()));
            // How soon a record is seen is measured in virtual time: `kinesis_pace`. Neither had to wait for the end.
            println!("{} reads brought something; {stats:?}", seen.batches);
            assert!(seen.batches > RECORDS / 40, "{} reads brought all of it", seen.batches);
        }
        Ok(())
    })
}
