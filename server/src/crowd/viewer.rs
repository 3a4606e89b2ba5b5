//! One simulated viewer: waits for the next moment to speak, then sends as the page would.

use std::{cell::Cell, rc::Rc, time::Duration};

use danmu::{
    kinesis::{Client, Clock, Host, Keeper, Options, Producer, PutError},
    record::{Color, Danmu, Mode, RecordId},
    room::{Pace, RoomId},
    session::Purpose,
    ticket::{Proof, PublicKey, Signature},
};
use ed25519_dalek::{Signer, SigningKey};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    door::Door,
    host::Native,
    mood::{CALM, Mood, SURGE},
    persona::Persona,
    tally::Tally,
};

/// Exponent of the rate distribution (Zipf): 0 makes all rates equal, 1 makes the first twice the second.
const UNEVEN: f64 = 0.6;
/// Back-off of a viewer that got no session, where the server gave no `Retry-After`.
const COME_BACK: Duration = Duration::from_secs(30);

/// The rate of the viewer at this rank (0 is the most talkative), relative to the average over `all`.
pub(super) fn share(rank: usize, all: usize) -> f64 {
    let weight = |rank: usize| (rank as f64 + 1.0).powf(-UNEVEN);
    // Approximates the sum of all weights by an integral.
    let total = ((all as f64 + 1.0).powf(1.0 - UNEVEN) - 1.0) / (1.0 - UNEVEN);
    weight(rank) * all as f64 / total
}

pub(super) struct Viewer {
    host: Native,
    room: RoomId,
    /// Danmu a minute, on average.
    rate: f64,
    keeper: Keeper<Native, Door>,
    producer: Producer<Native, Door>,
    mood: Rc<Mood>,
    tally: Rc<Tally>,
    persona: Persona,
    key: SigningKey,
    breath: Breath,
}

/// What a page does before it sends, so that the gate refuses nothing: a token bucket, of a room's usual pace.
struct Breath {
    /// Danmu that may be sent, as of `at`.
    left: Cell<f64>,
    at: Cell<Instant>,
}

impl Breath {
    fn new() -> Self {
        Self { left: Cell::new(f64::from(Pace::default().burst)), at: Cell::new(Instant::now()) }
    }

    /// Takes a danmu out of the bucket, if there is one.
    fn take(&self) -> bool {
        let (pace, now) = (Pace::default(), Instant::now());
        // A little slower than is allowed: arrivals are not as far apart as puts.
        let gained = now.duration_since(self.at.replace(now)).as_secs_f64() * f64::from(pace.per_minute) / 60.0 * 0.9;
        let left = (self.left.get() + gained).min(f64::from(pace.burst) - 1.0);
        let fits = left >= 1.0;
        self.left.set(if fits { left - 1.0 } else { left });
        fits
    }
}

impl Viewer {
    pub(super) fn new(
        host: &Native,
        origin: &str,
        room: &RoomId,
        rate: f64,
        mood: &Rc<Mood>,
        tally: &Rc<Tally>,
    ) -> Self {
        // No better than it has to be: it signs nothing but small talk.
        let mut seed = [0; 32];
        fastrand::fill(&mut seed);
        let key = SigningKey::from_bytes(&seed);
        let door = Door::new(host, origin, room, PublicKey::new(key.verifying_key().to_bytes()));
        let keeper = Keeper::new(Clock::new(host.clone()), door, Purpose::Produce);
        let producer = Producer::new(Client::new(keeper.clone(), origin), Options::default());
        Self {
            host: host.clone(),
            room: room.clone(),
            rate,
            keeper,
            producer,
            mood: Rc::clone(mood),
            tally: Rc::clone(tally),
            persona: Persona::new(host),
            key,
            breath: Breath::new(),
        }
    }

    /// Sends danmu until `leaving` is cancelled. A put in flight is finished.
    pub(super) async fn watch(self, leaving: CancellationToken) {
        while leaving.run_until_cancelled(self.something_to_say()).await.is_some() {
            if let Some(away) = self.say().await
                && leaving.run_until_cancelled(self.host.sleep(away)).await.is_none()
            {
                return;
            }
        }
    }

    /// Waits for the next event of a Poisson process whose rate follows the mood: drawn at the highest rate, then thinned.
    async fn something_to_say(&self) {
        let highest = CALM * SURGE;
        loop {
            let minutes = -(1.0 - self.host.fraction()).ln() / (self.rate * highest);
            self.host.sleep(Duration::from_secs_f64((minutes * 60.0).min(86_400.0))).await;
            if self.host.fraction() < self.mood.pace() / highest {
                return;
            }
        }
    }

    /// Says something that fits, if it is not out of breath. If no session can be had, returns how long to back off.
    async fn say(&self) -> Option<Duration> {
        if !self.breath.take() {
            return None;
        }
        self.send(self.mood.text(&self.host, self.persona.tongue), self.persona.style(&self.host)).await
    }

    /// Sends one danmu, signed, as a page does. If no session can be had, returns how long to back off.
    pub(super) async fn send(&self, text: String, (mode, color): (Mode, Color)) -> Option<Duration> {
        // Like the page, which asks for credentials when somebody begins to type.
        let session = match self.keeper.session().await {
            Ok(session) => session,
            Err(error) => {
                let away = error.retry_after.unwrap_or(COME_BACK);
                self.tally.turned_away(error.to_string());
                return Some(away);
            }
        };
        let now = self.keeper.clock().now_ms();
        let chance = u128::from(self.host.random()) << 64 | u128::from(self.host.random());
        let danmu = Danmu::new(RecordId::new(now, chance), self.room.clone(), text, now);
        let line = Danmu { mode, color, ..danmu }.encode();
        let record = match &session.ticket {
            Some(ticket) => {
                let signature = Signature::new(self.key.sign(&line).to_bytes());
                Proof { ticket, signature }.attach(line)
            }
            None => line,
        };
        self.tally.sent();
        let began = Instant::now();
        match self.producer.put(record, self.room.as_str()).await {
            Ok(_) => self.tally.confirmed(began.elapsed()),
            Err(error) => {
                let away = match &error {
                    PutError::NoSession { retry_after, .. } => Some(retry_after.unwrap_or(COME_BACK)),
                    // Banned, perhaps.
                    PutError::Refused(_) => Some(COME_BACK),
                    _ => None,
                };
                self.tally.failed(error.to_string());
                return away;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nobody_but_the_troll_is_faster_than_a_room_allows() {
        let (breath, burst) = (Breath::new(), Pace::default().burst as usize);
        let said = |tries: usize| (0..tries).filter(|_| breath.take()).count();
        assert_eq!(said(50), burst - 1);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(said(50), burst - 1, "not more than a bucket, however long one was silent");
        let mut in_a_minute = 0;
        for _ in 0..240 {
            tokio::time::advance(Duration::from_millis(250)).await;
            in_a_minute += said(1);
        }
        assert!((50..60).contains(&in_a_minute), "{in_a_minute}");
    }

    #[test]
    fn a_few_say_much_and_the_average_holds() {
        for all in [1, 10, 300, 5_000] {
            let average = (0..all).map(|rank| share(rank, all)).sum::<f64>() / all as f64;
            assert!((0.7..1.4).contains(&average), "{all}: {average}");
        }
        assert!(share(0, 300) > 10.0 * share(299, 300));
    }
}
