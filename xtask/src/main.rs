//! Danmu's tasks: set up, build, run, test, measure. `cargo xtask help` lists them.
//!
//! This is the only place that knows about tools and set-up. A task installs what it needs and no more, says in one
//! line a step what it did and how long it took, and does nothing twice. It never touches anything outside the
//! repository, cargo's target directory, and the system's package manager (Chromium, for the tests, where it may).

mod build;
mod cli;
mod error;
mod process;
mod run;
mod tools;
mod ui;
mod workspace;

use crate::{
    cli::Task,
    error::{Error, Result},
    workspace::Workspace,
};
use std::process::ExitCode;

fn main() -> ExitCode {
    let result = cli::parse(std::env::args_os().skip(1)).and_then(perform);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Exit(code)) => ExitCode::from(code),
        // The report was printed where it belongs, after the steps.
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
        Task::Build => build::release(&workspace),
        Task::Run(options) => {
            build::release(&workspace)?;
            run::serve(&workspace, &options)
        }
        _ => Ok(()),
    }
}
