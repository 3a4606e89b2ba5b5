//! All checks and tests, each counted; a failure stops only what depends on it. Everything is built first, then the native
//! and the browser tests run in parallel.

mod checks;
mod count;
mod imports;
mod suites;
mod undefended;

use crate::{
    build,
    error::{Error, Result},
    tools::{self, Optimisers},
    ui,
    workspace::Workspace,
};
use count::Count;
use std::{
    thread,
    time::{Duration, Instant},
};
pub use suites::browser_environment;
pub use undefended::undefended;

/// The result of one step.
struct Report {
    name: &'static str,
    count: Count,
    time: Duration,
    /// The output to show if something failed.
    output: String,
}

/// Sets up what is missing, runs everything, prints a table and, as the last line, `N passed, N failed`.
///
/// # Errors
/// [`Error::Unsuccessful`] if anything failed; others if a test could not be started.
pub fn everything(workspace: &Workspace) -> Result<()> {
    let since = Instant::now();
    ui::heading("Setting up");
    let node = tools::node()?;
    let optimisers = build::set_up(workspace)?;
    let chromium = tools::chromium()?;
    let python = tools::python(workspace)?;
    tools::nginx()?;
    tools::postgres()?;

    ui::heading("Checking");
    let mut reports = vec![
        checks::format(workspace)?,
        checks::halves_apart(workspace)?,
        checks::imports(workspace)?,
        checks::clippy_native(workspace)?,
        checks::clippy_browser(workspace)?,
        checks::dependencies(workspace)?,
    ];

    ui::heading("Building the tests");
    let tests = suites::build(workspace)?;
    // The browser tests use what `cargo xtask run` serves: the same build, the same binary.
    let site = release(workspace, &optimisers);
    let served = site.count.failed == 0;
    reports.extend([tests, site]);

    // In parallel: both wait more than they compute, and only the examples in docs still compile.
    ui::heading("Testing");
    let (native, pages) = thread::scope(|scope| {
        let pages = served.then(|| scope.spawn(|| suites::browser(workspace, &node, &chromium)));
        let native = suites::native(workspace, &python);
        let pages = pages.map(|pages| pages.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        (native, pages)
    });
    reports.extend(native?);
    reports.extend(pages.transpose()?);
    summarise(&reports, since.elapsed())
}

fn release(workspace: &Workspace, optimisers: &Optimisers) -> Report {
    let began = Instant::now();
    let built = build::release(workspace, optimisers);
    Report {
        name: "release build",
        count: Count::one(built.is_ok()),
        time: began.elapsed(),
        output: built.as_ref().err().map(ToString::to_string).unwrap_or_default(),
    }
}

/// Runs the tests that take long, and prints their output as it comes.
///
/// # Errors
/// [`Error::Unsuccessful`] if one failed; others if none could be started.
pub fn soak(workspace: &Workspace) -> Result<()> {
    let since = Instant::now();
    ui::heading("Testing for long");
    let report = suites::soak(workspace)?;
    summarise(&[report], since.elapsed())
}

fn summarise(reports: &[Report], time: Duration) -> Result<()> {
    for report in reports.iter().filter(|report| report.count.failed > 0) {
        println!("\n── {} ──\n{}", report.name, report.output.trim_end());
    }
    println!("\n{:<22} {:>7} {:>7} {:>13}", "step", "passed", "failed", "time");
    for Report { name, count, time, .. } in reports {
        println!("{name:<22} {:>7} {:>7} {:>13}", count.passed, count.failed, ui::duration(*time));
    }
    let total = reports.iter().fold(Count::default(), |total, report| total + report.count);
    println!("{:<22} {:>7} {:>7} {:>13}\n", "everything", total.passed, total.failed, ui::duration(time));
    println!("{} passed, {} failed", total.passed, total.failed);
    if total.failed == 0 { Ok(()) } else { Err(Error::Unsuccessful(total.failed)) }
}
