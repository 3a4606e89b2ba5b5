//! Follows the newest line of a list, unless its reader has scrolled back.

use leptos::{html, prelude::*};

/// How near to the end, in CSS pixels, still counts as following.
const NEAR_END: i32 = 40;

/// A list that follows its end. A handle.
#[derive(Clone, Copy)]
pub struct Follow {
    /// The element that scrolls.
    pub list: NodeRef<html::Div>,
    /// Whether its end is kept in sight.
    pub follows: RwSignal<bool>,
    /// The scroll position that this code set last.
    put: StoredValue<i32>,
}

impl Follow {
    /// A list that follows. When its size changes (more or longer lines, a turned window, an on-screen keyboard), its end stays
    /// in sight. Otherwise it is in sight already, and no layout is forced.
    pub fn new() -> Self {
        let follow = Self { list: NodeRef::new(), follows: RwSignal::new(true), put: StoredValue::new(0) };
        #[cfg(feature = "hydrate")]
        Effect::new(move || {
            if let Some(list) = follow.list.get() {
                crate::client::page::on_resize(&list, move || {
                    if follow.follows.try_get_untracked() == Some(true) {
                        follow.to_end();
                    }
                });
            }
        });
        follow
    }

    /// Scrolls to the end.
    pub fn to_end(self) {
        if let Some(list) = self.list.get_untracked() {
            list.set_scroll_top(list.scroll_height());
            self.put.set_value(list.scroll_top());
        }
    }

    /// Scrolls to the end, and follows it again.
    pub fn resume(self) {
        self.follows.set(true);
        self.to_end();
    }

    /// The list was scrolled.
    pub fn on_scroll(self) {
        if let Some(list) = self.list.get_untracked() {
            let top = list.scroll_top();
            if top + list.client_height() + NEAR_END >= list.scroll_height() {
                self.follows.set(true);
            } else if top < self.put.get_value() {
                // Otherwise the event is from our own scroll to the end, which in a busy room has moved on by now.
                self.follows.set(false);
            }
        }
    }
}
