//! The test suites: cargo's, by nextest where it is installed, and Playwright's.

use super::{Count, Report};
use crate::{
    error::{At, Result},
    process::{self, Output},
    tools,
    ui::{self, Step},
    workspace::{Workspace, cargo},
};
use std::{fs, path::Path, process::Command};

/// Selects this program's own tests, which run separately: cargo unifies features over the selected packages, and would
/// build the crates shared with the server a second time.
const OWN: [&str; 2] = ["--package", env!("CARGO_PKG_NAME")];
/// Doc tests, which nextest does not run.
const DOCS: [&str; 3] = ["test", "--doc", "--no-fail-fast"];

/// Compiles the native tests, except doc tests.
///
/// # Errors
/// Where cargo cannot be started.
pub fn build(workspace: &Workspace) -> Result<Report> {
    let step = Step::start("native tests");
    let nextest = tools::has_cargo_command("nextest");
    let mut all = Output { text: String::new(), success: true };
    for selection in [&[][..], &OWN] {
        let mut command = cargo();
        command.args(if nextest {
            &["nextest", "run", "--no-run"][..]
        } else {
            &["test", "--no-run", "--all-targets"]
        });
        command.args(selection).current_dir(&workspace.root);
        let output = process::run_to_end(&mut command, process::cargo_progress(&step))?;
        all = Output { text: all.text + &output.text, success: all.success && output.success };
    }
    let count = Count::one(all.success);
    Ok(conclude("build of the tests", step, all, count))
}

/// Runs all native tests. `python` has the packages of the SDK and sign-in tests.
///
/// # Errors
/// Where cargo cannot be started.
pub fn native(workspace: &Workspace, python: &Path) -> Result<Vec<Report>> {
    let nextest = tools::has_cargo_command("nextest");
    let suite = |name, selection: &[&str]| {
        let mut command = cargo();
        if nextest {
            command.args(["nextest", "run", "--no-fail-fast", "--no-tests=pass", "--status-level=fail"]);
            command.arg("--final-status-level=fail");
        } else {
            command.args(["test", "--no-fail-fast", "--all-targets"]);
        }
        command.env("E2E_PYTHON", python).env("E2E_NODE_MODULES", workspace.end2end().join("node_modules"));
        cargo_suite(workspace, name, command.args(selection))
    };
    Ok(vec![
        suite("tests", &[])?,
        suite("tests of xtask", &OWN)?,
        cargo_suite(workspace, "examples in docs", cargo().args(DOCS))?,
    ])
}

/// Runs the tests named `soak_…`, which are ignored otherwise. Their output, with the seeds, is shown as it comes.
pub fn soak(workspace: &Workspace) -> Result<Report> {
    let mut command = cargo();
    command.args(["test", "--package", &workspace.server, "--test", "it", "soak_", "--"]);
    command.args(["--ignored", "--nocapture", "--test-threads=1"]);
    let step = Step::start("soak");
    let output = process::run_to_end(command.current_dir(&workspace.root), ui::print)?;
    let count = Count::of_cargo(&output.text, output.success);
    Ok(conclude("soak", step, output, count))
}

fn cargo_suite(workspace: &Workspace, name: &'static str, command: &mut Command) -> Result<Report> {
    let step = Step::start(name);
    let output = process::run_to_end(command.current_dir(&workspace.root), process::cargo_progress(&step))?;
    let count = Count::of_cargo(&output.text, output.success);
    Ok(conclude(name, step, output, count))
}

/// Runs the browser tests against the release server. Each Playwright worker starts its own server, on free ports and with
/// its own data directory.
pub fn browser(workspace: &Workspace, node: &Path, chromium: &Path) -> Result<Report> {
    let step = Step::start("browser tests");
    let report = workspace.cache().join("playwright.json");
    // Remove the report of an earlier run, so that it is not taken for this one's.
    let _ = fs::remove_file(&report);
    if let Some(parent) = report.parent() {
        fs::create_dir_all(parent).at(parent)?;
    }
    let mut command = Command::new(node);
    command
        .arg(workspace.end2end().join("node_modules/@playwright/test/cli.js"))
        .arg("test")
        .current_dir(workspace.end2end())
        .envs(browser_environment(workspace, chromium))
        .env("E2E_REPORT", &report);
    let output = process::run_to_end(&mut command, |line| step.note(line.trim().chars().take(90).collect::<String>()))?;
    let count = Count::of_playwright(&fs::read_to_string(&report).unwrap_or_default(), output.success);
    Ok(conclude("browser tests", step, output, count))
}

/// Environment variables for the scripts in `end2end/`: the server to start, its site, and the browser.
pub fn browser_environment(workspace: &Workspace, chromium: &Path) -> Vec<(&'static str, String)> {
    let mut environment = workspace.leptos_environment().to_vec();
    environment.push(("E2E_SERVER", workspace.server_binary().display().to_string()));
    environment.push(("CHROMIUM", chromium.display().to_string()));
    environment
}

fn conclude(name: &'static str, step: Step, output: Output, count: Count) -> Report {
    let report = Report { name, count, time: step.elapsed(), output: output.text };
    let note = format!("{} passed, {} failed", count.passed, count.failed);
    if output.success {
        step.done(note)
    } else {
        step.failed(note)
    }
    report
}
