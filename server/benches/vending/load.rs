//! Visitors who ask for sessions, each from an address of its own: so many at a time, or so many a second whatever becomes of
//! those before. On one thread: a socket and a few bytes each.

use std::{
    collections::VecDeque,
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
    time::{Duration, Instant},
};

use danmu::ticket::PublicKey;
use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::kit::{Failure, Latency};

/// Connections at the most: with more of them waiting for an answer than this, answers are late by what is left to ask.
const MOST: usize = 8_000;
/// How long is waited for the last answers.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest head of an answer, bytes, and the longest answer.
const MAX_HEAD: usize = 8 * 1024;

/// What visitors were told, and how long after they should have asked it came.
pub struct Answers {
    /// Sessions.
    pub vended: Latency,
    /// 429, with the time to come back after.
    pub later: Latency,
    /// All answers, and what was anything else, or nothing.
    pub all: Latency,
    /// What else was answered, a few of it.
    pub odd: Vec<String>,
    /// From the first request to the last one.
    pub elapsed: Duration,
}

/// How they come.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// So many that ask again once they have their answer.
    Closed(usize),
    /// So many a second.
    Open(f64),
}

/// An answer: whether it is a session.
enum Answer {
    Vended,
    Later,
    Odd(String),
}

struct Visitor {
    stream: TcpStream,
    /// When the request was due whose answer is waited for.
    due: Option<Instant>,
    /// Whether that request was sent.
    sent: bool,
    answer: Vec<u8>,
}

/// All visitors.
pub struct Load {
    addr: SocketAddr,
    key: PublicKey,
    /// Requests so far: names the address that the next one comes from.
    asked: u64,
    poll: Poll,
    visitors: Vec<Option<Visitor>>,
    idle: Vec<usize>,
    vended: Vec<Duration>,
    later: Vec<Duration>,
    failed: usize,
    odd: Vec<String>,
}

impl Load {
    /// Visitors of the pages there, whose tickets are for this key.
    pub fn new(addr: SocketAddr, key: PublicKey) -> Result<Self, Failure> {
        Ok(Self {
            addr,
            key,
            asked: 0,
            poll: Poll::new()?,
            visitors: Vec::new(),
            idle: Vec::new(),
            vended: Vec::new(),
            later: Vec::new(),
            failed: 0,
            odd: Vec::new(),
        })
    }

    /// Lets them come for so long, and waits for the last answers.
    pub fn run(&mut self, pace: Pace, time: Duration) -> Result<Answers, Failure> {
        (self.vended, self.later, self.failed, self.odd) = Default::default();
        let (begun, mut due, mut sent) = (Instant::now(), VecDeque::new(), 0_u64);
        let mut events = Events::with_capacity(1_024);
        loop {
            let now = Instant::now();
            let over = now - begun >= time;
            if !over {
                match pace {
                    Pace::Closed(count) => due.extend((self.waiting() + due.len()..count).map(|_| now)),
                    Pace::Open(per_second) => {
                        while begun + Duration::from_secs_f64(sent as f64 / per_second) <= now {
                            due.push_back(begun + Duration::from_secs_f64(sent as f64 / per_second));
                            sent += 1;
                        }
                    }
                }
            }
            while let Some(next) = due.pop_front() {
                if !self.ask(next)? {
                    due.push_front(next);
                    break;
                }
            }
            if over && due.is_empty() && self.waiting() == 0 {
                break;
            }
            if now - begun > time + PATIENCE {
                self.failed += due.len() + self.waiting();
                self.odd.push(format!("{} had no answer", due.len() + self.waiting()));
                break;
            }
            self.poll.poll(&mut events, Some(Duration::from_millis(1)))?;
            for event in &events {
                let Token(number) = event.token();
                self.attend(number)?;
            }
        }
        let all: Vec<_> = self.vended.iter().chain(&self.later).copied().collect();
        Ok(Answers {
            vended: Latency::of(self.vended.drain(..), 0),
            later: Latency::of(self.later.drain(..), 0),
            all: Latency::of(all, self.failed),
            odd: std::mem::take(&mut self.odd),
            elapsed: time,
        })
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.visitors.len()
    }

    fn waiting(&self) -> usize {
        self.visitors.len() - self.idle.len()
    }

