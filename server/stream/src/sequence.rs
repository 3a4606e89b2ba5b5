//! Sequence numbers: the identity and order of records.
//!
//! A number has 188 bits, laid out like the real service's: a leading 2, the second in which the shard was created, the
//! low hex digit of the shard, a counter, the arrival time, the shard, a closing 2. In decimal it has 56 digits and
//! begins with 49. Within a shard numbers grow with the counter, a child's are greater than its parents', and no two
//! acknowledged records of a data directory share one. Clients must treat them as opaque; only order is promised.

use std::{fmt, str::FromStr};

const LEAD: u64 = 2;
const VERSION: u128 = 2;
const MILLIS_BITS: u32 = 44;
const SECONDS_BITS: u32 = 36;
/// Numbers are converted to decimal in chunks below 10^18, which fit a u64.
const CHUNK: u128 = 1_000_000_000_000_000_000;

/// A position in a shard: records are stored and read in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RecordPosition {
    /// Arrival, milliseconds since the Unix epoch. Never smaller than that of an earlier record.
    pub(crate) ms: u64,
    /// A counter over all records, new streams and shard changes of the data directory.
    pub(crate) counter: u64,
}

impl RecordPosition {
    /// Before every record.
    pub(crate) const START: Self = Self { ms: 0, counter: 0 };

    /// After every record.
    pub(crate) const END: Self = Self { ms: u64::MAX, counter: u64::MAX };

    /// The first position at or after a time.
    pub(crate) fn at(ms: u64) -> Self {
        Self { ms, counter: 0 }
    }

    /// The position right after this one.
    pub(crate) fn next(self) -> Self {
        Self { ms: self.ms, counter: self.counter.saturating_add(1) }
    }

    /// The position right before this one; the first is its own predecessor.
    pub(crate) fn previous(self) -> Self {
        match (self.counter.checked_sub(1), self.ms.checked_sub(1)) {
            (Some(counter), _) => Self { ms: self.ms, counter },
            (None, Some(ms)) => Self { ms, counter: u64::MAX },
            (None, None) => self,
        }
    }
}

/// The sequence number of a record, or of a shard's beginning or end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SequenceNumber {
    /// The Unix second in which the shard was created, or later if a parent has it: 36 bits.
    pub(crate) shard_created: u64,
    /// The shard's index.
    pub(crate) shard: u32,
    /// The record's position.
    pub(crate) position: RecordPosition,
}

/// The text is not a sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotASequenceNumber;

impl SequenceNumber {
    /// The number as three 64-bit limbs, most significant first.
    fn limbs(self) -> [u64; 3] {
        let RecordPosition { ms, counter } = self.position;
        let low = VERSION
            | u128::from(self.shard) << 4
            | u128::from(ms & ((1 << MILLIS_BITS) - 1)) << 36
            | u128::from(counter) << 80;
        let high = counter >> 48
            | u64::from(self.shard & 0xf) << 16
            | (self.shard_created & ((1 << SECONDS_BITS) - 1)) << 20
            | LEAD << 56;
        [high, (low >> 64) as u64, low as u64]
    }

    fn from_limbs([high, middle, low]: [u64; 3]) -> Option<Self> {
        let bits = u128::from(middle) << 64 | u128::from(low);
        let shard = (bits >> 4) as u32;
        let sane = high >> 56 == LEAD && bits & 0xf == VERSION && high >> 16 & 0xf == u64::from(shard & 0xf);
        sane.then_some(Self {
            shard_created: high >> 20 & ((1 << SECONDS_BITS) - 1),
            shard,
            position: RecordPosition {
                ms: (bits >> 36) as u64 & ((1 << MILLIS_BITS) - 1),
                counter: (bits >> 80) as u64 | (high & 0xffff) << 48,
            },
        })
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Decimal(self.limbs()).fmt(f)
    }
}

/// A number of three 64-bit limbs, most significant first.
struct Decimal([u64; 3]);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut limbs = self.0;
        let mut chunks = [0_u64; 4];
        for chunk in &mut chunks {
            let mut rest = 0_u128;
            for limb in &mut limbs {
                let value = rest << 64 | u128::from(*limb);
                // `rest` is below 10^18 < 2^64, so the quotient fits a limb.
                *limb = (value / CHUNK) as u64;
                rest = value % CHUNK;
            }
            *chunk = rest as u64;
        }
        let [a, b, c, d] = chunks;
        write!(f, "{d}{c:018}{b:018}{a:018}")
    }
}

impl FromStr for SequenceNumber {
    type Err = NotASequenceNumber;

    fn from_str(text: &str) -> Result<Self, NotASequenceNumber> {
        read_limbs(text).and_then(Self::from_limbs).ok_or(NotASequenceNumber)
    }
}

/// Parses a number of 56 digits into three 64-bit limbs, most significant first.
fn read_limbs(text: &str) -> Option<[u64; 3]> {
    if text.len() != 56 {
        return None;
    }
    let mut limbs = [0_u64; 3];
    for byte in text.bytes() {
        let digit = byte.is_ascii_digit().then(|| byte - b'0')?;
        let mut carry = u128::from(digit);
        for limb in limbs.iter_mut().rev() {
            let value = u128::from(*limb) * 10 + carry;
            *limb = value as u64;
            carry = value >> 64;
        }
    }
    Some(limbs)
}

