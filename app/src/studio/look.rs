//! How an overlay looks, as the options in its page's address.

use crate::overlay::{Choice, Choices};

/// The looks that a streamer can choose. See the table of the overlay page's options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// A list, instead of danmu that fly.
    pub list: bool,
    /// What has sliders.
    pub choices: Choices,
    /// Whether names are shown; `None`: as is usual for the style.
    pub names: Option<bool>,
    /// The font to try first; empty for the usual ones.
    pub font: String,
    /// How many danmu or lines at most; empty for the usual number.
    pub most: String,
    /// After how many seconds a line of a list disappears; empty for never.
    pub fade: String,
    /// Words, separated by commas, that hide a danmu.
    pub filter: String,
    /// Nothing moves.
    pub still: bool,
}

impl Look {
    /// The query of the address, with `?` before it; empty where all is as usual.
    #[must_use]
    pub fn query(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        let mut add = |name: &str, value: &str| parts.push([name, "=", value].concat());
        if self.list {
            add("style", "list");
        }
        let percents = [
            ("size", Choice::Scale),
            ("speed", Choice::Speed),
            ("opacity", Choice::Opacity),
            ("area", Choice::Area),
            ("lanes", Choice::Lanes),
        ];
        let usual = Choices::default();
        for (name, choice) in percents {
            if self.choices.get(choice) != usual.get(choice) {
                add(name, &self.choices.get(choice).to_string());
            }
        }
        match self.choices.get(Choice::Outline) {
            0 => {}
            1 => add("outline", "shadow"),
            _ => add("outline", "none"),
        }
        if self.choices.get(Choice::Overlap) == 1 {
            add("overlap", "yes");
        }
        if let Some(names) = self.names.filter(|names| *names != self.list) {
            add("names", if names { "yes" } else { "no" });
        }
        if self.still {
            add("motion", "no");
        }
        for (name, value) in [("max", &self.most), ("font", &self.font), ("filter", &self.filter)] {
            if !value.trim().is_empty() {
                add(name, &encode(value.trim()));
            }
        }
        if self.list && !self.fade.trim().is_empty() {
            add("fade", &encode(self.fade.trim()));
        }
        if parts.is_empty() { String::new() } else { ["?", &parts.join("&")].concat() }
    }
}

/// Encodes a value for a query.
fn encode(text: &str) -> String {
    #[cfg(feature = "hydrate")]
    return js_sys::encode_uri_component(text).into();
    #[cfg(not(feature = "hydrate"))]
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).into() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::pages::Options;

    #[test]
    fn what_is_as_usual_is_not_said() {
        assert_eq!(Look::default().query(), "");
        assert_eq!(Look { names: Some(false), fade: "9".into(), ..Look::default() }.query(), "", "only a list fades");
    }

    #[test]
    fn the_overlay_page_reads_every_look_as_it_was_chosen() {
        let mut choices = Choices::default();
        let values = [
            (Choice::Scale, 150),
            (Choice::Speed, 50),
            (Choice::Opacity, 80),
            (Choice::Area, 100),
            (Choice::Lanes, 5),
            (Choice::Outline, 1),
            (Choice::Overlap, 1),
        ];
        values.into_iter().for_each(|(choice, value)| choices.set(choice, value));
        for list in [false, true] {
            let look = Look {
                list,
                choices,
                names: Some(!list),
                font: "Noto Serif SC & more+".into(),
                most: "40".into(),
                fade: "20".into(),
                filter: "剧透, Spoiler=x".into(),
                still: true,
            };
            let options = Options::of(look.query().trim_start_matches('?'));
            let settings = options.settings();
            assert_eq!(options.wrong, Vec::<String>::new());
            assert_eq!((options.list, options.names(), options.still), (list, !list, true));
            assert_eq!((settings.scale, settings.speed, settings.opacity, settings.area), (1.5, 0.5, 0.8, 1.0));
            assert_eq!((settings.max_lanes, settings.overlap, settings.max_on_stage), (5, true, 40));
            assert_eq!((&*settings.font, options.outline()), ("Noto Serif SC & more+", "shadow"));
            assert_eq!(
                (options.hides.clone(), options.fades()),
                (vec!["剧透".to_owned(), "spoiler=x".to_owned()], list)
            );
        }
    }

    #[test]
    fn a_number_that_is_none_is_reported_by_the_overlay_page() {
        let look = Look { most: "many".into(), ..Look::default() };
        assert_eq!(Options::of(look.query().trim_start_matches('?')).wrong, ["max=many: 1 to 10000"]);
    }
}
