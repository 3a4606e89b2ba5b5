//! Text colours that are readable on the chat's dark background.

use danmu::record::Color;

/// The least luminance of a readable colour: the weighted sum of its squared parts, at most 10,000 × 255². Squares approximate
/// sRGB's exact curve, which would be more code; this much always gives a contrast of 4.5, and sometimes a little more.
const LIGHT_ENOUGH: u32 = 2_600 * 255 * 255;

/// The colour, or the nearest lighter one of its hue with a contrast of 4.5 on the chat's background
/// ([WCAG 2.2](https://www.w3.org/TR/WCAG22/#contrast-minimum)).
pub fn readable(color: Color) -> Color {
    let [_, red, green, blue] = color.rgb().to_be_bytes().map(u32::from);
    // In steps of a sixteenth of the way to white.
    let lighter = |step: u32| [red, green, blue].map(|part| part + (255 - part) * step / 16);
    let light = |[red, green, blue]: [u32; 3]| 2_126 * red * red + 7_152 * green * green + 722 * blue * blue;
    let step = (0..16).find(|step| light(lighter(*step)) >= LIGHT_ENOUGH).unwrap_or(16);
    let [red, green, blue] = lighter(step);
    Color::from_rgb(red << 16 | green << 8 | blue)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the formula of WCAG 2.2.
    fn contrast(color: Color, ground: Color) -> f64 {
        let luminance = |color: Color| {
            let [_, red, green, blue] = color.rgb().to_be_bytes().map(|part| {
                let part = f64::from(part) / 255.0;
                if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
            });
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        (luminance(color) + 0.05) / (luminance(ground) + 0.05)
    }

    /// The chat's ground, as the style sheet has it.
    fn ground() -> Color {
        let sheet = include_str!("../../../style/danmu.css");
        let (_, panel) = sheet.split_once("--panel: ").expect("a ground");
        Color::parse(&panel[..7]).expect("a colour")
    }

    #[test]
    fn every_colour_can_be_read_on_the_chats_ground() {
        let parts = || (0..=255).step_by(5);
        for (red, green, blue) in parts().flat_map(|r| parts().flat_map(move |g| parts().map(move |b| (r, g, b)))) {
            let color = Color::from_rgb(red << 16 | green << 8 | blue);
            let read = readable(color);
            assert!(contrast(read, ground()) >= 4.5, "{color} becomes {read}: {}", contrast(read, ground()));
        }
    }

    #[test]
    fn a_colour_that_can_be_read_stays_as_it_is_and_a_dark_one_keeps_its_hue() {
        for color in ["#ffffff", "#ff5c5c", "#ff9f40", "#ffe14d", "#6be675", "#4de1f5", "#6fa8ff", "#ff8ad8"] {
            let color = Color::parse(color).expect("a colour");
            assert_eq!(readable(color), color);
        }
        let [_, red, green, blue] = readable(Color::from_rgb(0x00_0080)).rgb().to_be_bytes();
        assert!(blue > red && red == green);
    }
}
