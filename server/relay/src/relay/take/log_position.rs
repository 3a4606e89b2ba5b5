//! The position of a danmu in its room's log: a shard of the room's lineage, and a sequence number on it.

use std::{
    cmp::Ordering,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use danmu::{
    feed::FeedToken,
    kinesis::shard_map::{Shard, shards_of},
};

/// The lineage of a room: the shards that have held its partition key, each the child of the one before.
#[derive(Debug, Default)]
pub struct Lineage {
    created_ms: i64,
    shards: Vec<Arc<str>>,
}

/// A room's lineage, shared by all its tasks. A handle.
#[derive(Clone, Debug, Default)]
pub struct SharedLineage(Arc<Mutex<Lineage>>);

/// A position in a room's log. Positions of one room are ordered; those of different rooms are not comparable. A stream that
/// was deleted and recreated begins a new epoch of the room: all of it follows all of the epoch before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPosition {
    created_ms: i64,
    /// Index of its shard in the lineage; `None` for a shard that this server has not listed yet.
    generation: Option<usize>,
    shard: Arc<str>,
    /// The sequence number in decimal, without leading zeros.
    sequence: Box<str>,
    arrival_ms: i64,
}

impl SharedLineage {
    /// Reads or changes the lineage under its lock.
    pub fn learn<T>(&self, f: impl FnOnce(&mut Lineage) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Lineage {
    /// An empty lineage, on the stream that was created at `created_ms`.
    pub fn new(created_ms: i64) -> Self {
        Self { created_ms, shards: Vec::new() }
    }

    /// Takes in a listing of shards: new ones are appended. Shards that are no longer listed keep their index.
    pub fn learn(&mut self, listed: &[Shard], key: &str) {
        // A child follows its parents, and only one shard that holds the key is open at a time: so the shard without an
        // unknown parent is next.
        let mut unknown: Vec<&Shard> =
            shards_of(listed, key).filter(|shard| self.generation(&shard.shard_id).is_none()).collect();
        while !unknown.is_empty() {
            let is_next = |shard: &&Shard| {
                let mut parents = shard.parents();
                !parents.any(|parent| unknown.iter().any(|other| other.shard_id == parent))
            };
            let Some(at) = unknown.iter().position(is_next) else { return };
            self.shards.push(unknown.remove(at).shard_id.as_str().into());
        }
    }

    /// The position right after a record; `None` if the shard is not in the lineage.
    pub fn place(&self, shard_id: &str, sequence: &str, arrival_ms: i64) -> Option<LogPosition> {
        let generation = self.generation(shard_id)?;
        let (created_ms, shard) = (self.created_ms, Arc::clone(&self.shards[generation]));
        Some(LogPosition { created_ms, generation: Some(generation), shard, sequence: sequence.into(), arrival_ms })
    }

    /// The position of a token; `None` if it is of another stream, or of an older shard outside the lineage. A shard newer than
    /// the whole lineage is taken for a child still to be listed: the server that issued the token has read further.
    pub fn resolve(&self, position: &FeedToken) -> Option<LogPosition> {
        if position.created_ms() != self.created_ms {
            return None;
        }
        let (shard, sequence) = (position.shard_id(), position.sequence_number());
        self.place(shard, sequence, position.arrival_ms()).or_else(|| {
            let is_ahead = by_age(self.shards.last()?, shard).is_lt();
            is_ahead.then(|| LogPosition {
                created_ms: self.created_ms,
                generation: None,
                shard: shard.into(),
                sequence: sequence.into(),
                arrival_ms: position.arrival_ms(),
            })
        })
    }

    /// The position on the newest shard before everything on it that arrives at `since_ms` or later.
    pub fn beginning(&self, since_ms: i64) -> Option<LogPosition> {
        self.place(self.shards.last()?, "0", since_ms)
    }

    /// All shards of the lineage, oldest first.
    pub fn shards(&self) -> &[Arc<str>] {
        &self.shards
    }

    fn generation(&self, shard_id: &str) -> Option<usize> {
        self.shards.iter().position(|shard| **shard == *shard_id)
    }
}

impl LogPosition {
    /// The position of what is told of its second as a whole (merged and dropped danmu): the same record, with the second's end
    /// as arrival time, so that it stands before the next record of the shard.
    pub fn end_of_second(&self) -> Self {
        let end_ms = self.arrival_ms.div_euclid(1_000).saturating_add(1).saturating_mul(1_000);
        Self { arrival_ms: end_ms, ..self.clone() }
    }

    /// Whether it arrived before `ms` (Unix milliseconds).
    pub fn is_before(&self, ms: i64) -> bool {
        self.arrival_ms < ms
    }

    /// When its record arrived at the stream, in Unix milliseconds; for [`Self::end_of_second`] the second's end.
    pub fn arrival_ms(&self) -> i64 {
        self.arrival_ms
    }
}

/// Orders shards by age: the service numbers their ids as it creates them.
pub fn by_age(shard_id: &str, other: &str) -> Ordering {
    (shard_id.len(), shard_id).cmp(&(other.len(), other))
}

impl Ord for LogPosition {
    fn cmp(&self, other: &Self) -> Ordering {
        let shards = || match (self.generation, other.generation) {
            (Some(one), Some(other)) => one.cmp(&other),
            _ => by_age(&self.shard, &other.shard),
        };
        // Shard ids start over with each stream (epoch).
        let epochs = self.created_ms.cmp(&other.created_ms);
        epochs
            .then_with(shards)
            .then_with(|| self.sequence.len().cmp(&other.sequence.len()))
            .then_with(|| self.sequence.cmp(&other.sequence))
            // A record has one arrival time: a second, later one is the end of its second.
            .then(self.arrival_ms.cmp(&other.arrival_ms))
    }
}

impl PartialOrd for LogPosition {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As the text of a [`FeedToken`].
impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { created_ms, shard, sequence, arrival_ms, .. } = self;
        match FeedToken::new(*created_ms, &**shard, &**sequence, *arrival_ms) {
            Ok(position) => position.fmt(f),
            // A service with other shard names than Kinesis: an empty token, so no viewer can resume.
            Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use danmu::kinesis::shard_map::{HashKeyRange, SequenceNumberRange};

    use super::*;

    fn shard(id: &str, parents: [Option<&str>; 2], range: HashKeyRange) -> Shard {
        let [parent_shard_id, adjacent_parent_shard_id] = parents.map(|parent| parent.map(str::to_owned));
        let sequence_number_range = SequenceNumberRange::default();
        Shard {
            shard_id: id.into(),
            parent_shard_id,
            adjacent_parent_shard_id,
            hash_key_range: range,
            sequence_number_range,
        }
    }

    /// `demo` hashes into the upper half: `a` was split into `b` and `c`, and both merged into `d`.
    fn split_and_merged() -> Vec<Shard> {
        let half = u128::MAX / 2;
        vec![
            shard("d", [Some("b"), Some("c")], HashKeyRange::ALL),
            shard("c", [Some("a"), None], HashKeyRange { start: half + 1, end: u128::MAX }),
            shard("a", [None, None], HashKeyRange::ALL),
            shard("b", [Some("a"), None], HashKeyRange { start: 0, end: half }),
        ]
    }

    fn lineage(shards: &[Shard]) -> Lineage {
        let mut lineage = Lineage::new(7);
        lineage.learn(shards, "demo");
        lineage
    }

    #[test]
    fn a_room_lives_on_the_line_of_shards_that_hold_its_key() {
        let lineage = lineage(&split_and_merged());
        let at = |shard: &str, number: &str| lineage.place(shard, number, 1);
        let places = [at("a", "9"), at("a", "10"), at("c", "2"), at("d", "1")].map(|place| place.expect("on the line"));
        assert!(places.is_sorted_by(|a, b| a < b));
        assert_eq!(at("b", "3"), None, "the other half's shard");
        assert_eq!(lineage.beginning(5).map(|place| place.to_string()), Some("7~d~0~5".into()));
    }

    #[test]
    fn a_place_survives_its_token_on_any_replica() {
        let all = split_and_merged();
        let place = lineage(&all).place("c", "12", 3).expect("a place");
        let position: FeedToken = place.to_string().parse().expect("a token");
        // One that has learnt of the shards step by step, and one for which the oldest is gone already.
        let mut stepwise = lineage(&all[2..3]);
        stepwise.learn(&all, "demo");
        assert_eq!(stepwise.resolve(&position), Some(place));
        let later = lineage(&all[..2]);
        let resolved = later.resolve(&position).expect("a place there too");
        assert!(later.place("d", "1", 4).expect("a place") > resolved);
    }

    #[test]
    fn the_end_of_a_second_is_a_place_between_its_last_record_and_the_next_one() {
        let lineage = lineage(&split_and_merged());
        let [last, next, child] = [("a", "9", 1_250), ("a", "10", 1_999), ("c", "1", 2_000)]
            .map(|(shard, number, arrival_ms)| lineage.place(shard, number, arrival_ms).expect("on the line"));
        let end = last.end_of_second();
        assert_eq!(end.to_string(), "7~a~9~2000");
        let position: FeedToken = end.to_string().parse().expect("a token");
        assert_eq!(lineage.resolve(&position).as_ref(), Some(&end));
        assert!([last, end, next, child].is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn all_of_a_stream_made_anew_follows_all_of_the_one_before() {
        let resharded = lineage(&split_and_merged());
        let mut anew = Lineage::new(8);
        anew.learn(&[shard("a", [None, None], HashKeyRange::ALL)], "demo");
        let old = [("a", "9"), ("d", "99")].map(|(shard, number)| resharded.place(shard, number, 50).expect("a place"));
        let new = anew.place("a", "1", 60).expect("a place");
        assert!(old.iter().all(|old| *old < new));
    }

    #[test]
    fn a_position_of_elsewhere_means_nothing_here() {
        let lineage = lineage(&split_and_merged());
        for token in ["8~c~12~3", "7~b~12~3", "7~0~12~3"] {
            assert_eq!(lineage.resolve(&token.parse().expect("a token")), None, "{token}");
        }
    }

    #[test]
    fn a_shard_that_a_replica_has_yet_to_hear_of_is_ahead_of_all_that_it_knows() {
        let all = split_and_merged();
        let mut lineage = lineage(&all[2..3]);
        let ahead = lineage.resolve(&"7~c~12~3".parse().expect("a token")).expect("a place");
        assert_eq!(ahead.to_string(), "7~c~12~3");
        assert!(lineage.place("a", "99", 1).expect("a place") < ahead);
        lineage.learn(&all, "demo");
        let at = |shard: &str, number: &str| lineage.place(shard, number, 1).expect("on the line");
        assert!(at("a", "99") < ahead && at("c", "12") <= ahead);
        assert!(at("c", "13") > ahead && at("d", "1") > ahead);
    }

    #[test]
    fn what_a_listing_no_longer_names_keeps_its_place() {
        let all = split_and_merged();
        let mut lineage = lineage(&all);
        lineage.learn(&all[..1], "demo");
        assert!(lineage.place("a", "9", 1) < lineage.place("d", "1", 1));
    }
}
