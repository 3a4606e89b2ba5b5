//! Runs the built server in the foreground, alone or with a simulated crowd.

use crate::{
    cli::Run,
    error::{Error, Result},
    ui,
    workspace::Workspace,
};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    process::{Child, Command, ExitStatus},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Timeout for the server's first answer; opening a large data directory takes a while.
const READY: Duration = Duration::from_secs(60);
/// Grace period between SIGTERM and SIGKILL.
const DRAIN: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(50);

/// Starts the server and waits until it ends. Passes on its output and its exit code.
///
/// # Errors
/// [`Error::Exit`] with the server's exit code if that is not zero.
pub fn serve(workspace: &Workspace, options: &Run) -> Result<()> {
    let mut server = server_command(workspace, options);
    let Some(viewers) = options.crowd else { return take_over(server) };
    // Every simulated viewer asks for its own session, from one address and nearly at once: raise vending's rate limit.
    let sessions = viewers.saturating_mul(2).max(60).to_string();
    server.env("DANMU_VENDING__PER_MINUTE", &sessions).env("DANMU_VENDING__BURST", &sessions);
    // The crowd needs the server's address, so it is set here and not by the settings.
    let address = options.address.clone().unwrap_or_else(|| workspace.address.clone());
    server.env("DANMU_HTTP__ADDR", &address);

    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|source| Error::Start { program: "signal handler".to_owned(), source })?;
    }
    let mut server = spawn(&mut server)?;
    let address = local_address(&address);
    let code = match until_ready(&mut server, &address, &stop)? {
        Some(status) => status,
        None => {
            ui::print(&format!("  A crowd of {viewers} enters the room demo. Ctrl-C ends it all."));
            let mut crowd = Command::new(workspace.server_binary());
            crowd.args(["crowd", "--viewers", &viewers.to_string()]);
            crowd.args(["--url", &format!("http://{address}"), "--room", "demo"]);
            let mut crowd = spawn(&mut crowd)?;
            let status = until_ended(&mut server, &stop)?;
            end(&mut crowd)?;
            status
        }
    };
    exit(code)
}

/// The command that starts the server with the built site.
pub fn server_command(workspace: &Workspace, options: &Run) -> Command {
    let mut server = Command::new(workspace.server_binary());
    server.current_dir(&workspace.root).envs(workspace.leptos_environment());
    if let Some(address) = &options.address {
        server.env("DANMU_HTTP__ADDR", address);
    }
    if options.lan {
        server.arg("--lan");
    }
    server.args(&options.server_arguments);
    server
}

/// Replaces this process by the server (`exec`), so that signals and the exit code need no forwarding.
#[cfg(unix)]
fn take_over(mut server: Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    Err(Error::Start { program: "danmu-server".to_owned(), source: server.exec() })
}

#[cfg(not(unix))]
fn take_over(mut server: Command) -> Result<()> {
    let status = spawn(&mut server)?.wait();
    exit(status.map_err(|source| Error::Start { program: "danmu-server".to_owned(), source })?)
}

fn spawn(command: &mut Command) -> Result<Child> {
    command.spawn().map_err(|source| Error::Start { program: "danmu-server".to_owned(), source })
}

/// Waits until the server is healthy; `Some` if it ended or was stopped first.
fn until_ready(server: &mut Child, address: &str, stop: &AtomicBool) -> Result<Option<ExitStatus>> {
    let since = Instant::now();
    loop {
        if let Some(status) = ended(server)? {
            return Ok(Some(status));
        }
        if stop.load(Ordering::Relaxed) {
            return end(server).map(Some);
        }
        if healthy(address) {
            return Ok(None);
        }
        if since.elapsed() > READY {
            end(server)?;
            return Err(Error::Unexpected(format!(
                "http://{address}/healthz did not answer within {}",
                ui::duration(READY)
            )));
        }
        thread::sleep(POLL);
    }
}

fn until_ended(server: &mut Child, stop: &AtomicBool) -> Result<ExitStatus> {
    loop {
        if let Some(status) = ended(server)? {
            return Ok(status);
        }
        if stop.load(Ordering::Relaxed) {
            return end(server);
        }
        thread::sleep(POLL);
    }
}

fn ended(child: &mut Child) -> Result<Option<ExitStatus>> {
    child.try_wait().map_err(|source| Error::Start { program: "danmu-server".to_owned(), source })
}

/// Ends a program: SIGTERM, a grace period of [`DRAIN`], then SIGKILL.
fn end(child: &mut Child) -> Result<ExitStatus> {
    if ended(child)?.is_none() {
        #[cfg(unix)]
        // By the program `kill`: the standard library cannot send SIGTERM.
        let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        let since = Instant::now();
        while cfg!(unix) && since.elapsed() < DRAIN && ended(child)?.is_none() {
            thread::sleep(POLL);
        }
        let _ = child.kill();
    }
    child.wait().map_err(|source| Error::Start { program: "danmu-server".to_owned(), source })
}

/// Whether `GET /healthz` answers 200.
fn healthy(address: &str) -> bool {
    let Some(address) = address.to_socket_addrs().ok().and_then(|mut all| all.next()) else { return false };
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(stream, "GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

/// The address at which this machine reaches a server listening on `address`: loopback for an unspecified IP.
fn local_address(address: &str) -> String {
    match address.parse::<SocketAddr>() {
        Ok(parsed) if parsed.ip().is_unspecified() => format!("127.0.0.1:{}", parsed.port()),
        _ => address.to_owned(),
    }
}

fn exit(status: ExitStatus) -> Result<()> {
    match status.code() {
        Some(0) => Ok(()),
        code => Err(Error::Exit(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_all_addresses_is_reached_on_loopback() {
        assert_eq!(local_address("0.0.0.0:3000"), "127.0.0.1:3000");
        assert_eq!(local_address("127.0.0.1:8080"), "127.0.0.1:8080");
    }

    #[test]
    fn a_program_that_ignores_nothing_ends_at_once() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let since = Instant::now();
        assert!(!end(&mut child).unwrap().success());
        assert!(since.elapsed() < DRAIN);
    }
}
