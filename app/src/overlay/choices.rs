//! The viewer's overlay settings as whole numbers, for sliders and for storage as a line of text.

use super::{Outline, Settings};

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Percent.
    Opacity,
    /// Percent of the usual size.
    Scale,
    /// Percent of the usual speed.
    Speed,
    /// Percent of the picture's height.
    Area,
    /// Lanes at most; 0 for all.
    Lanes,
    /// Danmu at most, in tens; 0 for all.
    Density,
    /// [`Outline`], by its index.
    Outline,
    /// 1 where danmu may overlap.
    Overlap,
}

impl Choice {
    /// All choices, in the order in which they are shown and stored.
    pub const ALL: [Self; 8] =
        [Self::Opacity, Self::Scale, Self::Speed, Self::Area, Self::Lanes, Self::Density, Self::Outline, Self::Overlap];

    /// Minimum, maximum, step and default.
    #[must_use]
    pub const fn range(self) -> (u16, u16, u16, u16) {
        match self {
            Self::Opacity => (10, 100, 10, 100),
            Self::Scale => (50, 200, 10, 100),
            Self::Speed => (50, 200, 10, 100),
            Self::Area => (25, 100, 25, 75),
            Self::Lanes => (0, 20, 1, 0),
            Self::Density => (0, 20, 1, 0),
            Self::Outline => (0, 2, 1, 0),
            Self::Overlap => (0, 1, 1, 0),
        }
    }
}

/// The viewer's choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choices([u16; Choice::ALL.len()]);

impl Default for Choices {
    fn default() -> Self {
        Self(Choice::ALL.map(|choice| choice.range().3))
    }
}

impl Choices {
    /// The value of a choice.
    #[must_use]
    pub const fn get(&self, choice: Choice) -> u16 {
        self.0[choice as usize]
    }

    /// Sets a choice, clamped to its range.
    pub fn set(&mut self, choice: Choice, value: u16) {
        let (least, most, ..) = choice.range();
        self.0[choice as usize] = value.clamp(least, most);
    }

    /// The choices as a line of text, for storage.
    #[must_use]
    pub fn to_line(self) -> String {
        self.0.map(|value| value.to_string()).join(",")
    }

    /// Parses a line, perhaps of another version of this page: what is missing or no number keeps its default.
    #[must_use]
    pub fn from_line(line: &str) -> Self {
        let mut choices = Self::default();
        for (choice, value) in Choice::ALL.into_iter().zip(line.split(',')) {
            if let Ok(value) = value.parse() {
                choices.set(choice, value);
            }
        }
        choices
    }

    /// The choices as the overlay's settings.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let percent = |choice| f32::from(self.get(choice)) / 100.0;
        let usual = Settings::default();
        Settings {
            opacity: percent(Choice::Opacity),
            scale: percent(Choice::Scale),
            speed: percent(Choice::Speed),
            area: percent(Choice::Area),
            max_lanes: self.get(Choice::Lanes).into(),
            max_on_stage: match self.get(Choice::Density) {
                0 => usual.max_on_stage,
                tens => u32::from(tens) * 10,
            },
            outline: match self.get(Choice::Outline) {
                0 => Outline::Stroke,
                1 => Outline::Shadow,
                _ => Outline::None,
            },
            overlap: self.get(Choice::Overlap) == 1,
            ..usual
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn until_somebody_chooses_everything_is_as_usual() {
        assert_eq!(Choices::default().settings(), Settings::default());
        assert_eq!(Choices::from_line("").settings(), Settings::default());
    }

    #[test]
    fn choices_are_remembered_and_stay_in_their_ranges() {
        let mut choices = Choices::default();
        choices.set(Choice::Scale, 150);
        choices.set(Choice::Area, 9_999);
        choices.set(Choice::Overlap, 1);
        assert_eq!(Choices::from_line(&choices.to_line()), choices);
        let settings = choices.settings();
        assert_eq!((settings.scale, settings.area, settings.overlap), (1.5, 1.0, true));
    }

    #[test]
    fn a_line_of_another_version_or_hand_is_taken_as_far_as_it_makes_sense() {
        let choices = Choices::from_line("70,x,-3,50");
        assert_eq!((choices.get(Choice::Opacity), choices.get(Choice::Scale)), (70, 100));
        assert_eq!((choices.get(Choice::Speed), choices.get(Choice::Area)), (100, 50));
        assert_eq!(Choices::from_line("0,0,0,0,99,99,9,9,1,2").to_line(), "10,50,50,25,20,20,2,1");
    }
}
