//! The strings of the app, in English and Chinese, from `locales/*.json`, checked when it is built.

// The library would rather have a build script, but that script's library builds the whole of ICU's data tools to
// find plural rules that these strings do not use: minutes on every cold build, for the same generated code.
#![allow(deprecated, missing_docs)]

leptos_i18n::load_locales!();

pub use i18n::*;
pub use leptos_i18n::{I18nContext, t, t_string};
