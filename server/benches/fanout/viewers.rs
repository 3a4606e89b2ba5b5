//! Viewers, by the thousand, on one thread: a socket and a few bytes each.

use std::{
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::{kit::Failure, numbered::FILL};

/// What stands before a danmu's number, in whatever it is wrapped.
pub const MARK: &[u8] = b"\"text\":\"n";
/// The digits of a number.
pub const DIGITS: usize = 8;
/// What stands before the time at which the stream took it, which has so many digits: Unix milliseconds.
const TAKEN: &[u8] = b"\"at\":";
const TAKEN_DIGITS: usize = 13;
/// Bytes from a number to that mark: the number itself, a space, what fills the text, and its end.
const BETWEEN: usize = DIGITS + 1 + FILL + 2;
/// The most danmu of a run.
const MOST: usize = 200_000;
/// Latencies are counted in steps of so many microseconds, up to 5 s: few enough to stay in the processor's cache.
const STEP_US: u64 = 100;
const STEPS: usize = 50_000;

/// When each danmu was put, in microseconds since the beginning.
#[derive(Clone)]
pub struct Clock {
    begun: Instant,
    put: Arc<Vec<AtomicU64>>,
}

impl Clock {
    /// The danmu of this number is put now.
    pub fn put(&self, number: usize) {
        if let Some(put) = self.put.get(number) {
            put.store(self.now(), Relaxed);
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// Times, in steps.
pub struct Histogram(Vec<u32>);

impl Histogram {
    /// None.
    pub fn new() -> Self {
        Self(vec![0; STEPS])
    }

    /// Takes in those of another.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(count, more)| *count += more);
    }

    fn count(&mut self, us: u64) {
        let step = usize::try_from(us / STEP_US).unwrap_or(STEPS);
        self.0[step.min(STEPS - 1)] += 1;
    }

    /// The time within which this share was there, milliseconds.
    pub fn at(&self, share: f64) -> f64 {
        let rank = (self.0.iter().map(|count| u64::from(*count)).sum::<u64>() as f64 * share).ceil() as u64;
        let mut seen = 0;
        let step = self.0.iter().position(|count| {
            seen += u64::from(*count);
            seen >= rank
        });
        step.map_or(f64::INFINITY, |step| (step + 1) as f64 * STEP_US as f64 / 1_000.0)
    }
}

/// How long deliveries took.
pub struct Latencies {
    /// From the put.
    pub put: Histogram,
    /// From when the stream took it, of which the gate hears at once.
    pub taken: Histogram,
}

impl Latencies {
    fn new() -> Self {
        Self { put: Histogram::new(), taken: Histogram::new() }
    }
}

/// What the viewers got.
pub struct Outcome {
    pub deliveries: u64,
    pub wrong: u64,
    pub latencies: Latencies,
    pub elapsed: Duration,
}

struct Viewer {
    stream: TcpStream,
    /// The end of what was read, in which a number may have begun.
    rest: Vec<u8>,
    heard: Heard,
}

/// Which danmu a viewer has had: puts that were under way at once may have been taken in another order.
#[derive(Default)]
struct Heard {
    /// All before this one.
    next: u64,
    /// Of those that follow it, the lowest bit being the one right after.
    later: u64,
}

impl Heard {
    /// Takes in a number; whether it is a new one that may come here.
    fn take(&mut self, number: u64) -> bool {
        match number.checked_sub(self.next) {
            Some(0) => {
                let run = self.later.trailing_ones();
                self.next += 1 + u64::from(run);
                self.later = self.later.checked_shr(run + 1).unwrap_or_default();
                true
            }
            Some(ahead @ 1..=64) => {
                let bit = 1 << (ahead - 1);
                let new = self.later & bit == 0;
                self.later |= bit;
                new
            }
            _ => false,
        }
    }

    /// How many.
    fn count(&self) -> u64 {
        self.next + u64::from(self.later.count_ones())
    }
}

/// All viewers.
pub struct Watch {
    poll: Poll,
    viewers: Vec<Viewer>,
    clock: Clock,
}

impl Watch {
    /// Connects so many, each with its request.
    pub fn open((addr, request): (SocketAddr, String), count: usize) -> Result<Self, Failure> {
        let poll = Poll::new()?;
        let mut viewers = Vec::with_capacity(count);
        for number in 0..count {
            let mut stream = std::net::TcpStream::connect(addr)?;
            stream.write_all(request.as_bytes())?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(number), Interest::READABLE)?;
            viewers.push(Viewer { stream, rest: Vec::new(), heard: Heard::default() });
        }
        let put = Arc::new((0..MOST).map(|_| AtomicU64::new(0)).collect());
        Ok(Self { poll, viewers, clock: Clock { begun: Instant::now(), put } })
    }

    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Reads the beginnings, until nothing comes for a moment.
    pub fn settle(&mut self) -> Result<(), Failure> {
        let mut nobody = Latencies::new();
        let (mut events, mut buffer) = (Events::with_capacity(1024), vec![0; 64 * 1024]);
        let mut answered = vec![false; self.viewers.len()];
        let deadline = Instant::now() + Duration::from_secs(20);
        while answered.iter().any(|answered| !answered) || !events.is_empty() {
            if Instant::now() > deadline {
                return Err("the server does not answer all viewers".into());
            }
            self.poll.poll(&mut events, Some(Duration::from_millis(300)))?;
            for event in &events {
                let number = event.token().0;
                answered[number] = true;
                self.viewers[number].read(&mut buffer, &self.clock, &mut nobody)?;
            }
        }
        Ok(())
    }

    /// Counts until every viewer has had `count` danmu, or no more comes.
    pub fn count(&mut self, count: u64, patience: Duration) -> Result<Outcome, Failure> {
        let (begun, mut latencies) = (Instant::now(), Latencies::new());
        let (mut events, mut buffer) = (Events::with_capacity(1024), vec![0; 64 * 1024]);
        let (mut deliveries, mut wrong) = (0, 0);
        let wanted = count * self.viewers.len() as u64;
        while deliveries < wanted && begun.elapsed() < patience {
            self.poll.poll(&mut events, Some(Duration::from_millis(500)))?;
            for event in &events {
                let (got, amiss) = self.viewers[event.token().0].read(&mut buffer, &self.clock, &mut latencies)?;
                deliveries += got;
                wrong += amiss;
            }
        }
        wrong += self.viewers.iter().map(|viewer| count - viewer.heard.count().min(count)).sum::<u64>();
        Ok(Outcome { deliveries, wrong, latencies, elapsed: begun.elapsed() })
    }
}

impl Watch {
    /// How long what the viewers hear for so long took, from its put.
    pub fn listen(&mut self, time: Duration) -> Result<Histogram, Failure> {
        let (begun, mut latencies) = (Instant::now(), Latencies::new());
        let (mut events, mut buffer) = (Events::with_capacity(1024), vec![0; 64 * 1024]);
        while begun.elapsed() < time {
            self.poll.poll(&mut events, Some(time.saturating_sub(begun.elapsed())))?;
            for event in &events {
                self.viewers[event.token().0].read(&mut buffer, &self.clock, &mut latencies)?;
            }
        }
        Ok(latencies.put)
    }
}

/// Connects so many that ask, read the beginning of the answer and then nothing more, as long as this is kept.
pub fn stalled((addr, request): &(SocketAddr, String), count: usize) -> Result<Vec<std::net::TcpStream>, Failure> {
    let open = || {
        let mut stream = std::net::TcpStream::connect(addr)?;
        stream.write_all(request.as_bytes())?;
        let _ = stream.read(&mut [0; 512])?;
        Ok(stream)
    };
    (0..count).map(|_| open()).collect()
}

/// One that reads a thousand bytes a second, until `stop`; gives how many it read.
pub fn slow(events: (SocketAddr, String), stop: Arc<AtomicBool>) -> Result<JoinHandle<usize>, Failure> {
    let mut stream = stalled(&events, 1)?.pop().ok_or("no connection")?;
    Ok(thread::spawn(move || {
        let (mut read, mut buffer) = (0, [0; 100]);
        while !stop.load(Relaxed) {
            thread::sleep(Duration::from_millis(100));
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(more) => read += more,
            }
        }
        read
    }))
}

/// So many that come one after the other within `time`, and vanish at once.
pub fn vanishing(events: (SocketAddr, String), count: u32, time: Duration) -> JoinHandle<Result<(), Failure>> {
    thread::spawn(move || {
        for _ in 0..count {
            thread::sleep(time / count);
            stalled(&events, 1)?;
        }
        Ok(())
    })
}

impl Viewer {
    /// Reads what is there: danmu, and how many were missed or told twice.
    fn read(&mut self, buffer: &mut [u8], clock: &Clock, latencies: &mut Latencies) -> Result<(u64, u64), Failure> {
        let (mut got, mut wrong) = (0, 0);
        loop {
            let read = match self.stream.read(buffer) {
                Ok(0) => return Err("a viewer was cut off".into()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok((got, wrong)),
                Err(error) => return Err(error.into()),
            };
            let (now, unix_us) = (clock.now(), unix_us()?);
            let mut text = std::mem::take(&mut self.rest);
            text.extend_from_slice(&buffer[..read]);
            let (mut at, finder) = (0, memchr::memmem::Finder::new(MARK));
            let keep = loop {
                let Some(found) = finder.find(&text[at..]) else {
                    break at.max(text.len().saturating_sub(MARK.len()));
                };
                let number_at = at + found + MARK.len();
                let taken_at = number_at + BETWEEN + TAKEN.len();
                let Some(taken) = text.get(taken_at..taken_at + TAKEN_DIGITS) else { break at + found };
                if &text[taken_at - TAKEN.len()..taken_at] != TAKEN {
                    return Err("a danmu without the time at which it was taken".into());
                }
                let (number, taken) = (figure(&text[number_at..number_at + DIGITS]), figure(taken));
                at = taken_at;
                got += 1;
                wrong += u64::from(!self.heard.take(number));
                let put = clock.put.get(usize::try_from(number)?).map_or(now, |put| put.load(Relaxed));
                latencies.put.count(now.saturating_sub(put));
                latencies.taken.count(unix_us.saturating_sub(taken * 1_000));
            };
            self.rest = text.split_off(keep);
        }
    }
}

fn figure(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |figure, digit| figure * 10 + u64::from(digit - b'0'))
}

/// The time, in Unix microseconds.
fn unix_us() -> Result<u64, Failure> {
    Ok(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?)
}
