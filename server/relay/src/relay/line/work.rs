//! The task of a room: it judges what the dispatcher hands it, and has the room's [line](super::room) make the frames that are
//! due. Never waits for a viewer.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError},
    time::Instant,
};

use danmu::{gate::Reason, kinesis::Record, record::Subject, room::Room};
use danmu_identity::clock::now_ms;
use tokio::{sync::mpsc, task::yield_now, time::sleep_until};

use super::{
    super::take::{dispatch::ToRoom, judge::Judge, means::Means, refused::Refused},
    feed::RoomFeed,
    room::{HEARTBEAT, RoomLine},
};
use crate::moderation::Heard;

/// Records judged before the task yields to others on its thread; due frames are made in between.
const AT_ONCE: usize = 64;

/// The task of one room.
pub struct Work {
    room: Room,
    feed: Arc<RoomFeed>,
    judge: Judge,
    line: RoomLine,
    /// Moderators' decisions that still have to be stored.
    unkept: VecDeque<Heard>,
    means: Means,
}

impl Work {
    /// The task of a room that has read nothing yet.
    pub fn new(room: Room, feed: Arc<RoomFeed>, means: Means) -> Self {
        let judge = Judge::new(&room, feed.bans.clone(), feed.lineage.clone(), Arc::clone(&means.verifier));
        let line = RoomLine::new(room.id.clone(), Arc::clone(&feed), means.density);
        Self { room, feed, judge, line, unkept: VecDeque::new(), means }
    }

    /// Works until the queue closes.
    pub async fn run(mut self, mut queue: mpsc::UnboundedReceiver<ToRoom>) {
        let keeper = self.means.moderation.keeper();
        loop {
            let due = self.line.due(self.means.tick).min(Instant::now() + HEARTBEAT);
            tokio::select! {
                // Back-pressure: nothing is taken while a decision has to be stored, unless the queue is closed (shutdown).
                next = queue.recv(), if self.unkept.is_empty() || queue.is_closed() => match next {
                    Some(next) => self.take(next).await,
                    None => return,
                },
                Ok(place) = keeper.reserve(), if !self.unkept.is_empty() => {
                    if let Some(heard) = self.unkept.pop_front() {
                        place.send(heard);
                    }
                }
                () = sleep_until(due.into()) => {}
            }
            self.speak();
        }
    }

    async fn take(&mut self, next: ToRoom) {
        match next {
            ToRoom::Stream(created_ms) => self.line.begin(created_ms),
            ToRoom::Shards(shards, since_ms) => self.line.learn(&shards, since_ms),
            ToRoom::Records(records, _weight) => {
                self.learn_rules().await;
                for few in records.chunks(AT_ONCE) {
                    for record in few {
                        if self.judge(record) {
                            self.learn_rules().await;
                        }
                    }
                    self.line.retract(&[]);
                    if records.len() > AT_ONCE {
                        self.speak();
                        yield_now().await;
                    }
                }
            }
            ToRoom::Retracts(viewers) => self.line.retract(&viewers),
            ToRoom::Reading(reading, behind_ms) => self.line.tell_reading((reading, behind_ms)),
            ToRoom::CaughtUp(_all) => {}
            ToRoom::Changed(room) => {
                self.judge.go_by(&room);
                self.room = room;
            }
        }
    }

    /// What was decided on rules counts for the next record, so they must be known by then.
    async fn learn_rules(&self) {
        self.means.moderation.learn_rules(&self.room.id).await;
    }

    /// Judges a record; returns whether it decides on a rule.
    fn judge(&mut self, record: &Record) -> bool {
        let Means { metrics, moderation, settled_ms, .. } = &self.means;
        let (judged, evidence) = self.judge.judge_and_tell(record);
        match judged {
            Ok(judged) => {
                metrics.admitted(&self.room.id, &judged.admitted);
                moderation.spoke(&self.room.id, &judged.admitted);
                if judged.admitted.held_ms.is_some() {
                    moderation.passed(&self.room.id, &judged.admitted);
                }
                self.feed.verdicts.tell(&judged);
                let (arrival_ms, text) = (judged.admitted.arrival_ms, judged.admitted.text.clone());
                let fate = self.line.choose(judged);
                metrics.chosen(&self.room.id, fate);
                if arrival_ms >= *settled_ms {
                    self.feed.tally.judged(arrival_ms, &text, fate);
                }
                false
            }
            Err(refused) => {
                metrics.refused(refused.name(), refused.notice(), record);
                self.feed.refusals.keep(record, &refused, evidence.as_deref());
                if record.arrival_ms >= *settled_ms && !refused.is_of_crew() {
                    self.feed.tally.refused(record.arrival_ms, refused.name());
                }
                let decided = match refused {
                    Refused::Gate(Reason::Moderation(decided)) => decided,
                    Refused::Gate(Reason::Shadowed(admitted)) => {
                        self.feed.shadowed.keep(*admitted);
                        return false;
                    }
                    Refused::Gate(Reason::Held(held)) if held.danmu.arrival_ms >= *settled_ms => {
                        moderation.held(&self.room.id, *held);
                        return false;
                    }
                    _ => return false,
                };
                if let Subject::Danmu(danmu) = &decided.decision.on
                    && let Some(text) = moderation.text_of(&self.room.id, &danmu.key)
                {
                    self.feed.tally.hidden(now_ms(), &text);
                }
                let on_rule = matches!(decided.decision.on, Subject::Rule(_));
                self.line.decided(&decided);
                self.unkept.push_back(moderation.decided(*decided));
                on_rule
            }
        }
    }

    fn speak(&mut self) {
        let now = Instant::now();
        self.line.tell_modes(now_ms());
        if self.line.due(self.means.tick) <= now {
            *self.feed.counts.lock().unwrap_or_else(PoisonError::into_inner) = self.judge.counts();
            self.line.speak(now, self.means.status.reading(), &self.means.metrics);
        }
    }
}

#[cfg(test)]
mod tests;
