//! One simulated viewer: waits for the next moment to speak, then sends as the page would.

use std::{rc::Rc, time::Duration};

use danmu::{
    kinesis::{Client, Clock, Host, Keeper, Options, Producer, PutError},
    record::{Danmu, RecordId},
    room::RoomId,
    session::Purpose,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    door::Door,
    host::Native,
    mood::{CALM, Mood, SURGE},
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
        let keeper = Keeper::new(Clock::new(host.clone()), Door::new(host, origin, room), Purpose::Produce);
        let producer = Producer::new(Client::new(keeper.clone(), origin), Options::default());
        Self {
            host: host.clone(),
            room: room.clone(),
            rate,
            keeper,
            producer,
            mood: Rc::clone(mood),
            tally: Rc::clone(tally),
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

    /// Sends one danmu. If no session can be had, returns how long to back off.
    async fn say(&self) -> Option<Duration> {
        // Like the page, which asks for credentials when somebody begins to type.
        if let Err(error) = self.keeper.session().await {
            let away = error.retry_after.unwrap_or(COME_BACK);
            self.tally.turned_away(error.to_string());
            return Some(away);
        }
        let now = self.keeper.clock().now_ms();
        let chance = u128::from(self.host.random()) << 64 | u128::from(self.host.random());
        let text = self.mood.text(&self.host);
        let danmu = Danmu::new(RecordId::new(now, chance), self.room.clone(), text, now);
        self.tally.sent();
        let began = Instant::now();
        match self.producer.put(danmu.encode(), self.room.as_str()).await {
            Ok(_) => self.tally.confirmed(began.elapsed()),
            Err(error) => {
                let away = match &error {
                    PutError::NoSession { retry_after, .. } => Some(retry_after.unwrap_or(COME_BACK)),
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

    #[test]
    fn a_few_say_much_and_the_average_holds() {
        for all in [1, 10, 300, 5_000] {
            let average = (0..all).map(|rank| share(rank, all)).sum::<f64>() / all as f64;
            assert!((0.7..1.4).contains(&average), "{all}: {average}");
        }
        assert!(share(0, 300) > 10.0 * share(299, 300));
    }
}
