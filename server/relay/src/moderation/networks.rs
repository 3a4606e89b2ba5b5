//! Which guests have sessions from which network, while these last: a ban of a network concerns them too.
//!
//! In memory only: after a restart, earlier guests are unknown, and their sessions expire by themselves. Bounded: beyond
//! [`MOST`] entries those that expire first are dropped.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use danmu::viewer::ViewerId;
use ipnet::IpNet;

/// The most entries (guest and address), of about a hundred bytes each.
const MOST: usize = 200_000;

/// Guests with a session from this server.
#[derive(Debug, Default)]
pub(super) struct Guests(Mutex<HashMap<(ViewerId, IpAddr), i64>>);

impl Guests {
    /// Records a guest's session from an address, until `until_ms`. Its sessions from other addresses are kept.
    pub(super) fn saw(&self, viewer: &ViewerId, addr: IpAddr, until_ms: i64, now_ms: i64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = (viewer.clone(), addr);
        if known.len() >= MOST && !known.contains_key(&seen) {
            known.retain(|_, ends_ms| *ends_ms > now_ms);
            if known.len() >= MOST {
                // Half of them, so that this does not recur for every guest.
                let mut ends: Vec<i64> = known.values().copied().collect();
                let (_, middle, _) = ends.select_nth_unstable(MOST / 2);
                let middle = *middle;
                known.retain(|_, ends_ms| *ends_ms > middle);
            }
        }
        known.insert(seen, until_ms);
    }

    /// The guests of a network, and when their sessions end.
    pub(super) fn of(&self, network: &IpNet, now_ms: i64) -> Vec<(ViewerId, i64)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut there = HashMap::new();
        for ((viewer, addr), ends_ms) in known.iter() {
            if network.contains(addr) && *ends_ms > now_ms {
                let last = there.entry(viewer).or_insert(*ends_ms);
                *last = (*last).max(*ends_ms);
            }
        }
        there.into_iter().map(|(viewer, ends_ms)| (viewer.clone(), ends_ms)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_are_found_by_their_network_until_their_session_ends() {
        let guests = Guests::default();
        let [ann, bob, eve] = [1, 2, 3].map(ViewerId::guest);
        guests.saw(&ann, [192, 0, 2, 7].into(), 100, 0);
        guests.saw(&bob, [192, 0, 2, 8].into(), 50, 0);
        guests.saw(&eve, [198, 51, 100, 1].into(), 100, 0);
        let of = |network: &str, now_ms| {
            let mut found = guests.of(&network.parse().expect("a network"), now_ms);
            found.sort_unstable();
            found
        };
        assert_eq!(of("192.0.2.0/24", 10), [(ann.clone(), 100), (bob, 50)]);
        assert_eq!(of("192.0.2.0/24", 50), [(ann.clone(), 100)]);
        guests.saw(&ann, [198, 51, 100, 9].into(), 200, 60);
        assert_eq!(of("192.0.2.0/24", 60), [(ann.clone(), 100)], "what she has from there is good for as long");
        assert_eq!(of("198.51.100.0/24", 60).len(), 2);
        guests.saw(&ann, [192, 0, 2, 9].into(), 300, 60);
        assert_eq!(of("192.0.2.0/24", 60), [(ann.clone(), 300)], "once, until the last one ends");
        assert_eq!(of("192.0.2.0/24", 300), []);
    }

    #[test]
    fn no_crowd_fills_the_memory() {
        let guests = Guests::default();
        for n in 0..(2 * MOST as u128 + 1) {
            guests.saw(&ViewerId::guest(n), [10, 0, 0, 1].into(), n as i64 + 1, 0);
        }
        let all = guests.of(&"10.0.0.0/8".parse().expect("a network"), 0);
        assert!((MOST / 2..=MOST).contains(&all.len()), "{}", all.len());
        assert!(all.iter().any(|(_, ends_ms)| *ends_ms == 2 * MOST as i64 + 1), "who came last is there");
    }
}