    /// Asks by a connection that is idle, or a new one; false where there are as many as may be.
    fn ask(&mut self, due: Instant) -> Result<bool, Failure> {
        if self.idle.is_empty() && self.visitors.len() < MOST {
            self.visitors.push(None);
            self.idle.push(self.visitors.len() - 1);
        }
        let Some(number) = self.idle.pop() else { return Ok(false) };
        if let Some(visitor) = &mut self.visitors[number] {
            visitor.due = Some(due);
            visitor.sent = false;
        } else {
            let mut stream = TcpStream::connect(self.addr)?;
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, Token(number), both)?;
            self.visitors[number] = Some(Visitor { stream, due: Some(due), sent: false, answer: Vec::new() });
        }
        self.attend(number)?;
        Ok(true)
    }

    /// Sends what is to be sent, and takes in what came.
    fn attend(&mut self, number: usize) -> Result<(), Failure> {
        let Some(visitor) = self.visitors.get_mut(number).and_then(Option::as_mut) else { return Ok(()) };
        let Some(due) = visitor.due else { return Ok(()) };
        if !visitor.sent {
            let n = self.asked;
            let (form, host) = (format!("room=demo&purpose=produce&key={}", self.key), self.addr);
            let request = format!(
                "POST /api/session HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: 2001:db8:{:x}:{:x}::1\r\nContent-Type: \
                 application/x-www-form-urlencoded\r\nAccept: application/json\r\nContent-Length: {}\r\n\r\n{form}",
                (n >> 16) & 0xffff,
                n & 0xffff,
                form.len(),
            );
            match visitor.stream.write(request.as_bytes()) {
                // So little is taken at once.
                Ok(written) if written == request.len() => {
                    visitor.sent = true;
                    self.asked += 1;
                }
                Ok(written) => return Err(format!("{written} bytes of a request were taken").into()),
                // Still connecting.
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => return Ok(()),
                Err(error) => return self.lose(number, &format!("sent nothing: {error}")),
            }
        }
        let mut bytes = [0; 4_096];
        loop {
            match visitor.stream.read(&mut bytes) {
                Ok(0) => return self.lose(number, "the connection ended"),
                Ok(read) => visitor.answer.extend_from_slice(&bytes[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return self.lose(number, &error.to_string()),
            }
        }
        if let Some(answer) = answer_in(&visitor.answer)? {
            let took = due.elapsed();
            visitor.answer.clear();
            visitor.due = None;
            self.idle.push(number);
            match answer {
                Answer::Vended => self.vended.push(took),
                Answer::Later => self.later.push(took),
                Answer::Odd(what) => self.note(what),
            }
        }
        Ok(())
    }

    /// A connection that broke before its answer was whole.
    fn lose(&mut self, number: usize, why: &str) -> Result<(), Failure> {
        if let Some(mut visitor) = self.visitors[number].take() {
            self.poll.registry().deregister(&mut visitor.stream)?;
        }
        self.idle.push(number);
        self.note(why.to_owned());
        Ok(())
    }

    fn note(&mut self, what: String) {
        self.failed += 1;
        if self.odd.len() < 5 {
            self.odd.push(what);
        }
    }
}

/// The answer in these bytes, once it is whole.
fn answer_in(bytes: &[u8]) -> Result<Option<Answer>, Failure> {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
        return if bytes.len() > MAX_HEAD { Err("an answer without end of its head".into()) } else { Ok(None) };
    };
    let head = std::str::from_utf8(&bytes[..end])?;
    let value = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let Some(length) = value("content-length").map(str::parse::<usize>).transpose()? else {
        return Err(format!("an answer without length: {head}").into());
    };
    if bytes.len() < end + 4 + length {
        return Ok(None);
    }
    let body = &bytes[end + 4..];
    let retry_after = value("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
    Ok(Some(match head.split(' ').nth(1) {
        Some("200") if memchr::memmem::find(body, b"\"ticket\":\"").is_some() => Answer::Vended,
        Some("429") if retry_after.is_some_and(|seconds| seconds >= 1) => Answer::Later,
        _ => Answer::Odd(format!("{} … {}", head.lines().next().unwrap_or_default(), String::from_utf8_lossy(body))),
    }))
}
