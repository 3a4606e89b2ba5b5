//! The strings of the app, in English and Chinese, from `locales/*.json`, checked at compile time.
//!
//! Placeholders are filled by [`fill`], not by the library's interpolation, which makes a view type of each text: together with
//! the library's cookies that was 55 kB of download.

// The library recommends a build script instead, but that compiles all of ICU's data tools for plural rules that these
// strings do not use: minutes on every cold build, for the same generated code.
#![allow(deprecated, missing_docs)]

leptos_i18n::load_locales!();

use i18n::Locale;
use leptos::prelude::*;
use leptos_meta::Html;

/// The name of the cookie that keeps a viewer's choice of a language.
const COOKIE: &str = "danmu_language";

/// The language of the page. A handle; reading it through [`t_string!`] is reactive.
///
/// It replaces the library's own context, which parses and negotiates language tags in the browser, although the server has
/// already decided.
#[derive(Clone, Copy)]
pub struct I18n(RwSignal<Locale>);

impl I18n {
    /// The language.
    pub fn locale(self) -> Locale {
        self.0.get()
    }

    /// The language, for a page title: `leptos_meta` reads it after an await, possibly on another thread, where the page's own
    /// signals cannot be read.
    pub fn of_title(self) -> impl Fn() -> Locale + Clone + Send + Sync + 'static {
        let locale = ArcRwSignal::from(self.0);
        move || locale.get()
    }

    /// Its tag, as in `<html lang>`.
    pub fn tag(self) -> &'static str {
        tag(self.locale())
    }

    /// Switches to the other language, and keeps that choice for the next page.
    pub fn switch(self) {
        let other = match self.0.get_untracked() {
            Locale::en => Locale::zh,
            Locale::zh => Locale::en,
        };
        self.0.set(other);
        #[cfg(feature = "hydrate")]
        crate::client::set_cookie(COOKIE, tag(other));
    }
}

/// Decides the page's language, and puts it into the context and onto `<html>`.
///
/// *Server-side rendering*: the viewer's cookie, else the supported language that `Accept-Language` prefers, else English.
#[component]
pub fn PageLanguage() -> impl IntoView {
    let i18n = I18n(RwSignal::new(requested()));
    provide_context(i18n);
    view! { <Html {..} lang=move || i18n.tag() /> }
}

/// The language of the page.
pub fn use_i18n() -> I18n {
    use_context().unwrap_or_else(|| I18n(RwSignal::new(Locale::en)))
}

/// A snapshot of the language of the page, or of a request, for [`t_string!`] without a reactive runtime.
#[cfg(any(feature = "hydrate", feature = "ssr"))]
#[derive(Clone, Copy)]
pub struct Language(Locale);

#[cfg(any(feature = "hydrate", feature = "ssr"))]
impl Language {
    /// The page's language now, by `<html lang>`; on the server, the language that the request asks for.
    pub fn of_page() -> Self {
        Self(requested())
    }

    /// The language.
    pub fn locale(self) -> Locale {
        self.0
    }
}

fn tag(locale: Locale) -> &'static str {
    match locale {
        Locale::en => "en",
        Locale::zh => "zh",
    }
}

/// The language of a tag such as `zh-Hans-CN`, by its first subtag
/// ([RFC 4647](https://www.rfc-editor.org/rfc/rfc4647#section-3.4)).
fn locale(tag: &str) -> Option<Locale> {
    match tag.trim().split('-').next()?.to_ascii_lowercase().as_str() {
        "en" => Some(Locale::en),
        "zh" => Some(Locale::zh),
        _ => None,
    }
}

#[cfg(feature = "hydrate")]
fn requested() -> Locale {
    document().document_element().and_then(|html| locale(&html.get_attribute("lang")?)).unwrap_or(Locale::en)
}

#[cfg(not(feature = "hydrate"))]
fn requested() -> Locale {
    #[cfg(feature = "ssr")]
    if let Some(parts) = use_context::<http::request::Parts>() {
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        return negotiate(header(http::header::COOKIE), header(http::header::ACCEPT_LANGUAGE));
    }
    Locale::en
}

