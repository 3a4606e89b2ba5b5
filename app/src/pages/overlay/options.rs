//! The options in an overlay page's address. Parsed on the server and sent with the page.

use serde::{Deserialize, Serialize};

use crate::{
    live::Wants,
    overlay::{Choice, Choices, Motion, Settings, quoted},
};

/// How many mistakes of an address are reported, and how many characters of each: hundreds of them make no long page.
#[cfg(feature = "ssr")]
const WRONG: (usize, usize) = (8, 60);

/// The default number of lines in a list.
const LINES: u16 = 12;

/// The options in the address; all are optional.
///
/// | name | what | values |
/// | --- | --- | --- |
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
/// | `motion` | whether danmu fly; this machine's reduced-motion setting is ignored: viewers have others | `yes`, `no` |
/// | `fade` | after how many seconds a line of a list disappears | 1 to 3600; lines stay without it |
/// | `filter` | danmu with one of these words are hidden; case does not matter | words, separated by commas |
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
        Wants { chat: self.list, hides: self.hides.clone(), names: self.names() && !self.list }
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

    /// Parses a query. What is invalid keeps its default, and is reported in [`Options::wrong`].
    #[cfg(feature = "ssr")]
    pub fn of(query: &str) -> Self {
        let (mut options, mut choices) = (Self::default(), Choices::default());
        // A pair with `%20`, as browsers encode typed blanks, means a literal plus by `+`: `M+ 1c` is a font.
        let typed = |pair: &str| if pair.contains("%20") { pair.replace('+', "%2B") } else { pair.to_owned() };
        let query = query.split('&').map(typed).collect::<Vec<_>>().join("&");
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let (name, value) = (&*name, value.trim());
            let mut choose = |choice: Choice| {
                let (least, most, ..) = choice.range();
                let number = value.trim_end_matches('%').parse().ok().filter(|number| (least..=most).contains(number));
                number.map(|number| choices.set(choice, number)).ok_or_else(|| format!("{least} to {most}"))
            };
            let one_of = |words: &[&str]| {
                let at = words.iter().position(|word| *word == value);
                at.ok_or_else(|| words.join(", "))
            };
            let taken = match name {
                "style" => one_of(&["fly", "list"]).map(|at| options.list = at == 1),
                "size" => choose(Choice::Scale),
                "speed" => choose(Choice::Speed),
                "opacity" => choose(Choice::Opacity),
                "area" => choose(Choice::Area),
                "lanes" => choose(Choice::Lanes),
                "outline" => one_of(&["stroke", "shadow", "none"]).map(|at| choices.set(Choice::Outline, at as u16)),
                "overlap" => one_of(&["no", "yes"]).map(|at| choices.set(Choice::Overlap, at as u16)),
                "names" => one_of(&["no", "yes"]).map(|at| options.names = Some(at == 1)),
                "motion" => one_of(&["no", "yes"]).map(|at| options.still = at == 0),
                "max" => match value.parse() {
                    Ok(max @ 1..=10_000) => {
                        options.max = max;
                        Ok(())
                    }
                    _ => Err("1 to 10000".to_owned()),
                },
                "fade" => match value.trim_end_matches('s').parse() {
                    Ok(fade @ 1..=3_600) => {
                        options.fade = fade;
                        Ok(())
                    }
                    _ => Err("1 to 3600 seconds".to_owned()),
                },
                "font" => {
                    if value.chars().count() <= 100 && !value.contains(char::is_control) {
                        value.clone_into(&mut options.font);
                        Ok(())
                    } else {
                        Err("the name of a font, up to 100 characters on one line".to_owned())
                    }
                }
                "filter" => {
                    let words = value.split(',').map(|word| word.trim().to_lowercase());
                    options.hides.extend(words.filter(|word| !word.is_empty()).take(100));
                    Ok(())
                }
                // Read by the page's module (`wants_direct`).
                "feed" => Ok(()),
                _ => {
                    let known = "style, size, speed, opacity, area, lanes, outline, overlap, max, names, font, motion, \
                                 fade, filter";
                    options.wrong.push(format!("{}: there is no such option; there are {known}", short(name)));
                    Ok(())
                }
            };
            if let Err(allowed) = taken {
                options.wrong.push(format!("{name}={}: {allowed}", short(value)));
            }
        }
        if options.list && options.max > 100 {
            options.wrong.push(format!("max={}: a list has 1 to 100 lines", options.max));
            options.max = 100;
        }
        if !options.list && options.fade > 0 {
            options.wrong.push("fade: only a list has it (style=list); danmu that fly leave by themselves".to_owned());
        }
        options.choices = choices.to_line();
        options.bound_wrong();
        options
    }

    #[cfg(feature = "ssr")]
    fn bound_wrong(&mut self) {
        let (most, _) = WRONG;
        let more = self.wrong.len().saturating_sub(most);
        if more > 0 {
            self.wrong.truncate(most);
            self.wrong.push(format!("and {more} more"));
        }
    }
}

