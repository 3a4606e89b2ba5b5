//! Refused attempts to open studios, counted for the audit: an entry a minute for each room and network at the most.
//!
//! Bounded: beyond [`MOST`] rooms and networks in a minute, further networks count as one.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use danmu::{room::RoomId, viewer::ViewerId};

/// The time between two entries about a room and a network.
const PAUSE: Duration = Duration::from_secs(60);
/// The most rooms and networks that are counted by themselves at a time.
const MOST: usize = 50;

/// A room and a network, as in [`Due`].
type Place = (Option<RoomId>, Option<IpAddr>);

/// Counts attempts.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<HashMap<Place, Count>>);

#[derive(Debug)]
struct Count {
    /// When the last entry was written.
    at: Option<Instant>,
    unwritten: u64,
    /// Who tried last.
    viewer: ViewerId,
}

/// Attempts that are to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// The room; `None` for those that have no key or do not exist.
    pub room: Option<RoomId>,
    /// The network; `None` for several.
    pub network: Option<IpAddr>,
    /// Who tried last.
    pub viewer: ViewerId,
    /// How many.
    pub count: u64,
}

impl Attempts {
    /// Counts an attempt.
    pub(super) fn count(&self, room: Option<RoomId>, network: IpAddr, viewer: ViewerId) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (room, Some(network));
        let key = if all.len() < MOST || all.contains_key(&key) { key } else { (key.0, None) };
        let count = all.entry(key).or_insert_with(|| Count { at: None, unwritten: 0, viewer: viewer.clone() });
        count.unwritten += 1;
        count.viewer = viewer;
    }

    /// Takes what is to be written down now; forgets who has not tried for a minute. `all`: also what would wait.
    pub(super) fn due(&self, now: Instant, all: bool) -> Vec<Due> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |count: &Count| count.at.is_some_and(|at| now.saturating_duration_since(at) < PAUSE);
        counts.retain(|_, count| count.unwritten > 0 || waits(count));
        let due = counts.iter_mut().filter(|(_, count)| count.unwritten > 0 && (all || !waits(count)));
        due.map(|((room, network), count)| {
            count.at = Some(now);
            let (room, network, viewer) = (room.clone(), *network, count.viewer.clone());
            Due { room, network, viewer, count: std::mem::take(&mut count.unwritten) }
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(n: u32) -> IpAddr {
        std::net::Ipv4Addr::from(n).into()
    }

    #[test]
    fn a_flood_from_one_network_is_an_entry_a_minute_and_every_attempt_is_counted() {
        let (attempts, start) = (Attempts::default(), Instant::now());
        let mut written = Vec::new();
        for second in 0..150_u64 {
            for n in 0..100 {
                attempts.count(Some(RoomId::demo()), network(1), ViewerId::guest(n));
            }
            written.extend(attempts.due(start + Duration::from_secs(second), false));
        }
        written.extend(attempts.due(start + Duration::from_secs(150), true));
        let counts: Vec<_> = written.iter().map(|due| due.count).collect();
        assert_eq!(counts, [100, 6_000, 6_000, 2_900]);
        assert!(written.iter().all(|due| due.viewer == ViewerId::guest(99) && due.network == Some(network(1))));
    }

    #[test]
    fn a_flood_from_many_networks_is_few_entries_and_every_attempt_is_counted() {
        let (attempts, start) = (Attempts::default(), Instant::now());
        for n in 0..10_000 {
            attempts.count(None, network(n), ViewerId::guest(1));
        }
        let due = attempts.due(start, false);
        assert_eq!((due.len(), due.iter().map(|due| due.count).sum::<u64>()), (MOST + 1, 10_000));
        assert_eq!(due.iter().filter(|due| due.network.is_none()).map(|due| due.count).collect::<Vec<_>>(), [9_950]);
        attempts.due(start + PAUSE, false);
        assert_eq!(attempts.0.lock().expect("no panic").len(), 0, "they are forgotten");
    }
}
