//! Identity: the keys that sign tickets, the cookies of guests, members and studios, and verification of the proofs that records carry
//! ([`danmu::ticket`]).
//!
//! All secrets are in one file ([`KeyFile`]). It is reloaded regularly, so that every server that shares it uses a new key, and
//! drops an old one, without a restart. No list of guests is kept: the guest's signed cookie holds its identity.

mod guest;
mod key_file;
mod member;
mod private_file;
mod sealed;
mod studio;
mod verifier;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use danmu::{
    room::RoomId,
    session::TicketKey,
    ticket::{Claims, Signature, unsigned},
    viewer::ViewerId,
};
use ed25519_dalek::Signer;

pub use self::{
    guest::COOKIE,
    key_file::{KeyFile, KeyFileError, Rotation},
    member::{MAX_AGE_S, MAX_COOKIE_BYTES, MEMBER_COOKIE, Member},
    private_file::write_private,
    studio::{PassedBy, STUDIO_AGE_S, STUDIO_COOKIE, StudioPass},
    verifier::{RecordVerifier, Sound, Verified},
};
use crate::clock::now_ms;

/// How often the key file is reloaded.
pub const KEYS_EVERY: Duration = Duration::from_secs(20);
/// Size of the cache of verified tickets. The cache holds up to twice as many; a ticket that was dropped is verified again.
const REMEMBERED: usize = 16_384;

/// The keys of a server, and the record verifier that uses them. A handle.
#[derive(Clone, Debug)]
pub struct Identity(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    keys: RwLock<KeyFile>,
    verifier: Arc<RecordVerifier>,
}

impl Identity {
    /// Loads the key file, or creates it.
    ///
    /// # Errors
    /// See [`KeyFileError`].
    pub fn open(path: &Path) -> Result<Self, KeyFileError> {
        Ok(Self::new(path, KeyFile::load_or_create(path)?))
    }

