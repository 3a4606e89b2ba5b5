//! Ports to listen on.

use std::{io, net::SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

use crate::error::RunError;

/// What the system may hold for a connection that does not read, bytes.
const SEND_BUFFER: u32 = 256 * 1024;
/// Connections that may wait to be taken.
const BACKLOG: u32 = 1024;

/// Listens where the setting of that name says; `way_out` is what else says it.
///
/// # Errors
/// [`RunError::Listen`].
pub fn listen(name: &'static str, addr: SocketAddr, way_out: &str) -> Result<TcpListener, RunError> {
    let bound = || {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        // Each connection has as much: what the system holds for viewers who do not read stays small, too.
        socket.set_send_buffer_size(SEND_BUFFER)?;
        socket.bind(addr)?;
        socket.listen(BACKLOG)
    };
    bound().map_err(|error: io::Error| {
        let reason = match error.kind() {
            io::ErrorKind::AddrInUse => {
                format!("another program listens there; end it, or choose another by {way_out}")
            }
            _ => format!("cannot be listened on: {error}; choose another by {way_out}"),
        };
        RunError::Listen { name, addr, reason }
    })
}
