//! A rule, compiled: whether it stops a text.
//!
//! Every kind takes time linear in the text, and memory bounded in the rule: regular expressions too
//! ([untrusted input](https://docs.rs/regex/latest/regex/#untrusted-input)).

use std::{
    cell::OnceCell,
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use aho_corasick::{AhoCorasick, AhoCorasickKind, Match};
use danmu::viewer::ViewerId;
use danmu_app::rules::{MAX_PATTERN, MAX_WORD, MAX_WORDS, Rule, RuleError, RuleKind};
use danmu_identity::unicode::UNICODE;
use linkify::LinkFinder;
use regex::{Regex, RegexBuilder};

use super::plain::{forms, plain, shortened};

/// The most memory of a compiled expression, and of the cache of its automaton, bytes each.
const PATTERN_BYTES: usize = 1 << 20;
/// How deep an expression may nest.
const PATTERN_DEPTH: u32 = 50;
/// The longest group whose repetition is found, in characters.
const LONGEST_GROUP: usize = 8;

/// A compiled rule.
#[derive(Debug)]
pub enum Compiled {
    /// Words, with the edges of each.
    Words(AhoCorasick, Vec<Edges>),
    /// An expression.
    Pattern(Regex),
    /// Addresses.
    Links,
    /// More than so many characters.
    Longer(usize),
    /// More than so many repetitions.
    Runs(usize),
    /// The same again, within so many seconds.
    Again(u32),
    /// All that a viewer posts, which it alone is shown.
    Shadow(ViewerId),
    /// Nothing: what a later version made.
    Nothing,
}

/// Which edges of a word must be those of a word in the text, too.
#[derive(Clone, Copy, Debug)]
pub struct Edges {
    start: bool,
    end: bool,
}

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// Nothing.
    Pass,
    /// It stops the text.
    Stop,
    /// It stops the text if its author posted one of that fingerprint within so many seconds.
    Again(u64, u32),
}

/// A text, with forms that several rules share.
pub struct Text<'a> {
    text: &'a str,
    forms: OnceCell<Vec<String>>,
}

impl<'a> Text<'a> {
    /// A text in normal form C.
    pub const fn new(text: &'a str) -> Self {
        Self { text, forms: OnceCell::new() }
    }

    fn forms(&self) -> &[String] {
        self.forms.get_or_init(|| forms(self.text))
    }

    fn plain(&self) -> &str {
        self.forms().first().map_or("", String::as_str)
    }
}

impl Compiled {
    /// Compiles a rule.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(Rule { kind, value }: &Rule) -> Result<Self, RuleError> {
        Ok(match kind {
            RuleKind::Words => words(value)?,
            RuleKind::Pattern => Self::Pattern(pattern(value)?),
            RuleKind::Links => Self::Links,
            RuleKind::Longer => Self::Longer(number(*kind, value)? as usize),
            RuleKind::Runs => Self::Runs(number(*kind, value)? as usize),
            RuleKind::Again => Self::Again(number(*kind, value)?),
            RuleKind::Shadow => {
                Self::Shadow(value.parse().map_err(|_| RuleError::NoViewer(value.chars().take(64).collect()))?)
            }
        })
    }

    /// What it says about a text.
    pub fn look(&self, text: &Text<'_>) -> Says {
        let stops = match self {
            Self::Words(find, edges) => text.forms().iter().any(|form| {
                let stands =
                    |found: Match| edges.get(found.pattern().as_usize()).is_some_and(|it| it.fit(form, &found));
                find.find_overlapping_iter(form).any(stands)
            }),
            Self::Pattern(pattern) => pattern.is_match(text.text),
            Self::Links => has_link(text.plain()),
            Self::Longer(most) => text.text.len() > *most && (UNICODE.graphemes)(text.text) > *most,
            Self::Runs(most) => longest_run(text.plain()) > *most,
            Self::Again(seconds) => return Says::Again(fingerprint(text.plain()), *seconds),
            // Not by the text: see `Book`.
            Self::Shadow(_) | Self::Nothing => false,
        };
        if stops { Says::Stop } else { Says::Pass }
    }
}

