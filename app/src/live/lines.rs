//! The chat list's lines: the last danmu of the room, the viewer's own among them.

use std::collections::VecDeque;

use danmu::record::{Color, Danmu};
use leptos::prelude::*;

use super::{Author, Draft};
use crate::problem::Problem;

/// How many lines are kept. Viewers of a live room scroll back through fewer.
pub const MAX_LINES: usize = 200;
/// How many are kept while a reader holds the list.
const HELD_LINES: usize = 5_000;
/// How many gap lines are kept, so that a connection that comes and goes does not crowd out danmu.
const MAX_GAPS: usize = 5;

/// The state of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineState {
    /// The viewer's own, on its way to the stream.
    Pending,
    /// On the stream.
    Confirmed,
    /// The viewer's own, on the stream, where it waits for the crew.
    Held,
    /// The viewer's own; it did not reach the stream. With the reason, unless that has passed.
    Failed(Option<Problem>),
    /// Not a danmu but a gap, with the number of missing danmu where known.
    Gap(Option<u64>),
}

impl LineState {
    /// The state's name in the document.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Held => "held",
            Self::Failed(_) => "failed",
            Self::Gap(_) => "gap",
        }
    }
}

/// A line of the chat list: a danmu, or a gap.
#[derive(Clone)]
pub struct ChatLine {
    /// The key of the danmu, or of the gap.
    pub key: String,
    /// Its text. Text, never HTML.
    pub text: String,
    /// Its colour.
    pub color: Color,
    /// When it arrived or, for what this page sent, was sent, in Unix milliseconds.
    pub at: i64,
    /// The author, where known; for what this page sent, see [`Live::me`](super::Live::me).
    pub by: Option<Author>,
    /// Whether it is the viewer's own, said here or in another tab.
    pub mine: bool,
    /// What this page sent, if it did, so that it can be retried unchanged.
    pub own: Option<Danmu>,
    /// How many said the same; 1 for itself.
    pub times: u32,
    /// Its state. Reference-counted, so that it is freed with its line, however long the page stays.
    pub state: ArcRwSignal<LineState>,
}

impl ChatLine {
    /// Whether it is a danmu, not a gap.
    #[must_use]
    pub fn is_danmu(&self) -> bool {
        !matches!(self.state.get_untracked(), LineState::Gap(_))
    }
}

/// The last [`MAX_LINES`] lines, the oldest first.
#[derive(Clone, Default)]
pub struct Lines {
    lines: VecDeque<ChatLine>,
    /// The number of gaps so far, for their keys.
    gaps: u32,
    /// Whether a reader holds the list: then more lines are kept.
    held: bool,
}

impl Lines {
    /// The lines, the oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &ChatLine> {
        self.lines.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Appends a line; beyond [`MAX_LINES`] the oldest is removed, except failed ones, which the viewer may retry.
    pub fn push(&mut self, line: ChatLine) {
        self.insert(self.lines.len(), line);
    }

    /// Inserts a line about the past, such as a refill's, in its place by time.
    pub fn push_past(&mut self, line: ChatLine) {
        let at = self.lines.iter().rposition(|other| other.at <= line.at).map_or(0, |before| before + 1);
        if at > 0 || self.lines.len() < MAX_LINES {
            self.insert(at, line);
        }
    }

    /// A reader holds the list, so that what is being read stays, or lets it go.
    pub fn hold(&mut self, held: bool) {
        self.held = held;
        self.evict();
    }

    fn insert(&mut self, at: usize, line: ChatLine) {
        self.lines.insert(at, line);
        self.evict();
    }

    fn evict(&mut self) {
        let most = if self.held { HELD_LINES } else { MAX_LINES };
        while self.lines.len() > most {
            let kept = |line: &ChatLine| !matches!(line.state.get_untracked(), LineState::Failed(_));
            let Some(at) = self.lines.iter().position(kept) else { return };
            self.lines.remove(at);
        }
    }

