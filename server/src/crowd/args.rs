//! The command line of `danmu-server crowd`.

use std::time::Duration;

use clap::Args;

use super::CrowdOptions;

/// Simulated viewers come to a running server, through the same door as everybody.
#[derive(Clone, Debug, Args)]
pub struct CrowdArgs {
    /// Where the pages are.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000")]
    pub url: String,

    /// The room they come to.
    #[arg(long, value_name = "ID", default_value = "demo")]
    pub room: String,

    /// How many they are. The server's vending limits must let so many in from one address.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub viewers: usize,

    /// Ends after this many seconds; without it on Ctrl-C.
    #[arg(long, value_name = "SECONDS")]
    pub seconds: Option<u64>,

    /// Danmu of one viewer a minute, on average.
    #[arg(long, value_name = "RATE", default_value_t = 2.0)]
    pub rate: f64,

    /// Without the one who spams, whom an audience of five or more has for its room's crew to hide and ban.
    #[arg(long)]
    pub no_troll: bool,
}

impl From<CrowdArgs> for CrowdOptions {
    fn from(args: CrowdArgs) -> Self {
        let CrowdArgs { url, room, viewers, seconds, rate, no_troll } = args;
        Self { url, room, viewers, duration: seconds.map(Duration::from_secs), rate, troll: !no_troll }
    }
}
