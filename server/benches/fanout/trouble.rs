//! Viewers that make trouble, and what the others notice of it: some that stop reading, one that reads a kilobyte a second,
//! a thousand that come and vanish.

use std::{
    sync::{Arc, atomic::AtomicBool, atomic::Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use crate::{
    Subject, TICK_MS,
    kit::{Failure, figure},
    of,
    publish::{From, Ticks},
    report::{Figures, Report},
    subject::Server,
    viewers::{slow, stalled, vanishing},
};

/// What must hold.
mod limit {
    /// p99 of the others, by what it is without trouble.
    pub const P99: f64 = 2.0;
    /// Memory that trouble costs, MB (1,000,000 bytes).
    pub const MEMORY: f64 = 10.0;
    /// From a viewer's taking nothing more to its being cut, seconds.
    pub const CUT: f64 = 10.0;
}

const VIEWERS: usize = 1_000;
const PER_SECOND: u32 = 100;
const STALLED: usize = 100;
const VANISHING: u32 = 1_000;

pub fn measure(report: &mut Report, quick: bool) -> Result<(), Failure> {
    let seconds = if quick { 8 } else { 30 };
    println!("\n  {VIEWERS} viewers × {PER_SECOND} a second, and others that make trouble, for {seconds} s each");
    let (calm, memory) = calmly(seconds, |_| Ok(()))?;
    report.note("no trouble", calm);

    let mut cut = None;
    let (figures, grown) = calmly(seconds, |server| {
        let sockets = stalled(&server.events(), STALLED)?;
        cut = Some(watch_cuts(server.clone(), Duration::from_secs(seconds)));
        Ok(sockets)
    })?;
    report.note(&format!("{STALLED} stop reading"), figures);
    report.most("p99 while 100 stop reading, ÷ without them", figures.p99 / calm.p99, limit::P99);
    report.most("memory that 100 who stop reading cost, MB", (grown - memory) / 1e6, limit::MEMORY);
    if let Some(cut) = cut {
        let longest = cut.join().map_err(|_| "the watch over those that are cut panicked")??;
        // A short run ends before they are.
        if !quick {
            report.most("from taking nothing to being cut, s", longest, limit::CUT);
        }
    }

    let (figures, grown) = calmly(seconds, |server| {
        let stop = Arc::new(AtomicBool::new(false));
        let reader = slow(server.events(), Arc::clone(&stop))?;
        let others = vanishing(server.events(), VANISHING, Duration::from_secs(seconds));
        Ok(Ends { stop, reader: Some(reader), others: Some(others) })
    })?;
    report.note("a slow one, 1,000 that vanish", figures);
    report.most("p99 beside a slow one and 1,000 that vanish, ÷ without", figures.p99 / calm.p99, limit::P99);
    report.most("memory that these cost, MB", (grown - memory) / 1e6, limit::MEMORY);

    let server = Subject::Nchan.start()?;
    let before = server.memory();
    let sockets = stalled(&server.events(), STALLED)?;
    let count = PER_SECOND * u32::try_from(seconds)?;
    let figures = of(&server, VIEWERS, PER_SECOND, count, (From::Begun, false), Some(Ticks::None))?;
    report.note(&format!("nchan, {STALLED} stop reading"), figures);
    println!("  nchan: {} MB more", figure(server.memory().saturating_sub(before) as f64 / 1e6));
    drop(sockets);
    Ok(())
}

/// Measures the ordinary viewers of a server while `trouble`, made first, is kept; gives also by how much the server grew
/// meanwhile, bytes.
fn calmly<T>(
    seconds: u64,
    trouble: impl FnOnce(&Arc<Server>) -> Result<T, Failure>,
) -> Result<(Figures, f64), Failure> {
    let server = Arc::new(Subject::Whole(TICK_MS).start()?);
    let before = server.memory();
    let trouble = trouble(&server)?;
    let figures = of(&server, VIEWERS, PER_SECOND, PER_SECOND * u32::try_from(seconds)?, (From::Begun, false), None)?;
    let grown = server.memory() as f64 - before as f64;
    drop(trouble);
    Ok((figures, grown))
}

/// Looks how long the longest time is in which somebody takes nothing and is not cut yet, seconds.
fn watch_cuts(server: Arc<Server>, time: Duration) -> thread::JoinHandle<Result<f64, Failure>> {
    thread::spawn(move || {
        let (begun, mut stuck, mut longest) = (Instant::now(), None, 0.0_f64);
        while begun.elapsed() < time && server.metric("danmu_cut_total")? < STALLED as f64 {
            if server.metric("danmu_stuck")? > 0.0 {
                let since = *stuck.get_or_insert_with(Instant::now);
                longest = longest.max(since.elapsed().as_secs_f64());
            }
            thread::sleep(Duration::from_millis(200));
        }
        let all = server.metric("danmu_cut_total")? >= STALLED as f64;
        Ok(if all { longest } else { f64::INFINITY })
    })
}

/// The trouble of viewers that go on by themselves.
struct Ends {
    stop: Arc<AtomicBool>,
    reader: Option<thread::JoinHandle<usize>>,
    others: Option<thread::JoinHandle<Result<(), Failure>>>,
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        let read = self.reader.take().and_then(|reader| reader.join().ok()).unwrap_or_default();
        let let_in = self.others.take().is_some_and(|others| others.join().is_ok_and(|all| all.is_ok()));
        let others = if let_in { "all came and went" } else { "were not all let in" };
        println!("  the slow one read {read} bytes; the others {others}");
    }
}
