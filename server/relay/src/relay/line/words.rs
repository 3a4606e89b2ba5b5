//! What is said most often in a room: whole texts, as they are repeated in a danmu room, and the words and emoji in them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use unicode_segmentation::UnicodeSegmentation;

/// How many words are counted at once.
const COUNTERS: usize = 200;
/// The longest word, in characters. A longer text counts by its words alone.
const LONGEST: usize = 30;

/// What a danmu counts for, each once: its whole text, and its words and emoji. Chinese has no blanks: there it is the whole text.
pub fn words(text: &str) -> BTreeSet<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let parts = text.split_word_bounds().filter(|part| is_emoji(part) || is_word(part));
    let whole = Some(&*text).filter(|text| is_emoji(text) || text.chars().any(char::is_alphanumeric));
    let of_length = |word: &&str| is_emoji(word) || (2..=LONGEST).contains(&word.chars().count());
    parts.chain(whole).filter(of_length).map(str::to_owned).collect()
}

/// Whether a part is a word: two characters and more, with a letter.
fn is_word(part: &str) -> bool {
    part.chars().count() > 1 && part.chars().any(char::is_alphabetic)
}

/// Whether a part begins with an emoji, and is short.
fn is_emoji(part: &str) -> bool {
    let emoji = |first| matches!(first, '\u{1f300}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}');
    part.chars().next().is_some_and(emoji) && part.graphemes(true).count() == 1
}

/// The most frequent words, by counters of which the least frequent gives its place to a new word ("space-saving").
#[derive(Debug, Default)]
pub struct TopWords(HashMap<String, (u64, u64)>);

impl TopWords {
    /// A word was said.
    pub fn count(&mut self, word: String) {
        if let Some((count, _)) = self.0.get_mut(&word) {
            *count += 1;
            return;
        }
        let mut least = 0;
        if self.0.len() >= COUNTERS
            && let Some((rarest, (count, _))) = self.0.iter().min_by_key(|(_, (count, _))| *count)
        {
            let rarest = rarest.clone();
            least = *count;
            self.0.remove(&rarest);
        }
        // The new one may have been said that often before; what is certain is the difference.
        self.0.insert(word, (least + 1, least));
    }

    /// The most frequent ones, with how often they were said for certain.
    pub fn top(&self, most: usize) -> BTreeMap<String, u64> {
        let mut all: Vec<_> = self.0.iter().map(|(word, (count, over))| (count - over, word)).collect();
        all.sort_by(|(a, word_a), (b, word_b)| b.cmp(a).then_with(|| word_a.cmp(word_b)));
        all.into_iter().take(most).map(|(count, word)| (word.clone(), count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_danmu_counts_by_its_text_its_words_and_its_emoji() {
        for (text, counted) in [
            ("  LOL ", "lol"),
            ("哈哈哈", "哈哈哈"),
            ("nice shot 🎉", "nice|nice shot 🎉|shot|🎉"),
            ("go go", "go|go go"),
            ("?!", ""),
            ("1", ""),
            ("666", "666"),
        ] {
            assert_eq!(words(text).into_iter().collect::<Vec<_>>().join("|"), counted, "{text}");
        }
    }

    #[test]
    fn what_is_said_most_is_found_among_any_number_of_other_words_in_bounded_memory() {
        let mut top = TopWords::default();
        for n in 0..5_000 {
            top.count(format!("word {n}"));
            if n % 10 == 0 {
                top.count("often".into());
            }
        }
        assert_eq!(top.0.len(), COUNTERS);
        assert!(top.top(1).contains_key("often"), "{:?}", top.top(3));
    }
}
