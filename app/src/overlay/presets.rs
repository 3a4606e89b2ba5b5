//! Presets: looks of an overlay by name, each of which sets some of its choices.

use super::{Choice, Choices};

/// A named look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Few, slow and pale danmu in the upper half: for talks and games.
    Calm,
    /// As viewers see danmu on the watch page.
    Classic,
    /// As many danmu as there is room for, small, over the whole picture.
    Dense,
    /// Large danmu that are read from afar.
    Big,
}

impl Preset {
    /// All, in the order in which they are offered.
    pub const ALL: [Self; 4] = [Self::Calm, Self::Classic, Self::Dense, Self::Big];

    /// Its name in an address.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Classic => "classic",
            Self::Dense => "dense",
            Self::Big => "big",
        }
    }

    /// The preset of that name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// What it sets; all else is as usual.
    #[must_use]
    pub fn choices(self) -> Choices {
        let mut choices = Choices::default();
        self.apply(&mut choices);
        choices
    }

    /// Sets its choices, and leaves the others.
    pub fn apply(self, choices: &mut Choices) {
        for (choice, value) in self.set() {
            choices.set(*choice, *value);
        }
    }

    const fn set(self) -> &'static [(Choice, u16)] {
        match self {
            Self::Calm => &[
                (Choice::Opacity, 80),
                (Choice::Speed, 60),
                (Choice::Area, 50),
                (Choice::Density, 2),
                (Choice::Outline, 1),
            ],
            Self::Classic => &[],
            Self::Dense => &[(Choice::Scale, 80), (Choice::Speed, 120), (Choice::Area, 100), (Choice::Overlap, 1)],
            Self::Big => &[(Choice::Scale, 170), (Choice::Speed, 80), (Choice::Lanes, 6)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_preset_is_found_by_its_name_and_stays_within_the_ranges() {
        for preset in Preset::ALL {
            assert_eq!(Preset::of(preset.name()), Some(preset));
            for (choice, value) in preset.set() {
                assert_eq!(preset.choices().get(*choice), *value, "{preset:?} {choice:?}");
            }
        }
        assert_eq!(Preset::of("loud"), None);
        assert_eq!(Preset::Classic.choices(), Choices::default());
    }
}
