//! Seen ids: deduplicates records that were put twice.

use std::collections::{HashMap, VecDeque};

use crate::{record::DanmuKey, viewer::ViewerId};

/// How long after its arrival an id is remembered, in milliseconds. A put is retried for seconds, automatically or by the
/// viewer.
pub(super) const SEEN_MS: i64 = 90_000;
/// The most that are remembered, more than a shard takes in that time (a thousand a second): bounds the memory.
const MOST: usize = 100_000;

/// The deduplication key: per viewer, where one is verified, so that nobody can use up another's ids.
type Name = (Option<ViewerId>, DanmuKey);

#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The last arrival of each.
    known: HashMap<Name, i64>,
    /// Every sighting, the oldest first.
    order: VecDeque<(i64, Name)>,
}

impl Seen {
    /// Whether the record was not seen within [`SEEN_MS`]. Each arrival counts, whether it was shown or not, so the answer
    /// follows from the records of that time alone.
    pub(super) fn insert(&mut self, viewer: Option<&ViewerId>, key: &DanmuKey, arrival_ms: i64) -> bool {
        while let Some((since, _)) = self.order.front()
            && (self.order.len() >= MOST || arrival_ms.saturating_sub(*since) > SEEN_MS)
            && let Some((since, oldest)) = self.order.pop_front()
        {
            // It may have been seen again.
            if self.known.get(&oldest) == Some(&since) {
                self.known.remove(&oldest);
            }
        }
        let name = (viewer.cloned(), key.clone());
        self.order.push_back((arrival_ms, name.clone()));
        self.known.insert(name, arrival_ms).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RecordId;

    #[test]
    fn memory_of_ids_is_bounded() {
        let mut seen = Seen::default();
        for n in 0..MOST as u128 + 10 {
            assert!(seen.insert(None, &DanmuKey::Record(RecordId::new(1, n)), 5));
        }
        assert_eq!((seen.known.len(), seen.order.len()), (MOST, MOST));
        // All that is old goes when something new comes.
        assert!(seen.insert(None, &DanmuKey::Sequence("1".into()), 6 + SEEN_MS));
        assert_eq!((seen.known.len(), seen.order.len()), (1, 1));
    }
}
