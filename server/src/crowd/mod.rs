//! A simulated audience for load tests and demos: viewers who use the same public interface as pages.
//!
//! Each viewer asks the server for its own session, signs its danmu and its puts with that, and sends lifelike texts at a
//! lifelike rate, through the same Kinesis client that runs in the browser. It makes only requests that a page would make, reads
//! nothing, and uses nothing that a viewer does not have. All are guests, who have no names; each keeps a language, a colour and
//! habits of its own. In a larger audience one spams, for the crew to hide and to ban.

mod args;
mod door;
mod host;
mod mood;
mod persona;
mod talk;
mod tally;
mod texts;
mod troll;
mod viewer;

use std::{
    io::{self, Write},
    rc::Rc,
    time::Duration,
};

use danmu::room::{RoomId, RoomIdError};
use thiserror::Error;
use tokio::task::LocalSet;
use tokio_util::sync::CancellationToken;

pub use args::CrowdArgs;
pub use host::Native;
use mood::Mood;
use tally::Tally;
pub use tally::Totals;
use troll::pester;
use viewer::Viewer;

/// How often progress is printed.
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// How long to wait, at the end, for puts in flight.
const LAST_WORDS: Duration = Duration::from_secs(20);

/// Options of the audience.
#[derive(Clone, Debug)]
pub struct CrowdOptions {
    /// Where the pages are, for example `http://127.0.0.1:3000`. Plain HTTP only.
    pub url: String,
    /// The room's id.
    pub room: String,
    /// How many viewers, 1 or more.
    pub viewers: usize,
    /// How long it runs; without it, until Ctrl-C or SIGTERM.
    pub duration: Option<Duration>,
    /// Danmu per viewer and minute, on average over all viewers. The distribution is uneven: few viewers send many.
    pub rate: f64,
    /// Whether one of them spams, where there are [`TROLL_FROM`] or more.
    pub troll: bool,
}

/// How many viewers there are at least where one of them spams.
pub const TROLL_FROM: usize = 5;

/// Why the audience could not run.
#[derive(Debug, Error)]
pub enum CrowdError {
    /// The address is not a plain `http://host:port`.
    #[error("{0:?} cannot be visited: give the pages' address as http://host:port, without a path")]
    Url(String),
    /// The room id is invalid.
    #[error("no room: {0}")]
    Room(#[from] RoomIdError),
    /// Zero viewers.
    #[error("a crowd of 0 viewers says nothing: give 1 or more")]
    Nobody,
    /// The rate is out of range.
    #[error("a rate of {0} a minute is none: give a number above 0, at most 600")]
    Rate(f64),
    /// An I/O error.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The crowd's task panicked: a bug.
    #[error("the crowd broke down: {0}")]
    Broke(String),
}

/// Runs the audience, and prints progress every few seconds. Returns the totals at the end of the duration, on Ctrl-C or on
/// SIGTERM; dropping the future stops it too.
///
/// # Errors
/// See [`CrowdError`]: only what stops the whole audience. Failures of single viewers are counted.
pub async fn run(options: CrowdOptions) -> Result<Totals, CrowdError> {
    let room: RoomId = options.room.parse()?;
    if options.viewers == 0 {
        return Err(CrowdError::Nobody);
    }
    if !(options.rate > 0.0 && options.rate <= 600.0) {
        return Err(CrowdError::Rate(options.rate));
    }
    let origin = origin(&options.url).ok_or_else(|| CrowdError::Url(options.url.clone()))?;
    // The Kinesis client is single-threaded, as in a browser, so the audience gets a thread and runtime of its own.
    let leaving = CancellationToken::new();
    let guard = leaving.clone().drop_guard();
    let crowd = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(LocalSet::new().block_on(&runtime, audience(options, room, origin, leaving)))
    });
    let totals = crowd.await.map_err(|error| CrowdError::Broke(error.to_string()))?;
    drop(guard);
    totals
}

async fn audience(options: CrowdOptions, room: RoomId, origin: String, leaving: CancellationToken) -> Totals {
    let host = Native::new();
    let tally = Rc::new(Tally::default());
    let mood = Rc::new(Mood::new(&host));
    say(&format!("{} viewers come to {origin}, room {}", options.viewers, room.as_str()));
    let has_troll = options.troll && options.viewers >= TROLL_FROM;
    let viewers: Vec<_> = (0..options.viewers)
        .map(|rank| {
            let share = viewer::share(rank, options.viewers);
            let viewer = Viewer::new(&host, &origin, &room, share * options.rate, &mood, &tally);
            if has_troll && rank + 1 == options.viewers {
                return tokio::task::spawn_local(pester(viewer, host.clone(), leaving.clone()));
            }
            tokio::task::spawn_local(viewer.watch(leaving.clone()))
        })
        .collect();
    let weather = tokio::task::spawn_local(Rc::clone(&mood).change(host));
    let over = async {
        match options.duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    let mut reports = tokio::time::interval(REPORT_EVERY);
    reports.tick().await;
    let mut over = std::pin::pin!(over);
    let mut told = std::pin::pin!(told_to_end());
    loop {
        tokio::select! {
            _ = reports.tick() => say(&tally.report()),
            () = &mut over => break,
            () = &mut told => break,
            () = leaving.cancelled() => break,
        }
    }
    leaving.cancel();
    weather.abort();
    let farewell = async {
        for viewer in viewers {
            // A viewer task that panicked has ended too.
            let _ = viewer.await;
        }
    };
    let _ = tokio::time::timeout(LAST_WORDS, farewell).await;
    say(&format!("{} (in all)", tally.totals()));
    tally.totals()
}

/// Prints a line; a closed stdout is no reason to end.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "crowd: {line}");
}

/// Waits for Ctrl-C or SIGTERM; for ever where no handler can be installed.
async fn told_to_end() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    if let Ok(mut terminated) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            () = interrupted => {}
            _ = terminated.recv() => {}
        }
        return;
    }
    interrupted.await;
}

/// The origin, if the text is `http://host:port`.
fn origin(url: &str) -> Option<String> {
    let url = url.strip_suffix('/').unwrap_or(url);
    let authority = url.strip_prefix("http://")?;
    let plain = !authority.is_empty() && !authority.contains(['/', '?', '#', '@']);
    (plain && url.parse::<http::Uri>().is_ok()).then(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_plain_address_of_a_site_is_visited() {
        assert_eq!(origin("http://127.0.0.1:3000/").as_deref(), Some("http://127.0.0.1:3000"));
        assert_eq!(origin("http://[::1]:3000").as_deref(), Some("http://[::1]:3000"));
        for bad in
            ["https://example.org", "127.0.0.1:3000", "http://", "http://h/room/demo", "http://u@h", "http://h?x"]
        {
            assert_eq!(origin(bad), None, "{bad}");
        }
    }
}
