//! The host's Unicode tables, from crates. Browsers bring their own; both must count alike.

use danmu::record::Unicode;
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

/// Normalization and grapheme counting, as the domain needs them.
pub const UNICODE: Unicode =
    Unicode { nfc: |text| text.nfc().collect(), graphemes: |text| text.graphemes(true).count() };

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        text: String,
        graphemes: usize,
    }

    /// The page's composer is held to the same list, `end2end/tests/graphemes.spec.mjs`.
    #[test]
    fn hard_texts_have_as_many_graphemes_as_browsers_count() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../../../end2end/lib/graphemes.json")).expect("JSON");
        assert!(cases.len() > 20);
        for Case { text, graphemes } in cases {
            assert_eq!((UNICODE.graphemes)(&text), graphemes, "{text:?}");
        }
    }
}
