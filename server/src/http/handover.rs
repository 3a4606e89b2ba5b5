//! How a connection leaves HTTP's hands: a handler gives a viewer to it, and from then on it is that viewer's alone. So hyper's
//! buffers are not kept for those who only listen, and what they are told is written as it is.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::{capacity::Share, relay::Viewer};

/// A viewer, and what it counts as where its connection does not count.
pub type Given = (Viewer, Option<Share>);

/// Among a request's extensions where its connection can be handed over: over HTTP/1, where nobody else shares it.
#[derive(Clone)]
pub struct Handover(Arc<Mutex<Option<oneshot::Sender<Given>>>>);

/// Where a connection learns whose it is.
pub struct Taken(oneshot::Receiver<Given>);

impl Handover {
    /// Both ends.
    pub fn new() -> (Self, Taken) {
        let (give, taken) = oneshot::channel();
        (Self(Arc::new(Mutex::new(Some(give)))), Taken(taken))
    }

    /// The connection is this viewer's; its request is answered by whoever takes the connection, so this never ends.
    pub async fn give<T>(&self, given: Given) -> T {
        let give = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Whoever waited for it is gone only if the connection is.
        if let Some(give) = give {
            let _ = give.send(given);
        }
        std::future::pending().await
    }
}

impl Taken {
    /// Waits for the viewer. `None` once no request can come any more.
    pub async fn wait(self) -> Option<Given> {
        self.0.await.ok()
    }
}
