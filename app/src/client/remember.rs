//! What a viewer chose, and who it is, kept in this browser.

use leptos::prelude::*;
use web_sys::Storage;

use crate::overlay::Choices;

/// Where they are kept.
const KEY: &str = "danmu-overlay";
/// Where the viewer's id is kept.
const VIEWER: &str = "danmu-viewer";

/// Sets `choices` to what is remembered, once hydration is over, and remembers what they become.
pub fn remember(choices: RwSignal<Choices>) {
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

/// Remembers who this browser's viewer is, for all of its tabs.
pub fn remember_viewer(viewer: &str) {
    if let Some(storage) = storage() {
        let _ = storage.set_item(VIEWER, viewer);
    }
}

/// Who this browser's viewer is, if it ever had a ticket.
pub fn own_viewer() -> Option<String> {
    storage()?.get_item(VIEWER).ok().flatten()
}

/// Nothing is remembered where storage is blocked; then a choice lasts as long as the page.
fn storage() -> Option<Storage> {
    window().local_storage().ok().flatten()
}