    /// Appends a gap, with the number of missing danmu where known. Consecutive gaps are merged; beyond [`MAX_GAPS`] the oldest
    /// is removed.
    pub fn push_gap(&mut self, missed: Option<u64>) {
        let gap = |line: &ChatLine| match line.state.get_untracked() {
            LineState::Gap(missed) => Some(missed),
            _ => None,
        };
        if let Some(last) = self.lines.back()
            && let Some(before) = gap(last)
        {
            let sum = before.zip(missed).map(|(before, missed)| before.saturating_add(missed));
            return last.state.set(LineState::Gap(sum));
        }
        let mut gaps = 1;
        let before = self.lines.len();
        // From the end, so that the newest stay.
        for at in (0..before).rev() {
            gaps += usize::from(gap(&self.lines[at]).is_some());
            if gaps > MAX_GAPS {
                self.lines.remove(at);
                break;
            }
        }
        self.gaps += 1;
        self.push(ChatLine {
            key: ["gap", &self.gaps.to_string()].concat(),
            text: String::new(),
            color: Color::default(),
            at: self.lines.back().map_or(0, |last| last.at),
            by: None,
            mine: false,
            own: None,
            times: 1,
            state: ArcRwSignal::new(LineState::Gap(missed)),
        });
    }

    /// Removes retracted danmu: the lines of these keys.
    pub fn retract(&mut self, keys: &[String]) {
        self.lines.retain(|line| !keys.contains(&line.key));
    }

    /// Removes the line of that key.
    pub fn remove(&mut self, key: &str) -> Option<ChatLine> {
        let at = self.lines.iter().rposition(|line| line.key == key)?;
        self.lines.remove(at)
    }

    /// The line of that key.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<&ChatLine> {
        self.lines.iter().rev().find(|line| line.key == key)
    }

    /// The line of the same danmu, if it failed.
    #[must_use]
    pub fn find_failed(&self, draft: &Draft) -> Option<&ChatLine> {
        self.lines.iter().rev().find(|line| {
            let same = line.own.as_ref().is_some_and(|danmu| draft.is_of(danmu));
            same && matches!(line.state.get_untracked(), LineState::Failed(_))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(key: u64) -> ChatLine {
        ChatLine {
            key: key.to_string(),
            text: "hi".into(),
            color: Color::WHITE,
            at: key as i64,
            by: None,
            mine: false,
            own: None,
            times: 1,
            state: ArcRwSignal::new(LineState::Confirmed),
        }
    }

    fn gaps(lines: &Lines) -> Vec<Option<u64>> {
        let gap = |line: &ChatLine| match line.state.get_untracked() {
            LineState::Gap(missed) => Some(missed),
            _ => None,
        };
        lines.iter().filter_map(gap).collect()
    }

    #[test]
    fn what_was_said_while_the_viewer_was_away_stands_before_what_is_said_now() {
        let keys = |lines: &Lines| lines.iter().map(|line| line.key.clone()).collect::<Vec<_>>().join(" ");
        let mut lines = Lines::default();
        [1, 2, 9].into_iter().for_each(|n| lines.push(said(n)));
        lines.push_past(said(3));
        lines.push(said(10));
        lines.push_past(said(4));
        assert_eq!(keys(&lines), "1 2 3 4 9 10");
        (11..11 + MAX_LINES as u64).for_each(|n| lines.push(said(n)));
        lines.push_past(said(5));
        assert_eq!(
            (lines.iter().count(), lines.find("5").is_none()),
            (MAX_LINES, true),
            "there is no room for so old ones"
        );
    }

    #[test]
    fn nothing_goes_while_a_reader_holds_the_list_and_afterwards_it_is_as_long_as_ever() {
        let mut lines = Lines::default();
        lines.hold(true);
        (0..MAX_LINES as u64 + 50).for_each(|n| lines.push(said(n)));
        assert!(lines.find("0").is_some());
        assert_eq!(lines.iter().count(), MAX_LINES + 50);
        lines.retract(&["0".to_owned()]);
        assert!(lines.find("0").is_none(), "what is hidden goes all the same");
        lines.hold(false);
        assert_eq!((lines.iter().count(), lines.find("49").is_none()), (MAX_LINES, true));
    }

    #[test]
    fn gaps_with_nothing_in_between_are_one_line_that_knows_no_more_than_all_of_them() {
        let mut lines = Lines::default();
        lines.push_gap(Some(3));
        lines.push_gap(Some(4));
        assert_eq!(gaps(&lines), [Some(7)]);
        lines.push_gap(None);
        assert_eq!(gaps(&lines), [None]);
        lines.push(said(1));
        lines.push_gap(Some(2));
        assert_eq!(gaps(&lines), [None, Some(2)]);
    }

    #[test]
    fn the_newest_gaps_are_kept_and_every_danmu_beside_them() {
        let mut lines = Lines::default();
        for n in 0..20 {
            lines.push(said(n));
            lines.push_gap(Some(n));
        }
        assert_eq!(gaps(&lines), (15..20).map(Some).collect::<Vec<_>>());
        assert_eq!(lines.iter().count(), 20 + MAX_GAPS);
    }
}
