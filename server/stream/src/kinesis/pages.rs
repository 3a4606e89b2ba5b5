//! Page tokens of lists: a time, a stream and the last name, sealed, valid for five minutes.
//!
//! Authenticated by a key per list, so that a token cannot be forged or used for another list. Stateless. Pages continue after
//! a name, so entries that exist throughout are neither repeated nor skipped when a list changes.

use base64::Engine;

use super::Call;
use crate::{
    crypto::{Key, LENIENT},
    error::{ApiError, ErrorCode},
    quotas::ITERATOR_LIFE_MS,
    root_key::RootKey,
};

/// The longest token that is accepted, characters. Those of this endpoint have at most 240.
const MAX_TOKEN: usize = 512;

/// The list that a token continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Streams,
    Consumers,
}

/// The content of a token: where a page ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    issued_ms: u64,
    /// The stream's id; unused in a list of streams.
    pub(super) stream: u64,
    /// The last name of the page.
    pub(super) after: String,
}

/// Seals and opens page tokens.
#[derive(Clone)]
pub(super) struct Pages {
    streams: Key,
    consumers: Key,
}

impl Pages {
    pub(super) fn new(root: &RootKey) -> Self {
        let secret = root.secret_access_key.as_bytes();
        Self {
            streams: Key::derive(secret, "danmu-stream page of streams 1"),
            consumers: Key::derive(secret, "danmu-stream page of consumers 1"),
        }
    }

    fn key(&self, list: List) -> &Key {
        match list {
            List::Streams => &self.streams,
            List::Consumers => &self.consumers,
        }
    }

    fn seal(&self, list: List, ended: &Ended) -> String {
        let parts = [&ended.issued_ms.to_be_bytes()[..], &ended.stream.to_be_bytes(), ended.after.as_bytes()];
        LENIENT.encode(self.key(list).seal(parts.concat()))
    }

    fn open(&self, list: List, token: &str) -> Option<Ended> {
        let sealed = LENIENT.decode(Some(token).filter(|token| token.len() <= MAX_TOKEN)?).ok()?;
        let (issued_ms, rest) = self.key(list).open(&sealed)?.split_first_chunk()?;
        let (stream, after) = rest.split_first_chunk()?;
        Some(Ended {
            issued_ms: u64::from_be_bytes(*issued_ms),
            stream: u64::from_be_bytes(*stream),
            after: String::from_utf8(after.to_vec()).ok()?,
        })
    }
}

impl Call<'_> {
    /// A token for the page after the name `after`.
    pub(super) fn next_token(&self, list: List, stream: u64, after: &str) -> String {
        let ended = Ended { issued_ms: self.endpoint.store.now_ms(), stream, after: after.to_owned() };
        self.endpoint.seals.lists.seal(list, &ended)
    }

    /// Opens a token of `list` that has not expired.
    pub(super) fn opened_token(&self, list: List, token: &str) -> Result<Ended, ApiError> {
        let invalid = || ApiError::new(ErrorCode::InvalidArgument, "Invalid NextToken.");
        let ended = self.endpoint.seals.lists.open(list, token).ok_or_else(invalid)?;
        if self.endpoint.store.now_ms().saturating_sub(ended.issued_ms) > ITERATOR_LIFE_MS {
            return Err(ApiError::new(ErrorCode::ExpiredNextToken, "The NextToken is older than 300 seconds."));
        }
        Ok(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_on_with_its_own_list_and_no_other() {
        let root = RootKey { access_key_id: "AKIAAAAAAAAAAAAAAAAA".to_owned(), secret_access_key: "s".repeat(40) };
        let pages = Pages::new(&root);
        let ended = Ended { issued_ms: 5, stream: 7, after: "x".repeat(128) };
        let token = pages.seal(List::Consumers, &ended);
        assert!(token.len() <= 240, "{}", token.len());
        assert_eq!(pages.open(List::Consumers, &token), Some(ended));
        assert_eq!(pages.open(List::Streams, &token), None);
        for forged in ["", "AAAA", "?", &"A".repeat(1000)] {
            assert_eq!(pages.open(List::Consumers, forged), None, "{forged}");
        }
    }
}
