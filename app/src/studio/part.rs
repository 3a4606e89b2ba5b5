//! The part of the list of danmu that is in the document: however many lines are kept, a few hundred have elements. Above and below it is
//! empty room, as high as the rest would be if each line were one row; the rows in the document are as high as they are.

use std::collections::HashMap;

use crate::live::ChatLine;

/// How many lines are in the document.
const LINES: usize = 240;
/// A row's height in CSS pixels, for lines that are not in the document.
pub const ROW_HEIGHT: f64 = 36.0;

/// A line by which a place in the list is found again: its key and its time.
pub type Anchor = (String, i64);

/// The part of the list that is in the document.
#[derive(Clone, Default)]
pub struct Part {
    /// Its lines.
    pub lines: Vec<ChatLine>,
    /// How many lines are before it.
    pub above: usize,
    /// How many are after it.
    pub below: usize,
    /// The place of each of its lines in it.
    places: HashMap<String, usize>,
}

/// Where a part begins that has a line of a list of `total` in its middle.
pub fn part_at(line: usize, total: usize) -> usize {
    line.saturating_sub(LINES / 2).min(total.saturating_sub(LINES))
}

impl Part {
    /// The part of these lines that begins at a line, before which there were so many others; without one the last part. A line that
    /// is gone is where it was by time.
    pub fn cut(shown: &[&ChatLine], begin: Option<(&Anchor, usize)>) -> Self {
        let end = shown.len().saturating_sub(LINES);
        let (at, above) = match begin {
            None => (end, end),
            Some(((key, at_ms), above)) => {
                let known = shown.iter().position(|line| line.key == *key);
                let at = known.unwrap_or_else(|| shown.iter().take_while(|line| line.at < *at_ms).count());
                (at.min(shown.len()), above)
            }
        };
        let lines: Vec<_> = shown.iter().skip(at).take(LINES).map(|line| (*line).clone()).collect();
        let below = shown.len().saturating_sub(at + lines.len());
        let places = lines.iter().enumerate().map(|(place, line)| (line.key.clone(), place)).collect();
        Self { lines, above, below, places }
    }

    /// How many lines the whole list has.
    pub fn total(&self) -> usize {
        self.above + self.lines.len() + self.below
    }

    /// The place of a line in the whole list, from 1; `None` for one that is not in the document.
    pub fn place(&self, key: &str) -> Option<usize> {
        self.places.get(key).map(|place| self.above + place + 1)
    }

    /// The height of the room above it, in CSS.
    pub fn room_above(&self) -> String {
        room(self.above)
    }

    /// The height of the room below it, in CSS.
    pub fn room_below(&self) -> String {
        room(self.below)
    }
}

fn room(lines: usize) -> String {
    format!("{}px", lines as f64 * ROW_HEIGHT)
}

#[cfg(test)]
mod tests {
    use danmu::record::Color;
    use leptos::prelude::ArcRwSignal;

    use super::*;
    use crate::live::LineState;

    fn said(n: usize) -> ChatLine {
        ChatLine {
            key: n.to_string(),
            text: "hi".into(),
            color: Color::WHITE,
            at: n as i64,
            by: None,
            mine: false,
            own: None,
            times: 1,
            state: ArcRwSignal::new(LineState::Confirmed),
        }
    }

    fn ends(part: &Part) -> (usize, String, usize) {
        (part.above, part.lines.first().map_or_else(String::new, |line| line.key.clone()), part.below)
    }

    #[test]
    fn of_five_thousand_lines_a_few_hundred_are_in_the_document() {
        let all: Vec<_> = (0..5_000).map(said).collect();
        let shown: Vec<_> = all.iter().collect();
        let part = Part::cut(&shown, None);
        assert_eq!((part.lines.len(), ends(&part)), (LINES, (4_760, "4760".to_owned(), 0)));
        assert_eq!((part.total(), part.place("4760"), part.place("9")), (5_000, Some(4_761), None));
        assert_eq!(part.room_above(), "171360px");
        let few = Part::cut(&shown[..3], None);
        assert_eq!((few.total(), few.room_above(), few.place("0")), (3, "0px".to_owned(), Some(1)));
    }

    #[test]
    fn the_part_stays_at_its_line_whatever_comes_or_is_dropped_before_it() {
        let all: Vec<_> = (0..1_000).map(said).collect();
        let anchor = ("500".to_owned(), 500);
        let whole: Vec<_> = all.iter().collect();
        assert_eq!(ends(&Part::cut(&whole, Some((&anchor, 500)))), (500, "500".to_owned(), 260));
        let dropped = &whole[100..];
        assert_eq!(ends(&Part::cut(dropped, Some((&anchor, 500)))), (500, "500".to_owned(), 260), "its room stays");
        let hidden: Vec<_> = whole.iter().copied().filter(|line| line.key != "500").collect();
        assert_eq!(ends(&Part::cut(&hidden, Some((&anchor, 500)))).1, "501");
    }

    #[test]
    fn a_part_has_its_line_in_the_middle_but_at_the_ends() {
        assert_eq!([part_at(0, 1_000), part_at(500, 1_000), part_at(999, 1_000), part_at(3, 10)], [0, 380, 760, 0]);
    }
}
