//! Rate limits of sessions, for each viewer and each network.

use std::{
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use danmu::viewer::ViewerId;
use danmu_app::services::Caller;
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};

use crate::capacity::network;

/// After this many requests, idle entries are dropped at once, so that a flood from many addresses cannot fill the memory.
const FORGET_AFTER: usize = 10_000;

/// Rate limiters by network and by viewer. Cheap to clone.
#[derive(Clone)]
pub struct Limits {
    networks: Limit<IpAddr>,
    viewers: Limit<ViewerId>,
    /// Requests since idle entries were dropped.
    counted: Arc<AtomicUsize>,
}

/// A rate limit (token bucket).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests a minute, in the long run.
    pub per_minute: NonZeroU32,
    /// Burst.
    pub burst: NonZeroU32,
}

/// A rate limiter: each key has a bucket of its own. Cheap to clone.
#[derive(Clone)]
pub struct Limit<K: Clone + Eq + Hash> {
    limiter: Arc<DefaultKeyedRateLimiter<K>>,
    clock: DefaultClock,
}

impl Limits {
    /// With these limits for each network and each viewer.
    #[must_use]
    pub fn new(network: Rate, viewer: Rate) -> Self {
        Self { networks: Limit::new(network), viewers: Limit::new(viewer), counted: Arc::default() }
    }

    /// Counts one request.
    ///
    /// # Errors
    /// The seconds until the caller may try again, at least 1.
    pub fn check(&self, caller: &Caller) -> Result<(), u32> {
        if self.counted.fetch_add(1, Relaxed) + 1 == FORGET_AFTER {
            self.forget_idle();
        }
        // Network first: a client without a cookie is a new viewer each time, and must not fill the memory with entries.
        self.networks.check(&network(caller.addr))?;
        self.viewers.check(&caller.viewer)
    }

    /// Drops entries whose bucket is full again. Call it regularly: together with `FORGET_AFTER` it bounds the memory to
    /// recent callers.
    pub fn forget_idle(&self) {
        self.counted.store(0, Relaxed);
        self.networks.forget_idle();
        self.viewers.forget_idle();
    }
}

impl<K: Clone + Eq + Hash> Limit<K> {
    /// With this limit for each key.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        let quota = Quota::per_minute(rate.per_minute).allow_burst(rate.burst);
        Self { limiter: Arc::new(RateLimiter::keyed(quota)), clock: DefaultClock::default() }
    }

    /// Counts one request.
    ///
    /// # Errors
    /// The seconds until the next one is allowed, at least 1.
    pub fn check(&self, key: &K) -> Result<(), u32> {
        self.limiter.check_key(key).map_err(|not_yet| {
            let wait = not_yet.wait_time_from(self.clock.now());
            u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1)
        })
    }

    /// Drops entries whose bucket is full again.
    pub fn forget_idle(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use danmu::rights::Rights;

    use super::*;

    const ONCE: Rate = Rate { per_minute: NonZeroU32::MIN, burst: NonZeroU32::MIN };
    const OFTEN: Rate = Rate { per_minute: NonZeroU32::MIN, burst: NonZeroU32::new(1_000).unwrap() };

    fn caller(addr: &str, viewer: u128) -> Caller {
        let addr = addr.parse().expect("an address");
        Caller { addr, viewer: ViewerId::guest(viewer), name: None, rights: Rights::default(), login: None }
    }

    #[test]
    fn one_household_is_one_network_and_its_neighbour_another() {
        let limits = Limits::new(ONCE, OFTEN);
        assert_eq!(limits.check(&caller("2001:db8:1:2::1", 1)), Ok(()));
        assert!(matches!(limits.check(&caller("2001:db8:1:2:ffff::9", 2)), Err(1..=60)));
        assert_eq!(limits.check(&caller("2001:db8:1:3::1", 3)), Ok(()));
    }

    #[test]
    fn an_ipv4_address_is_the_same_network_however_it_is_written() {
        let limits = Limits::new(ONCE, OFTEN);
        assert_eq!(limits.check(&caller("192.0.2.1", 1)), Ok(()));
        assert!(limits.check(&caller("::ffff:192.0.2.1", 2)).is_err());
        assert_eq!(limits.check(&caller("192.0.2.2", 3)), Ok(()));
    }

    #[test]
    fn one_viewer_is_one_wherever_it_is_and_leaves_the_others_of_its_network_their_sessions() {
        let limits = Limits::new(OFTEN, ONCE);
        assert_eq!(limits.check(&caller("192.0.2.1", 1)), Ok(()));
        assert!(matches!(limits.check(&caller("198.51.100.1", 1)), Err(1..=60)));
        assert_eq!(limits.check(&caller("192.0.2.1", 2)), Ok(()));
    }

    #[test]
    fn who_is_a_new_viewer_each_time_fills_no_memory() {
        let limits = Limits::new(ONCE, ONCE);
        for viewer in 0..1_000 {
            let _ = limits.check(&caller("192.0.2.1", viewer));
        }
        assert_eq!(limits.viewers.limiter.len(), 1);
    }
    #[test]
    fn a_flood_from_many_addresses_fills_no_memory() {
        let often = NonZeroU32::new(1_000_000).expect("a rate");
        let limits = Limits::new(Rate { per_minute: often, burst: often }, Rate { per_minute: often, burst: often });
        for n in 0..10 * u128::try_from(FORGET_AFTER).expect("a number") {
            let addr = IpAddr::V6(Ipv6Addr::from(n << 64));
            let caller =
                Caller { addr, viewer: ViewerId::guest(n), name: None, rights: Rights::default(), login: None };
            assert_eq!(limits.check(&caller), Ok(()));
        }
        // Each has its request again after 60 µs: few are of late.
        assert!(limits.networks.limiter.len() < 2 * FORGET_AFTER, "{}", limits.networks.limiter.len());
        assert!(limits.viewers.limiter.len() < 2 * FORGET_AFTER, "{}", limits.viewers.limiter.len());
    }
}
