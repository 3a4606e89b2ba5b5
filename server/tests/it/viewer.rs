//! A viewer that follows a room's feed as a browser does: after any disconnect, it resumes from the id of the last complete
//! event.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use danmu::feed::{GAP, HELLO, Told};

use crate::world::{Failure, Test};

/// A feed says something every six seconds; one that does not is dead.
const SILENCE: Duration = Duration::from_secs(25);
/// How long a viewer listens on after the last danmu: what comes twice comes now.
const AFTERWARDS: Duration = Duration::from_secs(1);
const GLANCE: Duration = Duration::from_millis(50);

/// What a viewer was told, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A danmu, by its id.
    Danmu(String),
    /// What lies between will not come; how many, where that was said.
    Gap(Option<u64>),
}

/// What makes sense of a feed ([HTML, section 9.2.6](https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation)).
/// Only an event that is whole counts, its id too.
#[derive(Debug, Default)]
pub struct Ear {
    /// Where to go on.
    pub place: String,
    /// All that was told.
    pub heard: Vec<Heard>,
    /// Danmu among it.
    pub danmu: usize,
    /// How often the feed began.
    pub hellos: usize,
    /// Where among what was told its absence belongs.
    absent: usize,
    line: Vec<u8>,
    event: Event,
}

#[derive(Debug, Default)]
struct Event {
    name: String,
    id: Option<String>,
    data: String,
}

impl Ear {
    /// Takes in what came, cut anywhere.
    pub fn hear(&mut self, bytes: &[u8]) -> Test {
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let line = String::from_utf8(std::mem::take(&mut self.line))?;
            if let Some(name) = line.strip_prefix("event: ") {
                name.clone_into(&mut self.event.name);
            } else if let Some(id) = line.strip_prefix("id: ") {
                self.event.id = Some(id.to_owned());
            } else if let Some(data) = line.strip_prefix("data: ") {
                self.event.data += data;
            } else if line.is_empty() {
                let event = std::mem::take(&mut self.event);
                self.understand(event)?;
            }
        }
        Ok(())
    }

    /// The line broke: what was not whole is forgotten.
    pub fn cut_off(&mut self) {
        self.line.clear();
        self.event = Event::default();
    }

    /// Whether this danmu is what it heard last, and nothing of its absence is left.
    pub fn heard_last(&self, id: &str) -> bool {
        !self.place.contains("~~") && matches!(self.heard.last(), Some(Heard::Danmu(last)) if last == id)
    }

    fn understand(&mut self, Event { name, id, data }: Event) -> Test {
        if name == HELLO && !self.place.contains("~~") {
            self.absent = self.heard.len();
        }
        if let Some(id) = id {
            self.place = id;
        }
        if data.is_empty() {
            return Ok(());
        }
        let told: Told = serde_json::from_str(&data).map_err(|error| format!("{error}: {data}"))?;
        match name.as_str() {
            "" if told.dropped > 0 || told.danmu.iter().any(|item| item.n != 1) => {
                return Err(format!("danmu were left out or put together: {data}").into());
            }
            "" => {
                self.danmu += told.danmu.len();
                let at = if told.past { self.absent } else { self.heard.len() };
                self.absent += if told.past { told.danmu.len() } else { 0 };
                self.heard.splice(at..at, told.danmu.into_iter().map(|item| Heard::Danmu(item.id)));
            }
            HELLO => {
                // The first one, without a place to go on from, loses nothing.
                let again = self.hellos > 0;
                self.hellos += 1;
                match (told.recovered, told.missed) {
                    (true, Some(0)) => {}
                    (true, missed) => return Err(format!("recovered, and missed {missed:?}").into()),
                    (false, missed) if again => self.heard.push(Heard::Gap(missed)),
                    (false, _) => {}
                }
            }
            GAP => self.heard.push(Heard::Gap(told.missed)),
            _ => {}
        }
        Ok(())
    }
}

/// Something that a viewer does once.
pub struct Pause {
    /// After so many danmu.
    pub after: usize,
    /// Whether it is over, by how long it has lasted.
    pub over: Box<dyn Fn(Duration) -> bool + Send>,
}

impl Pause {
    /// A pause that lasts so long.
    pub fn lasting(after: usize, time: Duration) -> Self {
        Self { after, over: Box::new(move |lasted| lasted >= time) }
    }

