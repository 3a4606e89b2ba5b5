//! Sessions that are denied before they expire: those of a source identity, one by its access key id, all that were issued
//! before some time.
//!
//! Promises: a denial acts on the next request and is there after a restart; it concerns nobody else; an entry is kept for
//! as long as a session can live, [`MAX_SECONDS`], and then goes, for whatever it concerned has expired. So what is kept is
//! bounded by what was denied in that time. Whoever is to be kept out for longer must be given no new session: that is the
//! business of whoever asks STS for them; while a source identity is denied, STS gives it none either.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use super::Session;
use crate::quotas::MAX_SECONDS;

/// How long a denial is kept, milliseconds: no session that there is lives longer.
const KEPT_MS: i64 = MAX_SECONDS * 1000;

/// What a denial concerns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Whom {
    /// Every session of this source identity.
    Source(String),
    /// The session with this access key id.
    Key(String),
    /// Every session that was issued before a time, which stands in the place of the time at which the entry goes.
    Older,
}

/// A denial as it is kept: until when it is, or for [`Whom::Older`] which sessions it concerns, milliseconds since the Unix
/// epoch.
pub(crate) type Denial = (Whom, i64);

/// What is denied now.
#[derive(Debug, Default)]
pub(crate) struct Denials(RwLock<HashMap<Whom, i64>>);

impl Denials {
    /// Those that were kept.
    pub(crate) fn new(kept: impl IntoIterator<Item = Denial>) -> Self {
        Self(RwLock::new(kept.into_iter().collect()))
    }

    /// Whether this session is denied.
    pub(crate) fn cover(&self, session: &Session, now_ms: i64) -> bool {
        let entries = self.read();
        if entries.is_empty() {
            return false;
        }
        let denied = |whom: &Whom| entries.get(whom).is_some_and(|until_ms| now_ms < *until_ms);
        entries.get(&Whom::Older).is_some_and(|before_ms| session.issued_ms < *before_ms)
            || denied(&Whom::Key(session.access_key_id.clone()))
            || !session.source_identity.is_empty() && denied(&Whom::Source(session.source_identity.clone()))
    }

    /// Whether this source identity may be given no session.
    pub(crate) fn cover_source(&self, source_identity: &str, now_ms: i64) -> bool {
        let entries = self.read();
        !entries.is_empty()
            && entries.get(&Whom::Source(source_identity.to_owned())).is_some_and(|until_ms| now_ms < *until_ms)
    }

    /// Denies from now on. The answer is to be kept.
    pub(crate) fn deny(&self, whom: Whom, now_ms: i64) -> Denial {
        let until_ms = now_ms.saturating_add(KEPT_MS);
        self.write().insert(whom.clone(), until_ms);
        (whom, until_ms)
    }

    /// Denies what was issued before `before_ms`, and all that was denied so already. The answer is to be kept.
    pub(crate) fn deny_older(&self, before_ms: i64) -> Denial {
        let mut entries = self.write();
        let latest = entries.entry(Whom::Older).or_insert(before_ms);
        *latest = before_ms.max(*latest);
        (Whom::Older, *latest)
    }

    /// Takes a denial back; whether there was one.
    pub(crate) fn allow(&self, whom: &Whom) -> bool {
        self.write().remove(whom).is_some()
    }

    /// Forgets what concerns nobody any more, and names it.
    pub(crate) fn forget(&self, now_ms: i64) -> Vec<Whom> {
        let is_over = |(whom, ms): (&Whom, &i64)| match whom {
            Whom::Older => ms.saturating_add(KEPT_MS) <= now_ms,
            Whom::Source(_) | Whom::Key(_) => *ms <= now_ms,
        };
        if self.read().iter().all(|entry| !is_over(entry)) {
            return Vec::new();
        }
        self.write().extract_if(|whom, ms| is_over((whom, ms))).map(|(whom, _)| whom).collect()
    }

    /// All of them, in no order.
    pub(crate) fn entries(&self) -> Vec<Denial> {
        self.read().iter().map(|(whom, ms)| (whom.clone(), *ms)).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<Whom, i64>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Whom, i64>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(key: &str, source_identity: &str, issued_ms: i64) -> Session {
        Session {
            access_key_id: key.to_owned(),
            issued_ms,
            expires_ms: issued_ms + KEPT_MS,
            role: "viewer".to_owned(),
            name: "viewer".to_owned(),
            source_identity: source_identity.to_owned(),
            policy: None,
        }
    }

    #[test]
    fn a_denial_concerns_whom_it_names_and_nobody_else() {
        let denials = Denials::default();
        let (ann, bob, nameless) = (session("A", "ann", 5), session("B", "bob", 5), session("C", "", 5));
        denials.deny(Whom::Source("ann".to_owned()), 10);
        denials.deny(Whom::Key("C".to_owned()), 10);
        assert!(denials.cover(&ann, 10) && denials.cover(&session("D", "ann", 11), 12));
        assert!(denials.cover(&nameless, 10));
        assert!(!denials.cover(&bob, 10) && !denials.cover(&session("D", "", 5), 10));
        assert!(denials.cover_source("ann", 10) && !denials.cover_source("bob", 10) && !denials.cover_source("", 10));
        assert!(denials.allow(&Whom::Source("ann".to_owned())) && !denials.allow(&Whom::Source("ann".to_owned())));
        assert!(!denials.cover(&ann, 10));
    }

    #[test]
    fn what_was_issued_before_a_time_stays_denied_whatever_is_asked_later() {
        let denials = Denials::default();
        assert_eq!(denials.deny_older(100), (Whom::Older, 100));
        assert_eq!(denials.deny_older(50), (Whom::Older, 100));
        assert!(denials.cover(&session("A", "ann", 99), 200));
        assert!(!denials.cover(&session("A", "ann", 100), 200));
    }

    #[test]
    fn an_entry_goes_with_the_last_session_that_it_can_concern() {
        let denials = Denials::default();
        let ann = Whom::Source("ann".to_owned());
        denials.deny(ann.clone(), 10);
        denials.deny_older(10);
        assert_eq!(denials.forget(9 + KEPT_MS), []);
        assert!(denials.cover(&session("A", "ann", 20), 9 + KEPT_MS));
        assert!(!denials.cover(&session("A", "ann", 20), 10 + KEPT_MS), "it is over, whether it was forgotten or not");
        let mut gone = denials.forget(10 + KEPT_MS);
        gone.sort_unstable_by_key(|whom| *whom == Whom::Older);
        assert_eq!(gone, [ann, Whom::Older]);
        assert_eq!(denials.entries(), []);
    }
}
