//! The texts of recent danmu, so that the audit can say what was hidden.
//!
//! In memory: what was said before a start is not known. Bounded: of all rooms together the last [`MOST`] are kept.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use danmu::{gate::Admitted, record::DanmuKey, room::RoomId, viewer::ViewerId};

use super::Moderation;

/// The most danmu, of a few hundred bytes each.
const MOST: usize = 5_000;
/// Characters of a text that are kept.
const CHARACTERS: usize = 200;

/// Recent danmu by their keys.
#[derive(Debug, Default)]
pub(super) struct Texts(Mutex<Recent>);

#[derive(Debug, Default)]
struct Recent {
    by_key: HashMap<DanmuKey, Text>,
    /// The keys, the oldest first.
    order: VecDeque<DanmuKey>,
}

/// A danmu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub room: RoomId,
    pub viewer: Option<ViewerId>,
    pub text: String,
}

impl Texts {
    /// Keeps a danmu that the gate of a room admitted.
    pub(super) fn heard(&self, room: &RoomId, admitted: &Admitted) {
        let viewer = admitted.evidence.as_ref().map(|evidence| evidence.viewer.clone());
        let text = admitted.text.chars().take(CHARACTERS).collect();
        self.keep(admitted.key.clone(), Text { room: room.clone(), viewer, text });
    }

    fn keep(&self, key: DanmuKey, text: Text) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = &mut *recent;
        if recent.by_key.insert(key.clone(), text).is_none() {
            recent.order.push_back(key);
            if recent.order.len() > MOST
                && let Some(oldest) = recent.order.pop_front()
            {
                recent.by_key.remove(&oldest);
            }
        }
    }

    /// The danmu of a room that has this key, if it is kept.
    pub(super) fn of(&self, room: &RoomId, key: &DanmuKey) -> Option<Text> {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent.by_key.get(key).filter(|text| text.room == *room).cloned()
    }
}

impl Moderation {
    /// The text of a recent danmu of a room, as it was said, at most 200 characters; `None` where that is not known any more.
    pub(crate) fn text_of(&self, room: &RoomId, key: &DanmuKey) -> Option<String> {
        self.0.texts.of(room, key).map(|text| text.text)
    }
}

#[cfg(test)]
mod tests {
    use danmu::record::RecordId;

    use super::*;

    #[test]
    fn the_last_danmu_are_known_by_key_in_their_room_alone_and_no_crowd_fills_the_memory() {
        let texts = Texts::default();
        let key = |n: usize| DanmuKey::Record(RecordId::new(1, n as u128));
        let said = |n: usize| Text { room: RoomId::demo(), viewer: None, text: n.to_string() };
        for n in 0..=MOST {
            texts.keep(key(n), said(n));
            texts.keep(key(n), said(n));
        }
        let other: RoomId = "other".parse().expect("a room");
        assert_eq!((texts.of(&RoomId::demo(), &key(MOST)), texts.of(&other, &key(MOST))), (Some(said(MOST)), None));
        assert_eq!((texts.of(&RoomId::demo(), &key(0)), texts.of(&RoomId::demo(), &key(1))), (None, Some(said(1))));
        let recent = texts.0.lock().expect("no panic");
        assert_eq!((recent.by_key.len(), recent.order.len()), (MOST, MOST));
    }
}
