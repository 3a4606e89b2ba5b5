//! `danmu-server rotate-key`: creates a new ticket key.

use std::io::{self, Write};

use danmu_identity::{
    clock::now_ms,
    identity::{KEYS_EVERY, KeyFile, Rotation},
};

use super::args::RotateKeyArgs;
use crate::{
    config::{Config, Overrides},
    error::RunError,
};

/// How long before its activation an urgent key is in the file, in seconds: until every server has loaded it.
const SOON_S: i64 = 60;

/// Creates a new key, and explains the result.
///
/// # Errors
/// The settings or the keys cannot be read or written.
pub fn rotate(args: &RotateKeyArgs) -> Result<(), RunError> {
    let soon = args.soon;
    let config = Config::load(&Overrides::from(args))?;
    let path = config.key_file();
    let lead_s = if soon { SOON_S } else { i64::from(config.vending.duration_s) + SOON_S };
    let Rotation { kid, from_s, until_s } = KeyFile::rotate(&path, now_ms().div_euclid(1_000), lead_s)?;
    let hours = (until_s - from_s) / 3_600;
    let text = format!(
        "{}: the key {kid} signs in {lead_s} s; the one before is believed for {hours} hours more.\n\
         To disbelieve a key at once, take it out of the file: its tickets end within {} s.",
        path.display(),
        KEYS_EVERY.as_secs(),
    );
    // A closed stdout is no failure.
    let _ = writeln!(io::stdout(), "{text}");
    Ok(())
}
