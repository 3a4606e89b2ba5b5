//! What a viewer chose, and who it is, kept in this browser; and what it has begun to write, in this tab.

use leptos::prelude::*;
use web_sys::Storage;

/// Where the viewer's id is kept.
const VIEWER: &str = "danmu-viewer";

/// Tells `take` what is remembered under that name, once hydration is over, and remembers what `say` says from then on.
pub fn remember(name: &'static str, say: impl Fn() -> String + 'static, take: impl Fn(&str) + 'static) {
    // One for all of them: another for each would weigh.
    remember_line(["danmu-", name].concat(), Box::new(say), Box::new(take));
}

fn remember_line(key: String, say: Box<dyn Fn() -> String>, take: Box<dyn Fn(&str)>) {
    Effect::new(move |before: Option<String>| {
        let now = say();
        match (before, kept()) {
            (None, Some(kept)) => {
                if let Ok(Some(text)) = kept.get_item(&key) {
                    take(&text);
                }
            }
            (Some(before), Some(kept)) if before != now => {
                let _ = kept.set_item(&key, &now);
            }
            _ => {}
        }
        now
    });
}

/// Remembers what a viewer has begun to write on the page of that path, for as long as the tab is open.
pub fn keep_draft(text: &str) {
    if let Some((tab, key)) = draft() {
        // Fails for what no tab has room for, which nobody can send either.
        let _ = if text.is_empty() { tab.remove_item(&key) } else { tab.set_item(&key, text) };
    }
}

/// What was begun to be written on this page.
pub fn kept_draft() -> Option<String> {
    let (tab, key) = draft()?;
    tab.get_item(&key).ok().flatten()
}

fn draft() -> Option<(Storage, String)> {
    let path = window().location().pathname().ok()?;
    Some((window().session_storage().ok().flatten()?, ["danmu-draft ", &path].concat()))
}

/// Remembers who this browser's viewer is, for all of its tabs.
pub fn remember_viewer(viewer: &str) {
    if let Some(kept) = kept() {
        let _ = kept.set_item(VIEWER, viewer);
    }
}

/// Who this browser's viewer is, if it ever had a ticket.
pub fn own_viewer() -> Option<String> {
    kept()?.get_item(VIEWER).ok().flatten()
}

/// Nothing is remembered where storage is blocked; then a choice lasts as long as the page.
fn kept() -> Option<Storage> {
    window().local_storage().ok().flatten()
}
