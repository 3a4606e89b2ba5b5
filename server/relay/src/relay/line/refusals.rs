//! What a room's gate refused lately, for its crew alone. Bounded, in memory; an idle room has nothing.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use danmu::{
    gate::Evidence,
    kinesis::Record,
    record::{Content, decode},
    viewer::Role,
};
use danmu_app::refusals::RefusedDanmu;

use super::super::take::refused::Refused;

/// The most danmu of a room that are kept.
const MOST: usize = 200;
/// The most characters of a text that are kept.
const TEXT: usize = 200;

/// The last danmu of a room that were refused.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<(u64, VecDeque<RefusedDanmu>)>);

impl Refusals {
    /// Keeps a record that was refused, unless it is no danmu of a viewer. Its author is known by verified `evidence` alone.
    pub fn keep(&self, record: &Record, refused: &Refused, evidence: Option<&Evidence>) {
        if !refused.is_of_viewer() {
            return;
        }
        let text = match decode(&record.data).map(|parsed| parsed.content) {
            Ok(Content::Danmu(danmu)) => danmu.text,
            Ok(Content::Foreign(text)) => text,
            Err(_) => return,
        };
        let shown = |character: char| if character.is_control() { char::REPLACEMENT_CHARACTER } else { character };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, list) = &mut *kept;
        *number += 1;
        if list.len() == MOST {
            list.pop_front();
        }
        list.push_back(RefusedDanmu {
            number: *number,
            at_ms: record.arrival_ms,
            text: text.chars().take(TEXT).map(shown).collect(),
            viewer: evidence.map(|evidence| evidence.viewer.to_string()),
            name: evidence.and_then(|evidence| evidence.name.as_ref()).map(|name| name.as_str().to_owned()),
            role: evidence.map_or(Role::Viewer, |evidence| evidence.role),
            reason: refused.name().to_owned(),
        });
    }

    /// Those after that number, the oldest first.
    pub fn since(&self, number: u64) -> Vec<RefusedDanmu> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.1.iter().filter(|one| one.number > number).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use danmu::gate::Reason;

    use super::*;

    fn record(text: &str) -> Record {
        Record {
            data: text.into(),
            partition_key: "demo".into(),
            sequence_number: "1".into(),
            arrival_ms: 5,
            shard_id: "shardId-0".into(),
        }
    }

    #[test]
    fn the_last_ones_are_kept_cut_off_and_numbered() {
        let (kept, fast) = (Refusals::default(), Refused::Gate(Reason::TooFast));
        for n in 1..=MOST + 5 {
            kept.keep(&record(&format!("{n} {}", "x".repeat(2 * TEXT))), &fast, None);
        }
        let all = kept.since(0);
        assert_eq!((all.len(), all[0].number, all[MOST - 1].number), (MOST, 6, MOST as u64 + 5));
        assert_eq!((all[0].text.chars().count(), &*all[0].reason, all[0].at_ms), (TEXT, "too_fast", 5));
        assert_eq!(kept.since(MOST as u64 + 4), all[MOST - 1..]);
    }

    #[test]
    fn what_nobody_of_the_audience_said_is_not_kept() {
        let kept = Refusals::default();
        for refused in [Refused::NoSuchRoom, Refused::Gate(Reason::Forged), Refused::Gate(Reason::Duplicate)] {
            kept.keep(&record("hi"), &refused, None);
        }
        assert_eq!(kept.since(0), []);
        kept.keep(&record("hi\u{7}"), &Refused::Gate(Reason::Banned), None);
        assert_eq!(kept.since(0)[0].text, "hi\u{fffd}");
    }
}
