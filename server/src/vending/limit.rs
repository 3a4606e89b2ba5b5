//! How often one client may ask for a session.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::Arc,
};

use danmu_app::services::ClientAddr;
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};

/// Counts by client. Cheap to clone.
#[derive(Clone)]
pub struct ClientLimit {
    limiter: Arc<DefaultKeyedRateLimiter<IpAddr>>,
    clock: DefaultClock,
}

impl ClientLimit {
    /// `per_minute` on average, `burst` at once.
    #[must_use]
    pub fn new(per_minute: NonZeroU32, burst: NonZeroU32) -> Self {
        let quota = Quota::per_minute(per_minute).allow_burst(burst);
        Self { limiter: Arc::new(RateLimiter::keyed(quota)), clock: DefaultClock::default() }
    }

    /// Counts one request.
    ///
    /// # Errors
    /// The seconds until the client may ask again, at least 1.
    pub fn check(&self, client: ClientAddr) -> Result<(), u32> {
        self.limiter.check_key(&network(client.0)).map_err(|not_yet| {
            let wait = not_yet.wait_time_from(self.clock.now());
            u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1)
        })
    }

    /// Forgets the clients that have all their requests again. To be called now and then: it bounds the memory.
    pub fn forget_idle(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

/// What counts as one client: an IPv4 address, or an IPv6 /64, which is the least that a household gets
/// ([RFC 6177](https://www.rfc-editor.org/rfc/rfc6177)).
fn network(addr: IpAddr) -> IpAddr {
    match addr.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(addr: &str) -> ClientAddr {
        ClientAddr(addr.parse().expect("an address"))
    }

    #[test]
    fn one_household_is_one_client_and_its_neighbour_another() {
        let limit = ClientLimit::new(NonZeroU32::MIN, NonZeroU32::MIN);
        assert_eq!(limit.check(client("2001:db8:1:2::1")), Ok(()));
        assert!(matches!(limit.check(client("2001:db8:1:2:ffff::9")), Err(1..=60)));
        assert_eq!(limit.check(client("2001:db8:1:3::1")), Ok(()));
    }

    #[test]
    fn an_ipv4_address_is_the_same_client_however_it_is_written() {
        let limit = ClientLimit::new(NonZeroU32::MIN, NonZeroU32::MIN);
        assert_eq!(limit.check(client("192.0.2.1")), Ok(()));
        assert!(limit.check(client("::ffff:192.0.2.1")).is_err());
        assert_eq!(limit.check(client("192.0.2.2")), Ok(()));
    }
}
