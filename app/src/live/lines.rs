//! The chat list's lines: the last danmu of the room, the viewer's own among them.

use std::collections::VecDeque;

use danmu::record::{Color, Danmu};
use leptos::prelude::*;

use super::Draft;
use crate::problem::Problem;

/// How many lines are kept. More than anybody scrolls back through while a room is live.
pub const MAX_LINES: usize = 200;

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineState {
    /// The viewer's own, on its way to the stream.
    Pending,
    /// On the stream.
    Confirmed,
    /// The viewer's own; it did not reach the stream.
    Failed(Problem),
}

impl LineState {
    /// The state's name in the document.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Failed(_) => "failed",
        }
    }
}

/// One danmu in the chat list.
#[derive(Clone)]
pub struct Line {
    /// Names the danmu.
    pub key: String,
    /// Its text. Text, never HTML.
    pub text: String,
    /// Its colour.
    pub color: Color,
    /// What this viewer sent, if it is theirs: to be sent again, the same, if it fails.
    pub own: Option<Danmu>,
    /// What became of it. Counted by reference: it goes when its line goes, however long the page stays.
    pub state: ArcRwSignal<LineState>,
}

/// The last [`MAX_LINES`] lines, the oldest first.
#[derive(Clone, Default)]
pub struct Lines(VecDeque<Line>);

impl Lines {
    /// The lines, the oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Line> {
        self.0.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a line at the end; the oldest goes when there are too many, except what the viewer may yet want back.
    pub fn push(&mut self, line: Line) {
        self.0.push_back(line);
        if self.0.len() > MAX_LINES {
            let kept = |line: &Line| !matches!(line.state.get_untracked(), LineState::Failed(_));
            if let Some(at) = self.0.iter().position(kept) {
                self.0.remove(at);
            }
        }
    }

    /// The line of that key.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<&Line> {
        self.0.iter().rev().find(|line| line.key == key)
    }

    /// The line of the same danmu, if it failed.
    #[must_use]
    pub fn find_failed(&self, draft: &Draft) -> Option<&Line> {
        self.0.iter().rev().find(|line| {
            let same = line
                .own
                .as_ref()
                .is_some_and(|danmu| (&danmu.text, danmu.mode, danmu.color) == (&draft.text, draft.mode, draft.color));
            same && matches!(line.state.get_untracked(), LineState::Failed(_))
        })
    }
}
