//! Whether there is room for more.
//!
//! A storage engine that meets a full disk in the middle of a write stops for good: it cannot know what of it is there.
//! So records are refused while there is still room for what the engine does behind them, and taken again as soon as
//! somebody has made some. Deleting a stream is always possible.

use std::{io, path::Path};

use super::StoreError;

/// Looks how many bytes are free.
type Probe = Box<dyn Fn() -> io::Result<u64> + Send>;

/// The file system of the log.
pub(super) struct Disk {
    probe: Probe,
    reserve: u64,
}

impl Disk {
    /// The one that holds `dir`; `reserve` bytes of it are left to the engine.
    pub(super) fn of(dir: &Path, reserve: u64) -> Self {
        let dir = dir.to_owned();
        Self { probe: Box::new(move || fs4::available_space(&dir)), reserve }
    }

    /// How many bytes of records may be written now.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`] where it is none.
    pub(super) fn room(&self) -> Result<u64, StoreError> {
        // Who cannot be asked is not known to be full.
        let free = (self.probe)().unwrap_or(u64::MAX);
        match free.checked_sub(self.reserve) {
            Some(room) if room > 0 => Ok(room),
            _ => Err(StoreError::DiskFull { free, reserve: self.reserve }),
        }
    }

    /// The refusal of records that `room` bytes are too few for.
    pub(super) fn full(&self, room: u64) -> StoreError {
        StoreError::DiskFull { free: room.saturating_add(self.reserve), reserve: self.reserve }
    }
}
