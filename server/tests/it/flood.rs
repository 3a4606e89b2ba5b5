//! A viewer who floods and is banned, with two replicas on one stream and a screen that follows each.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use aws_sdk_kinesis::primitives::Blob;
use tokio::time::sleep;

use crate::{
    program::Program,
    speaker::{BANNED, Screen, Viewer, until},
    world::{Failure, PATIENCE, STREAM},
    writers::kinesis,
};

/// Nothing but the ban holds a viewer up.
const ROOM: &str = "[[rooms]]\nid = 'demo'\nvideo = ''\nper_minute = 6000\nburst = 6000\n";

/// The stream, the two, and who looks.
pub struct Replicas {
    bus: Program,
    both: [Program; 2],
    screens: [Screen; 2],
}

/// How long after the order to ban a viewer each thing happened.
#[derive(Clone, Copy, Debug)]
pub struct Acted {
    /// Both gates refused what it says.
    pub gates: Duration,
    /// Its last danmu came to a screen.
    pub screens: Duration,
}

impl Replicas {
    pub fn start() -> Result<Self, Failure> {
        let bus = Program::start_with(ROOM, &[("DANMU_ROLE", "bus")])?;
        let data = bus.directory().join("data").display().to_string();
        let stream = bus.stream.trim_start_matches("http://").to_owned();
        let elsewhere = [("DANMU_ROLE", "relay"), ("DANMU_STREAM__ADDR", &*stream), ("DANMU_STREAM__DATA", &*data)];
        let both = [Program::start_with(ROOM, &elsewhere)?, Program::start_with(ROOM, &elsewhere)?];
        for replica in &both {
            replica.get_ready()?;
        }
        let screens = [Screen::follow(&both[0])?, Screen::follow(&both[1])?];
        Ok(Self { bus, both, screens })
    }

    /// How far both are, for whoever waits in vain.
    fn counts(&self) -> Result<String, Failure> {
        let names = ["danmu_reader_records_total", "danmu_admitted_total{room=\"demo\"}", BANNED];
        let of = |replica: &Program| names.iter().map(|name| replica.figure(name)).collect::<Result<Vec<_>, _>>();
        Ok(format!("{names:?}: {:?} and {:?}", of(&self.both[0])?, of(&self.both[1])?))
    }

    /// Bans one who puts a danmu so often with credentials that nobody denies. `round` counts from 0.
    pub async fn ban_one_who_floods(&self, round: u8, every: Duration) -> Result<Acted, Failure> {
        let (bus, replicas) = (&self.bus, &self.both);
        let viewer = Arc::new(Viewer::new(bus, round)?);
        let (client, stop) = (kinesis(bus, &bus.stream)?, Arc::<AtomicBool>::default());
        let (author, stopped) = (Arc::clone(&viewer), Arc::clone(&stop));
        let flood = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(every);
            // Where the machine is busy, what was missed is not made up for: the gates verify no faster then.
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            while !stopped.load(SeqCst) {
                ticks.tick().await;
                let data = Blob::new(author.record("flood")?);
                client.put_record().stream_name(STREAM).partition_key("demo").data(data).send().await?;
            }
            Ok::<_, Failure>(())
        });
        let is_shown = || self.screens.iter().all(|screen| screen.last(&viewer).is_some());
        until("it is shown", || Ok(is_shown())).await?;
        let before = [replicas[0].figure(BANNED)?, replicas[1].figure(BANNED)?];
        let decided = Instant::now();
        bus.order(&["ban", &viewer.id, "--yes"])?;
        let mut acted = [None; 2];
        while acted.iter().any(Option::is_none) {
            for ((acted, before), replica) in acted.iter_mut().zip(before).zip(replicas) {
                if acted.is_none() && replica.figure(BANNED)? > before {
                    *acted = Some(decided.elapsed());
                }
            }
            if flood.is_finished() {
                flood.await??;
                return Err("the flood ended by itself".into());
            }
            assert!(
                decided.elapsed() < PATIENCE,
                "a replica goes on showing what a banned viewer says: {}",
                self.counts()?
            );
            sleep(Duration::from_millis(5)).await;
        }
        stop.store(true, SeqCst);
        flood.await??;
        // Neither asked the other: both read it off the stream.
        for replica in replicas {
            assert_eq!(replica.figure("danmu_refused_total{reason=\"moderation\"}")?, u64::from(round) + 1);
        }
        // What is still on its way is the next one's no more.
        let [read, admitted] = ["danmu_reader_records_total", "danmu_admitted_total{room=\"demo\"}"];
        let same = |name: &str| Ok::<_, Failure>(replicas[0].figure(name)? == replicas[1].figure(name)?);
        let both = until("both have read all of it", || Ok(same(read)? && same(admitted)?)).await;
        both.map_err(|error| format!("{error}: {}", self.counts().unwrap_or_default()))?;
        // With what it is told to take down, a screen has heard the last of the viewer, whatever the gate let through until then.
        for screen in &self.screens {
            until("all screens take down what it said", || Ok(screen.retracted(&viewer).is_some())).await?;
            assert!(screen.last(&viewer) < screen.retracted(&viewer), "a screen is told more of what it takes down");
        }
        let last = self.screens.iter().filter_map(|screen| screen.last(&viewer)).max().ok_or("nothing was shown")?;
        let gates = acted.into_iter().flatten().max().unwrap_or_default();
        Ok(Acted { gates, screens: last.saturating_duration_since(decided) })
    }
}
