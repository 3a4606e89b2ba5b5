//! How soon a ban acts: from the operator's order to the refusal of the viewer's credentials, to the gates of two replicas, and to
//! its last danmu on any screen. `cargo xtask bench bans`, or `cargo bench -p danmu-server --bench bans`. Ends by itself.
//!
//! The viewer floods with credentials that nobody denies, 200 danmu a second. The programs are the tests' own.

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../stream/tests/differential/chance.rs"]
mod chance;
#[path = "../../tests/it/flood.rs"]
mod flood;
#[path = "../../stream/benches/kit/mod.rs"]
mod kit;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/it/program.rs"]
mod program;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/it/speaker.rs"]
mod speaker;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/it/world.rs"]
mod world;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/it/writers.rs"]
mod writers;

use std::{process::ExitCode, time::Duration};

use serde_json::json;

use self::{
    flood::Replicas,
    program::Program,
    speaker::{Viewer, until_denied},
    world::Failure,
};

const BANS: u8 = 40;
const EVERY: Duration = Duration::from_millis(5);
/// What must hold, p95 in milliseconds: until both gates refuse, and until the last danmu is on a screen.
const MOST_MS: u64 = 1_000;
/// Until the credentials are denied.
const MOST_DENIED_MS: u64 = 2_000;

fn main() -> ExitCode {
    match tokio::runtime::Runtime::new().map_err(Failure::from).and_then(|runtime| runtime.block_on(measure())) {
        Ok(broken) => kit::verdict(&broken),
        Err(error) => kit::verdict(&[error.to_string()]),
    }
}

async fn measure() -> Result<Vec<String>, Failure> {
    let (mut gates, mut screens, mut denied) = (Vec::new(), Vec::new(), Vec::new());
    let replicas = Replicas::start()?;
    for round in 0..BANS {
        let acted = replicas.ban_one_who_floods(round, EVERY).await?;
        gates.push(acted.gates);
        screens.push(acted.screens);
    }
    let program = Program::start(&[])?;
    for round in 0..BANS {
        let viewer = Viewer::new(&program, round)?;
        program.order(&["ban", &viewer.id, "--yes"])?;
        denied.push(until_denied(&viewer, true).await?);
    }
    let (mut rows, mut figures, mut broken) = (Vec::new(), serde_json::Map::new(), Vec::new());
    for (what, mut times, most_ms) in [
        ("the gates of both replicas", gates, MOST_MS),
        ("the last danmu on any screen", screens, MOST_MS),
        ("the credentials are denied", denied, MOST_DENIED_MS),
    ] {
        times.sort_unstable();
        let [p50, p95] = [50, 95].map(|percent| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1_000.0);
        rows.push(vec![what.to_owned(), kit::figure(p50), kit::figure(p95), most_ms.to_string()]);
        figures.insert(what.to_owned(), json!({ "p50_ms": p50, "p95_ms": p95 }));
        if p95 > most_ms as f64 {
            broken.push(format!("{what}: p95 {p95:.0} ms, {most_ms} at the most"));
        }
    }
    kit::table(&["from the order to", "p50, ms", "p95, ms", "at the most"], &rows);
    kit::keep("bans", figures.into())?;
    Ok(broken)
}
