//! Times, as this browser writes them.

use js_sys::{Date, JsString, Object};

/// The time of day of a time in Unix milliseconds, in this browser's zone and language: hours, minutes and seconds.
pub fn time_of_day(at_ms: i64) -> String {
    // Milliseconds of our times are exact in a double.
    let text: JsString = Date::new(&(at_ms as f64).into()).to_locale_time_string("default");
    text.into()
}

/// Date and time of a time in Unix milliseconds, in this browser's zone and language.
pub fn date_and_time(at_ms: i64) -> String {
    Date::new(&(at_ms as f64).into()).to_locale_string("default", &Object::new()).into()
}
