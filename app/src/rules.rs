//! Rules of a room: what texts its viewers may not post, as the crew writes and tries them.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::error::CrewError;

/// The most rules in force in a room.
pub const MAX_RULES: usize = 50;
/// The most shadow bans in force in a room.
pub const MAX_SHADOWS: usize = 200;
/// The most words of a rule.
pub const MAX_WORDS: usize = 1_000;
/// The longest word, in characters (Unicode scalar values).
pub const MAX_WORD: usize = 50;
/// The longest regular expression, in bytes.
pub const MAX_PATTERN: usize = 500;

/// What kind of texts a rule forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleKind {
    /// Texts with one of these words: one a line. Width, case, invisible characters, drawn-out letters, and traditional or
    /// simplified Chinese make no difference. A word in letters stands alone, unless `*` says that more may follow or precede.
    Words,
    /// Texts in which a regular expression (in the [syntax of `regex`](https://docs.rs/regex/latest/regex/#syntax)) matches.
    Pattern,
    /// Texts with an address of the web or of mail. It has no value.
    Links,
    /// Texts of more than so many characters, 1 to 99.
    Longer,
    /// Texts in which something is repeated more than so many times in a row, 2 to 50.
    Runs,
    /// What the same viewer posted already, within so many seconds, 5 to 60.
    Again,
    /// All that one viewer posts: shown to that viewer alone (a shadow ban). The value is the viewer's id.
    Shadow,
}

impl RuleKind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Words, Self::Pattern, Self::Links, Self::Longer, Self::Runs, Self::Again, Self::Shadow];

    /// Its name, in forms and in the store.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Pattern => "pattern",
            Self::Links => "links",
            Self::Longer => "longer",
            Self::Runs => "runs",
            Self::Again => "again",
            Self::Shadow => "shadow",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The smallest and the largest number that such a rule can have; `None` for one that has no number.
    #[must_use]
    pub const fn range(self) -> Option<(u32, u32)> {
        match self {
            Self::Words | Self::Pattern | Self::Links | Self::Shadow => None,
            Self::Longer => Some((1, 99)),
            Self::Runs => Some((2, 50)),
            Self::Again => Some((5, 60)),
        }
    }
}

/// A rule, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its kind.
    pub kind: RuleKind,
    /// The words, the expression or the number.
    pub value: String,
}

/// A rule in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleEntry {
    /// Its id ([`danmu::room::RuleId`] as text).
    pub id: String,
    /// The rule.
    pub rule: Rule,
    /// When it was made, Unix milliseconds.
    pub made_ms: i64,
}

/// What a rule would have stopped of what viewers said lately.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleTrial {
    /// How many danmu were looked at: those of the last hour that the server knows.
    pub looked_at: usize,
    /// When the first of them arrived, Unix milliseconds; 0 if there is none.
    pub since_ms: i64,
    /// How many of them the rule would have stopped.
    pub stopped: usize,
    /// Some of these, the newest first.
    pub examples: Vec<String>,
}

/// Why a rule cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Error)]
pub enum RuleError {
    /// No word.
    #[error("there is no word; give 1 to {MAX_WORDS} words, one a line")]
    NoWords,
    /// Too many words.
    #[error("{0} words are too many; a rule has 1 to {MAX_WORDS} words: make several")]
    TooManyWords(usize),
    /// A word is too long: its beginning.
    #[error("the word {0:?}… is too long; a word has at most {MAX_WORD} characters")]
    LongWord(String),
    /// A word of invisible characters.
    #[error("the word {0:?} has nothing that can be seen")]
    EmptyWord(String),
    /// The expression has so many bytes.
    #[error("the expression has {0} bytes; {MAX_PATTERN} are allowed")]
    LongPattern(usize),
    /// The expression needs too much memory.
    #[error("the expression is too large once it is compiled; make it simpler, or repeat less often")]
    BigPattern,
    /// The expression cannot be read: why.
    #[error("the expression cannot be read: {0}")]
    Pattern(String),
    /// The expression matches the empty text, and so all.
    #[error("the expression would stop every text; let it match at least one character")]
    MatchesAll,
    /// Not the id of a viewer.
    #[error("{0:?} cannot be the id of a viewer")]
    NoViewer(String),
    /// Not such a number.
    #[error("{given:?} is no such number; give {from} to {to}")]
    Number {
        /// What was given.
        given: String,
        /// The smallest.
        from: u32,
        /// The largest.
        to: u32,
    },
    /// The room has as many rules as it can have.
    #[error("the room has {0} of these rules, as many as it can have; end one that is not needed")]
    TooManyRules(usize),
}

impl From<RuleError> for CrewError {
    fn from(error: RuleError) -> Self {
        // As data, so that the page can say it in its language.
        Self::BadRule(serde_json::to_string(&error).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_one_name_in_forms_and_in_the_store() {
        for kind in RuleKind::ALL {
            assert_eq!(RuleKind::of(kind.code()), Some(kind));
            assert_eq!(serde_json::to_string(&kind).expect("JSON"), format!("{:?}", kind.code()));
        }
        assert_eq!(RuleKind::of("later"), None);
    }
}
