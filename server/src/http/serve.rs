//! The loop that takes connections: as many as are allowed, and on a signal no more of them, until those that are open have
//! had their answers. What a connection may do is in [`connection`](super::connection).

use std::{net::IpAddr, time::Duration};

use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::connection::{self, Admitted, Answering};
use crate::capacity::Capacity;

/// After a connection could not be taken, most likely for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Who is let in, and for how long.
#[derive(Clone, Debug)]
pub struct Admission {
    /// How many.
    pub capacity: Capacity,
    /// The proxies, whose connections are those of many.
    pub proxies: Vec<IpNet>,
    /// How long a connection may be idle.
    pub keep_alive: Duration,
    /// How long an answer over HTTP/2 may wait for its client to take a piece of it.
    pub taking: Duration,
}

impl Admission {
    fn is_proxy(&self, peer: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(&peer.to_canonical()))
    }
}

/// Serves until `stop`, then until every request that had begun is answered. Whoever comes when all is taken waits in the
/// system's queue; whose network has its share already is let go.
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
