//! The two formats of the Kinesis API: JSON 1.1 and CBOR.
//!
//! One set of types serves both; only [blobs and times](super::types::wire) differ. Promises: a body is read to its last byte,
//! nested no deeper than [`MAX_DEPTH`] in CBOR, without allocating memory for lengths that are only declared. An answer has the
//! format of its request.

use ciborium::de::Error as CborError;
use http::{HeaderMap, header::CONTENT_TYPE};
use serde::{Serialize, de::DeserializeOwned};

use crate::error::{ApiError, ErrorCode};

/// The deepest nesting of CBOR; requests have three levels. The JSON parser has its own limit of 128.
const MAX_DEPTH: usize = 16;

/// The format of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// `application/x-amz-json-1.1`: blobs in base64, times in seconds.
    Json,
    /// `application/x-amz-cbor-1.1`, which the AWS SDKs for Java use: blobs as byte strings, times in milliseconds.
    Cbor,
}

impl Format {
    /// The format of a request's body; JSON unless `Content-Type` is CBOR.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let name = |value: &http::HeaderValue| value.as_bytes().split(|byte| *byte == b';').next().map(<[u8]>::to_vec);
        let given = headers.get(CONTENT_TYPE).and_then(name).unwrap_or_default();
        if given.trim_ascii().eq_ignore_ascii_case(Self::Cbor.content_type().as_bytes()) {
            Self::Cbor
        } else {
            Self::Json
        }
    }

    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/x-amz-json-1.1",
            Self::Cbor => "application/x-amz-cbor-1.1",
        }
    }

    /// # Errors
    /// `InternalFailure`: a bug, since every answer can be encoded.
    pub(crate) fn encode(self, value: &impl Serialize) -> Result<Vec<u8>, ApiError> {
        let failed = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, "an answer could not be written");
            ApiError::new(ErrorCode::InternalFailure, "The answer could not be written.")
        };
        match self {
            Self::Json => serde_json::to_vec(value).map_err(|error| failed(&error)),
            Self::Cbor => {
                let mut bytes = Vec::new();
                ciborium::into_writer(value, &mut bytes).map_err(|error| failed(&error))?;
                Ok(bytes)
            }
        }
    }

    /// # Errors
    /// `SerializationException`, with what is wrong and where.
    pub(crate) fn decode<T: DeserializeOwned>(self, mut body: &[u8]) -> Result<T, ApiError> {
        let wrong = |message: String| ApiError::new(ErrorCode::Serialization, message);
        match self {
            Self::Json => {
                // UTF-8 is checked as a whole, since the parser does not check ignored members.
                let text = std::str::from_utf8(body).map_err(|error| wrong(error.to_string()))?;
                serde_json::from_str(text).map_err(|error| wrong(error.to_string()))
            }
            Self::Cbor => {
                let size = body.len();
                let value = ciborium::de::from_reader_with_recursion_limit(&mut body, MAX_DEPTH)
                    .map_err(|error| wrong(in_words(error)))?;
                if body.is_empty() {
                    return Ok(value);
                }
                Err(wrong(format!("the value ends at byte {} of {size}", size - body.len())))
            }
        }
    }
}

fn in_words(error: CborError<std::io::Error>) -> String {
    match error {
        CborError::Io(_) => "the value is cut off".to_owned(),
        CborError::Syntax(at) => format!("the CBOR is malformed at byte {at}"),
        CborError::Semantic(Some(at), what) => format!("{what} at byte {at}"),
        CborError::Semantic(None, what) => what,
        CborError::RecursionLimitExceeded => format!("the value is nested deeper than {MAX_DEPTH}"),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::kinesis::types::{GetShardIterator, PutRecord, PutRecords};

    fn refused<T: DeserializeOwned>(body: &[u8]) -> String {
        Format::Cbor.decode::<T>(body).err().map(|error| error.message).unwrap_or_default()
    }

    #[test]
    fn the_content_type_says_which_form_a_body_has() {
        for (given, format) in [
            ("application/x-amz-cbor-1.1", Format::Cbor),
            ("Application/X-Amz-CBOR-1.1; charset=utf-8", Format::Cbor),
            ("application/x-amz-json-1.1", Format::Json),
            ("application/json", Format::Json),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(given))]);
            assert_eq!(Format::of(&headers), format, "{given}");
        }
        assert_eq!(Format::of(&HeaderMap::new()), Format::Json);
    }

    #[test]
    fn hostile_cbor_is_refused_in_words() {
        let deep = [vec![0xa1, 0x61, b'x'], vec![0x81; 100_000]].concat();
        assert!(refused::<PutRecord>(&deep).contains("nested deeper than 16"));
        // A blob, and a list, that announce more than there is memory.
        let blob = [b"\xa1\x64Data\x5b\x00\xff\xff\xff\xff\xff\xff\xff".as_slice(), b"abc"].concat();
        assert!(refused::<PutRecord>(&blob).contains("cut off"));
        let list = b"\xa1\x67Records\x9b\x00\xff\xff\xff\xff\xff\xff\xff";
        assert!(refused::<PutRecords>(list).contains("cut off"));
        assert!(refused::<PutRecord>(b"").contains("cut off"));
        assert!(refused::<PutRecord>(b"\xa0\xa0").contains("ends at byte 1 of 2"));
        assert!(!refused::<PutRecord>(b"\xa1\x64Data\x63abc").is_empty(), "text is no blob");
        assert!(!refused::<PutRecord>(b"\x80").is_empty(), "a list is no request");
    }

    #[test]
    fn a_time_in_cbor_is_a_number_of_milliseconds_with_or_without_its_tag() {
        for number in [
            &b"\xc1\x1b\0\0\x01\x93\x42\x1f\x5c\x7b"[..],
            b"\x1b\0\0\x01\x93\x42\x1f\x5c\x7b",
            b"\xc1\xfb\x42\x79\x34\x21\xf5\xc7\xb0\0",
        ] {
            let body = [b"\xa1\x69Timestamp".as_slice(), number].concat();
            let read = Format::Cbor.decode::<GetShardIterator>(&body);
            assert_eq!(read.ok().and_then(|read| read.timestamp).map(|at| at.0), Some(0x0193_421f_5c7b), "{number:x?}");
        }
    }

    #[test]
    fn members_that_are_not_known_are_passed_over() {
        // {"New": {"a": [1(1), h'00']}, "StreamName": "s"}
        let body = b"\xa2\x63New\xa1\x61a\x82\xc1\x01\x41\0\x6aStreamName\x61s";
        let read = Format::Cbor.decode::<PutRecord>(body);
        assert_eq!(read.ok().and_then(|read| read.stream_name).as_deref(), Some("s"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Format::Cbor.decode::<PutRecords>(&bytes);
            let _ = Format::Cbor.decode::<GetShardIterator>(&bytes);
            let _ = Format::Json.decode::<PutRecords>(&bytes);
        }
    }
}
