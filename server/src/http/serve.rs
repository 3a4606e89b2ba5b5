//! The loop that takes connections: as many as are allowed, and on a signal no more of them, until those that are open have
//! had their answers. What a connection may do is in [`connection`](super::connection).

use std::{sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::connection::{self, Answering};

/// After a connection could not be taken, most likely for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop`, then until every request that had begun is answered. At most `connections` at a time; the next
/// ones wait in the system's queue.
pub async fn serve(listener: TcpListener, router: impl Answering, connections: usize, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(connections));
    let open = TaskTracker::new();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = stop.cancelled() => break,
        };
        // Nobody closes them.
        let Ok(place) = place else { break };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let (router, stop) = (router.clone(), stop.clone());
        open.spawn(async move {
            if let Some((stream, viewer)) = connection::attend(stream, peer, router, &stop).await {
                viewer.sit(stream, place);
            }
        });
    }
    drop(listener);
    open.close();
    open.wait().await;
}