    /// Loads the key file that another server created.
    ///
    /// # Errors
    /// See [`KeyFileError`].
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        Ok(Self::new(path, KeyFile::load(path)?))
    }

    fn new(path: &Path, keys: KeyFile) -> Self {
        let verifier = Arc::new(RecordVerifier::new(keys.public(now_s()), REMEMBERED));
        Self(Arc::new(Inner { path: path.to_owned(), keys: RwLock::new(keys), verifier }))
    }

    /// Reloads the key file and drops expired keys. If it cannot be read, the keys in memory stay.
    pub fn refresh(&self) {
        match KeyFile::load(&self.0.path) {
            Ok(keys) => {
                self.0.verifier.rekey(keys.public(now_s()));
                *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
            }
            Err(error) => tracing::warn!(%error, "the ticket keys cannot be read again; those from before are used"),
        }
    }

    /// Signs a ticket with these claims.
    #[must_use]
    pub fn issue(&self, claims: Claims) -> String {
        self.keys(|keys| {
            let (kid, key) = keys.signing(now_s());
            let message = unsigned(claims, kid);
            let signature = Signature::new(key.sign(message.as_bytes()).to_bytes());
            [message, signature.to_string()].join(".")
        })
    }

    /// The keys by which tickets are verified.
    #[must_use]
    pub fn public_keys(&self) -> Vec<TicketKey> {
        self.keys(|keys| keys.public(now_s()))
    }

    /// The guest to whom this cookie belongs, if its signature is ours.
    #[must_use]
    pub fn guest(&self, cookie: &str) -> Option<ViewerId> {
        self.keys(|keys| guest::read(keys.guest_secret(), cookie))
    }

    /// A new guest's id, and its cookie.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn new_guest(&self) -> Result<(ViewerId, String), getrandom::Error> {
        self.keys(|keys| guest::make(keys.guest_secret()))
    }

    /// A random id for a new sign-in.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn new_sign_in(&self) -> Result<String, getrandom::Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode(random))
    }

    /// The member to whom this cookie belongs, if its signature is ours and it has not expired.
    #[must_use]
    pub fn member(&self, cookie: &str) -> Option<Member> {
        self.keys(|keys| member::read(keys.guest_secret(), cookie, now_s()))
    }

    /// The cookie's value for a member.
    #[must_use]
    pub fn member_cookie(&self, member: &Member) -> String {
        self.keys(|keys| member::write(keys.guest_secret(), member))
    }

    /// What the cookie of a studio says, if its signature is ours and it has not expired. Whether it counts for whoever sends
    /// it is for the caller to check.
    #[must_use]
    pub fn studio_pass(&self, cookie: &str) -> Option<StudioPass> {
        self.keys(|keys| studio::read(keys.guest_secret(), cookie, now_s()))
    }

    /// A pass for a room by that key or invitation, for this viewer, from now on: the cookie's value.
    #[must_use]
    pub fn studio_cookie(&self, room: RoomId, by: PassedBy, viewer: ViewerId) -> String {
        let pass = StudioPass { room, by, viewer, expires_s: now_s().saturating_add(STUDIO_AGE_S) };
        self.keys(|keys| studio::write(keys.guest_secret(), &pass))
    }

    /// The record verifier that uses these keys.
    #[must_use]
    pub fn verifier(&self) -> Arc<RecordVerifier> {
        Arc::clone(&self.0.verifier)
    }

    fn keys<T>(&self, f: impl FnOnce(&KeyFile) -> T) -> T {
        f(&self.0.keys.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn now_s() -> i64 {
    now_ms().div_euclid(1_000)
}

#[cfg(test)]
mod tests {
    use danmu::{
        record::{Danmu, RecordId},
        ticket::{Proof, PublicKey},
        viewer::Role,
    };
    use ed25519_dalek::SigningKey;

    use super::*;

    /// What a guest says under a ticket of that server.
    fn said(identity: &Identity, n: u128) -> Vec<u8> {
        let key = SigningKey::from_bytes(&[7; 32]);
        let ticket = identity.issue(Claims {
            viewer: ViewerId::guest(n),
            name: None,
            role: Role::Viewer,
            room: RoomId::demo(),
            issued_s: now_s(),
            expires_s: now_s() + 900,
            key: PublicKey::new(key.verifying_key().to_bytes()),
        });
        let line = Danmu::new(RecordId::new(1, n), RoomId::demo(), "hi", 1).encode();
        Proof { ticket: &ticket, signature: Signature::new(key.sign(&line).to_bytes()) }.attach(line)
    }

    fn viewer(identity: &Identity, data: &[u8]) -> Option<ViewerId> {
        identity.verifier().verify(data).map(|evidence| evidence.viewer.clone())
    }

    #[test]
    fn what_one_server_issued_another_with_the_same_file_verifies() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("keys.json");
        let (one, other) = (Identity::open(&path).expect("keys"), Identity::load(&path).expect("keys"));
        let data = said(&one, 7);
        assert_eq!(viewer(&other, &data), Some(ViewerId::guest(7)));
        assert_eq!(viewer(&other, &data), Some(ViewerId::guest(7)));
        assert_eq!(other.verifier().verified(), Verified { known: 1, new: 1, untrue: 0, remembered: 1 });
        let stranger = Identity::open(&dir.path().join("other.json")).expect("keys");
        assert_eq!(viewer(&stranger, &data), None);
        assert_eq!(stranger.verifier().verified(), Verified { untrue: 1, ..Verified::default() });
    }

    #[test]
    fn a_new_key_is_taken_up_and_one_that_was_taken_out_is_believed_no_more() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("keys.json");
        let identity = Identity::open(&path).expect("keys");
        let old = said(&identity, 1);
        KeyFile::rotate(&path, now_s(), 0).expect("rotated");
        identity.refresh();
        let new = said(&identity, 2);
        // By the one and by the other, whose tickets hold until they end.
        assert_eq!(identity.public_keys().len(), 2);
        assert_eq!([&old, &new].map(|data| viewer(&identity, data).is_some()), [true, true]);
        // What an operator does whose key was stolen.
        let text = std::fs::read_to_string(&path).expect("text");
        let mut file: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        file["keys"].as_array_mut().expect("keys").remove(0);
        std::fs::write(&path, file.to_string()).expect("written");
        identity.refresh();
        assert_eq!([&old, &new].map(|data| viewer(&identity, data).is_some()), [false, true]);
        // A file that cannot be read changes nothing.
        std::fs::write(&path, "{").expect("written");
        identity.refresh();
        assert_eq!([&old, &new].map(|data| viewer(&identity, data).is_some()), [false, true]);
    }

    #[test]
    fn a_guest_stays_the_same_when_the_keys_change() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("keys.json");
        let identity = Identity::open(&path).expect("keys");
        let (guest, cookie) = identity.new_guest().expect("a guest");
        KeyFile::rotate(&path, now_s(), 0).expect("rotated");
        identity.refresh();
        assert_eq!(identity.guest(&cookie), Some(guest));
    }
}
