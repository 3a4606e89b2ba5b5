//! Addresses and other texts to copy.

use leptos::prelude::*;

use crate::i18n::{t_string, use_i18n};

/// An address to copy.
#[component]
pub fn Link(
    /// The id of its field.
    id: &'static str,
    /// Who it is for.
    label: Signal<&'static str>,
    /// The page's origin.
    origin: RwSignal<String>,
    /// What follows it.
    path: Signal<String>,
) -> impl IntoView {
    let address = Signal::derive(move || [origin.read().as_str(), path.read().as_str()].concat());
    view! {
        <div class="link">
            <label for=id>{label}</label>
            <input id=id type="text" readonly prop:value=address />
            <CopyButton text=address />
        </div>
    }
}

/// Copies a text to the clipboard.
#[component]
pub fn CopyButton(
    /// The text.
    text: Signal<String>,
) -> impl IntoView {
    let i18n = use_i18n();
    // What was copied last: another text is not copied yet.
    let copied = RwSignal::new(None::<String>);
    let copy = move |_| {
        let now = text.get_untracked();
        #[cfg(feature = "hydrate")]
        crate::client::page::copy(&now.clone(), move || {
            copied.try_set(Some(now));
        });
        #[cfg(not(feature = "hydrate"))]
        copied.set(Some(now));
    };
    let is_copied = move || copied.read().as_ref() == Some(&*text.read());
    view! {
        <button type="button" on:click=copy>
            {move || if is_copied() { t_string!(i18n, studio.copied) } else { t_string!(i18n, studio.copy) }}
        </button>
    }
}