    fn wait(self, stop: &AtomicBool) {
        let since = Instant::now();
        while !(self.over)(since.elapsed()) && !stop.load(SeqCst) {
            thread::sleep(GLANCE);
        }
    }
}

/// A viewer, and what it does.
pub struct Viewer {
    name: &'static str,
    /// Where it turns to whenever it is off, one after another.
    sites: Vec<SocketAddr>,
    stays: usize,
    leaves: Option<Pause>,
    stalls: Option<Pause>,
}

/// What became of a viewer.
pub struct Account {
    pub name: &'static str,
    pub ear: Ear,
}

pub type Following = JoinHandle<Result<Account, Failure>>;

impl Viewer {
    /// One that stays where it is, as far as it is let.
    pub fn new(name: &'static str, sites: impl Into<Vec<SocketAddr>>) -> Self {
        Self { name, sites: sites.into(), stays: usize::MAX, leaves: None, stalls: None }
    }

    /// It leaves for the next site by itself after so many danmu.
    pub fn moving_every(self, danmu: usize) -> Self {
        Self { stays: danmu, ..self }
    }

    /// It is off for a while, its connection closed.
    pub fn leaving(self, pause: Pause) -> Self {
        Self { leaves: Some(pause), ..self }
    }

    /// It takes nothing from its connection for a while.
    pub fn stalling(self, pause: Pause) -> Self {
        Self { stalls: Some(pause), ..self }
    }

    /// Follows the room until it has heard the danmu `last`, or `stop`.
    pub fn follow(mut self, last: String, stop: Arc<AtomicBool>) -> Following {
        thread::spawn(move || {
            let mut ear = Ear::default();
            let mut sites = self.sites.clone().into_iter().cycle();
            while !stop.load(SeqCst) && !ear.heard_last(&last) {
                let site = sites.next().ok_or("nowhere to go")?;
                // Whoever cannot be reached is tried again.
                if let Ok(line) = ask(site, &ear.place) {
                    self.listen(line, &mut ear, &last, &stop).map_err(|error| format!("{}: {error}", self.name))?;
                    ear.cut_off();
                }
                thread::sleep(GLANCE);
            }
            Ok(Account { name: self.name, ear })
        })
    }

    /// Until the line is broken, or this viewer breaks it.
    fn listen(&mut self, mut line: TcpStream, ear: &mut Ear, last: &str, stop: &AtomicBool) -> Test {
        let (began, mut bytes) = (ear.danmu, [0; 4096]);
        let (mut heard, mut complete) = (Instant::now(), None::<Instant>);
        while !stop.load(SeqCst) && heard.elapsed() < SILENCE {
            match line.read(&mut bytes) {
                Ok(0) => return Ok(()),
                Ok(n) => {
                    heard = Instant::now();
                    ear.hear(&bytes[..n])?;
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => return Ok(()),
            }
            if ear.heard_last(last) && complete.get_or_insert_with(Instant::now).elapsed() > AFTERWARDS {
                return Ok(());
            }
            if let Some(pause) = self.stalls.take_if(|pause| ear.danmu >= pause.after) {
                pause.wait(stop);
                heard = Instant::now();
            }
            if let Some(pause) = self.leaves.take_if(|pause| ear.danmu >= pause.after) {
                drop(line);
                pause.wait(stop);
                return Ok(());
            }
            if ear.danmu - began >= self.stays {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn ask(site: SocketAddr, place: &str) -> std::io::Result<TcpStream> {
    let mut line = TcpStream::connect(site)?;
    line.set_read_timeout(Some(GLANCE))?;
    write!(line, "GET /rooms/demo/events?from={place} HTTP/1.1\r\nHost: {site}\r\nConnection: close\r\n\r\n")?;
    Ok(line)
}

/// Waits for all of them for so long; who is not through by then tells how far it came.
pub async fn accounts(viewers: Vec<Following>, stop: &AtomicBool, patience: Duration) -> Result<Vec<Account>, Failure> {
    let since = Instant::now();
    while viewers.iter().any(|viewer| !viewer.is_finished()) && since.elapsed() < patience {
        tokio::time::sleep(GLANCE).await;
    }
    stop.store(true, SeqCst);
    viewers.into_iter().map(|viewer| viewer.join().map_err(|_| "a viewer panicked")?).collect()
}
