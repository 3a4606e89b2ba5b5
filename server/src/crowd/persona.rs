//! Who a simulated viewer is: a language, a favourite colour, a habit of fixed danmu. So a crowd looks like people, who each
//! stay as they are.

use danmu::{
    kinesis::Host,
    record::{Color, Mode},
};

use super::host::Native;

/// The colours that the composer offers besides white.
const COLORS: [u32; 7] = [0xff_5c5c, 0xff_9f40, 0xff_e14d, 0x6b_e675, 0x4d_e1f5, 0x6f_a8ff, 0xff_8ad8];

/// The language that a viewer writes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tongue {
    Chinese,
    English,
    Japanese,
    Korean,
    Spanish,
    Portuguese,
    German,
    French,
}

/// The languages, and how many of a hundred viewers write in each.
const TONGUES: [(Tongue, u64); 8] = [
    (Tongue::Chinese, 42),
    (Tongue::English, 26),
    (Tongue::Japanese, 13),
    (Tongue::Korean, 5),
    (Tongue::Spanish, 5),
    (Tongue::Portuguese, 4),
    (Tongue::German, 3),
    (Tongue::French, 2),
];

/// A viewer's ways.
#[derive(Clone, Copy, Debug)]
pub(super) struct Persona {
    pub(super) tongue: Tongue,
    /// White for most.
    color: Color,
    /// How many of a hundred danmu stand still.
    fixed: u64,
}

impl Persona {
    /// Somebody.
    pub(super) fn new(host: &Native) -> Self {
        let mut of_hundred = host.random() % 100;
        let drawn = TONGUES.iter().find(|(_, share)| {
            let is_it = of_hundred < *share;
            of_hundred = of_hundred.saturating_sub(*share);
            is_it
        });
        let color = match host.random() % 4 {
            0 => COLORS.get(host.random() as usize % COLORS.len()).copied().map_or(Color::WHITE, Color::from_rgb),
            _ => Color::WHITE,
        };
        let fixed = if host.random().is_multiple_of(5) { 35 } else { 1 };
        Self { tongue: drawn.map_or(Tongue::English, |(tongue, _)| *tongue), color, fixed }
    }

    /// How its next danmu looks: usually as always.
    pub(super) fn style(&self, host: &Native) -> (Mode, Color) {
        let mode = match host.random() % 100 {
            chance if chance >= self.fixed => Mode::Scroll,
            // The top is read first.
            chance if chance % 3 > 0 => Mode::Top,
            _ => Mode::Bottom,
        };
        let color = if host.random().is_multiple_of(8) { Color::WHITE } else { self.color };
        (mode, color)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_languages_are_of_all_viewers() {
        assert_eq!(TONGUES.iter().map(|(_, share)| share).sum::<u64>(), 100);
    }

    #[test]
    fn most_danmu_are_white_and_scroll_and_some_of_each_kind_are_not() {
        let host = Native::new();
        let viewers: Vec<_> = (0..500).map(|_| Persona::new(&host)).collect();
        let said: Vec<_> = viewers.iter().flat_map(|viewer| (0..20).map(|_| viewer.style(&host))).collect();
        let share = |is: fn(&(Mode, Color)) -> bool| said.iter().filter(|it| is(it)).count() as f64 / said.len() as f64;
        let [scroll, top, bottom] = [
            share(|(mode, _)| *mode == Mode::Scroll),
            share(|(mode, _)| *mode == Mode::Top),
            share(|(mode, _)| *mode == Mode::Bottom),
        ];
        assert!((0.85..0.98).contains(&scroll) && top > bottom && bottom > 0.005, "{scroll} {top} {bottom}");
        let white = share(|(_, color)| *color == Color::WHITE);
        assert!((0.65..0.9).contains(&white), "{white}");
        for (tongue, _) in TONGUES {
            assert!(viewers.iter().any(|viewer| viewer.tongue == tongue), "{tongue:?}");
        }
    }
}
