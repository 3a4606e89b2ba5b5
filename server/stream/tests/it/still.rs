//! Time that stands still while a test works, so that a deadline is met to the millisecond on a busy machine too.

use std::{sync::mpsc, time::Duration};

use tokio::{task::spawn_blocking, time};

/// The network and the disk take no time, and no timer goes off until a test lets time pass. For tests on one thread.
pub struct StillTime {
    _end: mpsc::Sender<()>,
}

impl StillTime {
    pub fn begin() -> Self {
        time::pause();
        let (end, ended) = mpsc::channel::<()>();
        // While a blocking task runs, a paused clock doesn't move on by itself. It does at last, to end what hangs.
        spawn_blocking(move || ended.recv_timeout(Duration::from_secs(120)));
        Self { _end: end }
    }

    /// Timers are exact to a millisecond: one of a second has gone off after 1,001 ms.
    pub async fn pass(&self, time: Duration) {
        time::advance(time).await;
    }
}
