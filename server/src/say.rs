//! Output about the program itself: the start banner, the log, and the reason why it ends.

use std::{
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use danmu::room::RoomId;
use danmu_app::qr;
use danmu_identity::studio::DemoKey;
use tracing_subscriber::EnvFilter;

use crate::{
    config::{Config, LogFormat},
    error::RunError,
    listen::lan_addr,
};

/// Reports why the program ends: as a JSON log line once the JSON log has started, otherwise as text on stderr.
pub fn say_failure(error: &RunError) {
    if LOGS_JSON.load(Relaxed) {
        tracing::error!(%error, "danmu-server ends");
    } else {
        eprintln!("danmu-server: {error}");
    }
}

/// Whether the log has been started in JSON format.
static LOGS_JSON: AtomicBool = AtomicBool::new(false);

/// Starts the log.
///
/// # Errors
/// [`RunError::Filter`].
pub fn log_to_stderr(config: &Config) -> Result<(), RunError> {
    let filter =
        EnvFilter::try_new(&config.log.filter).map_err(|error| RunError::Filter(config.log.filter.clone(), error))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match config.log.format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().init(),
    }
    LOGS_JSON.store(config.log.format == LogFormat::Json, Relaxed);
    Ok(())
}

/// Announces the addresses: as text for a person, with the streamer key of `demo`; or as a log line where the log is JSON, which
/// never holds a key.
pub fn announce(config: &Config, pages: SocketAddr, stream: Option<SocketAddr>, demo: Option<&DemoKey>) {
    if let Some(DemoKey::Elsewhere(why)) = demo {
        tracing::info!("{why}");
    }
    let mut shown = pages;
    if pages.ip().is_unspecified() {
        shown.set_ip(lan_addr().unwrap_or([127, 0, 0, 1].into()));
    }
    if config.log.format == LogFormat::Json {
        let rooms: Vec<_> = config.rooms.iter().map(|room| room.id.as_str()).collect();
        let stream = stream.map(|stream| format!("http://{stream}"));
        return tracing::info!(pages = %format_args!("http://{shown}"), ?rooms, stream, "Danmu is live");
    }
    let mut text = String::from("\n  Danmu is live\n\n");
    for room in &config.rooms {
        text += &format!("  room     http://{shown}/room/{}\n", room.id);
        text += &format!("  overlay  http://{shown}/overlay/{}   (OBS browser source)\n", room.id);
        text += &format!("  wall     http://{shown}/wall/{}   (danmu and a QR code, for a hall)\n", room.id);
        if let Some(DemoKey::Known(key)) = demo.filter(|_| room.id == RoomId::demo()) {
            text += &format!("  studio   http://{shown}/studio/{}   streamer key {key}\n", room.id);
        }
    }
    if let Some(stream) = stream {
        let (name, data) = (&config.stream.name, config.stream.data.display());
        text += &format!("  stream   http://{stream}   (Kinesis and STS; {name:?} in {data})\n");
    }
    if io::stdout().is_terminal() {
        text += &scannable(config, shown);
    }
    // A closed stdout is no reason to end.
    let _ = writeln!(io::stdout(), "{text}");
}

/// The address of the first room for phones, as a QR code: where they reach this server, or are told to.
fn scannable(config: &Config, shown: SocketAddr) -> String {
    let origin = match &config.http.public_url {
        Some(origin) => origin.clone(),
        None if config.http.addr.ip().is_unspecified() && !shown.ip().is_loopback() => format!("http://{shown}"),
        None => return String::new(),
    };
    let Some(room) = config.rooms.first() else { return String::new() };
    let address = format!("{origin}/room/{}", room.id);
    qr::blocks(&address, "  ").map(|code| format!("\n{code}  {address}\n")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_shown_a_code_where_they_reach_the_server_and_nowhere_else() {
        let mut config = Config::default();
        let lan = "192.168.1.5:3000".parse().expect("an address");
        assert_eq!(scannable(&config, "127.0.0.1:3000".parse().expect("an address")), "");
        config.http.addr = "0.0.0.0:3000".parse().expect("an address");
        let code = scannable(&config, lan);
        assert!(code.ends_with("\n  http://192.168.1.5:3000/room/demo\n") && code.contains('▀'), "{code}");
        assert_eq!(scannable(&config, "127.0.0.1:3000".parse().expect("an address")), "", "there is no network");
        config.http.public_url = Some("https://danmu.example".into());
        assert!(scannable(&config, lan).ends_with("\n  https://danmu.example/room/demo\n"));
        config.rooms.clear();
        assert_eq!(scannable(&config, lan), "");
    }
}
