//! Times, as this browser writes them.

use js_sys::{Date, JsString};
use wasm_bindgen::JsValue;

/// The time of day of a time in Unix milliseconds, in this browser's zone and language: hours, minutes and seconds.
pub fn time_of_day(at_ms: i64) -> String {
    // Milliseconds of our times are exact in a double.
    let text: JsString = Date::new(&(at_ms as f64).into()).to_locale_time_string("default");
    text.into()
}

/// The same, with the date in front where it is not today.
pub fn date_and_time(at_ms: i64) -> String {
    let day = |date: &Date| (date.get_full_year(), date.get_month(), date.get_date());
    let at = Date::new(&(at_ms as f64).into());
    let time = time_of_day(at_ms);
    if day(&at) == day(&Date::new_0()) {
        return time;
    }
    let date: String = at.to_locale_date_string("default", &JsValue::UNDEFINED).into();
    [date, time].join(" ")
}