/// Whether it is the sequence number of a record that may have been put by `now_ms`, milliseconds since the Unix epoch: ours,
/// or the real service's, which contains the seconds of its shard and of the record.
pub(crate) fn is_past(text: &str, now_ms: u64) -> bool {
    let Some(limbs @ [high, middle, low]) = read_limbs(text) else { return false };
    let now_s = now_ms / 1000;
    let seconds = |bits: u64| bits & ((1 << SECONDS_BITS) - 1);
    let shard_is_past = seconds(high >> 20) <= now_s;
    if high >> 56 == LEAD && low & 0xf == 1 {
        // Version 1 of the service's numbers has the record's seconds in the 36 bits from bit 100 on.
        return shard_is_past && seconds(high << 28 | middle >> 36) <= now_s;
    }
    SequenceNumber::from_limbs(limbs).is_some_and(|number| match number.position {
        // The service's counters have 63 bits.
        RecordPosition { counter, .. } if counter >> 63 == 1 => false,
        // Too small for milliseconds of today: the service's seconds.
        RecordPosition { ms, .. } if ms < 1 << SECONDS_BITS => shard_is_past && ms <= now_s,
        RecordPosition { ms, .. } => ms <= now_ms,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_732_000_000;

    fn any_number() -> impl Strategy<Value = SequenceNumber> {
        (NOW..NOW + (1 << 31), any::<u32>(), 0..1_u64 << MILLIS_BITS, any::<u64>()).prop_map(
            |(shard_created, shard, ms, counter)| SequenceNumber {
                shard_created,
                shard,
                position: RecordPosition { ms, counter },
            },
        )
    }

    proptest! {
        #[test]
        fn a_number_reads_back_what_was_written(number in any_number()) {
            let text = number.to_string();
            prop_assert_eq!(text.len(), 56);
            prop_assert!(text.starts_with('4') || text.starts_with('5'));
            prop_assert_eq!(text.parse(), Ok(number));
        }

        #[test]
        fn a_later_record_of_a_shard_has_a_greater_number(number in any_number(), more in 1..1_u64 << 40, later in 0..1_u64 << 20) {
            let ms = (number.position.ms + later).min((1 << MILLIS_BITS) - 1);
            let Some(counter) = number.position.counter.checked_add(more) else { return Ok(()) };
            let next = SequenceNumber { position: RecordPosition { ms, counter }, ..number };
            // Equal lengths, so the order of the digits is the order of the numbers.
            prop_assert!(next.to_string() > number.to_string());
        }

        #[test]
        fn a_younger_shard_has_greater_numbers(old in any_number(), new in any_number()) {
            prop_assume!(new.shard_created > old.shard_created);
            prop_assert!(new.to_string() > old.to_string());
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,80}", digits in "[0-9]{54,58}") {
            let _ = text.parse::<SequenceNumber>();
            let _ = digits.parse::<SequenceNumber>();
        }
    }

    #[test]
    fn a_number_from_the_future_is_not_past_whether_it_is_ours_or_the_real_services() {
        let now_ms = NOW * 1000 + 500;
        let number =
            |shard_created, ms| SequenceNumber { shard_created, shard: 3, position: RecordPosition { ms, counter: 7 } };
        // A child of a split within the second is numbered ahead of the clock.
        assert!(is_past(&number(NOW + 2, now_ms).to_string(), now_ms));
        assert!(!is_past(&number(NOW, now_ms + 1).to_string(), now_ms));
        // The real service's have seconds in the place of our milliseconds.
        assert!(is_past(&number(NOW, NOW).to_string(), now_ms));
        assert!(!is_past(&number(NOW, NOW + 1).to_string(), now_ms), "a record of the future");
        assert!(!is_past(&number(NOW + 1, NOW).to_string(), now_ms), "a shard of the future");
        let first = |seconds: u64| Decimal([LEAD << 56 | NOW << 20 | seconds >> 28, seconds << 36, 1]).to_string();
        assert!(is_past(&first(NOW), now_ms));
        assert!(!is_past(&first(NOW + 1), now_ms), "a record of the future, in the first version");
        assert!(is_past(&Decimal([LEAD << 56, 0, 1]).to_string(), now_ms), "the smallest of the first version");
        for wrong in [[LEAD << 56, 0, 3], [1 << 56, 0, 2], [LEAD << 56 | 1 << 15, 0, 2]] {
            assert!(!is_past(&Decimal(wrong).to_string(), now_ms), "{wrong:x?}");
        }
        assert!(!is_past("5", now_ms));
    }

    #[test]
    fn numbers_of_today_look_like_the_real_ones() {
        let number =
            SequenceNumber { shard_created: NOW, shard: 0, position: RecordPosition { ms: NOW * 1000, counter: 1 } };
        assert!(number.to_string().starts_with("49"), "{number}");
    }
}
