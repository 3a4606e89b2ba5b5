//! Names that guests give themselves, where the room's streamer allows it. They are unproved, and marked so ([`Name::unproved`]).
//!
//! Nobody takes the name of somebody who signed in: of those with sessions from this server while these last, and of those who
//! spoke anywhere in the last hour, by the store. Compared are plain forms, as rules do.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use danmu::{
    gate::{RuleBook, RuleVerdict},
    record::Subject,
    room::{RoomId, RoomMode},
    viewer::{Name, ViewerId},
};
use danmu_app::services::{NameRefused, Naming, NamingFuture};
use danmu_identity::{clock::now_ms, unicode};

use super::{Moderation, rules::plain};

/// How many names a guest may have in [`SPAN_MS`], on each server.
const MOST: usize = 3;
/// An hour, milliseconds.
const SPAN_MS: i64 = 3_600_000;
/// For how long the names of speakers are kept before the store is asked again, milliseconds.
const HEARD_MS: i64 = 5_000;
/// From this many names of sessions on, ended ones are dropped.
const MANY: usize = 1_000;

/// What is known of names.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Plain names of viewers who signed in, and when their sessions end, Unix milliseconds.
    proved: Mutex<HashMap<String, i64>>,
    /// When the store was asked, Unix milliseconds, and the plain names of members who spoke.
    heard: Mutex<(i64, Arc<HashSet<String>>)>,
    /// The names of guests in the last hour, the newest last, and since when they have them.
    given: Mutex<HashMap<ViewerId, Vec<(Name, i64)>>>,
}

impl Names {
    /// Records the name of somebody who signed in and got a session until then.
    pub(super) fn saw(&self, name: &Name, until_ms: i64, now_ms: i64) {
        let mut proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        if proved.len() >= MANY {
            proved.retain(|_, ends_ms| *ends_ms > now_ms);
        }
        let ends_ms = proved.entry(plain(name.as_str())).or_default();
        *ends_ms = until_ms.max(*ends_ms);
    }

    fn is_proved(&self, name: &str, now_ms: i64) -> bool {
        let proved = self.proved.lock().unwrap_or_else(PoisonError::into_inner);
        proved.get(name).is_some_and(|ends_ms| *ends_ms > now_ms)
    }

    /// Gives a guest a name, unless it had [`MOST`] others in the last hour.
    fn give(&self, guest: &ViewerId, name: &Name, now_ms: i64) -> bool {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let names = given.entry(guest.clone()).or_default();
        if names.last().is_some_and(|(last, _)| last == name) {
            return true;
        }
        names.retain(|(_, since_ms)| *since_ms > now_ms - SPAN_MS);
        if names.len() >= MOST {
            return false;
        }
        names.push((name.clone(), now_ms));
        true
    }

    /// Forgets names of more than an hour ago.
    pub(super) fn forget(&self, now_ms: i64) {
        let is_new = |since_ms: i64| since_ms > now_ms - SPAN_MS;
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.retain(|_, names| names.last().is_some_and(|(_, since_ms)| is_new(*since_ms)));
    }
}

impl Moderation {
    /// The plain names of members who spoke in the last hour.
    async fn heard_names(&self, now_ms: i64) -> Result<Arc<HashSet<String>>, NameRefused> {
        let heard = &self.0.names.heard;
        let known = heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if (now_ms - HEARD_MS..=now_ms).contains(&known.0) {
            return Ok(known.1);
        }
        let names = self.0.store.speakers_names(now_ms).await.map_err(|error| {
            tracing::error!(%error, "the name of a guest cannot be checked");
            NameRefused::Later
        })?;
        let proved = names.into_iter().filter(|name| !name.starts_with(Name::UNPROVED));
        let names = Arc::new(proved.map(|name| plain(&name)).collect::<HashSet<_>>());
        *heard.lock().unwrap_or_else(PoisonError::into_inner) = (now_ms, Arc::clone(&names));
        Ok(names)
    }

    async fn name(&self, room: &RoomId, guest: &ViewerId, text: &str) -> Result<Option<Name>, NameRefused> {
        let now_ms = now_ms();
        if self.0.ledger.until(Some(room), &Subject::Mode(RoomMode::Names)) <= now_ms {
            return Ok(None);
        }
        let name = Name::unproved(&(unicode::UNICODE.nfc)(text)).map_err(|_| NameRefused::Bad)?;
        let bare = name.as_str().trim_start_matches(Name::UNPROVED);
        self.learn_rules(room).await;
        let mut rules = self.0.ledger.rules(room);
        rules.retain(|rule| self.0.ledger.until(Some(room), &Subject::Rule(*rule)) > now_ms);
        if matches!(self.0.rules.book.look(&rules, bare, None), RuleVerdict::Forbidden(_)) {
            return Err(NameRefused::Rule);
        }
        let plain = plain(bare);
        if plain.trim().is_empty() {
            return Err(NameRefused::Bad);
        }
        let names = &self.0.names;
        if names.is_proved(&plain, now_ms) || self.heard_names(now_ms).await?.contains(&plain) {
            return Err(NameRefused::Taken);
        }
        if names.give(guest, &name, now_ms) { Ok(Some(name)) } else { Err(NameRefused::TooOften) }
    }
}

impl Naming for Moderation {
    fn named(&self, room: RoomId, guest: ViewerId, name: String) -> NamingFuture {
        let moderation = self.clone();
        Box::pin(async move { moderation.name(&room, &guest, &name).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_has_three_names_an_hour_and_keeps_each_as_long_as_it_likes() {
        let (names, guest) = (Names::default(), ViewerId::guest(1));
        let give = |name: &str, now_ms| names.give(&guest, &Name::unproved(name).expect("a name"), now_ms);
        assert!(give("a", 1) && give("b", 2) && give("a", 3));
        assert!(give("a", 4), "it is called so already");
        assert!(!give("b", 5) && !give("c", SPAN_MS));
        assert!(names.give(&ViewerId::guest(2), &Name::unproved("c").expect("a name"), 5), "another guest");
        assert!(give("c", SPAN_MS + 1), "the first is an hour ago");
        assert!(!give("d", SPAN_MS + 1));
        names.forget(SPAN_MS + 2);
        assert_eq!(names.given.lock().expect("no panic").len(), 2);
        names.forget(2 * SPAN_MS + 1);
        assert!(names.given.lock().expect("no panic").is_empty());
    }

    #[test]
    fn a_name_of_somebody_who_signed_in_is_theirs_while_the_session_lasts_however_it_is_written() {
        let names = Names::default();
        names.saw(&"Änna".to_owned().try_into().expect("a name"), 100, 1);
        names.saw(&"ÄNNA".to_owned().try_into().expect("a name"), 50, 1);
        assert!(names.is_proved(&plain("äNNA"), 99));
        assert!(!names.is_proved(&plain("äNNA"), 100) && !names.is_proved("anna", 50));
    }
}
