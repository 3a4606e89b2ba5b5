//! A danmu that waited in reviewed mode and that the crew let through, as the server's record carries it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Color, DanmuKey, DanmuRef, Mode, RecordId, is_default};
use crate::{
    room::RoomId,
    viewer::{Name, Role, ViewerId},
};

/// The whole danmu, as the gate read it from its author's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// Its key.
    pub key: DanmuKey,
    /// Its author; `None` where that was not verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewer: Option<ViewerId>,
    /// The author's name, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// The author's role then.
    #[serde(default, skip_serializing_if = "is_default")]
    pub role: Role,
    /// Its text.
    pub text: String,
    /// Where it is shown.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: Mode,
    /// Its colour.
    #[serde(default, skip_serializing_if = "is_default")]
    pub color: Color,
    /// When its author's record arrived, in Unix milliseconds.
    pub at: i64,
}

impl Passed {
    /// The danmu that it is.
    #[must_use]
    pub fn danmu(&self) -> DanmuRef {
        DanmuRef { key: self.key.clone(), viewer: self.viewer.clone() }
    }

    /// The id of the record that lets it through: the same whoever does, so that gates show it once.
    #[must_use]
    pub fn id(&self, room: &RoomId) -> RecordId {
        let viewer = self.viewer.as_ref().map_or("", ViewerId::as_str);
        // No part has a line break.
        let hash = Sha256::digest(format!("danmu pass\n{room}\n{}\n{viewer}", self.key));
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number: u128, byte| number << 8 | u128::from(*byte));
        // 48 bits and 80 bits, as an id has them.
        RecordId::new(number(&hash[..6]) as i64, number(&hash[6..16]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(key: &str, viewer: Option<&str>) -> Passed {
        Passed {
            key: key.parse().expect("a key"),
            viewer: viewer.map(|viewer| viewer.parse().expect("an id")),
            name: None,
            role: Role::Viewer,
            text: "hi".into(),
            mode: Mode::default(),
            color: Color::default(),
            at: 5,
        }
    }

    #[test]
    fn a_danmu_has_one_id_to_pass_by_and_no_other_danmu_has_it() {
        let (demo, other): (RoomId, RoomId) = (RoomId::demo(), "other".parse().expect("a room"));
        let ann = passed("s7", Some("ann"));
        let edited = Passed { text: "ho".into(), at: 6, role: Role::Member, ..ann.clone() };
        assert_eq!(ann.id(&demo), edited.id(&demo), "it depends on which danmu it is alone");
        let ids = [ann.id(&demo), ann.id(&other), passed("s7", None).id(&demo), passed("s71", Some("ann")).id(&demo)];
        for (at, id) in ids.iter().enumerate() {
            assert!(ids[..at].iter().all(|before| before != id), "{at}");
        }
        assert_eq!(ids[0].to_string().parse(), Ok(ids[0]), "it is an id as any");
    }

    #[test]
    fn what_is_passed_survives_its_json_and_a_guests_plain_danmu_is_short() {
        let plain = passed("s7", None);
        let json = serde_json::to_string(&plain).expect("JSON");
        assert_eq!(json, r#"{"key":"s7","text":"hi","at":5}"#);
        let name = Name::try_from("Ann".to_owned()).ok();
        let full = Passed { name, role: Role::Member, mode: Mode::Top, ..passed("s7", Some("ann")) };
        for passed in [plain, full] {
            let json = serde_json::to_string(&passed).expect("JSON");
            assert_eq!(serde_json::from_str::<Passed>(&json).expect("one"), passed);
        }
    }
}
