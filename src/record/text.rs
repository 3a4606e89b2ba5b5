//! Rules for a danmu's text. The composer explains them to the author, the gate enforces them.

use thiserror::Error;

/// The host's Unicode functions. Browsers have the tables already, and need not download them again in our module.
///
/// Hosts may have different versions of Unicode. Grapheme counts then differ for newer scripts only, and matter only for a text
/// of more than [`MAX_TEXT_GRAPHEMES`] code points: others are not counted.
#[derive(Clone, Copy, Debug)]
pub struct Unicode {
    /// A text in normal form C ([UAX #15](https://www.unicode.org/reports/tr15/)).
    pub nfc: fn(&str) -> String,
    /// The number of extended grapheme clusters of a text
    /// ([UAX #29](https://www.unicode.org/reports/tr29/#Grapheme_Cluster_Boundaries)).
    pub graphemes: fn(&str) -> usize,
}

/// The longest text, in graphemes: what a reader would call characters
/// ([UAX #29](https://www.unicode.org/reports/tr29/#Grapheme_Cluster_Boundaries)). A family emoji is one.
pub const MAX_TEXT_GRAPHEMES: usize = 100;

/// The longest text, in bytes of UTF-8. Bounds the size of one grapheme.
pub const MAX_TEXT_BYTES: usize = 2_000;

/// The most marks (accents, vowel signs) on one character. Legible writing needs five at most (Hebrew with points and
/// cantillation four, Tibetan stacks five); towers of marks spill over their neighbours.
/// The stream-safe form of [UAX #15](https://www.unicode.org/reports/tr15/#Stream_Safe_Text_Format) would allow 30.
pub const MAX_MARKS: usize = 8;

/// The most invisible characters in a row: emoji, and scripts that need joiners, have two or three.
const MAX_INVISIBLE: usize = 4;

/// Why a text cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TextError {
    /// Nothing visible.
    #[error("the text is empty")]
    Empty,
    /// Too many graphemes.
    #[error("the text has {0} characters; {MAX_TEXT_GRAPHEMES} are allowed")]
    TooLong(usize),
    /// Too many bytes, though not too many graphemes.
    #[error("the text has {0} bytes; {MAX_TEXT_BYTES} are allowed")]
    TooManyBytes(usize),
    /// Too many marks on one character.
    #[error("the text piles {0} marks on a character; {MAX_MARKS} are allowed")]
    Marks(usize),
    /// Too many invisible characters in a row, or one that is meant for programs only.
    #[error("the text holds U+{:04X} or others like it, which nobody sees; take them out", u32::from(*.0))]
    Invisible(char),
    /// A control character: a line break, a bell, an escape.
    #[error("the text holds the control character U+{:04X}; take it out", u32::from(*.0))]
    Control(char),
    /// A character that overrides the direction of the text after it, and could affect the page around it.
    #[error("the text holds U+{:04X}, which overrides the direction of writing; take it out", u32::from(*.0))]
    Bidi(char),
}

/// Whether a character is invisible and no white space.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    is_blank(c) && !c.is_whitespace()
}

/// Whether a character is invisible: white space, what fonts must ignore
/// ([Default_Ignorable_Code_Point](https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point)), and the two
/// blanks that are neither.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

/// Marks that stack above and below their base character (of category Mn, those that fonts stack).
fn is_piling(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}'..='\u{5c7}'
        | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6ed}' | '\u{8ca}'..='\u{8ff}'
        | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}' | '\u{eb1}' | '\u{eb4}'..='\u{ebc}'
        | '\u{ec8}'..='\u{ece}' | '\u{f71}'..='\u{f87}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20f0}' | '\u{302a}'..='\u{302f}' | '\u{3099}'..='\u{309a}' | '\u{a66f}'..='\u{a67d}'
        | '\u{fe20}'..='\u{fe2f}')
}

