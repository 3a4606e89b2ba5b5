//! The root key of a data directory: the one long-lived secret, known only to the operator and this process.
//!
//! Generated at the first open from the operating system's random bytes, kept in `root-key.json` with mode 0600. The keys of
//! session secrets, tokens and iterators derive from it, so no other secret is stored. `Debug` shows only the id.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::crypto;

const FILE: &str = "root-key.json";

/// The long-lived key of a data directory. It may do everything, STS included.
#[derive(Clone, Serialize, Deserialize)]
pub struct RootKey {
    /// `AKIA` and 16 letters or digits.
    pub access_key_id: String,
    /// Forty characters.
    pub secret_access_key: String,
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RootKey").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// Why there is no root key.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// The file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The file does not hold a key. It is not replaced automatically: every session in use would end.
    #[error("{path} does not hold a root key ({reason}); restore it, or remove it to have a new one made")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system gave no random bytes.
    #[error("no random bytes for a root key: {0}")]
    Random(#[from] getrandom::Error),
}

impl RootKey {
    /// Reads the key of `dir`, or creates one if there is none.
    pub(crate) fn load_or_create(dir: &Path) -> Result<Self, RootKeyError> {
        let path = dir.join(FILE);
        let io_error = |source| RootKeyError::Io { path: path.clone(), source };
        match fs::read(&path) {
            Ok(bytes) => {
                restrict(&path).map_err(io_error)?;
                Self::parse(&bytes).map_err(|reason| RootKeyError::Malformed { path: path.clone(), reason })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Self::generate()?;
                key.write(dir, &path).map_err(io_error)?;
                Ok(key)
            }
            Err(error) => Err(io_error(error)),
        }
    }

    /// Reads the key of the data directory `dir`, for a client of an endpoint that another process has opened there.
    ///
    /// # Errors
    /// [`RootKeyError`] if there is none, or it cannot be read.
    pub fn load(dir: &Path) -> Result<Self, RootKeyError> {
        let path = dir.join(FILE);
        let bytes = fs::read(&path).map_err(|source| RootKeyError::Io { path: path.clone(), source })?;
        Self::parse(&bytes).map_err(|reason| RootKeyError::Malformed { path, reason })
    }

    fn generate() -> Result<Self, getrandom::Error> {
        Ok(Self {
            access_key_id: format!("AKIA{}", crypto::base32(crypto::random()?)),
            secret_access_key: crypto::secret_of(&crypto::random()?),
        })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let key: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        // The SigV4 library takes secrets of exactly forty characters.
        if key.secret_access_key.len() != 40 || !key.secret_access_key.is_ascii() {
            return Err("secret_access_key is not 40 characters".to_owned());
        }
        if key.access_key_id.len() != 20 || !key.access_key_id.starts_with("AKIA") {
            return Err("access_key_id is not AKIA and 16 characters".to_owned());
        }
        Ok(key)
    }

    /// Writes the file atomically: into a temporary file, which is synced, then renamed.
    fn write(&self, dir: &Path, path: &Path) -> io::Result<()> {
        let beside = dir.join(format!("{FILE}.new"));
        if let Err(error) = fs::remove_file(&beside)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = create_private(&beside)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        File::open(dir)?.sync_all()
    }
}

#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create_private(path: &Path) -> io::Result<File> {
    fs::OpenOptions::new().write(true).create_new(true).open(path)
}

/// Makes a key file that others can read private again, with a warning in the log.
#[cfg(unix)]
fn restrict(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), mode = format!("{mode:o}"), "the root key was readable by others; now 0600");
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn restrict(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_kept() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let first = RootKey::load_or_create(dir.path())?;
        let again = RootKey::load_or_create(dir.path())?;
        assert_eq!(first.secret_access_key, again.secret_access_key);
        assert_eq!(first.secret_access_key.len(), 40);
        assert!(!format!("{first:?}").contains(&first.secret_access_key));
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_the_key() -> Result<(), Box<dyn std::error::Error>> {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir()?;
        RootKey::load_or_create(dir.path())?;
        let path = dir.path().join(FILE);
        assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
        RootKey::load_or_create(dir.path())?;
        assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
        Ok(())
    }

    #[test]
    fn a_broken_key_file_is_named_and_left_alone() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join(FILE);
        fs::write(&path, b"{\"access_key_id\":\"AKIA\",\"secret_access_key\":\"short\"}")?;
        let error = RootKey::load_or_create(dir.path()).err().ok_or("a broken file was taken")?;
        assert!(error.to_string().contains("root-key.json"), "{error}");
        assert!(fs::read(&path)?.ends_with(b"\"short\"}"));
        Ok(())
    }
}
