//! Revocation of sessions before they expire: those of a source identity, one by its access key id, or all that were issued
//! before a time.
//!
//! Promises: a denial takes effect on the next request, survives a restart, and affects no other session. An entry is removed
//! after the longest session lifetime, [`MAX_SECONDS`], since every session it covered has expired by then; so the entries are
//! bounded by the denials in that time. STS issues no session to a source identity while it is denied; to lock somebody out
//! for longer, the program that asks STS must stop asking for them.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use super::Session;
use crate::quotas::MAX_SECONDS;

/// How long a denial is kept, milliseconds: the longest session lifetime.
const KEPT_MS: i64 = MAX_SECONDS * 1000;

/// The sessions that a denial covers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Whom {
    /// Every session of this source identity.
    Source(String),
    /// The session with this access key id.
    Key(String),
    /// Every session issued before a time, which is the entry's value instead of an expiry.
    Older,
}

/// A denial as it is stored: with its expiry, or for [`Whom::Older`] the time before which sessions are denied, milliseconds
/// since the Unix epoch.
pub(crate) type Denial = (Whom, i64);

/// The denials in force.
#[derive(Debug, Default)]
pub(crate) struct Denials {
    entries: RwLock<HashMap<Whom, i64>>,
    persisting: Mutex<()>,
}

impl Denials {
    /// Denials that were loaded from disk.
    pub(crate) fn new(kept: impl IntoIterator<Item = Denial>) -> Self {
        Self { entries: RwLock::new(kept.into_iter().collect()), persisting: Mutex::default() }
    }

    /// Whether a session is denied.
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

    /// Whether a source identity is denied, so that STS must not issue it a session.
    pub(crate) fn cover_source(&self, source_identity: &str, now_ms: i64) -> bool {
        let entries = self.read();
        !entries.is_empty()
            && entries.get(&Whom::Source(source_identity.to_owned())).is_some_and(|until_ms| now_ms < *until_ms)
    }

    /// Denies from now on. The caller must persist the result.
    pub(crate) fn deny(&self, whom: Whom, now_ms: i64) -> Denial {
        let until_ms = now_ms.saturating_add(KEPT_MS);
        self.write().insert(whom.clone(), until_ms);
        (whom, until_ms)
    }

    /// Denies sessions issued before `before_ms`, or before an earlier call's later time. The caller must persist the result.
    pub(crate) fn deny_older(&self, before_ms: i64) -> Denial {
        let mut entries = self.write();
        let latest = entries.entry(Whom::Older).or_insert(before_ms);
        *latest = before_ms.max(*latest);
        (Whom::Older, *latest)
    }

    /// Held while a change is made on disk and here: of changes at the same time, the last is in force in both places.
    pub(crate) fn persisting(&self) -> MutexGuard<'_, ()> {
        self.persisting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts entries back that were withdrawn or forgotten since they were made. The caller holds [`Self::persisting`].
    pub(crate) fn restore(&self, made: &[Denial]) {
        let mut entries = self.write();
        for (whom, ms) in made {
            let kept = entries.entry(whom.clone()).or_insert(*ms);
            *kept = (*ms).max(*kept);
        }
    }

    /// Withdraws a denial; returns whether there was one.
    pub(crate) fn allow(&self, whom: &Whom) -> bool {
        self.write().remove(whom).is_some()
    }

    /// Removes and returns the expired entries.
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

    /// All entries, unordered.
    pub(crate) fn entries(&self) -> Vec<Denial> {
        self.read().iter().map(|(whom, ms)| (whom.clone(), *ms)).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<Whom, i64>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Whom, i64>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
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