/// Whether a character is meant for programs, not for readers: placeholders of objects and annotations, and noncharacters
/// ([Unicode, section 23.8](https://www.unicode.org/versions/latest/core-spec/chapter-23/)).
fn is_foreign(c: char) -> bool {
    matches!(c, '\u{fff9}'..='\u{fffc}' | '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe
}

/// The checks of each character.
fn check_characters(text: &str) -> Result<(), TextError> {
    let (mut marks, mut invisible, mut is_flag) = (0, 0, false);
    for c in text.chars() {
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            return Err(TextError::Control(c));
        }
        // Embeddings and overrides of UAX #9. Isolates (U+2066 to U+2069) stay: they cannot reach past the text's end
        // where it is shown in an element, or a bitmap, of its own.
        if matches!(c, '\u{202a}'..='\u{202e}') {
            return Err(TextError::Bidi(c));
        }
        marks = if is_piling(c) { marks + 1 } else { 0 };
        if marks > MAX_MARKS {
            let run = text.chars().map(is_piling).scan(0, |run, piles| {
                *run = if piles { *run + 1 } else { 0 };
                Some(*run)
            });
            return Err(TextError::Marks(run.max().unwrap_or_default()));
        }
        // A region's flag is a black flag followed by its name in tag characters (UTS #51).
        let is_tag = matches!(c, '\u{e0020}'..='\u{e007f}');
        is_flag = c == '\u{1f3f4}' || is_flag && is_tag;
        invisible = if is_blank(c) && !c.is_whitespace() && !is_flag { invisible + 1 } else { 0 };
        if is_foreign(c) || is_tag && !is_flag || invisible > MAX_INVISIBLE {
            return Err(TextError::Invisible(c));
        }
    }
    Ok(())
}

/// Checks a text that is too short to count graphemes, such as a name: that it is visible and harmless.
///
/// # Errors
/// See [`TextError`].
pub(crate) fn check_short(text: &str) -> Result<(), TextError> {
    if text.chars().all(is_blank) { Err(TextError::Empty) } else { check_characters(text) }
}

