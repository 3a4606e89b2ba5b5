//! The options in an overlay page's address. Parsed on the server and sent with the page.

#[cfg(feature = "ssr")]
pub(in crate::pages) mod parse;

use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::sheet::Sheet;
use crate::{
    live::Wants,
    overlay::{Choice, Choices, Motion, Settings, quoted},
};

/// The default number of lines in a list.
const LINES: u16 = 12;

/// The options in the address; all are optional.
///
/// | name | what | values |
/// | --- | --- | --- |
/// | `preset` | a named look, over which each other option goes | `calm`, `classic`, `dense`, `big` |
/// | `style` | how danmu are shown | `fly` (as over a video), `list` (the last ones, one below the other) |
/// | `size`, `speed` | relative to the defaults (25 px on a picture of 720 lines, 8 s across it) | percent, 50 to 200 |
/// | `opacity` | of the whole overlay | percent, 10 to 100 |
/// | `area` | the part of the height that danmu fly in | percent, 25 to 100 |
/// | `lanes` | the most lanes | 0 (as many as there is room for) to 20 |
/// | `outline` | the outline of the text | `stroke`, `shadow`, `none` |
/// | `overlap` | whether danmu that find no lane fly over others | `yes`, `no` |
/// | `max` | how many may be on the picture together, or how many lines a list has | 1 to 10000; a list 1 to 100 |
/// | `font` | the font family to try first | the name of a font on this machine, unquoted |
/// | `names` | whether authors' names are shown: before flying danmu, and in a list | `yes` (the default in a list), `no` |
/// | `badges` | whether a badge stands before danmu of the crew: the default in a list with names | `yes`, `no` |
/// | `motion` | whether danmu fly; this machine's reduced-motion setting is ignored: viewers have others | `yes`, `no` |
/// | `fade` | after how many seconds a line of a list disappears | 1 to 3600; lines stay without it |
/// | `filter` | danmu with one of these words are hidden; case does not matter | words, separated by commas |
/// | `hide` | whose danmu are hidden | `viewers`, `members`, `moderators`, `streamers`, separated by commas |
/// | `history` | `no`: nothing is shown that was said before the page was opened | `yes`, `no` or `0` |
/// | `css` | a style sheet | its address, `https://…`; or CSS, 2,000 bytes at most |
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// A list, instead of danmu that fly.
    pub list: bool,
    /// [`Choices`] as a line.
    choices: String,
    /// Empty for the default fonts.
    font: String,
    /// 0 for the default number.
    max: u16,
    names: Option<bool>,
    /// After how many seconds a line of a list disappears; 0 for never.
    fade: u16,
    /// Whether nothing moves.
    pub still: bool,
    /// Danmu with one of these words, in lower case, are hidden.
    pub hides: Vec<String>,
    /// The mistakes in the address.
    pub wrong: Vec<String>,
    badges: Option<bool>,
    /// The roles whose danmu are hidden: a bit for each, by its place in [`Role`](danmu::viewer::Role).
    roles: u8,
    /// Danmu that arrived before are not shown, in Unix milliseconds; 0 for all.
    since: i64,
    /// Whether that is when the page is made.
    #[cfg(feature = "ssr")]
    #[serde(skip)]
    from_now: bool,
    /// The style sheet, which the document has.
    #[cfg(feature = "ssr")]
    #[serde(skip)]
    pub sheet: Option<Sheet>,
}

impl Options {
    /// The options as the overlay's settings.
    pub fn settings(&self) -> Settings {
        let settings = Choices::from_line(&self.choices).settings();
        let max_on_stage = if self.max == 0 { settings.max_on_stage } else { self.max.into() };
        let motion = if self.still { Motion::Still } else { Motion::Full };
        Settings { max_on_stage, font: self.font.clone(), motion, ..settings }
    }

    /// What the page needs of the room.
    pub fn wants(&self) -> Wants {
        // A list shows names beside the texts, not in them.
        Wants {
            chat: self.list,
            hides: self.hides.clone(),
            names: self.names() && !self.list,
            badges: self.badges() && !self.list,
            roles: self.roles,
            since: self.since,
        }
    }

    /// The same for a page that is made at that time, in Unix milliseconds by this server's clock.
    #[cfg(feature = "ssr")]
    pub fn opened(self, now_ms: i64) -> Self {
        let since = if self.from_now { now_ms } else { 0 };
        Self { since, ..self }
    }

    /// Whether the crew's badges are shown.
    pub fn badges(&self) -> bool {
        self.badges.unwrap_or(self.list)
    }

    /// Whether authors' names are shown.
    pub fn names(&self) -> bool {
        self.names.unwrap_or(self.list)
    }

    /// The number of lines in a list.
    pub fn lines(&self) -> usize {
        if self.max == 0 { LINES.into() } else { self.max.into() }
    }

    /// The list's looks, as CSS properties that its style sheet reads.
    pub fn css(&self) -> String {
        let choices = Choices::from_line(&self.choices);
        let percent = |choice| choices.get(choice).to_string();
        let family =
            if self.font.is_empty() { "inherit" } else { &[&quoted(&self.font), ",system-ui,sans-serif"].concat() };
        let (size, opacity) = (percent(Choice::Scale), percent(Choice::Opacity));
        let fade = if self.fade == 0 { String::new() } else { [";--fade:", &self.fade.to_string(), "s"].concat() };
        ["--size:", &size, ";--opacity:", &opacity, "%;font-family:", family, &fade].concat()
    }

    /// Whether lines disappear after a time.
    pub fn fades(&self) -> bool {
        self.fade > 0
    }

    /// The outline of a list's text.
    pub fn outline(&self) -> &'static str {
        let outline = Choices::from_line(&self.choices).get(Choice::Outline);
        ["stroke", "shadow", "none"][usize::from(outline).min(2)]
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests;
