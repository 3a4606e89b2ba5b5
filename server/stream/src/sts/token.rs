//! Session tokens: stateless, with all claims of a session.
//!
//! A token is base64url of a version, the times of issue and expiry, the access key id, the names and the policy, followed
//! by an HMAC under a key derived from the root key. Nothing is stored, so sessions survive a restart; nothing can be
//! changed without the root key. At most [`MAX_TOKEN`] characters. Its holder can read the policy in it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    auth::{Session, policy::Policy},
    crypto::{self, Key},
    root_key::RootKey,
};

/// The longest token, characters; every request carries it in a header.
pub(crate) const MAX_TOKEN: usize = 3000;

const VERSION: u8 = 2;

/// Issues and opens tokens.
#[derive(Clone)]
pub(crate) struct Tokens {
    tokens: Key,
    secrets: Key,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenError {
    /// Not issued by this endpoint, or not for this access key id.
    Invalid,
    /// Valid, but expired.
    Expired,
}

/// The claims of a new session.
pub(crate) struct Grant<'a> {
    pub(crate) issued_ms: i64,
    pub(crate) expires_ms: i64,
    pub(crate) role: &'a str,
    pub(crate) name: &'a str,
    pub(crate) source_identity: &'a str,
    /// Checked and minified; empty: none.
    pub(crate) policy: &'a str,
}

/// A new session's credentials.
pub(crate) struct Issued {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) token: String,
}

impl Tokens {
    pub(crate) fn new(root: &RootKey) -> Self {
        let secret = root.secret_access_key.as_bytes();
        Self {
            tokens: Key::derive(secret, "danmu-stream session token 1"),
            secrets: Key::derive(secret, "danmu-stream session secret 1"),
        }
    }

    /// Issues credentials with a new access key id.
    pub(crate) fn issue(&self, grant: &Grant<'_>) -> Result<Issued, getrandom::Error> {
        let access_key_id = format!("ASIA{}", crypto::base32(crypto::random()?));
        let mut claims = vec![VERSION];
        claims.extend_from_slice(&grant.issued_ms.to_be_bytes());
        claims.extend_from_slice(&grant.expires_ms.to_be_bytes());
        for text in [access_key_id.as_str(), grant.role, grant.name, grant.source_identity, grant.policy] {
            // Each was checked to be far below 64 KiB.
            claims.extend_from_slice(&(text.len() as u16).to_be_bytes());
            claims.extend_from_slice(text.as_bytes());
        }
        Ok(Issued {
            secret_access_key: self.secret_of(&access_key_id),
            token: URL_SAFE_NO_PAD.encode(self.tokens.seal(claims)),
            access_key_id,
        })
    }

    /// The session of a token, if it is valid, for this access key id, and not expired.
    pub(crate) fn open(&self, token: &str, access_key_id: &str, now_ms: i64) -> Result<Session, TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(TokenError::Invalid);
        }
        let sealed = URL_SAFE_NO_PAD.decode(token).map_err(|_| TokenError::Invalid)?;
        let claims = self.tokens.open(&sealed).ok_or(TokenError::Invalid)?;
        let session = read(claims).ok_or(TokenError::Invalid)?;
        if session.access_key_id != access_key_id {
            return Err(TokenError::Invalid);
        }
        if now_ms >= session.expires_ms {
            return Err(TokenError::Expired);
        }
        Ok(session)
    }

    /// Derives the secret of a session's access key id: forty characters.
    pub(crate) fn secret_of(&self, access_key_id: &str) -> String {
        let tag = self.secrets.tag(access_key_id.as_bytes());
        let mut bytes = [0; 30];
        bytes.copy_from_slice(&tag[..30]);
        crypto::secret_of(&bytes)
    }
}

fn read(claims: &[u8]) -> Option<Session> {
    let (&version, rest) = claims.split_first()?;
    let (issued, rest) = rest.split_at_checked(8)?;
    let (expires, mut rest) = rest.split_at_checked(8)?;
    if version != VERSION {
        return None;
    }
    let mut text = || -> Option<String> {
        let (length, more) = rest.split_at_checked(2)?;
        let length = u16::from_be_bytes(length.try_into().ok()?);
        let (text, more) = more.split_at_checked(usize::from(length))?;
        rest = more;
        String::from_utf8(text.to_vec()).ok()
    };
    let (access_key_id, role, name, source_identity, policy) = (text()?, text()?, text()?, text()?, text()?);
    // A policy that no longer parses invalidates the token: ignoring it would widen the session's rights.
    let policy = if policy.is_empty() { None } else { Some(Policy::parse(&policy).ok()?) };
    Some(Session {
        access_key_id,
        issued_ms: i64::from_be_bytes(issued.try_into().ok()?),
        expires_ms: i64::from_be_bytes(expires.try_into().ok()?),
        role,
        name,
        source_identity,
        policy,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokens(letter: &str) -> Tokens {
        Tokens::new(&RootKey { access_key_id: "AKIA".to_owned(), secret_access_key: letter.repeat(40) })
    }

    fn grant() -> Grant<'static> {
        Grant { issued_ms: 7, expires_ms: 1000, role: "poster", name: "viewer", source_identity: "ann", policy: "" }
    }

    #[test]
    fn a_token_opens_until_it_expires_and_only_for_its_key_id() -> Result<(), getrandom::Error> {
        let issued = tokens("a").issue(&grant())?;
        assert_eq!(issued.access_key_id.len(), 20);
        assert_eq!(issued.secret_access_key.len(), 40);
        let id = issued.access_key_id.as_str();
        let session = tokens("a").open(&issued.token, id, 999);
        let said = session.map(|session| (session.name, session.source_identity, session.issued_ms));
        assert_eq!(said, Ok(("viewer".to_owned(), "ann".to_owned(), 7)));
        assert_eq!(tokens("a").open(&issued.token, id, 1000), Err(TokenError::Expired));
        assert_eq!(tokens("a").open(&issued.token, "ASIAAAAAAAAAAAAAAAAA", 0), Err(TokenError::Invalid));
        assert_eq!(tokens("b").open(&issued.token, id, 0), Err(TokenError::Invalid));
        Ok(())
    }

    proptest! {
        #[test]
        fn a_changed_token_opens_nothing(at in 0_usize..100, letter in "[A-Za-z0-9_-]") {
            let issued = tokens("a").issue(&grant()).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let mut token = issued.token.clone();
            let at = at % token.len();
            token.replace_range(at..=at, &letter);
            prop_assume!(token != issued.token);
            prop_assert_eq!(tokens("a").open(&token, &issued.access_key_id, 0), Err(TokenError::Invalid));
        }

        #[test]
        fn any_text_is_refused_without_a_panic(token in ".{0,200}") {
            prop_assert_eq!(tokens("a").open(&token, "ASIA", 0), Err(TokenError::Invalid));
        }
    }
}
