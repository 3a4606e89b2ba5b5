//! Values that JSON and CBOR encode differently: bytes and times.
//!
//! In JSON bytes are base64 and times are seconds with a fraction; in CBOR bytes are byte strings and times whole
//! milliseconds with the tag 1, as the AWS SDKs for Java write and read them. (RFC 8949 has seconds there.)

use base64::{Engine, engine::general_purpose::STANDARD};
use ciborium::tag::{Captured, Required};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Visitor},
};

use crate::crypto::LENIENT;

/// The CBOR tag of a time. <https://www.rfc-editor.org/rfc/rfc8949#section-3.4.2>
const EPOCH_TIME: u64 = 1;

/// Binary data of a client.
#[derive(Debug)]
pub(crate) struct Blob(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Base64)
        } else {
            deserializer.deserialize_byte_buf(Raw)
        }
    }
}

struct Base64;

impl Visitor<'_> for Base64 {
    type Value = Blob;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a base64 string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Blob, E> {
        LENIENT.decode(text).map(Blob).map_err(E::custom)
    }
}

struct Raw;

impl Visitor<'_> for Raw {
    type Value = Blob;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a byte string")
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Blob, E> {
        Ok(Blob(bytes))
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&STANDARD.encode(&self.0))
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

/// A time, milliseconds since the Unix epoch. One before the epoch is read as the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timestamp(pub(crate) u64);

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let seconds = f64::deserialize(deserializer)?;
            // A double holds today's time to a fraction of a microsecond, so rounding restores the millisecond.
            // Out-of-range values saturate.
            return Ok(Self((seconds * 1000.0).round() as u64));
        }
        let Captured(tag, Millis(ms)) = Captured::deserialize(deserializer)?;
        if tag.is_none_or(|tag| tag == EPOCH_TIME) {
            return Ok(Self(ms));
        }
        Err(de::Error::custom(format_args!("a time has the tag {EPOCH_TIME} or none")))
    }
}

/// A number of milliseconds, whole or not.
struct Millis(u64);

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNumber)
    }
}

struct AnyNumber;

impl Visitor<'_> for AnyNumber {
    type Value = Millis;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number of milliseconds")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Millis, E> {
        Ok(Millis(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Millis, E> {
        Ok(Millis(u64::try_from(number).unwrap_or(0)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Millis, E> {
        Ok(Millis(number.round() as u64))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_f64(self.0 as f64 / 1000.0)
        } else {
            Required::<u64, EPOCH_TIME>(self.0).serialize(serializer)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kinesis::format::Format;

    proptest! {
        #[test]
        fn a_time_keeps_its_millisecond(ms in 0_u64..4_102_444_800_000) {
            for format in [Format::Json, Format::Cbor] {
                let bytes = format.encode(&Timestamp(ms)).map_err(|error| TestCaseError::fail(error.message))?;
                let back: Timestamp = format.decode(&bytes).map_err(|error| TestCaseError::fail(error.message))?;
                prop_assert_eq!(back.0, ms);
            }
        }

        #[test]
        fn bytes_come_back_as_they_were(data in proptest::collection::vec(any::<u8>(), 0..10_000)) {
            for format in [Format::Json, Format::Cbor] {
                let bytes = format.encode(&Blob(data.clone())).map_err(|error| TestCaseError::fail(error.message))?;
                let back: Blob = format.decode(&bytes).map_err(|error| TestCaseError::fail(error.message))?;
                prop_assert_eq!(&back.0, &data);
            }
        }
    }

    #[test]
    fn a_blob_is_base64_with_or_without_padding() {
        for text in ["\"aGk=\"", "\"aGk\""] {
            assert_eq!(serde_json::from_str::<Blob>(text).ok().map(|blob| blob.0), Some(b"hi".to_vec()));
        }
        assert!(serde_json::from_str::<Blob>("\"?\"").is_err());
        assert!(serde_json::from_str::<Blob>("[104]").is_err());
    }

    #[test]
    fn a_time_in_cbor_is_written_with_its_tag_in_whole_milliseconds() {
        assert_eq!(
            Format::Cbor.encode(&Timestamp(0x0193_421f_5c7b)).ok(),
            Some(b"\xc1\x1b\0\0\x01\x93\x42\x1f\x5c\x7b".to_vec())
        );
    }
}
