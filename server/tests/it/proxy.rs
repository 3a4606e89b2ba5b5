//! A TCP proxy between a client and a server: its address stays the same when the server restarts on another port, and its
//! connections break on demand or by themselves after a random number of bytes.
//!
//! It never looks at the bytes it carries.

use std::{
    net::SocketAddr,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use crate::{chance::Chance, world::Failure};

/// The proxy. What it carries breaks when it goes.
pub struct Proxy {
    /// Where it listens.
    pub addr: SocketAddr,
    to: Arc<Mutex<SocketAddr>>,
    cuts: watch::Sender<u64>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Lines to that address.
    pub async fn start(to: SocketAddr) -> Result<Self, Failure> {
        Self::open(to, None).await
    }

    /// Lines each of which breaks once so many bytes have come back over it, the number drawn for each.
    pub async fn breaking(to: SocketAddr, after: Range<usize>, chance: Chance) -> Result<Self, Failure> {
        Self::open(to, Some((after, chance))).await
    }

    async fn open(to: SocketAddr, breaks: Option<(Range<usize>, Chance)>) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let (to, cuts) = (Arc::new(Mutex::new(to)), watch::Sender::new(0));
        let (target, cut, mut breaks) = (Arc::clone(&to), cuts.clone(), breaks);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let to = *target.lock().unwrap_or_else(PoisonError::into_inner);
                let bytes = breaks
                    .as_mut()
                    .map_or(u64::MAX, |(after, chance)| (after.start + chance.below(after.len())) as u64);
                let mut cut = cut.subscribe();
                tokio::spawn(async move {
                    tokio::select! {
                        () = carry(client, to, bytes) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Ok(Self { addr, to, cuts, accepting })
    }

    /// Whoever connects from now on is brought to that address.
    pub fn lead_to(&self, to: SocketAddr) {
        *self.to.lock().unwrap_or_else(PoisonError::into_inner) = to;
    }

    /// Breaks all lines that there are.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

/// Until either side ends, or so many bytes have come back.
async fn carry(mut client: TcpStream, to: SocketAddr, bytes: u64) {
    let Ok(mut server) = TcpStream::connect(to).await else { return };
    // What is small must not wait for more.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((mut up_from, mut up_to), (down_from, mut down_to)) = {
        let (client, server) = (client.split(), server.split());
        ((client.0, server.1), (server.0, client.1))
    };
    let mut limited = down_from.take(bytes);
    tokio::select! {
        _ = copy(&mut up_from, &mut up_to) => {}
        _ = copy(&mut limited, &mut down_to) => {}
    }
    let _ = down_to.flush().await;
}
