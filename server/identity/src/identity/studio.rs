//! Passes: cookies of viewers who opened a room's studio by its streamer key, or by an invitation.
//!
//! A pass names the room, the id of the key or the invitation that opened it, and the viewer, and has a MAC of its own kind. It
//! counts only together with the viewer's own cookie, and only while that key is the room's, or the invitation in force: whoever
//! looks at it checks both.

use danmu::{room::RoomId, viewer::ViewerId};
use serde::{Deserialize, Serialize};

use super::sealed::{seal, unseal};

/// The start of the cookie's name; the room's id follows.
pub const STUDIO_COOKIE: &str = "danmu_studio_";
/// Lifetime of a pass, in seconds: thirty days.
pub const STUDIO_AGE_S: i64 = 30 * 24 * 3_600;
/// Domain separation of the MAC.
const USE: &[u8] = b"danmu studio\0";

/// What opened a studio. As JSON a field of the pass, `"key":"…"` or `"invitation":"…"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassedBy {
    /// The room's streamer key, by its id; not the key.
    Key(String),
    /// An invitation of a moderator, by its id; not its token.
    Invitation(String),
}

/// What the cookie says: this viewer opened the room's studio by this key or invitation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StudioPass {
    /// The room.
    pub room: RoomId,
    /// What opened it.
    #[serde(flatten)]
    pub by: PassedBy,
    /// The viewer that opened it.
    pub viewer: ViewerId,
    /// When it expires, in Unix seconds.
    pub expires_s: i64,
}

/// The cookie's value.
pub(super) fn write(secret: &[u8; 32], pass: &StudioPass) -> String {
    seal(secret, USE, pass)
}

/// The pass in a cookie's value, if the MAC is ours and it has not expired.
pub(super) fn read(secret: &[u8; 32], cookie: &str, now_s: i64) -> Option<StudioPass> {
    unseal(secret, USE, cookie).filter(|pass: &StudioPass| pass.expires_s > now_s)
}

#[cfg(test)]
mod tests {
    use danmu::{rights::Rights, viewer::Role};
    use proptest::prelude::*;

    use super::super::{guest, member};
    use super::*;

    fn pass(room: &str) -> StudioPass {
        let (room, viewer) = (room.parse().expect("a room"), ViewerId::guest(7));
        StudioPass { room, by: PassedBy::Key("k1".into()), viewer, expires_s: 1_000 }
    }

    #[test]
    fn what_opened_a_studio_is_told_apart_and_passes_by_keys_are_as_they_always_were() {
        let text = |pass: &StudioPass| serde_json::to_string(pass).expect("JSON");
        let viewer = ViewerId::guest(7);
        let old = format!(r#"{{"room":"demo","key":"k1","viewer":"{viewer}","expires_s":1000}}"#);
        assert_eq!(text(&pass("demo")), old);
        assert_eq!(serde_json::from_str::<StudioPass>(&old).expect("a pass"), pass("demo"));
        let invited = StudioPass { by: PassedBy::Invitation("k1".into()), ..pass("demo") };
        assert_eq!(text(&invited), old.replace("key", "invitation"));
        assert_eq!(read(&[7; 32], &write(&[7; 32], &invited), 999), Some(invited));
    }

    #[test]
    fn a_pass_is_known_until_it_ends() {
        let cookie = write(&[7; 32], &pass("demo"));
        assert_eq!(read(&[7; 32], &cookie, 999), Some(pass("demo")));
        assert_eq!(read(&[7; 32], &cookie, 1_000), None, "it has ended");
        assert_eq!(read(&[8; 32], &cookie, 0), None, "another server's");
    }

    #[test]
    fn nobody_writes_a_pass_for_another_room() {
        let [demo, other] = ["demo", "other"].map(|room| write(&[7; 32], &pass(room)));
        let (said, _) = other.split_once('.').expect("a code");
        let (_, code) = demo.split_once('.').expect("a code");
        for forged in [said.to_owned(), format!("{said}."), format!("{said}.{code}"), format!("{other}A")] {
            assert_eq!(read(&[7; 32], &forged, 0), None, "{forged}");
        }
    }

    #[test]
    fn no_kind_of_cookie_is_taken_for_another() {
        let secret = &[7; 32];
        let cookie = write(secret, &pass("demo"));
        assert_eq!((guest::read(secret, &cookie), member::read(secret, &cookie, 0)), (None, None));
        assert_eq!(read(secret, &guest::make(secret).expect("a guest").1, 0), None);
        // A member's cookie that says all that a pass does, and a pass that says all that a member's cookie does.
        #[derive(Serialize)]
        struct Both {
            #[serde(flatten)]
            pass: StudioPass,
            #[serde(flatten)]
            rights: Rights,
            sign_in: String,
        }
        let both = Both { pass: pass("demo"), rights: Rights::everywhere(Role::Streamer), sign_in: "s".into() };
        let (member, studio) = (seal(secret, b"danmu member\0", &both), seal(secret, USE, &both));
        assert!(member::read(secret, &member, 999).is_some() && read(secret, &studio, 999).is_some());
        assert_eq!((member::read(secret, &studio, 999), read(secret, &member, 999)), (None, None));
    }

    proptest! {
        #[test]
        fn no_cookie_makes_it_panic(cookie in "\\PC{0,60}") {
            prop_assert_eq!(read(&[7; 32], &cookie, 0), None);
        }
    }
}
