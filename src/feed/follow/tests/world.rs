//! The browser that tabs are in: a lock, a channel, a relay that can be cut off, and time.

use std::collections::VecDeque;

use super::super::*;
use crate::{
    feed::{HEARTBEAT_MS, Item},
    gate::Retracted,
    record::{Color, Mode},
    viewer::Role,
};

pub const STEP: i64 = 100;
pub const BOTH: Ways = Ways { relay: true, direct: true, wants_direct: false };
pub const RELAY: Ways = Ways { direct: false, ..BOTH };

/// A relay that keeps the last `window` danmu, over a stream that keeps all.
pub struct Relay {
    pub up: bool,
    /// Whether what it says is lost on its way, and nobody is told.
    pub lost: bool,
    pub said: u64,
    pub window: u64,
    pub created_ms: i64,
}

fn place(created_ms: i64, n: u64) -> FeedToken {
    FeedToken::new(created_ms, "shardId-0", n.to_string(), 1_000).expect("a position")
}

fn item(n: u64) -> Item {
    Item {
        id: format!("s{n}"),
        text: n.to_string(),
        mode: Mode::default(),
        color: Color::default(),
        at: 0,
        name: None,
        viewer: None,
        role: Role::default(),
        n: 1,
    }
}

pub fn live() -> Told {
    Told { reading: Some(Reading::Live), ..Told::default() }
}

pub struct Tab {
    pub follow: Follow,
    /// Up to which danmu the open feed has told.
    source: Option<u64>,
    greeted: bool,
    /// The same for the stream, and whether it has said how it goes.
    pub reader: Option<(u64, bool)>,
    pub inbox: VecDeque<String>,
    pub heard: Vec<u64>,
    pub retracted: Vec<Retracted>,
    pub gaps: Vec<Option<u64>>,
    pub reading: Option<Reading>,
    pub frozen: bool,
    pub opened: usize,
}

pub struct World {
    now: i64,
    pub relay: Relay,
    pub tabs: Vec<Option<Tab>>,
    /// Who holds the lock, and who waits for it.
    lock: VecDeque<usize>,
}

impl World {
    pub fn new() -> Self {
        let relay = Relay { up: true, lost: false, said: 0, window: 1_000, created_ms: 5 };
        Self { now: 0, relay, tabs: Vec::new(), lock: VecDeque::new() }
    }

    pub fn open(&mut self, ways: Ways, shared: bool) -> usize {
        let at = self.tabs.len();
        let name = shared.then(|| at.to_string());
        self.tabs.push(Some(Tab {
            follow: Follow::new(name, ways, self.now, at as u64),
            source: None,
            greeted: false,
            reader: None,
            inbox: VecDeque::new(),
            heard: Vec::new(),
            retracted: Vec::new(),
            gaps: Vec::new(),
            reading: None,
            frozen: false,
            opened: 0,
        }));
        if shared {
            self.lock.push_back(at);
            self.grant();
        }
        self.act(at);
        at
    }

    pub fn open_all(&mut self, count: usize, ways: Ways, shared: bool) {
        for _ in 0..count {
            self.open(ways, shared);
        }
    }

    pub fn close(&mut self, at: usize) {
        self.tabs[at] = None;
        self.lock.retain(|holder| *holder != at);
        self.grant();
    }

    fn grant(&mut self) {
        if let Some(first) = self.lock.front().copied() {
            self.with(first, |tab, now| tab.follow.granted(now, 3));
        }
    }

    pub fn with(&mut self, at: usize, f: impl FnOnce(&mut Tab, i64)) {
        if let Some(tab) = &mut self.tabs[at] {
            f(tab, self.now);
            self.act(at);
        }
    }

    fn act(&mut self, at: usize) {
        while let Some(act) = self.tabs[at].as_mut().and_then(|tab| tab.follow.act()) {
            let Some(tab) = self.tabs[at].as_mut() else { return };
            let number = |tab: &Tab| {
                tab.follow
                    .place()
                    .parse::<FeedToken>()
                    .ok()
                    .map(|position| position.sequence_number().parse().unwrap_or(0))
            };
            match act {
                Act::Hear { told, .. } => {
                    tab.heard.extend(told.danmu.iter().map(|item| item.text.parse::<u64>().expect("a number")));
                    tab.reading = told.reading.or(tab.reading);
                    tab.retracted.extend(told.retracted);
                }
                Act::Gap(missed) => tab.gaps.push(missed),
                Act::Open => (tab.source, tab.greeted, tab.opened) = (Some(0), false, tab.opened + 1),
                Act::Close => tab.source = None,
                Act::Read => tab.reader = Some((number(tab).unwrap_or(self.relay.said), false)),
                Act::Stop => tab.reader = None,
                Act::Post(note) => {
                    for (other, tab) in self.tabs.iter_mut().enumerate() {
                        if let Some(tab) = tab.as_mut().filter(|_| other != at) {
                            tab.inbox.push_back(note.clone());
                        }
                    }
                }
                Act::Steal => {
                    let holder = self.lock.pop_front();
                    self.lock.retain(|waiting| *waiting != at);
                    self.lock.push_front(at);
                    if let Some(holder) = holder {
                        self.lock.push_back(holder);
                        self.with(holder, |tab, now| tab.follow.lost(now));
                    }
                    self.grant();
                }
            }
        }
    }

