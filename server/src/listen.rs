//! Binds the ports to listen on.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
};

use tokio::net::{TcpListener, TcpSocket};

use crate::error::RunError;

/// Kernel send buffer of a connection, bytes: bounds what a client that does not read costs.
const SEND_BUFFER: u32 = 256 * 1024;
/// Length of the accept queue.
const BACKLOG: u32 = 1024;

/// Binds `addr`, the value of the setting `name`; `way_out` names what overrides that setting, for the error message.
///
/// # Errors
/// [`RunError::Listen`].
pub fn listen(name: &'static str, addr: SocketAddr, way_out: &str) -> Result<TcpListener, RunError> {
    let bound = || {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        // Inherited by every accepted connection, so that viewers who do not read cost the kernel little memory.
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

/// The address by which the local network reaches this machine. Asks the routing table; sends no packet.
pub fn lan_addr() -> Option<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    socket.connect(("192.0.2.1", 9)).ok()?;
    socket.local_addr().ok().map(|addr| addr.ip())
}
