//! The wall: a room's danmu on an opaque page, with its viewers' address as a QR code, for the screen of a hall.
//!
//! In the browser it is the overlay page. What stands around the danmu is made here, on the server only, beside the app, so
//! that no module of the browser has any of it. Its style sheet is `public/wall.css`.

use danmu::{record::Color, room::Room};
use leptos::prelude::*;

use super::overlay::{Options, short};
use crate::{
    i18n::{fill, t_string, use_i18n},
    overlay::{Choice, Choices},
    qr,
    services::PublicOrigin,
};

/// The usual width of the code, in percent of the page's smaller side, and the largest.
const CODE: (u8, u8) = (24, 40);
/// The names of the wall's own options.
const OWN: [&str; 2] = ["background", "code"];

/// The options in a wall's address, besides those of an overlay page:
///
/// | name | what | values |
/// | --- | --- | --- |
/// | `background` | the colour of the page | `rrggbb`, with or without `#` (`%23`) before it |
/// | `code` | the width of the QR code | percent of the page's smaller side, 10 to 40; 0 for none |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wall {
    /// The page's colour; `None`: as the style sheet has it.
    background: Option<Color>,
    /// In percent.
    code: u8,
}

impl Wall {
    /// Parses a query, the overlay's options included. Mistakes are in [`Options::wrong`].
    pub fn of(query: &str) -> (Self, Options) {
        // Danmu have a part of the page of their own, so they may use all of it.
        let mut usual = Choices::default();
        usual.set(Choice::Area, 100);
        let mut options = Options::parse(query, usual, &OWN);
        let mut wall = Self { background: None, code: CODE.0 };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let (value, most) = (value.trim(), CODE.1);
            let allowed = match &*name {
                "background" => match Color::parse(&["#", value.trim_start_matches('#')].concat()) {
                    Some(color) => {
                        wall.background = Some(color);
                        continue;
                    }
                    None => "a colour as 20242c is one".to_owned(),
                },
                "code" => match value.trim_end_matches('%').parse() {
                    Ok(code) if code == 0 || (10..=most).contains(&code) => {
                        wall.code = code;
                        continue;
                    }
                    _ => format!("10 to {most}, or 0 for none"),
                },
                _ => continue,
            };
            options.wrong.push(format!("{name}={}: {allowed}", short(value)));
        }
        options.bound_wrong();
        (wall, options)
    }

    /// The wall's looks, as CSS properties that its style sheet reads: on `<body>`, as they concern the danmu too.
    pub fn css(&self) -> String {
        let code = format!("--code:{}", self.code);
        let Some(color) = self.background else { return code };
        format!("{code};--wall:{color};--wall-ink:{}", ink(color))
    }
}

/// Black or white, whichever contrasts more with a colour: at least 4.58 to 1
/// ([WCAG 2.2](https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)).
fn ink(background: Color) -> &'static str {
    let linear = |channel: u8| {
        let channel = f64::from(channel) / 255.0;
        if channel <= 0.04045 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
    };
    let [_, red, green, blue] = background.rgb().to_be_bytes().map(linear);
    let luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    // Where (luminance + 0.05) / 0.05 and 1.05 / (luminance + 0.05) are equal.
    if luminance > 0.1791 { "#000" } else { "#fff" }
}

/// What stands around the danmu of a wall: its ground, the room's title, and how to come.
pub fn around(wall: &Wall, room: &Room, public: &PublicOrigin) -> impl IntoView + use<> {
    let i18n = use_i18n();
    let address = format!("{}/room/{}", public.origin, room.id);
    // As people type it: browsers take that for a web address.
    let typed = address.split_once("://").map_or(&*address, |(_, typed)| typed).to_owned();
    let label = fill(t_string!(i18n, wall.code), &[("address", &address)]);
    let code = Some(()).filter(|()| wall.code > 0).and_then(|()| qr::path(&address)).map(|(side, path)| {
        view! {
            <svg class="wall-code" role="img" aria-label=label viewBox=format!("0 0 {side} {side}") shape-rendering="crispEdges">
                <path d=path />
            </svg>
        }
    });
    // What a phone in the hall cannot reach is no invitation.
    let here = public.only_here.then(|| view! { <p class="wall-here">{t_string!(i18n, wall.only_here)}</p> });
    let fits = format!("--characters:{}", typed.chars().count());
    view! {
        <div class="wall-ground"></div>
        <aside class="wall">
            <div>
                <h1>{room.title.clone()}</h1>
                <p class="wall-invites">{t_string!(i18n, wall.scan)}</p>
                <p class="wall-address" translate="no" style=fits>
                    {typed}
                </p>
                {here}
                <p class="wall-closed">{t_string!(i18n, wall.closed)}</p>
            </div>
            {code}
        </aside>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_has_the_options_of_an_overlay_and_its_own() {
        let (wall, options) = Wall::of("background=%23FFEEDD&code=35%25&size=150&names=yes");
        assert_eq!(wall, Wall { background: Color::parse("#ffeedd"), code: 35 });
        assert_eq!((options.settings().scale, options.settings().area, options.names()), (1.5, 1.0, true));
        assert_eq!(options.wrong, Vec::<String>::new());
        assert_eq!(wall.css(), "--code:35;--wall:#ffeedd;--wall-ink:#000");
        let (usual, options) = Wall::of("area=50");
        assert_eq!((usual.css().as_str(), options.settings().area), ("--code:24", 0.5));
        assert_eq!(Wall::of("background=123456").0.css(), "--code:24;--wall:#123456;--wall-ink:#fff");
        assert_eq!(Wall::of("code=0").0.code, 0);
    }

    #[test]
    fn what_a_wall_cannot_mean_is_said_and_an_overlay_has_no_background() {
        let (wall, options) = Wall::of("background=red&code=41&code=9&colour=1");
        assert_eq!(wall, Wall::of("").0);
        let said = ["colour: there is no such option", "background=red: a colour", "code=41: 10 to 40", "code=9: 10"];
        assert_eq!(options.wrong.len(), said.len());
        for (wrong, said) in options.wrong.iter().zip(said) {
            assert!(wrong.starts_with(said), "{wrong}");
        }
        assert!(options.wrong[0].ends_with(", background, code"), "{}", options.wrong[0]);
        assert_eq!(Options::of("background=ffffff").wrong.len(), 1);
        assert_eq!(Wall::of(&"code=x&".repeat(50)).1.wrong.len(), 9);
    }

    #[test]
    fn a_colour_cannot_be_more_than_a_colour() {
        for hostile in ["fff;color:red", "red", "%2300ff0g", "1234567", ""] {
            assert_eq!(Wall::of(&format!("background={hostile}")).0.css(), "--code:24", "{hostile}");
        }
    }

    #[test]
    fn titles_contrast_with_every_ground() {
        for (ground, wanted) in [("#ffffff", "#000"), ("#000000", "#fff"), ("#777777", "#000"), ("#0000ff", "#fff")] {
            assert_eq!(Color::parse(ground).map(ink), Some(wanted), "{ground}");
        }
    }
}
