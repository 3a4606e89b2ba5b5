//! Handover: a connection leaves hyper and from then on serves a single viewer. So hyper's buffers are not kept for viewers who
//! only listen, and events are written to the socket as they are.

use std::sync::{Arc, Mutex, PoisonError};

use danmu_identity::capacity::Share;
use danmu_relay::relay::Viewer;
use tokio::sync::oneshot;

/// A viewer, and its network's share if its connection (a proxy's) is not counted.
pub type Given = (Viewer, Option<Share>);

/// The handler's end; among a request's extensions if its connection can be handed over (HTTP/1, which serves one client).
#[derive(Clone)]
pub struct Handover(Arc<Mutex<Option<oneshot::Sender<Given>>>>);

/// The connection's end.
pub struct Taken(oneshot::Receiver<Given>);

impl Handover {
    /// Both ends.
    pub fn new() -> (Self, Taken) {
        let (give, taken) = oneshot::channel();
        (Self(Arc::new(Mutex::new(Some(give)))), Taken(taken))
    }

    /// Hands the connection to this viewer. The new owner of the connection answers the request, so this never returns.
    pub async fn give<T>(&self, given: Given) -> T {
        let give = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The receiver is gone only if the connection is.
        if let Some(give) = give {
            let _ = give.send(given);
        }
        std::future::pending().await
    }
}

impl Taken {
    /// Waits for the viewer; `None` once the connection can receive no more requests.
    pub async fn wait(self) -> Option<Given> {
        self.0.await.ok()
    }
}
