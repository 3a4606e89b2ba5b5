//! The message of a page that does not start. Server-rendered: it is there before any module, and removed when the page starts.

use leptos::{nonce::use_nonce, prelude::*};

use crate::{
    element_ids::FAILURE_ID,
    i18n::{t_string, use_i18n},
};

/// Shows that a module did not load or the page did not start, in the note and in the feed's state; after 20 s, in the note
/// only, that it takes long. On the overlay page (`.bare`), which is on air, the note stays hidden but can be found in the
/// document. A failed hydration traps the module, so it is recognised by its error type.
const SCRIPT: &str = "{const note=document.currentScript.previousElementSibling,[load,start,slow]=JSON.parse(note.dataset.texts),\
    say=(text,ended)=>{if(!note.isConnected)return;note.firstChild.textContent=text;\
    note.hidden=!!document.querySelector('.bare');\
    const feed=document.querySelector('[data-feed]');if(ended&&feed){feed.dataset.state='stopped';feed.textContent=text}};\
    addEventListener('unhandledrejection',({reason})=>say(reason instanceof WebAssembly.RuntimeError?start:load,true));\
    setTimeout(say,2e4,slow)}";

/// The message, hidden, and the script that shows it.
#[component]
pub fn StartFailure() -> impl IntoView {
    let i18n = use_i18n();
    let texts = [t_string!(i18n, start.load), t_string!(i18n, start.failed), t_string!(i18n, start.slow)];
    view! {
        // First on the page, since the page may be longer than the window.
        <p id=FAILURE_ID class="note" style="order:-1" role="alert" hidden data-texts=serde_json::to_string(&texts).unwrap_or_default()>
            <span></span>
            " "
            <a href="">{t_string!(i18n, start.reload)}</a>
        </p>
        <script nonce=use_nonce()>{SCRIPT}</script>
    }
}
