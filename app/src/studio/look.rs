//! How an overlay looks, as the options in its page's address.

use crate::overlay::{Choice, Choices, Preset};

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
    /// The preset, over which the choices go.
    pub preset: Option<Preset>,
    /// Whether the crew's badges are shown; `None`: as is usual for the style.
    pub badges: Option<bool>,
    /// Nothing is shown that was said before.
    pub from_now: bool,
    /// Whose danmu are hidden: viewers', members', moderators'.
    pub hidden: [bool; ROLES.len()],
    /// The address of a style sheet, or CSS; empty for none.
    pub css: String,
}

/// The roles that can be hidden, as an address names them.
pub const ROLES: [&str; 3] = ["viewers", "members", "moderators"];

impl Look {
    /// The query of the address, with `?` before it; empty where all is as usual.
    #[must_use]
    pub fn query(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        let mut add = |name: &str, value: &str| parts.push([name, "=", value].concat());
        if let Some(preset) = self.preset {
            add("preset", preset.name());
        }
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
        let usual = self.preset.map(Preset::choices).unwrap_or_default();
        for (name, choice) in percents {
            if self.choices.get(choice) != usual.get(choice) {
                add(name, &self.choices.get(choice).to_string());
            }
        }
        let differs = |choice: &Choice| self.choices.get(*choice) != usual.get(*choice);
        if let Some(outline) = Some(Choice::Outline).filter(differs) {
            add("outline", ["stroke", "shadow", "none"][usize::from(self.choices.get(outline)).min(2)]);
        }
        let yes_or_no = |yes: bool| if yes { "yes" } else { "no" };
        if let Some(overlap) = Some(Choice::Overlap).filter(differs) {
            add("overlap", yes_or_no(self.choices.get(overlap) == 1));
        }
        if let Some(names) = self.names.filter(|names| *names != self.list) {
            add("names", yes_or_no(names));
        }
        // A list has badges where it has names.
        let has_badges = !self.list || self.names.unwrap_or(true);
        if let Some(badges) = self.badges.filter(|badges| has_badges && *badges != self.list) {
            add("badges", yes_or_no(badges));
        }
        if self.still {
            add("motion", "no");
        }
        if self.from_now {
            add("history", "0");
        }
        let hidden = ROLES.iter().zip(self.hidden).filter(|(_, hidden)| *hidden).map(|(role, _)| *role);
        let hidden = hidden.collect::<Vec<_>>().join(",");
        if !hidden.is_empty() {
            add("hide", &hidden);
        }
        for (name, value) in [("max", &self.most), ("font", &self.font), ("filter", &self.filter), ("css", &self.css)] {
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
    use crate::{
        overlay::{Motion, Settings},
        pages::{Options, Sheet},
    };

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
                preset: Some(Preset::Calm),
                badges: Some(!list),
                from_now: true,
                hidden: [true, false, true],
                css: ".danmu-text { color: #f00 }\n.a > b { font: 1em/1 \"M+ 1c\" }".into(),
            };
            let options = Options::of(look.query().trim_start_matches('?'));
            let settings = options.settings();
            assert_eq!(options.wrong, Vec::<String>::new());
            assert_eq!((options.list, options.names(), options.still), (list, !list, true));
            let badges = if list { None } else { Some(true) };
            assert_eq!(options.badges(), badges.unwrap_or(list), "a list without names has none");
            assert_eq!((options.wants().roles, options.clone().opened(7).wants().since), (0b101, 7));
            assert_eq!(options.sheet, Some(Sheet::Text(look.css.clone())));
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
    fn a_preset_is_said_by_its_name_and_what_differs_from_it() {
        for preset in Preset::ALL {
            let mut look = Look { preset: Some(preset), choices: preset.choices(), ..Look::default() };
            assert_eq!(look.query(), format!("?preset={}", preset.name()));
            // As is usual without the preset, and so to be said.
            look.choices = Choices::default();
            let options = Options::of(look.query().trim_start_matches('?'));
            let most = preset.choices().settings().max_on_stage;
            let usual = Settings { max_on_stage: most, motion: Motion::Full, ..Settings::default() };
            assert_eq!((options.settings(), options.wrong.len()), (usual, 0), "{}", look.query());
        }
    }

    #[test]
    fn a_number_that_is_none_is_reported_by_the_overlay_page() {
        let look = Look { most: "many".into(), ..Look::default() };
        assert_eq!(Options::of(look.query().trim_start_matches('?')).wrong, ["max=many: 1 to 10000"]);
    }
}
