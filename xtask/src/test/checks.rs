//! Static checks: format, lints, separation of the two halves, imports, licences, advisories.

use super::{Count, Report, imports};
use crate::{
    advisories::{self, LOCKED},
    build::LATER,
    error::Result,
    process::{self, Output},
    tools::{self, WASM},
    ui::Step,
    workspace::{Workspace, cargo},
};
use std::process::Command;

fn check(name: &'static str, workspace: &Workspace, arguments: &[&str]) -> Result<Report> {
    let step = Step::start(name);
    let mut command = cargo();
    command.args(arguments).current_dir(&workspace.root);
    let output = process::run_to_end(&mut command, process::cargo_progress(&step))?;
    Ok(conclude(name, step, output))
}

fn conclude(name: &'static str, step: Step, output: Output) -> Report {
    let report = Report { name, count: Count::one(output.success), time: step.elapsed(), output: output.text };
    if output.success {
        step.done("clean")
    } else {
        step.failed("see below")
    }
    report
}

/// `cargo fmt` for everything.
pub fn format(workspace: &Workspace) -> Result<Report> {
    check("format", workspace, &["fmt", "--all", "--check"])
}

/// Clippy for this machine: everything but the browser half, tests included.
pub fn clippy_native(workspace: &Workspace) -> Result<Report> {
    let mut arguments = vec!["clippy", "--workspace", "--exclude", &workspace.browser];
    arguments.extend(LATER.iter().flat_map(|package| ["--exclude", package]));
    arguments.extend(["--all-targets", "--", "-D", "warnings"]);
    check("clippy, native", workspace, &arguments)
}

/// Clippy for browsers.
pub fn clippy_browser(workspace: &Workspace) -> Result<Report> {
    let mut arguments = vec!["clippy", "--package", &workspace.browser];
    arguments.extend(LATER.iter().flat_map(|package| ["--package", package]));
    arguments.extend(["--target", WASM, "--", "-D", "warnings"]);
    check("clippy, browser", workspace, &arguments)
}

/// Neither half may have the other's feature: `hydrate` in the server, `ssr` in the browser.
pub fn halves_apart(workspace: &Workspace) -> Result<Report> {
    let step = Step::start("halves apart");
    let server = intruders(workspace, &["--package", &workspace.server], "hydrate")?;
    let browser = intruders(workspace, &["--package", &workspace.browser, "--target", WASM], "ssr")?;
    let success = server.is_empty() && browser.is_empty();
    let text = [server, browser].concat().join("\n");
    let mut report = conclude("halves apart", step, Output { text, success });
    if success {
        report.count.passed = 2;
    }
    Ok(report)
}

/// The places in a package's dependency tree where `feature` is enabled; there should be none.
fn intruders(workspace: &Workspace, selection: &[&str], feature: &str) -> Result<Vec<String>> {
    let mut tree = cargo();
    tree.args(["tree", "--edges", "normal,features", "--prefix", "none", "--color", "never"])
        .args(selection)
        .current_dir(&workspace.root);
    let needle = format!("feature \"{feature}\"");
    let mut found: Vec<String> = process::run(&mut tree, |_| {})?
        .lines()
        .filter(|line| line.contains(&needle))
        .map(|line| format!("{}: {}", selection[1], line.trim_end_matches(" (*)")))
        .collect();
    found.dedup();
    Ok(found)
}

/// No import cycles between files, and no crate of ours in the domain but `danmu-partitions`.
pub fn imports(workspace: &Workspace) -> Result<Report> {
    let step = Step::start("imports");
    let mut found = imports::of(workspace)?;
    let mut tree = cargo();
    tree.args(["tree", "--package", "danmu", "--edges", "normal", "--prefix", "none", "--color", "never"]);
    let tree = process::run(tree.current_dir(&workspace.root), |_| {})?;
    let ours = tree.lines().filter(|line| line.starts_with("danmu-") && !line.starts_with("danmu-partitions "));
    found.extend(ours.map(|line| format!("the domain imports {line}")));
    let success = found.is_empty();
    Ok(conclude("imports", step, Output { text: found.join("\n"), success }))
}

/// `cargo deny`: advisories for every lock file; bans, licences and sources for the workspace.
///
/// # Errors
/// Where `cargo-deny` is missing and cannot be installed.
pub fn dependencies(workspace: &Workspace) -> Result<Report> {
    let deny = tools::cargo_deny(workspace)?;
    let database = advisories::database(workspace)?;
    let step = Step::start("dependencies");
    let mut all = Output { text: String::new(), success: true };
    for directory in LOCKED {
        let mut command = Command::new(&deny);
        command.current_dir(workspace.root.join(directory)).envs(database.clone());
        command.arg("--config").arg(workspace.root.join("deny.toml")).args(["check", "advisories"]);
        if directory == "." {
            command.args(["bans", "licenses", "sources"]);
        }
        let output = process::run_to_end(&mut command, |line| step.note(line.trim()))?;
        all = Output { text: all.text + &output.text, success: all.success && output.success };
    }
    Ok(conclude("dependencies", step, all))
}
