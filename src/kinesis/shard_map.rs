//! Shard map: the MD5 of a partition key, as a 128-bit number, is in the hash-key range of exactly one open shard
//! ([PutRecord](https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecord.html)). Closed shards keep their ranges,
//! so over time a key has a line of shards: each the child of the one before.

use md5::{Digest, Md5};
use serde::{Deserialize, Deserializer, de::Error as _};

/// The hash key of a partition key.
pub fn hash_key(partition_key: &str) -> u128 {
    u128::from_be_bytes(Md5::digest(partition_key.as_bytes()).into())
}

/// The hash keys of a shard, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HashKeyRange {
    /// The lowest hash key.
    #[serde(rename = "StartingHashKey", deserialize_with = "decimal")]
    pub start: u128,
    /// The highest hash key.
    #[serde(rename = "EndingHashKey", deserialize_with = "decimal")]
    pub end: u128,
}

impl HashKeyRange {
    /// Every hash key.
    pub const ALL: Self = Self { start: 0, end: u128::MAX };

    /// Whether a hash key is in this range.
    pub fn contains(&self, hash_key: u128) -> bool {
        (self.start..=self.end).contains(&hash_key)
    }
}

/// A shard as `ListShards` describes it, open or closed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Shard {
    /// For example `shardId-000000000000`.
    pub shard_id: String,
    /// A parent, from a split or a merge; may be gone by now.
    #[serde(default)]
    pub parent_shard_id: Option<String>,
    /// The other parent, if it was merged.
    #[serde(default)]
    pub adjacent_parent_shard_id: Option<String>,
    /// Its range of hash keys.
    pub hash_key_range: HashKeyRange,
    /// From its first sequence number to, if it is closed, its last.
    #[serde(default)]
    pub sequence_number_range: SequenceNumberRange,
}

/// The sequence numbers of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SequenceNumberRange {
    /// The first.
    pub starting_sequence_number: String,
    /// The last; only a closed shard has one.
    pub ending_sequence_number: Option<String>,
}

impl Shard {
    /// Its parents: none, one or two.
    pub fn parents(&self) -> impl Iterator<Item = &str> {
        self.parent_shard_id.iter().chain(&self.adjacent_parent_shard_id).map(String::as_str)
    }

    /// Whether it takes no more records.
    pub fn is_closed(&self) -> bool {
        self.sequence_number_range.ending_sequence_number.is_some()
    }
}

/// The shards, open and closed, that hold or held a partition key, in the order of `shards`.
pub fn shards_of<'a>(shards: &'a [Shard], partition_key: &str) -> impl Iterator<Item = &'a Shard> {
    let key = hash_key(partition_key);
    shards.iter().filter(move |shard| shard.hash_key_range.contains(key))
}

/// The one shard that a record with this key goes to now.
pub fn open_shard_of<'a>(shards: &'a [Shard], partition_key: &str) -> Option<&'a Shard> {
    shards_of(shards, partition_key).find(|shard| !shard.is_closed())
}

fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
    let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom("a hash key is a decimal number of up to 128 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_key_is_the_md5_as_a_big_endian_number() {
        assert_eq!(hash_key(""), 0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e);
        assert_eq!(hash_key("demo"), 0xfe01_ce2a_7fba_c8fa_faed_7c98_2a04_e229);
    }
}
