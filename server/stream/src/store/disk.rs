//! Free disk space: records are refused before the disk is full.
//!
//! A storage engine that meets a full disk in the middle of a write stops for good, since it cannot know what was written.
//! So records are refused while there is still room for the engine's own work, and accepted again when there is more. Other
//! writes, such as deleting a stream, are never refused.

use std::{io, path::Path};

use super::StoreError;

/// Returns the free bytes.
type Probe = Box<dyn Fn() -> io::Result<u64> + Send>;

/// The file system that holds the log.
pub(super) struct Disk {
    probe: Probe,
    reserve: u64,
}

impl Disk {
    /// The file system that holds `dir`; `reserve` bytes of it are left for the engine.
    pub(super) fn of(dir: &Path, reserve: u64) -> Self {
        let dir = dir.to_owned();
        Self { probe: Box::new(move || fs4::available_space(&dir)), reserve }
    }

    /// The bytes of records that may be written now.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`] if there are none.
    pub(super) fn room(&self) -> Result<u64, StoreError> {
        // If the free space is unknown, assume there is enough.
        let free = (self.probe)().unwrap_or(u64::MAX);
        match free.checked_sub(self.reserve) {
            Some(room) if room > 0 => Ok(room),
            _ => Err(StoreError::DiskFull { free, reserve: self.reserve }),
        }
    }

    /// The error for records that do not fit into `room` bytes.
    pub(super) fn full(&self, room: u64) -> StoreError {
        StoreError::DiskFull { free: room.saturating_add(self.reserve), reserve: self.reserve }
    }
}