    /// Lets time pass, with a danmu at each step if `talk`.
    pub fn run(&mut self, ms: i64, talk: bool) {
        for _ in 0..ms / STEP {
            self.now += STEP;
            self.relay.said += u64::from(talk);
            for at in 0..self.tabs.len() {
                if self.tabs[at].as_ref().is_some_and(|tab| !tab.frozen) {
                    self.step(at);
                }
            }
        }
    }

    fn step(&mut self, at: usize) {
        let Relay { up, lost, said, window, created_ms } = self.relay;
        while let Some(note) = self.tabs[at].as_mut().and_then(|tab| tab.inbox.pop_front()) {
            self.with(at, |tab, now| tab.follow.note(&note, now, at as u64));
        }
        self.with(at, |tab, now| {
            let from = tab.follow.place().parse::<FeedToken>().ok();
            match tab.source {
                Some(_) if lost => {}
                Some(_) if !up => tab.follow.broke(now, 7),
                Some(_) if !tab.greeted => {
                    tab.greeted = true;
                    let kept = from.filter(|from| from.created_ms() == created_ms);
                    let at = kept.and_then(|from| from.sequence_number().parse::<u64>().ok());
                    let at = at.filter(|at| at + window >= said);
                    let danmu =
                        if at.is_none() { (said.saturating_sub(3) + 1..=said).map(item).collect() } else { vec![] };
                    let recovered = at.is_some();
                    let told = Told { recovered, danmu, reading: Some(Reading::Live), ..Told::default() };
                    tab.source = Some(at.unwrap_or(said));
                    let place = place(created_ms, at.unwrap_or(said)).to_string();
                    tab.follow.heard(HELLO, serde_json::to_string(&told).expect("JSON"), place, now, 7);
                }
                Some(at) if at < said => {
                    tab.source = Some(said);
                    let told = Told { danmu: (at + 1..=said).map(item).collect(), ..Told::default() };
                    let place = place(created_ms, said).to_string();
                    tab.follow.heard(MESSAGE, serde_json::to_string(&told).expect("JSON"), place, now, 7);
                }
                Some(_) if now % HEARTBEAT_MS as i64 == 0 => {
                    tab.follow.heard(STATE, r#"{"reading":"live"}"#.to_owned(), String::new(), now, 7);
                }
                Some(_) => {}
                None => match tab.reader {
                    Some((at, false)) => {
                        tab.reader = Some((at, true));
                        tab.follow.reads(live(), false, now);
                    }
                    Some((at, true)) if at < said => {
                        tab.reader = Some((said, true));
                        let told = Told { danmu: (at + 1..=said).map(item).collect(), ..Told::default() };
                        let created = from.map_or(0, |from| from.created_ms());
                        tab.follow.read(told, &place(created, said));
                    }
                    _ => {}
                },
            }
        });
        self.with(at, |tab, now| {
            if now >= tab.follow.due() {
                tab.follow.tick(now, at as u64);
            }
        });
    }

    pub fn tab(&self, at: usize) -> &Tab {
        self.tabs[at].as_ref().expect("an open tab")
    }

    pub fn sources(&self) -> usize {
        self.tabs.iter().flatten().filter(|tab| tab.source.is_some()).count()
    }

    /// That a tab heard all from its first to the last that was said, in order.
    pub fn assert_whole(&mut self, at: usize) {
        // What is on its way arrives.
        self.run(3 * STEP, false);
        let tab = self.tab(at);
        let first = *tab.heard.first().unwrap_or(&1);
        let wrong = tab.heard.iter().zip(first..).find(|(heard, due)| **heard != *due);
        assert_eq!((wrong, tab.heard.last()), (None, Some(&self.relay.said)), "tab {at}");
        assert_eq!(tab.gaps, [], "tab {at}");
    }
}
