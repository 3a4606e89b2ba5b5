//! Members: viewers who signed in with an issuer, until the cookie from that sign-in expires.
//!
//! The cookie holds the member's data and an HMAC-SHA256 over it, like a guest's. The server stores sign-outs only, so every
//! server that shares the key file accepts the cookie. A sign-out at the issuer takes effect when the cookie expires, after
//! half a day at most.

use danmu::{
    rights::Rights,
    viewer::{Name, ViewerId},
};
use serde::{Deserialize, Serialize};

use super::sealed::{seal, unseal};

/// The cookie's name.
pub const MEMBER_COOKIE: &str = "danmu_member";
/// Longest lifetime of a cookie, in seconds, whatever the issuer allows: half a day.
pub const MAX_AGE_S: i64 = 12 * 3_600;
/// Domain separation of the MAC.
const USE: &[u8] = b"danmu member\0";

/// Somebody who signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The viewer id here.
    pub viewer: ViewerId,
    /// The display name from the ID token.
    pub name: Option<Name>,
    /// What they may do.
    #[serde(flatten)]
    pub rights: Rights,
    /// The id of the sign-in, kept when its cookie is renewed. A sign-out revokes it.
    pub sign_in: String,
    /// When it expires, in Unix seconds.
    pub expires_s: i64,
}

/// Browsers drop a cookie of more than 4,096 bytes, its name and attributes included ([RFC 6265bis,
/// 5.6](https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-5.6)).
pub const MAX_COOKIE_BYTES: usize = 3_900;

/// The cookie's value.
pub(super) fn write(secret: &[u8; 32], member: &Member) -> String {
    seal(secret, USE, member)
}

/// The member in a cookie's value, if the MAC is ours and it has not expired.
pub(super) fn read(secret: &[u8; 32], cookie: &str, now_s: i64) -> Option<Member> {
    let member: Member = unseal(secret, USE, cookie)?;
    let (is_over, is_endless) = (member.expires_s <= now_s, member.expires_s > now_s.saturating_add(MAX_AGE_S));
    (!is_over && !is_endless).then_some(member)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use danmu::viewer::Role;

    use super::*;

    fn member(role: Role) -> Member {
        let name = Name::try_from("小艾".to_owned()).expect("a name");
        Member {
            viewer: "m1".parse().expect("an id"),
            name: Some(name),
            rights: Rights::everywhere(role),
            sign_in: "s1".into(),
            expires_s: 1_000,
        }
    }

    #[test]
    fn a_member_is_known_until_the_cookie_ends() {
        let cookie = write(&[7; 32], &member(Role::Streamer));
        assert_eq!(read(&[7; 32], &cookie, 999), Some(member(Role::Streamer)));
        assert_eq!(read(&[7; 32], &cookie, 1_000), None, "it has ended");
        assert_eq!(read(&[8; 32], &cookie, 0), None, "another server's");
        let endless = write(&[7; 32], &Member { expires_s: i64::MAX, ..member(Role::Streamer) });
        assert_eq!(read(&[7; 32], &endless, 999), None, "no cookie of ours holds for longer than half a day");
    }

    #[test]
    fn nobody_becomes_a_streamer_by_writing_so() {
        let [member, streamer] = [Role::Member, Role::Streamer].map(|role| write(&[7; 32], &member(role)));
        let (said, _) = streamer.split_once('.').expect("a code");
        let (_, code) = member.split_once('.').expect("a code");
        for forged in [said.to_owned(), format!("{said}."), format!("{said}.{code}"), format!("{streamer}A")] {
            assert_eq!(read(&[7; 32], &forged, 0), None, "{forged}");
        }
    }

    #[test]
    fn a_guests_code_is_no_members() {
        // The id of a guest, as the text of a member would be.
        let guest = super::super::guest::make(&[7; 32]).expect("a guest").1;
        assert_eq!(read(&[7; 32], &guest, 0), None);
    }

    proptest! {
        #[test]
        fn no_cookie_makes_it_panic(cookie in "\\PC{0,60}") {
            prop_assert_eq!(read(&[7; 32], &cookie, 0), None);
        }
    }
}
