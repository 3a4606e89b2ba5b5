//! Benchmarks: each prints a table with the limits beside the figures, writes `target/bench/<name>.json`, and fails
//! if a limit is broken. Those in a browser are scripts in `end2end/bench/`, run against the release build; the others are
//! bench targets of their crates. `fanout` compares the relay with nginx and nchan.

use crate::{
    build,
    error::{At, Error, Result},
    process, test, tools,
    ui::{self, Step},
    workspace::{Workspace, cargo},
};
use std::{fs, path::Path, process::Command};

/// All benchmarks, the quickest to set up first.
const BENCHES: [Bench; 13] = [
    Bench::cargo("stage", "danmu"),
    Bench::cargo("stream", "danmu-stream"),
    Bench::cargo("engines", "danmu-stream"),
    Bench::cargo("verify", "danmu-server"),
    Bench::cargo("bans", "danmu-server"),
    Bench::cargo("vending", "danmu-server"),
    Bench::cargo("fanout", "danmu-server"),
    Bench::browser("weight"),
    Bench::browser("latency"),
    Bench::browser("page"),
    Bench::browser("crew"),
    Bench::browser("rooms"),
    Bench::browser("overlay"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bench {
    name: &'static str,
    /// The package of the bench target; none where it runs in a browser.
    package: Option<&'static str>,
}

impl Bench {
    const fn cargo(name: &'static str, package: &'static str) -> Self {
        Self { name, package: Some(package) }
    }

    const fn browser(name: &'static str) -> Self {
        Self { name, package: None }
    }
}

/// Builds what is needed, then runs the benchmark `name`, or all; `quick` asks for a short run of those that have one.
///
/// # Errors
/// [`Error::Usage`] for an unknown name, [`Error::Unsuccessful`] if a limit is broken.
pub fn measure(workspace: &Workspace, name: Option<&str>, quick: bool) -> Result<()> {
    let chosen: Vec<Bench> = BENCHES.into_iter().filter(|bench| name.is_none_or(|name| name == bench.name)).collect();
    if chosen.is_empty() {
        let names = BENCHES.map(|bench| bench.name).join(", ");
        return Err(Error::Usage(format!(
            "There is no measurement `{}`; there are {names}.",
            name.unwrap_or_default()
        )));
    }
    let (browser, cargo): (Vec<Bench>, Vec<Bench>) = chosen.into_iter().partition(|bench| bench.package.is_none());
    let mut broken = 0;
    if !cargo.is_empty() {
        broken += of_cargo(workspace, &cargo)?;
    }
    if !browser.is_empty() {
        broken += of_page(workspace, &browser, quick)?;
    }
    if broken == 0 { Ok(()) } else { Err(Error::Unsuccessful(broken)) }
}

/// Runs cargo's bench targets; returns how many broke a limit. They are built first, in steps of their own, so that
/// nothing compiles during a measurement.
fn of_cargo(workspace: &Workspace, benches: &[Bench]) -> Result<usize> {
    if benches.iter().any(|bench| bench.name == "fanout") {
        ui::heading("Setting up");
        tools::nchan()?;
    }
    let bench = |Bench { name, package }: &Bench| {
        let mut command = cargo();
        command.args(["bench", "--package", package.unwrap_or_default(), "--bench", name]).current_dir(&workspace.root);
        command
    };
    ui::heading("Building");
    for it in benches {
        let step = Step::start(it.name);
        process::build(&step, bench(it).arg("--no-run"))?;
        step.done("");
    }
    let mut broken = 0;
    for it in benches {
        broken += one(it.name, bench(it).arg("--quiet"))?;
    }
    Ok(broken)
}

/// Runs the benchmarks in a browser; returns how many broke a limit.
fn of_page(workspace: &Workspace, benches: &[Bench], quick: bool) -> Result<usize> {
    ui::heading("Setting up");
    let node = tools::node()?;
    let optimisers = build::set_up(workspace)?;
    let chromium = tools::chromium()?;
    build::release(workspace, &optimisers)?;
    let results = workspace.root.join("target/bench");
    fs::create_dir_all(&results).at(&results)?;
    let mut broken = 0;
    for &Bench { name, .. } in benches {
        let script = Path::new("bench").join(format!("{name}.mjs"));
        let mut command = Command::new(&node);
        command.arg(script).current_dir(workspace.end2end()).envs(test::browser_environment(workspace, &chromium));
        if quick {
            command.arg("--quick");
        }
        broken += one(name, command.env("E2E_RESULT", results.join(format!("{name}.json"))))?;
    }
    Ok(broken)
}

/// Runs a benchmark, which prints its own table; returns 1 if it failed.
fn one(name: &str, command: &mut Command) -> Result<usize> {
    ui::heading(&format!("Measuring {name}"));
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|source| Error::Start { program, source })?;
    Ok(usize::from(!status.success()))
}
