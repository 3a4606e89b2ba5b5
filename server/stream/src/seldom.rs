//! Rate limit for log lines: one a minute per cause, with a count, so that repeated requests do not fill the log.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The shortest time between two lines about a cause.
const PAUSE: Duration = Duration::from_secs(60);
/// The most causes tracked at a time; others are not logged, so that many addresses cannot fill the log.
const CAUSES: usize = 64;

/// Counts causes and decides when each is logged.
#[derive(Debug)]
pub struct Seldom<K>(Mutex<HashMap<K, Said>>);

#[derive(Debug)]
struct Said {
    at: Instant,
    unsaid: u64,
}

impl<K> Default for Seldom<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash + Clone> Seldom<K> {
    /// Counts a cause. If it is to be logged now: its count since the last line, this time included.
    pub fn note(&self, cause: &K, now: Instant) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |said: &Said| now.saturating_duration_since(said.at) >= PAUSE;
        if let Some(said) = all.get_mut(cause) {
            said.unsaid += 1;
            return is_over(said).then(|| {
                said.at = now;
                std::mem::take(&mut said.unsaid)
            });
        }
        if all.len() >= CAUSES {
            all.retain(|_, said| !is_over(said));
        }
        (all.len() < CAUSES).then(|| {
            all.insert(cause.clone(), Said { at: now, unsaid: 0 });
            1
        })
    }

    /// The causes with counts that are due but not logged yet; called regularly, it logs the last ones as well.
    pub fn due(&self, now: Instant) -> Vec<(K, u64)> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = all.iter_mut().filter(|(_, said)| said.unsaid > 0 && now.saturating_duration_since(said.at) >= PAUSE);
        due.map(|(cause, said)| {
            said.at = now;
            (cause.clone(), std::mem::take(&mut said.unsaid))
        })
        .collect()
    }
}

/// The most characters of a client's text that are quoted.
const QUOTED: usize = 200;

/// A client's text made safe for a log: control characters escaped, at most 200 characters of it.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut quoted: String = text.chars().take(QUOTED).flat_map(char::escape_debug).collect();
    if text.chars().nth(QUOTED).is_some() {
        quoted.push('…');
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once_a_minute_with_how_often_it_was() {
        let (seldom, start) = (Seldom::default(), Instant::now());
        let said: Vec<_> = (0..10_000).filter_map(|_| seldom.note(&"denied", start)).collect();
        assert_eq!(said, [1]);
        assert_eq!(seldom.note(&"another", start), Some(1));
        assert_eq!(seldom.due(start), []);
        assert_eq!(seldom.due(start + PAUSE), [("denied", 9_999)]);
        assert_eq!(seldom.note(&"denied", start + PAUSE), None);
        assert_eq!(seldom.note(&"denied", start + 2 * PAUSE), Some(2));
    }

    #[test]
    fn no_number_of_causes_fills_the_log_or_the_memory() {
        let (seldom, start) = (Seldom::default(), Instant::now());
        assert_eq!((0..10_000).filter_map(|cause| seldom.note(&cause, start)).count(), CAUSES);
        assert_eq!((0..10_000).filter_map(|cause| seldom.note(&-cause, start + PAUSE)).count(), CAUSES);
    }

    #[test]
    fn a_clients_words_are_one_short_line() {
        assert_eq!(quoted("a\nb\u{1b}[31m"), "a\\nb\\u{1b}[31m");
        assert_eq!(quoted(&"x".repeat(8_000)).chars().count(), QUOTED + 1);
    }
}
