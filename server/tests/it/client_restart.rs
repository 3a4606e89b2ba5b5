//! The endpoint restarts, with the same data, while a reader and a writer use it.

use std::time::Duration;

use danmu::kinesis::Scope;
use futures::future::try_join3;
use tokio::sync::Notify;

use crate::world::{Failure, PATIENCE, Test, World, assert_complete, read, story};

#[test]
fn a_reader_and_a_writer_go_on_after_the_endpoint_was_restarted() -> Test {
    story(async {
        let world = World::start(1).await?;
        let (producer, mut reader, said) = (world.producer(), world.reader(Scope::All), Notify::new());
        let write = async {
            for n in 0..60 {
                producer.put(format!("{n}").into_bytes(), "demo").await?;
                if n == 20 {
                    said.notify_one();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Ok::<_, Failure>(())
        };
        let restart = async {
            said.notified().await;
            world.restart(Duration::from_millis(1_500)).await
        };
        let reading = read(&mut reader, 60, PATIENCE);
        let ((), world, seen) = try_join3(write, restart, reading).await?;

        // A put whose reply was lost in the restart may stand there twice, under two numbers; nothing else may.
        let mut texts: Vec<_> = seen.records.iter().map(|record| String::from_utf8_lossy(&record.data)).collect();
        let twice = texts.len() - 60;
        texts.sort_unstable();
        texts.dedup();
        assert_eq!((texts.len(), twice <= 1), (60, true), "{twice} twice");
        let mut once = seen.records;
        once.dedup_by(|a, b| a.data == b.data);
        assert_complete(&once, (0..60).map(|n| n.to_string()));
        drop(world);
        Ok(())
    })
}
