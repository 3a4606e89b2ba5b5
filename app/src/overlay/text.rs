//! Texts as they are drawn: cleaned, with their fonts and colours.

/// Longer texts are cut, so that bitmaps stay small. No text that a room admits is longer.
const MAX_CHARS: usize = danmu::record::MAX_TEXT_BYTES;

/// Each system's bold fonts for Chinese, Japanese and Korean; then fonts with Latin digits, so that these do not come from
/// the emoji font; then emoji fonts, before fonts that have some emoji without colours.
const FAMILIES: &str = "\"PingFang SC\",\"Microsoft YaHei\",\"Noto Sans CJK SC\",\"Noto Sans SC\",\"Source Han Sans SC\",\
    \"Hiragino Sans\",\"Segoe UI\",Roboto,\"Noto Sans\",Arial,\
    \"Apple Color Emoji\",\"Segoe UI Emoji\",\"Noto Color Emoji\",system-ui,sans-serif";

/// The text as it may reach the canvas: one line, without control characters and bidi controls. Empty if nothing is left
/// to see.
pub(super) fn clean(text: &str) -> String {
    let line = text.chars().filter_map(|char| match char {
        '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => Some(' '),
        // Bidi embeddings, overrides and isolates; the byte order mark.
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}' => None,
        char if char.is_control() => None,
        char => Some(char),
    });
    line.take(MAX_CHARS).collect::<String>().trim().to_owned()
}

/// The size of the text, CSS pixels: 25 on a picture of 720, which is what viewers are used to.
pub(super) fn font_size(picture_height: f32, scale: f32) -> f32 {
    ((picture_height * 0.035).clamp(16.0, 40.0) * scale).round()
}

/// The height of a lane for that size: the text, its outline, a frame, a little air.
pub(super) fn lane_height(font_size: f32) -> f32 {
    (font_size * 1.5).round()
}

/// The font as a canvas wants it; `family` comes before the defaults, unless it is empty.
pub(super) fn font(size: u16, family: &str) -> String {
    // A whole number: formatting floats is 11 kB, uncompressed.
    let size = size.to_string();
    let family = if family.is_empty() { String::new() } else { quoted(family) + "," };
    ["bold ", &size, "px ", &family, FAMILIES].concat()
}

/// A font family's name as a CSS string
/// ([CSSOM](https://drafts.csswg.org/cssom/#serialize-a-string)), escaped so that only its own quotes end it.
pub(crate) fn quoted(family: &str) -> String {
    let mut quoted = String::from("\"");
    for char in family.chars().filter(|char| !char.is_control()) {
        if matches!(char, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(char);
    }
    quoted + "\""
}

/// Sets a context's font, and its direction to left to right, whatever that of the page around its canvas is: each danmu
/// has its own direction.
#[cfg(feature = "hydrate")]
pub(super) fn set_up(context: &web_sys::CanvasRenderingContext2d, font: &str) {
    context.set_font(font);
    // Fails only for what is not an object.
    let _ = js_sys::Reflect::set(context, &"direction".into(), &"ltr".into());
}

/// The relative size of a danmu that `times` viewers said: a tenth more for each doubling.
pub(super) fn growth(times: u32) -> f32 {
    1.0 + 0.1 * times.max(1).ilog2().min(6) as f32
}

/// A colour for CSS; bits above the lower 24 are ignored.
pub(super) fn css(color: u32) -> String {
    format!("#{:06x}", color & 0xFF_FFFF)
}

/// Whether a text of that colour needs a light outline.
pub(crate) fn is_dark(color: u32) -> bool {
    let [_, red, green, blue] = color.to_be_bytes().map(u32::from);
    // Rec. 709 luma of the encoded values, in 1/10000 of 255: enough to tell dark from light.
    red * 2_126 + green * 7_152 + blue * 722 < 255 * 1_800
}

/// The colour of the outline: dark around light text, light around dark.
pub(super) fn outline(color: u32) -> &'static str {
    if is_dark(color) { "rgba(255,255,255,.85)" } else { "rgba(0,0,0,.8)" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_bidi_overrides_never_reach_the_canvas() {
        assert_eq!(clean("a\u{0}b\u{7}c\u{7f}\u{85}d"), "abcd");
        assert_eq!(clean("\u{202E}txt.exe\u{202C} \u{2066}x\u{2069}"), "txt.exe x");
    }

    #[test]
    fn several_lines_become_one() {
        assert_eq!(clean(" 前方\r\n高能\t! \u{2028}"), "前方  高能 !");
        assert_eq!(clean(" \n\t "), "");
    }

    #[test]
    fn joined_emoji_and_right_to_left_text_stay_whole() {
        for text in ["👩‍👩‍👧‍👦", "❤️", "مرحبا بالعالم", "弹幕", "<b>&amp;</b>"] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(clean(&"弹".repeat(10_000)).chars().count(), MAX_CHARS);
    }

    #[test]
    fn the_outline_is_dark_except_around_dark_text() {
        assert!(outline(0xFF_FFFF).starts_with("rgba(0,0,0"));
        assert!(outline(0xFE_0302).starts_with("rgba(0,0,0"));
        assert!(outline(0x00_0000).starts_with("rgba(255"));
        assert!(outline(0x22_2244).starts_with("rgba(255"));
    }

    #[test]
    fn a_family_comes_first_and_cannot_be_more_than_a_name() {
        assert!(font(25, "").starts_with("bold 25px \"PingFang SC\","));
        assert!(font(25, "Noto Serif SC").starts_with("bold 25px \"Noto Serif SC\",\"PingFang SC\","));
        assert!(font(25, "a\";color:red,\n").starts_with("bold 25px \"a\\\";color:red,\",\"PingFang SC\","));
        assert!(font(25, "a\\").starts_with("bold 25px \"a\\\\\",\"PingFang SC\","));
        for name in ["M+ 1c", "Jack's (Bold)", "Black & White", "思源黑体"] {
            assert_eq!(quoted(name), format!("\"{name}\""));
        }
    }

    #[test]
    fn what_many_said_is_larger_up_to_a_bound() {
        assert_eq!([0, 1, 2, 3, 8, u32::MAX].map(growth), [1.0, 1.0, 1.1, 1.1, 1.3, 1.6]);
    }

    #[test]
    fn colours_are_six_digits() {
        assert_eq!(css(0xFF_00_0A_0B), "#000a0b");
    }
}
