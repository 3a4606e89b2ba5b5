//! File permissions of a data directory: only for the program's own user.

use std::{fs, io, path::Path};

/// Restricts a file, or a directory with its contents, to its owner (0600, 0700), and logs whether that changed anything.
/// What cannot be changed is logged and left as it is: on some volumes the files belong to another user.
///
/// # Errors
/// If a file or directory cannot be read.
#[cfg(unix)]
pub fn keep_private(path: &Path) -> io::Result<()> {
    let mut mended = 0;
    mend(path, true, &mut mended)?;
    if mended > 0 {
        tracing::warn!(path = %path.display(), mended, "others could get at it; now it is its owner's alone");
    }
    Ok(())
}

/// Like [`keep_private`], for a directory without its contents.
///
/// # Errors
/// As for [`keep_private`].
#[cfg(unix)]
pub fn keep_directory_private(path: &Path) -> io::Result<()> {
    let mut mended = 0;
    mend(path, false, &mut mended)?;
    if mended > 0 {
        tracing::warn!(path = %path.display(), "others could get at this directory; now it is its owner's alone");
    }
    Ok(())
}

#[cfg(unix)]
fn mend(path: &Path, all_of_it: bool, mended: &mut usize) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    // Symbolic links are not followed: their target may be anything.
    let meta = fs::symlink_metadata(path)?;
    if meta.is_symlink() {
        return Ok(());
    }
    let (mode, wanted) = (meta.permissions().mode() & 0o777, if meta.is_dir() { 0o700 } else { 0o600 });
    if mode & 0o077 != 0 {
        match fs::set_permissions(path, fs::Permissions::from_mode(wanted)) {
            Ok(()) => *mended += 1,
            Err(error) => {
                tracing::warn!(path = %path.display(), mode = format!("{mode:o}"), %error, "others can get at it");
            }
        }
    }
    if meta.is_dir() && all_of_it {
        for entry in fs::read_dir(path)? {
            mend(&entry?.path(), true, mended)?;
        }
    }
    Ok(())
}

#[cfg(not(unix))]
#[expect(missing_docs, reason = "as above")]
pub fn keep_private(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
#[expect(missing_docs, reason = "as above")]
pub fn keep_directory_private(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Creates a directory and its missing parents, accessible only to the owner.
///
/// # Errors
/// If it cannot be created.
pub fn create_private_dir(dir: &Path) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::DirBuilderExt::mode(fs::DirBuilder::new().recursive(true), 0o700).create(dir);
    #[cfg(not(unix))]
    fs::create_dir_all(dir)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_others_could_get_at_is_its_owners_alone_and_what_a_link_leads_to_is_left() -> io::Result<()> {
        let (dir, elsewhere) = (tempfile::tempdir()?, tempfile::NamedTempFile::new()?);
        let (log, table) = (dir.path().join("log"), dir.path().join("log/tables/1"));
        fs::create_dir_all(log.join("tables"))?;
        fs::write(&table, "x")?;
        std::os::unix::fs::symlink(elsewhere.path(), log.join("link"))?;
        let mode = |path: &Path| fs::metadata(path).map(|meta| meta.permissions().mode() & 0o777);
        for (path, open) in [(&*log, 0o777), (&log.join("tables"), 0o755), (&table, 0o666), (elsewhere.path(), 0o644)] {
            fs::set_permissions(path, fs::Permissions::from_mode(open))?;
        }
        keep_private(&log)?;
        assert_eq!([mode(&log)?, mode(&log.join("tables"))?, mode(&table)?], [0o700, 0o700, 0o600]);
        assert_eq!(mode(elsewhere.path())?, 0o644);
        Ok(())
    }
}
