//! What a viewer chose, kept in this browser.

use leptos::prelude::*;

use crate::overlay::Choices;

/// Where they are kept.
const KEY: &str = "danmu-overlay";

/// Sets `choices` to what is remembered, once hydration is over, and remembers what they become.
pub fn remember(choices: RwSignal<Choices>) {
    // Nothing is remembered where storage is blocked; then a choice lasts as long as the page.
    let storage = || window().local_storage().ok().flatten();
    Effect::new(move |before: Option<Choices>| {
        let now = choices.get();
        match before {
            None => {
                if let Some(line) = storage().and_then(|storage| storage.get_item(KEY).ok().flatten()) {
                    choices.set(Choices::from_line(&line));
                }
            }
            Some(before) if before != now => {
                if let Some(storage) = storage() {
                    let _ = storage.set_item(KEY, &now.to_line());
                }
            }
            Some(_) => {}
        }
        now
    });
}
