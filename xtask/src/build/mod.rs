//! The release build of both halves of Danmu: the server's binary, and the site that it serves.
//!
//! The two cargo builds run in parallel (they use different profiles, hence different directories and locks): the
//! browser half ends in one long single-threaded link, during which the server's crates use the other cores.

mod browser;
mod compress;
mod lean;
mod site;

pub use self::browser::LATER;

use crate::{
    error::Result,
    process,
    tools::{self, Optimisers},
    ui::{self, Step},
    workspace::{Workspace, cargo},
};
use std::{thread, time::Instant};

/// Installs what a build needs.
///
/// # Errors
/// Where something is missing that cannot be installed from here.
pub fn set_up(workspace: &Workspace) -> Result<Optimisers> {
    tools::wasm_target()?;
    let npm = tools::npm_packages(workspace)?;
    Ok(Optimisers::find(workspace, npm))
}

/// Builds both halves. Results are cached: a second build takes seconds.
///
/// # Errors
/// Where a tool fails, or a file cannot be written.
pub fn release(workspace: &Workspace, optimisers: &Optimisers) -> Result<()> {
    let since = Instant::now();
    ui::heading("Building");
    thread::scope(|scope| {
        let server = scope.spawn(|| server(workspace));
        let site =
            browser::build(workspace, optimisers).and_then(|built| site::assemble(workspace, optimisers, &built));
        let server = server.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        site.and(server)
    })?;
    ui::heading(&format!("Built in {}", ui::duration(since.elapsed())));
    Ok(())
}

fn server(workspace: &Workspace) -> Result<()> {
    let step = Step::start("server");
    let mut build = cargo();
    build.args(["build", "--release", "--package", &workspace.server]).current_dir(&workspace.root);
    process::build(&step, &mut build)?;
    step.done(workspace.show(&workspace.server_binary()));
    Ok(())
}
