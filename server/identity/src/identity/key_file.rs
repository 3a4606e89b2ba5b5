//! The file of secrets: the keys that sign tickets, and the secret of guests' and members' cookies.
//!
//! Created on the first start from the operating system's random generator, with mode 0600; a file that others may read is
//! refused. Keys rotate: the newest key that has become active signs, and older ones are trusted until their last ticket has
//! expired. A new key is in the file for a while before it becomes active, so that every server has loaded it by then. Secrets
//! are never printed: `Debug` shows key ids only.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use danmu::{session::TicketKey, ticket::PublicKey};
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use thiserror::Error;

use super::private_file::write_private;

/// How long a key stays trusted after its successor became active, in seconds: the longest session (twelve hours), plus the
/// records that viewers may still ask to have read again, plus clock skew.
const BELIEVED_S: i64 = 14 * 3_600;

/// The ticket keys, and the secret that authenticates cookies.
#[derive(Clone)]
pub struct KeyFile {
    guest_secret: [u8; 32],
    /// Sorted by activation time, newest last; at least one.
    keys: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    kid: String,
    key: SigningKey,
    from_s: i64,
}

/// Why the keys could not be loaded or created.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The file does not hold keys. It is never replaced automatically: that would invalidate every ticket.
    #[error("{path} does not hold ticket keys ({reason}); restore it, or remove it to have new ones made")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Others may read the file, so they could impersonate anyone.
    #[error("{path} can be read by others (mode {mode:o}); make it yours alone: chmod 600 {path}")]
    Public {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The operating system gives no random bytes.
    #[error("no random bytes for a key: {0}")]
    Random(#[from] getrandom::Error),
}

/// The result of a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The new key's id.
    pub kid: String,
    /// When it starts signing, in Unix seconds.
    pub from_s: i64,
    /// Until when the previous key is trusted, in Unix seconds.
    pub until_s: i64,
}

/// The JSON form of the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    /// 32 bytes, base64url.
    guest_secret: String,
    keys: Vec<WireKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireKey {
    /// The private key: 32 bytes ([RFC 8032, 5.1.5](https://www.rfc-editor.org/rfc/rfc8032#section-5.1.5)), base64url.
    seed: String,
    /// Activation time: from when on it signs, in Unix seconds.
    from: i64,
}

