//! Danmu's tasks: set up, build, run, test, measure. `cargo xtask help` lists them.
//!
//! This is the only place that knows about tools and set-up. A task installs only what it needs, prints one line per
//! step with its duration, and skips what is already done. It writes only to the repository, cargo's target directory and the
//! caches of the tools it calls; but it may add a target to rustup and, as root on Debian, packages (venv, Chromium, nginx).

mod advisories;
mod bench;
mod build;
mod cli;
mod error;
mod process;
mod run;
mod test;
mod tools;
mod ui;
mod watch;
mod workspace;

use crate::{
    cli::Task,
    error::{Error, Result},
    workspace::Workspace,
};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let result = if arguments.next().is_some_and(|program| watch::is_wasm_bindgen(&program)) {
        watch::wasm_bindgen(arguments)
    } else {
        cli::parse(arguments).and_then(perform)
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Exit(code)) => ExitCode::from(code),
        // The report was already printed, after the steps.
        Err(Error::Unsuccessful(_)) => ExitCode::FAILURE,
        Err(error) => {
            ui::print(&format!("\n{error}"));
            ExitCode::from(if matches!(error, Error::Usage(_)) { 2 } else { 1 })
        }
    }
}

fn perform(task: Task) -> Result<()> {
    if task == Task::Help {
        print!("{}", cli::HELP);
        return Ok(());
    }
    let workspace = Workspace::load()?;
    match task {
        Task::Help => Ok(()),
        Task::Setup => set_up(&workspace),
        Task::Build => build(&workspace),
        Task::Run(options) => {
            build(&workspace)?;
            run::serve(&workspace, &options)
        }
        Task::Test => test::everything(&workspace),
        Task::Soak => test::soak(&workspace),
        Task::Undefended => test::undefended(&workspace),
        Task::Bench(bench) => bench::measure(&workspace, bench.name.as_deref(), bench.quick),
        Task::Advisories(clone) => advisories::update(&workspace, &clone),
        Task::Watch => watch::watch(&workspace),
    }
}

fn build(workspace: &Workspace) -> Result<()> {
    ui::heading("Setting up");
    let optimisers = build::set_up(workspace)?;
    build::release(workspace, &optimisers)
}

fn set_up(workspace: &Workspace) -> Result<()> {
    ui::heading("Setting up");
    build::set_up(workspace)?;
    tools::chromium().map(|_| ())
}
