//! Parses the options in an overlay page's address.

use danmu::viewer::Role;

use super::{super::sheet::Sheet, Options};
use crate::overlay::{Choice, Choices, Preset};

/// How many mistakes of an address are reported, and how many characters of each: hundreds of them make no long page.
const WRONG: (usize, usize) = (8, 60);

/// The names of all options, for who mistyped one.
const KNOWN: &[&str] = &[
    "preset", "style", "size", "speed", "opacity", "area", "lanes", "outline", "overlap", "max", "names", "badges",
    "font", "motion", "fade", "filter", "hide", "history", "css",
];

/// The roles whose danmu may be hidden, as an address names them.
const ROLES: [(&str, Role); 4] = [
    ("viewers", Role::Viewer),
    ("members", Role::Member),
    ("moderators", Role::Moderator),
    ("streamers", Role::Streamer),
];

impl Options {
    /// Parses a query. What is invalid keeps its default, and is reported in [`Options::wrong`].
    pub fn of(query: &str) -> Self {
        Self::parse(query, Choices::default(), &[])
    }

    /// The same with other defaults, for a page that has these options too, which its own parser reads.
    pub fn parse(query: &str, usual: Choices, others: &[&str]) -> Self {
        let (mut options, mut choices) = (Self::default(), usual);
        // A pair with `%20`, as browsers encode typed blanks, means a literal plus by `+`: `M+ 1c` is a font.
        let typed = |pair: &str| if pair.contains("%20") { pair.replace('+', "%2B") } else { pair.to_owned() };
        let query = query.split('&').map(typed).collect::<Vec<_>>().join("&");
        // First, wherever it stands: each other option goes over it.
        let named = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "preset");
        if let Some(preset) = named.filter_map(|(_, value)| Preset::of(value.trim())).last() {
            preset.apply(&mut choices);
        }
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
                "preset" => one_of(&Preset::ALL.map(Preset::name)).map(drop),
                "style" => one_of(&["fly", "list"]).map(|at| options.list = at == 1),
                "size" => choose(Choice::Scale),
                "speed" => choose(Choice::Speed),
                "opacity" => choose(Choice::Opacity),
                "area" => choose(Choice::Area),
                "lanes" => choose(Choice::Lanes),
                "outline" => one_of(&["stroke", "shadow", "none"]).map(|at| choices.set(Choice::Outline, at as u16)),
                "overlap" => one_of(&["no", "yes"]).map(|at| choices.set(Choice::Overlap, at as u16)),
                "names" => one_of(&["no", "yes"]).map(|at| options.names = Some(at == 1)),
                "badges" => one_of(&["no", "yes"]).map(|at| options.badges = Some(at == 1)),
                "history" => one_of(&["no", "0", "yes"]).map(|at| options.from_now = at < 2),
                "hide" => {
                    for role in value.split(',').map(str::trim).filter(|role| !role.is_empty()) {
                        match ROLES.iter().find(|(name, _)| *name == role) {
                            Some((_, role)) => options.roles |= 1 << *role as u8,
                            None => {
                                let known = ROLES.map(|(name, _)| name).join(", ");
                                options.wrong.push(format!("hide={}: {known}, with commas between", short(role)));
                            }
                        }
                    }
                    Ok(())
                }
                "css" => Sheet::parse(value).map(|sheet| options.sheet = Some(sheet)),
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
                name if others.contains(&name) => Ok(()),
                _ => {
                    let known = [KNOWN, others].concat().join(", ");
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
        if options.list && options.badges == Some(true) && !options.names() {
            options.wrong.push("badges=yes: a list shows them before names (names=yes)".to_owned());
        }
        options.choices = choices.to_line();
        options.bound_wrong();
        options
    }

    /// Reports the first mistakes alone.
    pub(in crate::pages) fn bound_wrong(&mut self) {
        let (most, _) = WRONG;
        let more = self.wrong.len().saturating_sub(most);
        if more > 0 {
            self.wrong.truncate(most);
            self.wrong.push(format!("and {more} more"));
        }
    }
}

/// The beginning of a text from the address.
pub(in crate::pages) fn short(text: &str) -> String {
    let (_, most) = WRONG;
    let mut short: String = text.chars().take(most).collect();
    if text.chars().nth(most).is_some() {
        short.push('…');
    }
    short
}
