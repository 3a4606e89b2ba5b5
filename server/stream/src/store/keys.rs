//! The key and value layout in the storage engine. Numbers are big-endian, so that keys sort numerically.
//!
//! | keyspace | key | value |
//! | --- | --- | --- |
//! | `streams` | name | JSON |
//! | `shards` | stream id, index | JSON |
//! | `records` | stream id, shard index, arrival ms, counter | version, key length, partition key, data |
//! | `ranges` | as `records`: the first of a range | bytes in it |
//! | `state` | `high` | arrival ms, counter: the last position used |
//! | `state` | `deleted`, stream id | nothing: a deleted stream, whose records may still exist |
//! | `state` | `denied.`, a letter, a name | milliseconds: a denial |
//!
//! A stream's id is never reused: a later stream of the same name shares nothing with it.

use crate::sequence::RecordPosition;

pub(super) const HIGH: &str = "high";
pub(super) const DELETED: &str = "deleted";
pub(super) const DENIED: &str = "denied.";

/// The version of a record's value; readers refuse unknown versions.
const RECORD_VERSION: u8 = 1;

pub(super) fn shard(stream: u64, index: u32) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&stream.to_be_bytes());
    key[8..].copy_from_slice(&index.to_be_bytes());
    key
}

pub(super) fn record(stream: u64, shard_index: u32, position: RecordPosition) -> [u8; 28] {
    let mut key = [0; 28];
    key[..12].copy_from_slice(&shard(stream, shard_index));
    key[12..].copy_from_slice(&encode(position));
    key
}

/// The key range of all records of a stream.
pub(super) fn records_of(stream: u64) -> std::ops::Range<[u8; 28]> {
    record(stream, 0, RecordPosition::START)..record(stream.saturating_add(1), 0, RecordPosition::START)
}

/// The key of the marker that a stream was deleted.
pub(super) fn deleted(stream: u64) -> Vec<u8> {
    [DELETED.as_bytes(), &stream.to_be_bytes()].concat()
}

/// The stream's id in a key made by [`deleted`].
pub(super) fn deleted_stream(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.strip_prefix(DELETED.as_bytes())?.try_into().ok()?))
}

/// The stream's id and the shard's index in a record's key.
pub(super) fn shard_of(key: &[u8]) -> Option<(u64, u32)> {
    let (stream, index) = key.get(..12)?.split_at_checked(8)?;
    Some((u64::from_be_bytes(stream.try_into().ok()?), u32::from_be_bytes(index.try_into().ok()?)))
}

/// The position in a record's key.
pub(super) fn position(key: &[u8]) -> Option<RecordPosition> {
    decode(key.get(12..)?)
}

pub(super) fn encode(position: RecordPosition) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&position.ms.to_be_bytes());
    bytes[8..].copy_from_slice(&position.counter.to_be_bytes());
    bytes
}

pub(super) fn decode(bytes: &[u8]) -> Option<RecordPosition> {
    let (ms, counter) = bytes.split_at_checked(8)?;
    Some(RecordPosition {
        ms: u64::from_be_bytes(ms.try_into().ok()?),
        counter: u64::from_be_bytes(counter.try_into().ok()?),
    })
}

/// A record's value. The partition key has at most 256 characters, so its length fits 16 bits.
pub(super) fn encode_record(partition_key: &str, data: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(3 + partition_key.len() + data.len());
    value.push(RECORD_VERSION);
    value.extend_from_slice(&(partition_key.len() as u16).to_be_bytes());
    value.extend_from_slice(partition_key.as_bytes());
    value.extend_from_slice(data);
    value
}

/// The partition key and data in a record's value.
pub(super) fn decode_record(value: &[u8]) -> Option<(&str, &[u8])> {
    let (&version, rest) = value.split_first()?;
    let (length, rest) = rest.split_at_checked(2)?;
    let length = u16::from_be_bytes(length.try_into().ok()?);
    let (partition_key, data) = rest.split_at_checked(usize::from(length))?;
    (version == RECORD_VERSION).then_some((std::str::from_utf8(partition_key).ok()?, data))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_reads_back(partition_key in ".{1,256}", data in proptest::collection::vec(any::<u8>(), 0..200)) {
            let value = encode_record(&partition_key, &data);
            prop_assert_eq!(decode_record(&value), Some((partition_key.as_str(), data.as_slice())));
        }

        #[test]
        fn torn_values_are_refused_without_a_panic(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = decode_record(&value);
            let _ = position(&value);
        }

        #[test]
        fn keys_sort_by_stream_shard_time_and_counter(
            a in (0_u64..4, 0_u32..4, 0_u64..1000, any::<u64>()),
            b in (0_u64..4, 0_u32..4, 0_u64..1000, any::<u64>()),
        ) {
            let key = |(stream, index, ms, counter)| record(stream, index, RecordPosition { ms, counter });
            prop_assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
        }
    }
}
