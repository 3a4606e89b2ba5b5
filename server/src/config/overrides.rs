//! Settings given on the command line.

use std::{net::SocketAddr, path::PathBuf};

use super::{ServerRole, parse_address};

/// Flags that say where the settings are, or override them.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Overrides {
    /// The settings file. Without it, `danmu.toml` in the working directory is read if it exists.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Where pages are served, for example 127.0.0.1:3000.
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub addr: Option<SocketAddr>,

    /// Serves pages to the local network too (0.0.0.0, on the port of --addr), direct reading included. For a trusted network.
    #[arg(long)]
    pub lan: bool,

    /// What this process does: everything, the embedded stream without a relay, or a relay for a stream that is elsewhere.
    #[arg(long, value_name = "ROLE")]
    pub role: Option<ServerRole>,

    /// The directory of the embedded stream.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}
