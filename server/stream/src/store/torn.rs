//! Recovery from a torn write: a last batch that a power cut left incomplete.
//!
//! The engine itself drops a last batch that is cut short. If the end of a batch reached the disk before its middle, its
//! checksum fails instead, and the engine refuses to open. Such a batch was not acknowledged, since that happens only after
//! the sync. So the newest journal is copied, its end is cut off, and the engine opens without that batch. This is tried
//! once: on damage further in, opening fails and the journal is restored as it was. (Later damage of an acknowledged last
//! batch looks the same; the copy still has it.)

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use super::StoreError;

/// Bytes read at a time, from the end.
const STEP: u64 = 64 * 1024;

/// Opens the engine in `dir` with `open`, dropping a torn last batch.
pub(super) fn recover<T>(dir: &Path, open: impl Fn() -> fjall::Result<T>) -> Result<T, StoreError> {
    let error = match open() {
        Err(error @ fjall::Error::JournalRecovery(_)) => error,
        other => return other.map_err(StoreError::engine),
    };
    let unreadable = |source: io::Error| StoreError::Engine(format!("{error}; its journal cannot be mended: {source}"));
    let Some(journal) = newest_journal(dir).map_err(unreadable)? else { return Err(StoreError::engine(error)) };
    let kept = journal.with_extension("torn");
    fs::copy(&journal, &kept).map_err(unreadable)?;
    cut_last_byte(&journal).map_err(unreadable)?;
    match open() {
        Ok(opened) => {
            tracing::warn!(
                journal = %journal.display(), kept = %kept.display(),
                "the last write was torn; it was never acknowledged and is left out"
            );
            Ok(opened)
        }
        Err(again) => {
            // More than the last batch is damaged: an operator has to decide.
            fs::rename(&kept, &journal).map_err(unreadable)?;
            Err(StoreError::Engine(format!("{again}: {} is damaged; restore it from a backup", journal.display())))
        }
    }
}

/// The newest journal: they are numbered in order of creation.
fn newest_journal(dir: &Path) -> io::Result<Option<PathBuf>> {
    let mut newest = None;
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let is_journal = path.extension().is_some_and(|extension| extension == "jnl");
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok()).filter(|_| is_journal);
        newest = newest.max(number.map(|number| (number, path)));
    }
    Ok(newest.map(|(_, path)| path))
}

/// Truncates the file before its last non-zero byte; the zeros after it are preallocated.
fn cut_last_byte(journal: &Path) -> io::Result<()> {
    let mut file = File::options().read(true).write(true).open(journal)?;
    let mut end = file.metadata()?.len();
    let mut bytes = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(STEP);
        file.seek(SeekFrom::Start(start))?;
        bytes.clear();
        file.by_ref().take(end - start).read_to_end(&mut bytes)?;
        if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
            file.set_len(start + last as u64)?;
            return file.sync_all();
        }
        end = start;
    }
    Ok(())
}
