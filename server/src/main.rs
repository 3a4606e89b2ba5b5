//! The program `danmu-server`.

use std::process::ExitCode;

use clap::Parser;
use danmu_server::{args::Args, run};

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("danmu-server: {error}");
            ExitCode::FAILURE
        }
    }
}
