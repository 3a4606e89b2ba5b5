//! The studio's two themes, as its style sheets have them: whether texts can be read.

use std::collections::HashMap;

use danmu::record::Color;

/// The colours of a block of custom properties that begins after `start`.
fn colors(sheet: &'static str, start: &str) -> HashMap<&'static str, Color> {
    let (_, block) = sheet.split_once(start).expect("a theme");
    let (block, _) = block.split_once("color-scheme").expect("its end");
    let lines = block.lines().filter_map(|line| line.trim().strip_prefix("--")?.strip_suffix(';')?.split_once(": "));
    lines.filter_map(|(name, value)| Some((name, Color::parse(value)?))).collect()
}

/// By the formula of [WCAG 2.2](https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio).
fn contrast(one: Color, other: Color) -> f64 {
    let luminance = |color: Color| {
        let [_, red, green, blue] = color.rgb().to_be_bytes().map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn texts_can_be_read_on_every_ground_by_day_and_by_night() {
    let dark = colors(include_str!("../../../style/danmu.css"), ":root {");
    let light = colors(include_str!("../../../public/studio.css"), "(prefers-color-scheme: light)");
    let mut names: Vec<_> = light.keys().collect();
    names.sort();
    for name in &names {
        assert!(dark.contains_key(*name), "{name} is no colour of the dark theme");
    }
    assert_eq!(light.len(), dark.len(), "a colour of the dark theme is none of the light one: {names:?}");
    for (theme, colors) in [("dark", &dark), ("light", &light)] {
        let pairs = ["text", "muted", "accent", "good", "warn", "bad"].into_iter();
        let pairs = pairs.flat_map(|text| ["ground", "panel", "raised"].map(|ground| (text, ground)));
        for (text, ground) in pairs.chain([("text", "hover"), ("muted", "hover"), ("on-accent", "accent")]) {
            let contrast = contrast(colors[text], colors[ground]);
            assert!(contrast >= 4.5, "{theme}: {text} on {ground} has {contrast:.2}");
        }
    }
}
