//! Refill: viewers who were away for longer than the relay's window.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use tokio::time::sleep;

use crate::{
    chance::Chance,
    program::{Program, address},
    truth::Truth,
    viewer::{Account, Pause, Viewer, accounts},
    world::{Failure, Test},
    writers::{Writers, kinesis, last, put_last},
};

const VIEWERS: usize = 30;
/// Danmu that a viewer hears before it leaves.
const HEARD: usize = 100;

/// So many viewers leave, one after the other, and come back at once when the window has passed them, while the room goes on.
async fn away_for_long(variables: &[(&str, &str)]) -> Result<(Program, Truth, Vec<Account>), Failure> {
    let program = Program::start(&[&[("DANMU_RELAY__WINDOW_S", "10")], variables].concat())?;
    program.get_ready()?;
    let client = kinesis(&program, &program.stream)?;
    let (stop, passed) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let viewer = |n: usize| {
        let passed = Arc::clone(&passed);
        let pause = Pause { after: HEARD + n, over: Box::new(move |_| passed.load(SeqCst)) };
        let viewer = Viewer::new("away for long", [address(&program.url)?]).leaving(pause);
        Ok(viewer.follow(last(), Arc::clone(&stop)))
    };
    let viewers = (0..VIEWERS).map(viewer).collect::<Result<Vec<_>, Failure>>()?;
    program.has_viewers(VIEWERS as u64)?;
    let writers = Writers {
        count: 2,
        each: 1_500,
        at_once: 1..6,
        rest: Duration::from_millis(15),
        text: "",
        chance: Chance(1),
        acknowledged: Arc::default(),
    };
    let writing = writers.start(&client);
    let since = Instant::now();
    let [admitted, kept] = ["danmu_admitted_total", "danmu_ring_danmu"].map(|name| format!("{name}{{room=\"demo\"}}"));
    while program.figure(&admitted)? <= program.figure(&kept)? + (HEARD + 3 * VIEWERS) as u64 {
        assert!(since.elapsed() < Duration::from_secs(60), "the window does not pass them");
        sleep(Duration::from_millis(100)).await;
    }
    passed.store(true, SeqCst);
    program.has_viewers(VIEWERS as u64)?;
    for task in writing {
        task.await??;
    }
    put_last(&client).await?;
    let accounts = accounts(viewers, &stop, Duration::from_secs(60)).await?;
    Ok((program, Truth::read(&client).await?, accounts))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_window_has_passed_is_read_again_once_for_all_who_ask_while_the_room_goes_on() -> Test {
    let (program, truth, accounts) = away_for_long(&[]).await?;
    assert_eq!(truth.danmu.len(), 3_001);
    for account in &accounts {
        assert_eq!(truth.judge(account)?.missed, 0, "{} came back to a gap", account.name);
    }
    assert_eq!(program.figure("danmu_refilled_total{reason=\"done\"}")?, 1);
    assert_eq!(program.figure("danmu_refilled_total{reason=\"in_vain\"}")?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_for_longer_than_is_read_again_is_told_that_something_is_missing() -> Test {
    let (_program, truth, accounts) = away_for_long(&[("DANMU_RELAY__REFILL_S", "0")]).await?;
    for account in &accounts {
        assert!(truth.judge(account)?.missed > 0, "the window still reached {}", account.name);
    }
    Ok(())
}
