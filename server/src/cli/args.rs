//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::{
    audit::AuditArgs,
    decide::{BanArgs, RevokeArgs, StoreArgs, UnbanArgs},
    erase::EraseArgs,
    policies::PoliciesArgs,
    rooms::RoomsArgs,
};
use crate::{config::Overrides, crowd::CrowdArgs};

/// Live danmu: pages, token vending machine, and an embedded stream.
///
/// Settings come from `danmu.toml`, are overridden by `DANMU_*` variables (`DANMU_HTTP__ADDR` for `addr` in `[http]`),
/// and these by the flags below.
#[derive(Clone, Debug, Default, Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
pub struct Args {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Checks the settings, says what they mean, and ends.
    #[arg(long)]
    pub check: bool,

    /// What the settings are overridden by.
    #[command(flatten)]
    pub settings: Overrides,
}

/// What else the program does.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Sends simulated viewers into a room of a running server, through the same door as everybody.
    Crowd(CrowdArgs),
    /// Prints the IAM policies that each part of Danmu needs on AWS, and no more than it needs.
    Policies(PoliciesArgs),
    /// Makes a new key for tickets; servers that share the file need no restart. Until every session of now has ended, the
    /// key before goes on signing.
    RotateKey(RotateKeyArgs),
    /// Bans a viewer, or the guests of a network.
    Ban(BanArgs),
    /// Ends a ban.
    Unban(UnbanArgs),
    /// Says who is banned.
    Bans(StoreArgs),
    /// Vends no sessions any more, until thaw.
    Freeze(StoreArgs),
    /// Vends sessions again.
    Thaw(StoreArgs),
    /// Revokes the sessions of all viewers; their pages ask for new ones.
    Revoke(RevokeArgs),
    /// Lists the rooms, and makes streamer keys.
    Rooms(RoomsArgs),
    /// Says who did what, when and to whom.
    Audit(AuditArgs),
    /// Erases what the store keeps of a viewer.
    Erase(EraseArgs),
}

/// Where the keys are, and how urgent it is.
#[derive(Clone, Debug, clap::Args)]
pub struct RotateKeyArgs {
    /// The settings file, as for the server.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// The directory of the embedded stream, as for the server.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// The new key signs as soon as every server has read it, in a minute. Who reads the stream directly, with a session from
    /// before, does not know it yet.
    #[arg(long)]
    pub soon: bool,
}

impl From<&RotateKeyArgs> for Overrides {
    fn from(RotateKeyArgs { config, data, .. }: &RotateKeyArgs) -> Self {
        Self { config: config.clone(), data: data.clone(), ..Self::default() }
    }
}
