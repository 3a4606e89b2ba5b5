//! Hash keys: which shard a partition key belongs to.
//!
//! The hash key of a partition key is its MD5 as a big-endian number; the open shards of a stream divide the numbers from 0
//! to 2^128 - 1. <https://docs.aws.amazon.com/kinesis/latest/APIReference/API_HashKeyRange.html>

use md5::{Digest, Md5};

/// The hash key of a partition key.
pub(crate) fn hash_key(partition_key: &str) -> u128 {
    u128::from_be_bytes(Md5::digest(partition_key.as_bytes()).into())
}

/// Parses a hash key in decimal: no sign, no leading zero, below 2^128.
pub(crate) fn parse_hash_key(text: &str) -> Option<u128> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    (digits && canonical).then(|| text.parse().ok()).flatten()
}

/// The inclusive ranges of `count` new shards. Empty for a count of 0.
pub(crate) fn uniform_ranges(count: u32) -> impl Iterator<Item = (u128, u128)> {
    let shards = u128::from(count.max(1));
    // 2^128 / shards without overflow; for one shard it wraps to 0 and is not used.
    let width = (u128::MAX / shards).wrapping_add(u128::from(u128::MAX % shards == shards - 1));
    (0..u128::from(count)).map(move |index| {
        let start = index.wrapping_mul(width);
        let end = if index + 1 == shards { u128::MAX } else { (index + 1).wrapping_mul(width).wrapping_sub(1) };
        (start, end)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn new_shards_cover_every_hash_key_once(count in 1_u32..5000) {
            let ranges: Vec<_> = uniform_ranges(count).collect();
            prop_assert_eq!(ranges.len(), count as usize);
            prop_assert_eq!(ranges[0].0, 0);
            prop_assert_eq!(ranges[ranges.len() - 1].1, u128::MAX);
            for pair in ranges.windows(2) {
                prop_assert!(pair[0].0 <= pair[0].1);
                prop_assert_eq!(pair[0].1 + 1, pair[1].0);
            }
        }

        #[test]
        fn a_hash_key_reads_back(key in any::<u128>()) {
            prop_assert_eq!(parse_hash_key(&key.to_string()), Some(key));
        }
    }

    #[test]
    fn ranges_are_those_of_the_real_service() {
        let ranges: Vec<_> = uniform_ranges(3).collect();
        assert_eq!(ranges[1].0, 113_427_455_640_312_821_154_458_202_477_256_070_485);
        assert_eq!(uniform_ranges(1).collect::<Vec<_>>(), [(0, u128::MAX)]);
    }

    #[test]
    fn a_hash_key_is_the_md5_of_the_partition_key() {
        assert_eq!(hash_key("a"), 0x0cc1_75b9_c0f1_b6a8_31c3_99e2_6977_2661);
        for bad in ["", "-1", "+1", "01", " 1", "340282366920938463463374607431768211456", "1e3"] {
            assert_eq!(parse_hash_key(bad), None, "{bad}");
        }
    }
}
