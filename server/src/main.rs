//! The program `danmu-server`.

use std::process::ExitCode;

use clap::Parser;
use danmu_server::{cli::args::Args, run, say_failure};

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_failure(&error);
            ExitCode::FAILURE
        }
    }
}
