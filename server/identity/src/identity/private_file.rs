//! Writes files of secrets.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use tempfile::NamedTempFile;

/// Writes a file that only its owner can read (0600), atomically: a temporary file beside it is written, synced, and moved into
/// place by `put`. Creates the directory if it is missing.
///
/// # Errors
/// The file cannot be written, or `put` fails.
pub fn write_private(path: &Path, bytes: &[u8], put: impl FnOnce(NamedTempFile) -> io::Result<()>) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    // `NamedTempFile` creates it with mode 0600.
    let mut file = NamedTempFile::new_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    put(file)?;
    fs::File::open(dir)?.sync_all()
}
