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

use crate::kit::Failure;

/// What stands before a danmu's number, in whatever it is wrapped.
pub const MARK: &[u8] = b"\"text\":\"n";
/// The digits of a number.
pub const DIGITS: usize = 8;
/// What stands before the time at which the stream took it, which has so many digits: Unix milliseconds.
const TAKEN: &[u8] = b"\"at\":";
const TAKEN_DIGITS: usize = 13;
/// The most danmu of a run.
const MOST: usize = 20_000;
/// Latencies are counted in steps of so many microseconds, up to 20 s.
const STEP_US: u64 = 50;
const STEPS: usize = 400_000;

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
pub struct Histogram(Vec<u64>);

impl Histogram {
    fn count(&mut self, us: u64) {
        let step = usize::try_from(us / STEP_US).unwrap_or(STEPS);
        self.0[step.min(STEPS - 1)] += 1;
    }

    /// The time within which this share was there, milliseconds.
    pub fn at(&self, share: f64) -> f64 {
        let rank = (self.0.iter().sum::<u64>() as f64 * share).ceil() as u64;
        let mut seen = 0;
        let step = self.0.iter().position(|count| {
            seen += count;
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
        Self { put: Histogram(vec![0; STEPS]), taken: Histogram(vec![0; STEPS]) }
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
    next: u64,
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
            viewers.push(Viewer { stream, rest: Vec::new(), next: 0 });
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
        wrong += self.viewers.iter().map(|viewer| count - viewer.next.min(count)).sum::<u64>();
        Ok(Outcome { deliveries, wrong, latencies, elapsed: begun.elapsed() })
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
            let mut at = 0;
            let keep = loop {
                let Some(found) = memchr::memmem::find(&text[at..], MARK) else {
                    break at.max(text.len().saturating_sub(MARK.len()));
                };
                let number_at = at + found + MARK.len();
                let taken_at =
                    memchr::memmem::find(&text[number_at..], TAKEN).map(|found| number_at + found + TAKEN.len());
                let Some(taken) = taken_at.and_then(|taken_at| text.get(taken_at..taken_at + TAKEN_DIGITS)) else {
                    break at + found;
                };
                let (number, taken) = (figure(&text[number_at..number_at + DIGITS])?, figure(taken)?);
                at = number_at + DIGITS;
                got += 1;
                wrong += number.abs_diff(self.next);
                self.next = number + 1;
                let put = clock.put.get(usize::try_from(number)?).map_or(now, |put| put.load(Relaxed));
                latencies.put.count(now.saturating_sub(put));
                latencies.taken.count(unix_us.saturating_sub(taken * 1_000));
            };
            self.rest = text.split_off(keep);
        }
    }
}

fn figure(digits: &[u8]) -> Result<u64, Failure> {
    Ok(std::str::from_utf8(digits)?.parse()?)
}

/// The time, in Unix microseconds.
fn unix_us() -> Result<u64, Failure> {
    Ok(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?)
}