/// The language that the two headers ask for.
#[cfg(any(feature = "ssr", test))]
fn negotiate(cookies: &str, accepted: &str) -> Locale {
    let chosen = cookies.split(';').filter_map(|cookie| cookie.trim().split_once('='));
    if let Some(locale) = chosen.filter(|(name, _)| *name == COOKIE).find_map(|(_, value)| locale(value)) {
        return locale;
    }
    let mut best = (0.0, Locale::en);
    for range in accepted.split(',') {
        let (tag, weight) = range.split_once(";q=").unwrap_or((range, "1"));
        let weight: f32 = weight.trim().parse().unwrap_or(0.0);
        if let Some(locale) = locale(tag)
            && weight > best.0
        {
            best = (weight, locale);
        }
    }
    best.1
}

/// Replaces each `{name}` in a text by its value.
#[must_use]
pub fn fill(text: &str, values: &[(&str, &dyn ToString)]) -> String {
    values
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&["{", name, "}"].concat(), &value.to_string()))
}

/// The text of a key in the language of the page, as it is now: `t_string!(i18n, app.name)`.
macro_rules! t_string {
    ($i18n:ident, $($key:tt)+) => {
        leptos_i18n::td_string!($i18n.locale(), $($key)+)
    };
}
pub(crate) use t_string;

/// A text in English and in Chinese, for what is sent in both.
#[cfg(any(feature = "ssr", feature = "hydrate"))]
macro_rules! both {
    ($($key:tt)+) => {
        [
            leptos_i18n::td_string!($crate::i18n::i18n::Locale::en, $($key)+),
            leptos_i18n::td_string!($crate::i18n::i18n::Locale::zh, $($key)+),
        ]
    };
}
#[cfg(any(feature = "ssr", feature = "hydrate"))]
pub(crate) use both;

/// `t_string!` as a signal that follows the language: `say!(i18n, app.name)`. One type for all texts.
macro_rules! say {
    ($i18n:ident, $($key:tt)+) => {
        leptos::prelude::Signal::derive(move || $crate::i18n::t_string!($i18n, $($key)+))
    };
}
pub(crate) use say;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn places(texts: &Value, path: &str, found: &mut BTreeSet<String>) {
        match texts {
            Value::Object(map) => map.iter().for_each(|(key, texts)| places(texts, &format!("{path}.{key}"), found)),
            Value::String(text) => {
                found.insert(path.to_owned());
                for name in text.split('{').skip(1).filter_map(|rest| rest.split_once('}')) {
                    found.insert(format!("{path} {{{}}}", name.0));
                }
            }
            _ => panic!("{path} is no text"),
        }
    }

    #[test]
    fn both_languages_have_the_same_texts_with_the_same_places() {
        let [en, zh] = [include_str!("../locales/en.json"), include_str!("../locales/zh.json")].map(|file| {
            let mut found = BTreeSet::new();
            places(&serde_json::from_str(file).expect("JSON"), "", &mut found);
            found
        });
        assert_eq!(en, zh);
    }

    #[test]
    fn the_viewers_choice_goes_before_the_browsers_wishes() {
        for (cookies, accepted, wanted) in [
            ("", "", Locale::en),
            ("", "zh-CN,zh;q=0.9,en;q=0.8", Locale::zh),
            ("", "fr-FR,fr;q=0.9,en;q=0.5,zh;q=0.8", Locale::zh),
            ("", "fr", Locale::en),
            ("a=b; danmu_language=en", "zh", Locale::en),
            ("danmu_language=zh; a=b", "en", Locale::zh),
            ("danmu_language=xx", "zh-Hant", Locale::zh),
        ] {
            assert_eq!(negotiate(cookies, accepted), wanted, "{cookies:?} {accepted:?}");
        }
    }

    #[test]
    fn values_stand_where_their_names_stood() {
        assert_eq!(fill("{a} of {b}, {a}", &[("a", &1), ("b", &"two")]), "1 of two, 1");
    }
}
