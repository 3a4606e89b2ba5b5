//! Viewers who were away, in a room that goes on: when they hear what is said now, when they have heard their absence, what the
//! others notice; and what a thousand who ask and hang up do to that.

use std::{
    collections::HashSet,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use danmu::feed::Told;

use crate::{
    kit::{Failure, Noise, figure},
    publish::put_signed,
    report::{Report, median},
    signers::Signers,
    subject::Server,
    viewers::{Histogram, Watch},
};

/// What must hold.
mod limit {
    /// From the connection to what is said now, seconds.
    pub const NOW: f64 = 1.0;
    /// From the connection to the end of the absence, seconds: of one that the window has, and of one that it has not.
    pub const SHORT: f64 = 5.0;
    pub const LONG: f64 = 40.0;
    /// p99 of the others meanwhile: by what it is without, or so many milliseconds more.
    pub const P99: f64 = 1.2;
    pub const P99_MORE: f64 = 10.0;
    /// By how much longer it takes beside those who ask and hang up, seconds.
    pub const MORE: f64 = 5.0;
}

const PER_SECOND: u32 = 100;
/// The others.
const WATCHING: usize = 100;
const CALM: Duration = Duration::from_secs(10);
const VANISHING: usize = 1_000;
const TIMES: usize = 10;
/// Nothing takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// All that was told since the beginning, in its order, and the place after each frame.
#[derive(Default)]
struct Reference {
    numbers: Vec<u32>,
    places: Vec<(Instant, String, usize)>,
}

type Shared = Arc<Mutex<Reference>>;

/// What became of a viewer who was away.
struct Account {
    now: f64,
    whole: f64,
}

pub fn measure(report: &mut Report, quick: bool) -> Result<(), Failure> {
    let (away, rounds) = if quick { ([3, 60, 150], 1) } else { ([3, 60, 540], 5) };
    let longest = away[2];
    println!("\n  {PER_SECOND} a second, {WATCHING} viewers; others who were away for {away:?} s, {rounds} times");
    let server = Arc::new(Server::plain()?);
    let mut watch = Watch::open(server.events(), WATCHING)?;
    watch.settle()?;
    let reference = follow(server.events())?;
    let stop = Arc::new(AtomicBool::new(false));
    let publisher = put_signed(&server, PER_SECOND, Signers::new(&server)?, watch.clock(), Arc::clone(&stop))?;
    watch.listen(Duration::from_secs(longest + 20))?;

    let (mut calm, mut beside, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut now, mut whole) = (Vec::new(), [Vec::new(), Vec::new(), Vec::new()]);
    for _ in 0..rounds {
        let before = p99(&mut watch, || Ok(false), CALM)?;
        let mut viewers = Vec::new();
        for away in away {
            viewers.push(come_back(&server, &reference, away)?);
        }
        let busy = p99(&mut watch, || Ok(viewers.iter().all(JoinHandle::is_finished)), PATIENCE)?;
        for (viewer, whole) in viewers.into_iter().zip(&mut whole) {
            let account = viewer.join().map_err(|_| "a viewer panicked")??;
            now.push(account.now);
            whole.push(account.whole);
        }
        println!("  p99 {} ms, meanwhile {} ms", figure(before), figure(busy));
        calm.push(before);
        beside.push(busy);
        ratios.push((busy / before / limit::P99).min((busy - before) / limit::P99_MORE));
    }
    let [short, minute, long] = &whole;
    report.most("from coming back to what is said now, s, the longest", largest(&now), limit::NOW);
    report.most(&format!("away for {} s: all heard after, s, the longest", away[0]), largest(short), limit::SHORT);
    report.most(&format!("away for {} s: all heard after, s, the longest", away[1]), largest(minute), limit::SHORT);
    report.most(&format!("away for {longest} s: all heard after, s, the longest"), largest(long), limit::LONG);
    let (alone, meanwhile) = (median(&calm), median(&beside));
    println!("  p99 of the others, ms: {} alone, {} meanwhile", figure(alone), figure(meanwhile));
    report.most("p99 of the others meanwhile, by what it may be, median of pairs", median(&ratios), 1.0);

    // One who asks honestly, amid a thousand who ask and hang up ten times each.
    let hanging_up = vanishing(&server, &reference);
    thread::sleep(Duration::from_secs(1));
    let honest = come_back(&server, &reference, longest)?;
    let mut at_once = 0.0_f64;
    while !honest.is_finished() || !hanging_up.iter().all(JoinHandle::is_finished) {
        at_once = at_once.max(server.metric("danmu_refilling ")?);
        watch.listen(Duration::from_millis(50))?;
    }
    for client in hanging_up {
        client.join().map_err(|_| "a client panicked")??;
    }
    let account = honest.join().map_err(|_| "the honest viewer panicked")??;
    let reads = ["done", "left", "in_vain"]
        .map(|reason| server.metric(&format!("danmu_refilled_total{{reason=\"{reason}\"}}")));
    let [done, left, in_vain] = reads;
    println!("  reads again: {} to the end, {} left, {} in vain", done?, left?, in_vain?);
    let more = account.whole - median(long);
    report.most(
        &format!("{VANISHING} ask and hang up {TIMES} times: an honest one waits for more, s"),
        more,
        limit::MORE,
    );
    report.most("reads of the room again at a time", at_once.max(server.metric("danmu_refilling_most ")?), 1.0);
    stop.store(true, Relaxed);
    publisher.join().map_err(|_| "the publisher panicked")??;
    Ok(())
}

/// p99 of the others' deliveries, milliseconds, until `done` or for so long.
fn p99(watch: &mut Watch, mut done: impl FnMut() -> Result<bool, Failure>, time: Duration) -> Result<f64, Failure> {
    let (begun, mut all) = (Instant::now(), Histogram::new());
    while begun.elapsed() < time && !done()? {
        all.add(&watch.listen(Duration::from_millis(200))?);
    }
    if begun.elapsed() >= PATIENCE {
        return Err("viewers who were away do not hear their absence".into());
    }
    Ok(all.at(0.99))
}

/// Follows the room from now on.
fn follow((addr, request): (SocketAddr, String)) -> Result<Shared, Failure> {
    let mut stream = TcpStream::connect(addr)?;
    stream.write_all(request.as_bytes())?;
    let reference = Shared::default();
    let shared = Arc::clone(&reference);
    thread::spawn(move || {
        let _ = hear(stream, |id, told| {
            let mut reference = shared.lock().unwrap_or_else(PoisonError::into_inner);
            reference.numbers.extend(numbers(told));
            let end = reference.numbers.len();
            reference.places.push((Instant::now(), id.to_owned(), end));
            true
        });
    });
    Ok(reference)
}

/// Somebody comes back who has been away for so many seconds.
fn come_back(
    server: &Server,
    reference: &Shared,
    away_s: u64,
) -> Result<JoinHandle<Result<Account, Failure>>, Failure> {
    let (addr, request) = server.events();
    let (token, from, mut missing) = {
        let reference = reference.lock().unwrap_or_else(PoisonError::into_inner);
        let left = Instant::now().checked_sub(Duration::from_secs(away_s)).ok_or("it has not been so long")?;
        let at = reference.places.partition_point(|(then, _, _)| *then < left);
        let (_, token, from) =
            at.checked_sub(1).and_then(|at| reference.places.get(at)).ok_or("nobody was there then")?;
        let missing: HashSet<u32> = reference.numbers[*from..].iter().copied().collect();
        (token.clone(), *from, missing)
    };
    let (newest, reference) = (missing.iter().copied().max().unwrap_or_default(), Arc::clone(reference));
    Ok(thread::spawn(move || {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(addr)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request.replacen("/events", &format!("/events?from={token}"), 1).as_bytes())?;
        let (mut now, mut past, mut live, mut is_over) = (None, Vec::new(), Vec::new(), false);
        hear(stream, |_, told| {
            let heard = if told.past { &mut past } else { &mut live };
            heard.extend(numbers(told));
            // What is said now is newer than all that it has missed; some that were put at once may stand before them.
            if numbers(told).any(|number| number > newest) {
                now.get_or_insert_with(|| begun.elapsed().as_secs_f64());
            }
            numbers(told).for_each(|number| _ = missing.remove(&number));
            // What was told last before it came, and the reference had not heard by then, is of its absence, too.
            is_over |= told.reading.is_some();
            !missing.is_empty() || now.is_none() || !past.is_empty() && !is_over
        })?;
        let whole = begun.elapsed().as_secs_f64();
        let read_again = past.len();
        let heard = [past, live].concat();
        // The reference may hear the last ones a little later.
        let all = loop {
            let all = reference.lock().unwrap_or_else(PoisonError::into_inner).numbers.clone();
            if all.len() >= from + heard.len() || begun.elapsed() > PATIENCE {
                break all;
            }
            thread::sleep(Duration::from_millis(100));
        };
        let differs = heard.iter().zip(&all[from..]).position(|(heard, said)| heard != said);
        if differs.is_some() || all.len() < from + heard.len() {
            let at = differs.unwrap_or(all.len() - from);
            let [heard_there, said] =
                [&heard, &all[from..]].map(|all| &all[at.saturating_sub(2)..all.len().min(at + 3)]);
            return Err(format!(
                "away for {away_s} s: not told each once and in order: of {} ({read_again} read again) number {at} is wrong, \
                 {heard_there:?} for {said:?}",
                heard.len(),
            )
            .into());
        }
        Ok(Account { now: now.unwrap_or(f64::INFINITY), whole })
    }))
}

