//! Guests: viewers who have not signed in. A guest keeps its identity while its browser keeps the cookie.
//!
//! The cookie holds the id and an HMAC-SHA256 over it: ids are public (tickets contain them), so the MAC keeps others from
//! using them. It holds nothing else, and the server stores nothing.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use danmu::viewer::ViewerId;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The cookie's name.
pub const COOKIE: &str = "danmu_guest";

/// Domain separation: the secret also authenticates other cookies.
const USE: &[u8] = b"danmu guest\0";

/// HMAC-SHA256 of a text, for one purpose.
pub(super) fn code(secret: &[u8; 32], usage: &[u8], text: &str) -> Hmac<Sha256> {
    // A key of one block is used as it is; padding a shorter key with zeros changes nothing (RFC 2104, 2).
    let mut block = [0; 64];
    block[..32].copy_from_slice(secret);
    let mut code = Hmac::<Sha256>::new(&block.into());
    code.update(usage);
    code.update(text.as_bytes());
    code
}

/// A new guest's id, and the cookie's value.
pub(super) fn make(secret: &[u8; 32]) -> Result<(ViewerId, String), getrandom::Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)?;
    let id = ViewerId::guest(u128::from_be_bytes(random));
    let code = BASE64_URL_SAFE_NO_PAD.encode(code(secret, USE, id.as_str()).finalize().into_bytes());
    let cookie = format!("{id}.{code}");
    Ok((id, cookie))
}

/// The id in a cookie's value, if the MAC is ours.
pub(super) fn read(secret: &[u8; 32], cookie: &str) -> Option<ViewerId> {
    let (id, theirs) = cookie.split_once('.')?;
    let theirs = BASE64_URL_SAFE_NO_PAD.decode(theirs).ok()?;
    // Constant-time comparison.
    code(secret, USE, id).verify_slice(&theirs).ok()?;
    id.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_guest_is_known_by_its_cookie_and_every_guest_is_another() {
        let (first, cookie) = make(&[7; 32]).expect("a guest");
        let (second, _) = make(&[7; 32]).expect("a guest");
        assert_ne!(first, second);
        assert_eq!((first.as_str().len(), &first.as_str()[..1]), (33, "g"));
        assert_eq!(read(&[7; 32], &cookie), Some(first));
        assert_eq!(read(&[8; 32], &cookie), None, "another server's");
    }

    #[test]
    fn nobody_takes_the_id_of_another() {
        let (id, cookie) = make(&[7; 32]).expect("a guest");
        let (_, mine) = make(&[7; 32]).expect("a guest");
        let code = mine.split_once('.').expect("a code").1;
        for forged in
            [id.to_string(), format!("{id}."), format!("{id}.{code}"), format!("{cookie}A"), cookie.replace('.', "")]
        {
            assert_eq!(read(&[7; 32], &forged), None, "{forged}");
        }
    }

    proptest! {
        #[test]
        fn no_cookie_makes_it_panic(cookie in "\\PC{0,60}") {
            prop_assert_eq!(read(&[7; 32], &cookie), None);
        }
    }
}