impl Edges {
    fn fit(self, text: &str, found: &Match) -> bool {
        let before = text[..found.start()].chars().next_back().is_some_and(is_spelled);
        let after = text[found.end()..].chars().next().is_some_and(is_spelled);
        !(self.start && before || self.end && after)
    }
}

/// Whether words of this character are written apart from each other. Those of Chinese, Japanese, Korean and of scripts without
/// blanks are not.
fn is_spelled(c: char) -> bool {
    let apart = !matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{11ff}' | '\u{1780}'..='\u{17ff}'
        | '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}');
    apart && c.is_alphanumeric()
}

fn words(value: &str) -> Result<Compiled, RuleError> {
    let lines: BTreeSet<&str> = value.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    match lines.len() {
        0 => return Err(RuleError::NoWords),
        count if count > MAX_WORDS => return Err(RuleError::TooManyWords(count)),
        _ => {}
    }
    let (mut all, mut edges) = (Vec::new(), Vec::new());
    for line in lines {
        if line.chars().count() > MAX_WORD {
            return Err(RuleError::LongWord(line.chars().take(MAX_WORD).collect()));
        }
        let word = plain(line.trim_matches('*'));
        let (Some(first), Some(last)) = (word.chars().next(), word.chars().next_back()) else {
            return Err(RuleError::EmptyWord(line.to_owned()));
        };
        let start = !line.starts_with('*') && is_spelled(first);
        edges.push(Edges { start, end: !line.ends_with('*') && is_spelled(last) });
        all.push(word);
    }
    // The smallest kind: a thousand words take some hundred kilobytes.
    let find = AhoCorasick::builder().kind(Some(AhoCorasickKind::ContiguousNFA)).build(&all);
    find.map(|find| Compiled::Words(find, edges)).map_err(|_| RuleError::TooManyWords(all.len()))
}

fn pattern(value: &str) -> Result<Regex, RuleError> {
    if value.len() > MAX_PATTERN {
        return Err(RuleError::LongPattern(value.len()));
    }
    let mut builder = RegexBuilder::new(value);
    builder.size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES).nest_limit(PATTERN_DEPTH);
    match builder.build() {
        Ok(pattern) if pattern.is_match("") => Err(RuleError::MatchesAll),
        Ok(pattern) => Ok(pattern),
        Err(regex::Error::CompiledTooBig(_)) => Err(RuleError::BigPattern),
        Err(error) => {
            // The first lines show the expression again, the last says what is wrong with it.
            let text = error.to_string();
            let reason = text.lines().next_back().unwrap_or_default();
            Err(RuleError::Pattern(reason.trim_start_matches("error: ").to_owned()))
        }
    }
}

fn number(kind: RuleKind, value: &str) -> Result<u32, RuleError> {
    let (from, to) = kind.range().unwrap_or_default();
    let number = value.trim().parse().ok().filter(|number| (from..=to).contains(number));
    number.ok_or_else(|| RuleError::Number { given: value.chars().take(20).collect(), from, to })
}

/// Whether a plain text has an address of the web or of mail, with or without a scheme. An ideographic full stop is taken for a
/// dot: it reads like one.
fn has_link(text: &str) -> bool {
    let text = text.replace('。', ".");
    LinkFinder::new().url_must_have_scheme(false).links(&text).next().is_some()
}

/// How often something stands in a row, at most: a group of one to [`LONGEST_GROUP`] characters; blanks do not count.
fn longest_run(text: &str) -> usize {
    let chars: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let of_group = |length: usize| {
        let (mut equal, mut longest) = (0, 0);
        for (before, now) in chars.iter().zip(chars.iter().skip(length)) {
            equal = if before == now { equal + 1 } else { 0 };
            longest = longest.max(equal);
        }
        longest / length + 1
    };
    if chars.is_empty() { 0 } else { (1..=LONGEST_GROUP).map(of_group).max().unwrap_or(1) }
}

/// Texts that differ in blanks, punctuation and drawn-out letters alone have the same one.
fn fingerprint(plain: &str) -> u64 {
    let letters: String = plain.chars().filter(|c| c.is_alphanumeric()).collect();
    // Emoji are neither letters nor punctuation.
    let text = if letters.is_empty() { plain } else { &letters };
    let mut hasher = DefaultHasher::new();
    shortened(text, 1).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
