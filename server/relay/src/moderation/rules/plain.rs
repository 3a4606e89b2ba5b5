//! Plain forms of a text, by which words are found however they are written.

use std::sync::LazyLock;

use danmu::record::is_invisible;
use ferrous_opencc::{OpenCC, config::BuiltinConfig};
use unicode_normalization::UnicodeNormalization;

/// From so many equal characters in a row on, a character is drawn out ("goooood"): two are an ordinary spelling.
const DRAWN_OUT: usize = 3;

/// OpenCC's tables from traditional to simplified Chinese, which are in the program.
static SIMPLIFIED: LazyLock<Option<OpenCC>> = LazyLock::new(|| {
    let tables = OpenCC::from_config(BuiltinConfig::T2s);
    tables.inspect_err(|error| tracing::error!(%error, "traditional Chinese is not simplified for rules")).ok()
});

/// A text without differences of width and compatibility (NFKC), case, invisible characters, and traditional and simplified
/// Chinese.
pub fn plain(text: &str) -> String {
    let text: String = text.nfkc().filter(|c| !is_invisible(*c)).flat_map(char::to_lowercase).collect();
    match &*SIMPLIFIED {
        Some(tables) if !text.is_ascii() => tables.convert(&text),
        _ => text,
    }
}

/// The plain form, and those in which drawn-out characters stand once or twice.
pub fn forms(text: &str) -> Vec<String> {
    let plain = plain(text);
    let (once, twice) = (shortened(&plain, 1), shortened(&plain, 2));
    if once == plain { vec![plain] } else { vec![plain, once, twice] }
}

/// A text in which each drawn-out character stands so many times.
pub fn shortened(text: &str, times: usize) -> String {
    let (mut short, mut run) = (String::with_capacity(text.len()), (None, 0));
    let mut end = |(c, length): (Option<char>, usize)| {
        let kept = if length < DRAWN_OUT { length } else { times };
        short.extend(c.into_iter().flat_map(|c| std::iter::repeat_n(c, kept)));
    };
    for c in text.chars() {
        if run.0 == Some(c) {
            run.1 += 1;
        } else {
            end(run);
            run = (Some(c), 1);
        }
    }
    end(run);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_read_alike_have_one_plain_form() {
        for (text, expected) in [
            ("ＳＰＡＭ", "spam"),
            ("S\u{200b}p\u{2060}a\u{fe0f}M", "spam"),
            ("ｱﾆﾒ", "アニメ"),
            ("賭場 發財", "赌场 发财"),
            ("台灣の後", "台湾の后"),
            ("①Ⅳ㎏", "1ivkg"),
            ("STRASSE ΟΔΟΣ", "strasse οδοσ"),
            ("👩‍👩‍👧", "👩👩👧"),
        ] {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_drawn_out_is_shortened_and_what_is_doubled_is_not() {
        assert_eq!(forms("good"), ["good"]);
        assert_eq!(forms("gooood"), ["gooood", "god", "good"]);
        assert_eq!(forms("哈哈哈哈"), ["哈哈哈哈", "哈", "哈哈"]);
        assert_eq!(forms(""), [""]);
    }
}
