//! The accept loop: accepts connections within the limits, and on shutdown none, until open ones have had their responses. A
//! single connection is served by [`connection`](super::connection).

use std::{net::IpAddr, time::Duration};

use danmu_identity::capacity::Capacity;
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::connection::{self, Admitted, Answering};

/// Back-off after a failed accept, most likely for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Limits and timeouts of connections.
#[derive(Clone, Debug)]
pub struct Admission {
    /// How many may be open.
    pub capacity: Capacity,
    /// The trusted proxies, whose connections are not counted as one network's.
    pub proxies: Vec<IpNet>,
    /// The idle timeout of a connection.
    pub keep_alive: Duration,
    /// How long an HTTP/2 response may wait for its client to take a piece of it.
    pub taking: Duration,
}

impl Admission {
    fn is_proxy(&self, peer: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(&peer.to_canonical()))
    }
}

/// Serves until `stop`, then until every request that had begun is answered. When all permits are taken, new connections wait
/// in the kernel's accept queue; a connection from a network that has used its share is closed.
pub async fn serve(listener: TcpListener, router: impl Answering, admission: Admission, stop: CancellationToken) {
    let open = TaskTracker::new();
    loop {
        let next = async {
            admission.capacity.free().await;
            listener.accept().await
        };
        let accepted = tokio::select! {
            next = next => next,
            () = stop.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let is_counted = !admission.is_proxy(peer.ip());
        let Some(mut permit) = admission.capacity.let_in(is_counted.then(|| peer.ip())) else { continue };
        let (router, stop) = (router.clone(), stop.clone());
        let Admission { capacity, keep_alive: idle, taking, .. } = admission.clone();
        let admitted = Admitted { capacity, is_reserve: permit.is_reserve(), is_counted, idle, taking };
        open.spawn(async move {
            if let Some((stream, (viewer, share))) = connection::attend(stream, peer, router, admitted, &stop).await {
                share.into_iter().for_each(|share| permit.keep(share));
                viewer.sit(stream, permit);
            }
        });
    }
    drop(listener);
    open.close();
    open.wait().await;
}
