//! The viewer's choices and id, stored in this browser; and its draft, stored in this tab.

use leptos::prelude::*;
use web_sys::Storage;

/// Where the viewer's id is kept.
const VIEWER: &str = "danmu-viewer";

/// Passes the value stored under `name` to `take` after hydration, and stores what `say` returns from then on.
pub fn remember(name: &'static str, say: impl Fn() -> String + 'static, take: impl Fn(&str) + 'static) {
    // One function for all: a generic one would be compiled for each.
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

/// Stores the viewer's draft under the page's path, until the tab is closed.
pub fn keep_draft(text: &str) {
    if let Some((tab, key)) = draft() {
        // Fails only for texts that storage has no room for, which cannot be sent either.
        let _ = if text.is_empty() { tab.remove_item(&key) } else { tab.set_item(&key, text) };
    }
}

/// The stored draft of this page.
pub fn kept_draft() -> Option<String> {
    let (tab, key) = draft()?;
    tab.get_item(&key).ok().flatten()
}

fn draft() -> Option<(Storage, String)> {
    let path = window().location().pathname().ok()?;
    Some((window().session_storage().ok().flatten()?, ["danmu-draft ", &path].concat()))
}

/// Stores the id of this browser's viewer, for all of its tabs.
pub fn remember_viewer(viewer: &str) {
    if let Some(kept) = kept() {
        let _ = kept.set_item(VIEWER, viewer);
    }
}

/// The id of this browser's viewer, if it ever had a ticket.
pub fn own_viewer() -> Option<String> {
    kept()?.get_item(VIEWER).ok().flatten()
}

/// Where the name is kept that the viewer chose for itself.
const NAME: &str = "danmu-name";

/// The name that the viewer chose for itself.
pub fn own_name() -> Option<String> {
    kept()?.get_item(NAME).ok().flatten()
}

/// Stores the name that the viewer chooses for itself.
pub fn keep_name(name: &str) {
    if let Some(kept) = kept() {
        let _ = kept.set_item(NAME, name);
    }
}

/// `None` where storage is blocked; then a choice ends with the page.
fn kept() -> Option<Storage> {
    window().local_storage().ok().flatten()
}
