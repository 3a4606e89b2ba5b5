//! What a danmu's text may be. The composer says it to the author, the gate holds everybody else to it.

use thiserror::Error;
use unicode_segmentation::UnicodeSegmentation;

/// The longest text, in graphemes: what a reader would call characters
/// ([UAX #29](https://www.unicode.org/reports/tr29/#Grapheme_Cluster_Boundaries)). A family emoji is one.
pub const MAX_TEXT_GRAPHEMES: usize = 100;

/// The longest text, in bytes of UTF-8. Bounds what one grapheme can pile up on itself.
pub const MAX_TEXT_BYTES: usize = 2_000;

/// Why a text cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TextError {
    /// Nothing that can be seen.
    #[error("the text is empty")]
    Empty,
    /// Too many graphemes.
    #[error("the text has {0} characters; {MAX_TEXT_GRAPHEMES} are allowed")]
    TooLong(usize),
    /// Too many bytes, in no more graphemes than allowed.
    #[error("the text has {0} bytes; {MAX_TEXT_BYTES} are allowed")]
    TooManyBytes(usize),
    /// A control character: a line break, a bell, an escape.
    #[error("the text holds the control character U+{:04X}; take it out", u32::from(*.0))]
    Control(char),
    /// A character that turns the direction of what follows, and could turn the page around it.
    #[error("the text holds U+{:04X}, which overrides the direction of writing; take it out", u32::from(*.0))]
    Bidi(char),
}

/// The number of graphemes in a text.
#[must_use]
pub fn grapheme_count(text: &str) -> usize {
    // Most texts are plain; their count needs no tables. A line break pair would be one grapheme, but is refused anyway.
    if text.is_ascii() { text.len() } else { text.graphemes(true).count() }
}

/// Whether a character leaves nothing to see: white space, what fonts must ignore
/// ([Default_Ignorable_Code_Point](https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point)), and the two
/// blanks that are neither.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

/// Checks that a text may be sent.
///
/// # Errors
/// See [`TextError`].
pub fn check_text(text: &str) -> Result<(), TextError> {
    if text.chars().all(is_blank) {
        return Err(TextError::Empty);
    }
    for c in text.chars() {
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            return Err(TextError::Control(c));
        }
        // Embeddings and overrides of UAX #9. Isolates (U+2066 to U+2069) stay: they cannot reach past the text's end
        // where it is shown in an element, or a bitmap, of its own.
        if matches!(c, '\u{202a}'..='\u{202e}') {
            return Err(TextError::Bidi(c));
        }
    }
    // Bytes first where they are hopeless: graphemes of a megabyte are not worth counting.
    if text.len() > 16 * MAX_TEXT_BYTES {
        return Err(TextError::TooManyBytes(text.len()));
    }
    let graphemes = grapheme_count(text);
    if graphemes > MAX_TEXT_GRAPHEMES {
        return Err(TextError::TooLong(graphemes));
    }
    if text.len() > MAX_TEXT_BYTES {
        return Err(TextError::TooManyBytes(text.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_one_character() {
        assert_eq!(grapheme_count("👨‍👩‍👧‍👦"), 1);
        assert_eq!(grapheme_count("é弹幕"), 3);
        assert_eq!(check_text(&"👨‍👩‍👧‍👦".repeat(75)), Ok(()));
    }

    #[test]
    fn the_longest_text_is_allowed_and_one_more_is_not() {
        assert_eq!(check_text(&"弹".repeat(MAX_TEXT_GRAPHEMES)), Ok(()));
        assert_eq!(check_text(&"弹".repeat(MAX_TEXT_GRAPHEMES + 1)), Err(TextError::TooLong(101)));
        assert_eq!(check_text(&"a".repeat(MAX_TEXT_GRAPHEMES + 1)), Err(TextError::TooLong(101)));
    }

    #[test]
    fn one_character_cannot_grow_without_end() {
        let tower = format!("a{}", "\u{301}".repeat(MAX_TEXT_BYTES));
        assert_eq!(grapheme_count(&tower), 1);
        assert_eq!(check_text(&tower), Err(TextError::TooManyBytes(1 + 2 * MAX_TEXT_BYTES)));
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
    fn errors_name_the_value_and_the_limit() {
        assert_eq!(TextError::TooLong(120).to_string(), "the text has 120 characters; 100 are allowed");
        assert!(TextError::Bidi('\u{202e}').to_string().contains("U+202E"));
    }
}