impl KeyFile {
    /// Loads the file, or creates it. Where several processes create it at once, all end up with the same keys.
    ///
    /// # Errors
    /// See [`KeyFileError`].
    pub fn load_or_create(path: &Path) -> Result<Self, KeyFileError> {
        match Self::load(path) {
            Err(KeyFileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let made = Self { guest_secret: random()?, keys: vec![Key::new(random()?, 0)] };
                match made.write(path, |file| file.persist_noclobber(path).map(drop).map_err(|error| error.error)) {
                    // Another process created it first.
                    Err(KeyFileError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                        Self::load(path)
                    }
                    done => done.map(|()| made),
                }
            }
            loaded => loaded,
        }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// See [`KeyFileError`].
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        let io_error = |source| KeyFileError::Io { path: path.to_owned(), source };
        let bytes = fs::read(path).map_err(io_error)?;
        let mode = mode(path).map_err(io_error)?;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Public { path: path.to_owned(), mode });
        }
        Self::parse(&bytes).map_err(|reason| KeyFileError::Malformed { path: path.to_owned(), reason })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let wire: Wire = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let secret = |text: &str, what| {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
            bytes.ok_or_else(|| format!("{what} is not 32 bytes of base64url"))
        };
        let keys = wire.keys.iter().map(|key| Ok(Key::new(secret(&key.seed, "a seed")?, key.from)));
        let mut keys = keys.collect::<Result<Vec<_>, String>>()?;
        if keys.is_empty() {
            return Err("there is no key in it".into());
        }
        keys.sort_by_key(|key| key.from_s);
        Ok(Self { guest_secret: secret(&wire.guest_secret, "guest_secret")?, keys })
    }

    /// Adds a key that becomes active `lead_s` seconds from now, and removes keys that are no longer trusted.
    ///
    /// # Errors
    /// See [`KeyFileError`].
    pub fn rotate(path: &Path, now_s: i64, lead_s: i64) -> Result<Rotation, KeyFileError> {
        let mut file = Self::load(path)?;
        file.keys = file.believed(now_s).cloned().collect();
        let from_s = now_s.saturating_add(lead_s);
        // A pending key that would become active at the same time or later is dropped: it would replace the new one.
        file.keys.retain(|key| key.from_s < from_s);
        let key = Key::new(random()?, from_s);
        let kid = key.kid.clone();
        file.keys.push(key);
        file.write(path, |file| file.persist(path).map(drop).map_err(|error| error.error))?;
        Ok(Rotation { kid, from_s, until_s: from_s.saturating_add(BELIEVED_S) })
    }

    fn write(&self, path: &Path, put: impl FnOnce(NamedTempFile) -> io::Result<()>) -> Result<(), KeyFileError> {
        let text = |bytes: &[u8; 32]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let key = |key: &Key| WireKey { seed: text(key.key.as_bytes()), from: key.from_s };
        let wire = Wire { guest_secret: text(&self.guest_secret), keys: self.keys.iter().map(key).collect() };
        let written = || write_private(path, &serde_json::to_vec_pretty(&wire)?, put);
        written().map_err(|source| KeyFileError::Io { path: path.to_owned(), source })
    }

    /// The key that signs now, and its id.
    pub(super) fn signing(&self, now_s: i64) -> (&str, &SigningKey) {
        let begun = self.keys.iter().rev().find(|key| key.from_s <= now_s);
        let key = begun.unwrap_or(&self.keys[0]);
        (&key.kid, &key.key)
    }

    /// The trusted public keys: of the active key, of pending ones, and of older ones whose tickets may still be valid.
    pub(super) fn public(&self, now_s: i64) -> Vec<TicketKey> {
        let public = |key: &Key| TicketKey { kid: key.kid.clone(), x: key.public() };
        self.believed(now_s).map(public).collect()
    }

    pub(super) const fn guest_secret(&self) -> &[u8; 32] {
        &self.guest_secret
    }

    fn believed(&self, now_s: i64) -> impl Iterator<Item = &Key> {
        let ends = self.keys.iter().skip(1).map(|next| next.from_s.saturating_add(BELIEVED_S));
        let ends = ends.chain([i64::MAX]);
        self.keys.iter().zip(ends).filter(move |(_, end_s)| *end_s > now_s).map(|(key, _)| key)
    }
}

impl Key {
    fn new(seed: [u8; 32], from_s: i64) -> Self {
        let key = SigningKey::from_bytes(&seed);
        // Short, since every record carries it. It need not be secret, and is only looked up among our own keys.
        let digest = Sha256::digest(key.verifying_key().as_bytes());
        Self { kid: BASE64_URL_SAFE_NO_PAD.encode(&digest[..8]), key, from_s }
    }

    fn public(&self) -> PublicKey {
        PublicKey::new(self.key.verifying_key().to_bytes())
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| (&key.kid, key.from_s))).finish()
    }
}