/// A thousand clients that ask for what the window has passed, and hang up, ten times each.
fn vanishing(server: &Server, reference: &Shared) -> Vec<JoinHandle<Result<(), Failure>>> {
    const AT_ONCE: usize = 8;
    let client = |client: usize| {
        let ((addr, request), reference) = (server.events(), Arc::clone(reference));
        thread::spawn(move || {
            let mut noise = Noise::new(client as u64 + 1);
            for _ in 0..VANISHING * TIMES / AT_ONCE {
                let token = {
                    let reference = reference.lock().unwrap_or_else(PoisonError::into_inner);
                    let old =
                        reference.places.partition_point(|(then, _, _)| then.elapsed() > Duration::from_secs(125));
                    let at = usize::try_from(noise.next() % old.max(1) as u64)?;
                    reference.places[at].1.clone()
                };
                let mut stream = TcpStream::connect(addr)?;
                stream.write_all(request.replacen("/events", &format!("/events?from={token}"), 1).as_bytes())?;
                let _ = stream.read(&mut [0; 512])?;
            }
            Ok(())
        })
    };
    (0..AT_ONCE).map(client).collect()
}

/// Hears events that have a place, until `more` says no or the feed ends.
fn hear(stream: TcpStream, mut more: impl FnMut(&str, &Told) -> bool) -> Result<(), Failure> {
    let mut id = String::new();
    for line in BufReader::new(stream).lines() {
        let line = line?;
        if let Some(place) = line.strip_prefix("id: ") {
            place.clone_into(&mut id);
        }
        if let Some(data) = line.strip_prefix("data: ") {
            let told: Told = serde_json::from_str(data)?;
            if told.now.is_none() && !more(&id, &told) {
                return Ok(());
            }
        }
    }
    Err("the feed ended".into())
}

/// The numbers of what was told.
fn numbers(told: &Told) -> impl Iterator<Item = u32> {
    told.danmu.iter().filter_map(|item| item.text.get(1..9)?.parse().ok())
}

fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}