/// The beginning of a text from the address.
#[cfg(feature = "ssr")]
fn short(text: &str) -> String {
    let (_, most) = WRONG;
    let mut short: String = text.chars().take(most).collect();
    if text.chars().nth(most).is_some() {
        short.push('…');
    }
    short
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;
    use crate::overlay::Outline;

    #[test]
    fn an_address_without_options_is_as_usual() {
        let options = Options::of("");
        let usual = Settings { motion: Motion::Full, ..Settings::default() };
        assert_eq!((options.settings(), options.list, options.lines()), (usual, false, 12));
        assert_eq!((options.names(), Options::of("style=list").names()), (false, true));
        assert_eq!((Options::of("names=yes").names(), Options::of("style=list&names=no").names()), (true, false));
        assert!(options.wrong.is_empty());
    }

    #[test]
    fn an_address_says_how_danmu_look() {
        let options = Options::of(
            "style=list&font=Noto%20Serif%20SC&size=150&opacity=80%25&speed=50&area=100&lanes=5&outline=shadow&overlap=yes\
             &max=40&filter=Spoiler,%E5%89%A7%E9%80%8F,&feed=direct",
        );
        let settings = options.settings();
        assert_eq!((settings.scale, settings.opacity, settings.speed, settings.area), (1.5, 0.8, 0.5, 1.0));
        assert_eq!((settings.max_lanes, settings.max_on_stage, settings.overlap), (5, 40, true));
        assert_eq!((settings.outline, &*settings.font), (Outline::Shadow, "Noto Serif SC"));
        assert_eq!((options.list, options.lines()), (true, 40));
        assert_eq!(options.hides, ["spoiler", "剧透"]);
        assert!(options.css().contains("--size:150;") && options.css().contains("font-family:\"Noto Serif SC\","));
        assert_eq!(options.wrong, Vec::<String>::new());
    }

    #[test]
    fn lines_of_a_list_disappear_if_the_address_says_so() {
        let options = Options::of("style=list&fade=20s");
        assert!(options.fades() && options.css().ends_with(";--fade:20s") && options.wrong.is_empty());
        assert!(!Options::of("style=list").fades());
        assert_eq!(Options::of("style=list&fade=0").wrong, ["fade=0: 1 to 3600 seconds"]);
        assert_eq!(Options::of("fade=20").wrong.len(), 1, "what flies does not fade");
    }

    #[test]
    fn what_makes_no_sense_is_as_usual_and_said() {
        let options = Options::of("size=900&style=sideways&max=0&colour=red&font=a%0Ax&lanes=-1");
        assert_eq!(options.settings(), Options::default().settings());
        assert_eq!(options.wrong.len(), 6);
        for said in
            ["size=900: 50 to 200", "style=sideways: fly, list", "max=0: 1 to 10000", "colour: there is no such option"]
        {
            assert!(options.wrong.iter().any(|wrong| wrong.starts_with(said)), "{said}: {:?}", options.wrong);
        }
        assert_eq!(Options::of("style=list&max=500").lines(), 100);
    }

    #[test]
    fn an_address_with_hundreds_of_mistakes_makes_no_long_page() {
        let query: String = (0..900).map(|n| format!("&option{n}=x")).collect();
        let wrong = Options::of(&query).wrong;
        assert_eq!((wrong.len(), wrong.last().map(String::as_str)), (9, Some("and 892 more")));
        let long = Options::of(&format!("size={0}&{0}=1&font={0}", "9".repeat(5_000))).wrong.join("; ");
        assert!(long.len() < 700, "{} bytes", long.len());
    }

    #[test]
    fn a_font_is_named_as_it_is_written() {
        for (query, font) in [
            ("font=M+%201c", "M+ 1c"),
            ("font=M%2B+1c", "M+ 1c"),
            ("font=Noto+Serif+SC", "Noto Serif SC"),
            ("style=list&font=Jack's%20(Bold)", "Jack's (Bold)"),
            ("font=Black%20%26%20White", "Black & White"),
            ("font=%E6%80%9D%E6%BA%90%E9%BB%91%E4%BD%93", "思源黑体"),
        ] {
            let options = Options::of(query);
            assert_eq!((&*options.settings().font, options.wrong.len()), (font, 0), "{query}");
        }
        let css = Options::of("style=list&font=%22;color:red;x:%22%5C").css();
        assert!(css.ends_with(r#"font-family:"\";color:red;x:\"\\",system-ui,sans-serif"#), "{css}");
        assert_eq!(Options::of(&format!("font={}", "x".repeat(101))).wrong.len(), 1);
    }

    #[test]
    fn what_is_on_air_moves_unless_the_address_says_otherwise() {
        let motion = |query| Options::of(query).settings().motion;
        assert_eq!(
            (motion(""), motion("motion=yes"), motion("motion=no")),
            (Motion::Full, Motion::Full, Motion::Still)
        );
        assert_eq!(Options::of("motion=sometimes").wrong, ["motion=sometimes: no, yes"]);
    }
}
