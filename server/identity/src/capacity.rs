//! Admission limits: how many connections and viewers may be open at a time, in all and from one network.
//!
//! Every connection holds a permit, and so does each viewer on a connection that several viewers share. A network, identified
//! by the client's address (not its proxy's), gets at most its share. A client that finds no ordinary permit gets one from a
//! reserve, for short requests only, so that health checks and forms are answered even when viewers fill the server.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The reserve has one permit for every this many ordinary ones, within the bounds of [`RESERVE`].
const RESERVED_OF: usize = 16;
const RESERVE: std::ops::RangeInclusive<usize> = 4..=256;

/// All permits. A handle.
#[derive(Clone, Debug)]
pub struct Capacity(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    ordinary: Arc<Semaphore>,
    reserve: Arc<Semaphore>,
    shares: Mutex<HashMap<(IpAddr, ShareKind), usize>>,
    share: usize,
    reserve_share: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum ShareKind {
    Ordinary,
    Reserve,
}

/// Permission to hold a connection open; dropping it gives it back.
#[derive(Debug)]
pub struct Permit {
    _permit: OwnedSemaphorePermit,
    is_reserve: bool,
    shares: Vec<Share>,
}

/// One place of a network's share; dropping it gives it back.
#[derive(Debug)]
pub struct Share {
    capacity: Capacity,
    key: (IpAddr, ShareKind),
}

impl Capacity {
    /// This many connections, of which one network may have `percent`.
    #[must_use]
    pub fn new(connections: usize, percent: u8) -> Self {
        let share = (connections.saturating_mul(percent.into()) / 100).max(1);
        let reserve = (connections / RESERVED_OF).clamp(*RESERVE.start(), *RESERVE.end());
        Self(Arc::new(Inner {
            ordinary: Arc::new(Semaphore::new(connections)),
            reserve: Arc::new(Semaphore::new(reserve)),
            shares: Mutex::default(),
            share,
            reserve_share: (reserve / 2).max(1),
        }))
    }

    /// Waits until a permit, ordinary or reserve, is free.
    pub async fn free(&self) {
        // The semaphores are never closed, and the acquired permit is released at once.
        tokio::select! {
            _ = self.0.ordinary.acquire() => {}
            _ = self.0.reserve.acquire() => {}
        }
    }

    /// How many ordinary permits are free.
    #[must_use]
    pub fn left(&self) -> usize {
        self.0.ordinary.available_permits()
    }

    /// A permit for a connection from that address, from the reserve where no ordinary one is free. No `addr` (a proxy's
    /// connection) means that no share is counted. Never waits; `None` where there is no permit.
    #[must_use]
    pub fn let_in(&self, addr: Option<IpAddr>) -> Option<Permit> {
        self.take(addr, ShareKind::Ordinary).or_else(|| self.take(addr, ShareKind::Reserve))
    }

    /// A separate permit for a viewer from that address.
    #[must_use]
    pub fn viewer(&self, addr: IpAddr) -> Option<Permit> {
        self.take(Some(addr), ShareKind::Ordinary)
    }

    fn take(&self, addr: Option<IpAddr>, kind: ShareKind) -> Option<Permit> {
        let all = if kind == ShareKind::Ordinary { &self.0.ordinary } else { &self.0.reserve };
        let permit = Arc::clone(all).try_acquire_owned().ok()?;
        let shares = match addr {
            Some(addr) => vec![self.share_as(addr, kind)?],
            None => Vec::new(),
        };
        Some(Permit { _permit: permit, is_reserve: kind == ShareKind::Reserve, shares })
    }

    /// One place of that network's share, for a viewer behind a proxy, whose connection was not counted.
    #[must_use]
    pub fn share(&self, addr: IpAddr) -> Option<Share> {
        self.share_as(addr, ShareKind::Ordinary)
    }

    fn share_as(&self, addr: IpAddr, kind: ShareKind) -> Option<Share> {
        let (key, most) = (
            (network(addr), kind),
            match kind {
                ShareKind::Ordinary => self.0.share,
                ShareKind::Reserve => self.0.reserve_share,
            },
        );
        let mut shares = self.0.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let count = shares.entry(key).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Share { capacity: self.clone(), key })
    }
}

impl Permit {
    /// Whether it comes from the reserve, which serves short requests and no viewers.
    #[must_use]
    pub const fn is_reserve(&self) -> bool {
        self.is_reserve
    }

    /// Holds a share until the permit is dropped.
    pub fn keep(&mut self, share: Share) {
        self.shares.push(share);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut shares = self.capacity.0.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = shares.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                shares.remove(&self.key);
            }
        }
    }
}

/// The key by which a client's network is counted: an IPv4 address, or an IPv6 /64, the least that a household gets ([RFC
/// 6177](https://www.rfc-editor.org/rfc/rfc6177)).
#[must_use]
pub fn network(addr: IpAddr) -> IpAddr {
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

    fn addr(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("an address"))
    }

    #[test]
    fn a_network_has_its_share_and_leaves_the_rest_to_others() {
        let capacity = Capacity::new(100, 25);
        let household = |n: usize| addr(&format!("2001:db8:1:2::{n:x}"));
        let held: Vec<_> = (0..100).filter_map(|n| capacity.let_in(household(n))).collect();
        assert_eq!(held.iter().filter(|permit| !permit.is_reserve()).count(), 25);
        assert_eq!(held.len(), 25 + 3, "and half of the reserve");
        assert!(capacity.viewer("2001:db8:1:2::ffff".parse().expect("an address")).is_none());
        for other in ["2001:db8:1:3::1", "192.0.2.1"] {
            assert!(capacity.let_in(addr(other)).is_some_and(|permit| !permit.is_reserve()), "{other}");
        }
        drop(held);
        assert!(capacity.let_in(household(1)).is_some_and(|permit| !permit.is_reserve()));
        assert!(capacity.0.shares.lock().is_ok_and(|shares| shares.is_empty()), "nothing is kept of who went");
    }

    #[test]
    fn the_reserve_answers_when_all_permits_are_taken() {
        let capacity = Capacity::new(10, 100);
        let viewers: Vec<_> = (0..20).filter_map(|_| capacity.viewer([192, 0, 2, 1].into())).collect();
        assert_eq!(viewers.len(), 10);
        let late = capacity.let_in(addr("192.0.2.1")).expect("a permit");
        assert!(late.is_reserve());
        // A proxy's connections are nobody's share; its clients' viewers are theirs.
        let capacity = Capacity::new(10, 20);
        let proxied: Vec<_> = (0..10).filter_map(|_| capacity.let_in(None)).collect();
        assert!(proxied.len() == 10 && proxied.iter().all(|permit| !permit.is_reserve()));
        let shares: Vec<_> = (0..10).filter_map(|_| capacity.share([192, 0, 2, 1].into())).collect();
        assert_eq!(shares.len(), 2);
    }
}