/// Checks that a text may be sent.
///
/// # Errors
/// See [`TextError`].
pub fn check_text(text: &str, unicode: Unicode) -> Result<(), TextError> {
    if text.chars().all(is_blank) {
        return Err(TextError::Empty);
    }
    // Bytes first for a hopeless size: counting a megabyte's graphemes is a waste, and its code points show as well that it is
    // far too long.
    if text.len() > 16 * MAX_TEXT_BYTES {
        return Err(TextError::TooLong(text.chars().count()));
    }
    // A text has at most as many graphemes as code points; most texts are short and need no tables.
    if text.chars().nth(MAX_TEXT_GRAPHEMES).is_some() {
        let graphemes = (unicode.graphemes)(text);
        if graphemes > MAX_TEXT_GRAPHEMES {
            return Err(TextError::TooLong(graphemes));
        }
    }
    check_characters(text)?;
    if text.len() > MAX_TEXT_BYTES {
        return Err(TextError::TooManyBytes(text.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use unicode_segmentation::UnicodeSegmentation;

    use super::*;

    fn check_text(text: &str) -> Result<(), TextError> {
        super::check_text(text, Unicode { nfc: str::to_owned, graphemes: |text| text.graphemes(true).count() })
    }

    #[test]
    fn a_family_is_one_character() {
        assert_eq!(check_text(&"👨‍👩‍👧‍👦".repeat(75)), Ok(()));
    }

    #[test]
    fn the_longest_text_is_allowed_and_one_more_is_not() {
        assert_eq!(check_text(&"弹".repeat(MAX_TEXT_GRAPHEMES)), Ok(()));
        assert_eq!(check_text(&"弹".repeat(MAX_TEXT_GRAPHEMES + 1)), Err(TextError::TooLong(101)));
        assert_eq!(check_text(&"a".repeat(MAX_TEXT_GRAPHEMES + 1)), Err(TextError::TooLong(101)));
    }

    #[test]
    fn what_cannot_have_too_many_graphemes_is_not_counted() {
        let unicode = Unicode { nfc: str::to_owned, graphemes: |_| usize::MAX };
        assert_eq!(super::check_text(&"弹".repeat(MAX_TEXT_GRAPHEMES), unicode), Ok(()));
        assert_eq!(super::check_text(&"弹".repeat(101), unicode), Err(TextError::TooLong(usize::MAX)));
    }

    #[test]
    fn one_character_cannot_grow_without_end() {
        let tower = format!("a{}", "\u{301}".repeat(MAX_TEXT_BYTES));
        assert_eq!(check_text(&tower), Err(TextError::Marks(MAX_TEXT_BYTES)));
        assert_eq!(check_text(&"弹".repeat(20_000)), Err(TextError::TooLong(20_000)), "no tower, but a long text");
        let heavy = "👨‍👩‍👧‍👦".repeat(81);
        assert_eq!(check_text(&heavy), Err(TextError::TooManyBytes(heavy.len())));
    }

    #[test]
    fn what_says_nothing_or_breaks_the_line_is_refused() {
        for nothing in ["", " \u{3000} ", "\u{200b}", "\u{2060}\u{3164}\u{2800}", "\u{ad}\u{fe0f}"] {
            assert_eq!(check_text(nothing), Err(TextError::Empty), "{nothing:?}");
        }
        assert_eq!(check_text("\u{200b}a"), Ok(()));
        assert_eq!(check_text("a\nb"), Err(TextError::Control('\n')));
        assert_eq!(check_text("a\u{1b}[31m"), Err(TextError::Control('\u{1b}')));
        assert_eq!(check_text("a\u{2028}b"), Err(TextError::Control('\u{2028}')));
        assert_eq!(check_text("abc\u{202e}def"), Err(TextError::Bidi('\u{202e}')));
    }

    #[test]
    fn towers_of_marks_are_refused_and_writing_that_needs_marks_is_not() {
        for fine in ["Z\u{301}\u{302}", "בְּרֵאשִׁ֖ית", "ที่นี่", "บ้าน", "བསྒྲུབས", "नमस्ते", "ế", "が", "مُحَمَّدٌ"]
        {
            assert_eq!(check_text(fine), Ok(()), "{fine}");
        }
        let tower = |mark: &str, n| format!("ab{}c", mark.repeat(n));
        assert_eq!(check_text(&tower("\u{33f}", MAX_MARKS)), Ok(()));
        for mark in ["\u{33f}", "\u{e47}", "\u{20e0}", "\u{64b}"] {
            assert_eq!(check_text(&tower(mark, MAX_MARKS + 1)), Err(TextError::Marks(MAX_MARKS + 1)), "{mark:?}");
        }
    }

    #[test]
    fn what_nobody_sees_is_refused_where_nobody_needs_it() {
        for fine in ["👩🏽‍❤️‍💋‍👨🏾", "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}!", "می\u{200c}خواهم", "a\u{200b}b"]
        {
            assert_eq!(check_text(fine), Ok(()), "{fine:?}");
        }
        let padded = format!("a{}b", "\u{200b}".repeat(5));
        assert_eq!(check_text(&padded), Err(TextError::Invisible('\u{200b}')));
        for c in ['\u{fffc}', '\u{fff9}', '\u{e0041}', '\u{fdd0}', '\u{1fffe}'] {
            assert_eq!(check_text(&format!("a{c}b")), Err(TextError::Invisible(c)), "{c:?}");
        }
    }

    #[test]
    fn errors_name_the_value_and_the_limit() {
        assert_eq!(TextError::TooLong(120).to_string(), "the text has 120 characters; 100 are allowed");
        assert!(TextError::Bidi('\u{202e}').to_string().contains("U+202E"));
    }
}