fn random() -> Result<[u8; 32], getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(unix)]
fn mode(path: &Path) -> io::Result<u32> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::metadata(path)?.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn mode(_: &Path) -> io::Result<u32> {
    Ok(0o600)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn kids(file: &KeyFile, now_s: i64) -> Vec<String> {
        file.public(now_s).into_iter().map(|key| key.kid).collect()
    }

    #[test]
    fn keys_are_made_once_and_kept_and_never_printed() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("data/ticket-keys.json");
        let first = KeyFile::load_or_create(&path)?;
        let again = KeyFile::load_or_create(&path)?;
        assert_eq!(first.signing(NOW).1.to_bytes(), again.signing(NOW).1.to_bytes());
        assert_eq!(first.guest_secret, again.guest_secret);
        assert_eq!(mode(&path)?, 0o600);
        assert_eq!(format!("{first:?}"), format!("[({:?}, 0)]", first.signing(NOW).0));
        assert_eq!(fs::read_dir(dir.path().join("data"))?.count(), 1, "something was left beside it");
        Ok(())
    }

    #[test]
    fn servers_that_start_at_once_have_the_same_keys() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("ticket-keys.json");
        let open = || KeyFile::load_or_create(&path).map(|file| file.guest_secret);
        let secrets: Vec<_> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            all.into_iter().map(|one| one.join().expect("ended").expect("keys")).collect()
        });
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused_with_the_way_out() -> Result<(), Box<dyn std::error::Error>> {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("ticket-keys.json");
        KeyFile::load_or_create(&path)?;
        for mode in [0o640, 0o604, 0o660, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
            let error = KeyFile::load_or_create(&path).expect_err("others may read it").to_string();
            assert!(error.contains("chmod 600") && error.contains(&format!("{mode:o}")), "{error}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400))?;
        KeyFile::load_or_create(&path)?;
        Ok(())
    }

    #[test]
    fn a_broken_file_is_named_and_left_alone() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("ticket-keys.json");
        let good = KeyFile::load_or_create(&path)?;
        let secret = BASE64_URL_SAFE_NO_PAD.encode(good.guest_secret);
        for (text, reason) in [
            ("{}".to_owned(), "guest_secret"),
            (format!(r#"{{"guest_secret":"{secret}","keys":[]}}"#), "no key"),
            (format!(r#"{{"guest_secret":"{secret}","keys":[{{"seed":"AAAA","from":0}}]}}"#), "seed"),
            (format!(r#"{{"guest_secret":"short","keys":[{{"seed":"{secret}","from":0}}]}}"#), "guest_secret"),
        ] {
            fs::write(&path, &text)?;
            let error = KeyFile::load_or_create(&path).expect_err("broken").to_string();
            assert!(error.contains("ticket-keys.json") && error.contains(reason), "{error}");
            assert_eq!(fs::read_to_string(&path)?, text);
        }
        Ok(())
    }

    #[test]
    fn a_new_key_is_known_before_it_signs_and_the_old_one_until_its_tickets_have_ended()
    -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("ticket-keys.json");
        let old = KeyFile::load_or_create(&path)?.signing(NOW).0.to_owned();
        let Rotation { kid: new, from_s, until_s } = KeyFile::rotate(&path, NOW, 600)?;
        let file = KeyFile::load(&path)?;
        assert_eq!(mode(&path)?, 0o600);
        assert_eq!([from_s, until_s], [NOW + 600, NOW + 600 + BELIEVED_S]);
        assert_eq!([NOW, from_s - 1, from_s].map(|now_s| file.signing(now_s).0), [&old, &old, &new]);
        let both = vec![old.clone(), new.clone()];
        assert_eq!([NOW, until_s - 1].map(|now_s| kids(&file, now_s)), [both.clone(), both]);
        assert_eq!(kids(&file, until_s), std::slice::from_ref(&new));
        // What is no longer believed goes from the file with the next one.
        let third = KeyFile::rotate(&path, until_s, 600)?.kid;
        assert_eq!(KeyFile::load(&path)?.keys.iter().map(|key| key.kid.clone()).collect::<Vec<_>>(), [new, third]);
        Ok(())
    }

    #[test]
    fn a_key_that_was_to_sign_later_gives_way_to_one_that_signs_earlier() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("ticket-keys.json");
        KeyFile::load_or_create(&path)?;
        KeyFile::rotate(&path, NOW, 3_600)?;
        let urgent = KeyFile::rotate(&path, NOW, 30)?;
        let file = KeyFile::load(&path)?;
        assert_eq!(file.signing(NOW + 30).0, urgent.kid);
        assert_eq!(file.signing(NOW + 4_000).0, urgent.kid);
        Ok(())
    }
}
