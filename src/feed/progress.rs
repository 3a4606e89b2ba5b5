//! Progress: how much of a room's feed a viewer has heard.
//!
//! Usually that is a single token, up to which it has heard all. A viewer that returns after a long absence hears live danmu at
//! once and its absence (refill) beside them: until that is done, it has also heard spans ahead of that token.

use std::{fmt, str::FromStr};

use super::{FeedToken, FeedTokenError};

/// Separates tokens. No token has an empty part.
const SEPARATOR: &str = "~~";
/// The most spans in the text. Where there were more, the oldest are sent again.
pub const MAX_SPANS: usize = 3;

/// How much a viewer has heard: all up to a position, and spans ahead of it. `P` is a [`FeedToken`], or a server's position for
/// one. Its text (`Display`, `FromStr`) serves as a token, and equals the [`FeedToken`]'s where there are no spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress<P> {
    /// The position up to which all was heard or declared missing.
    pub after: P,
    /// Spans heard as well: after the first, up to the second. In order and disjoint.
    pub ahead: Vec<(P, P)>,
}

impl<P> Progress<P> {
    /// All up to that position, and nothing ahead of it.
    pub const fn up_to(after: P) -> Self {
        Self { after, ahead: Vec::new() }
    }

    /// The same with mapped positions; `None` where one of them cannot be mapped.
    pub fn try_map<Q>(&self, map: impl Fn(&P) -> Option<Q>) -> Option<Progress<Q>> {
        let span = |(from, to): &(P, P)| Some((map(from)?, map(to)?));
        Some(Progress { after: map(&self.after)?, ahead: self.ahead.iter().map(span).collect::<Option<_>>()? })
    }
}

impl<P: Ord> Progress<P> {
    /// Whether the record at that position was heard.
    pub fn has(&self, place: &P) -> bool {
        *place <= self.after || self.ahead.iter().any(|(from, to)| from < place && place <= to)
    }
}

impl<P: fmt::Display> fmt::Display for Progress<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.after.fmt(f)?;
        let newest = self.ahead.len().saturating_sub(MAX_SPANS);
        self.ahead[newest..].iter().try_for_each(|(from, to)| write!(f, "{SEPARATOR}{from}{SEPARATOR}{to}"))
    }
}

impl FromStr for Progress<FeedToken> {
    type Err = FeedTokenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(SEPARATOR).map(str::parse);
        let after = parts.next().ok_or(FeedTokenError::Form)??;
        let mut ahead = Vec::new();
        while let Some(from) = parts.next() {
            ahead.push((from?, parts.next().ok_or(FeedTokenError::Form)??));
        }
        if ahead.len() > MAX_SPANS {
            return Err(FeedTokenError::Form);
        }
        Ok(Self { after, ahead })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_progress_survives_its_text() {
        for token in ["1~s~5~6", "1~s~5~6~~1~s~9~10~~1~s~12~-3"] {
            let progress: Progress<FeedToken> = token.parse().expect("a progress");
            assert_eq!(progress.to_string(), token);
        }
        for none in ["", "1~s~5~6~~", "1~s~5~6~~1~s~9~10", "1~s~5", "1~s~5~6~~~1~s~9~10~~1~s~12~3"] {
            assert!(none.parse::<Progress<FeedToken>>().is_err(), "{none}");
        }
    }

    #[test]
    fn a_token_tells_the_newest_spans_and_no_more_than_it_may() {
        let position = |n: i64| FeedToken::new(1, "s", n.to_string(), n).expect("a position");
        let ahead = (2..7).map(|n| (position(10 * n), position(10 * n + 5))).collect();
        let told: Progress<FeedToken> = Progress { after: position(1), ahead }.to_string().parse().expect("a progress");
        assert_eq!(told.ahead.len(), MAX_SPANS);
        assert_eq!(told.ahead.last(), Some(&(position(60), position(65))));
    }

    #[test]
    fn what_was_heard_is_all_up_to_the_place_and_the_spans_ahead() {
        let progress = Progress { after: 5, ahead: vec![(7, 9), (12, 13)] };
        let heard: Vec<_> = (0..15).filter(|place| progress.has(place)).collect();
        assert_eq!(heard, [0, 1, 2, 3, 4, 5, 8, 9, 13]);
    }
}
