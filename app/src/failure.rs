//! What is said where a page does not come alive. On the server only: it is there before any module, and goes when the page starts.

use leptos::{nonce::use_nonce, prelude::*};

use crate::{
    element_ids::FAILURE_ID,
    i18n::{t_string, use_i18n},
};

/// Says in the page, and in the place of the feed's state, that a module did not come or that the page did not start, and before
/// that that it takes long. On the overlay page, which is on air, it is said where it can be found and not on the picture. Hydration
/// that fails is a trap of the module, so it is known by its type.
const SCRIPT: &str = "{const note=document.currentScript.previousElementSibling,[load,start,slow]=JSON.parse(note.dataset.texts),\
    say=(text,ended)=>{if(!note.isConnected)return;note.firstChild.textContent=text;\
    note.hidden=!!document.querySelector('.bare');\
    const feed=document.querySelector('[data-feed]');if(ended&&feed){feed.dataset.state='stopped';feed.textContent=text}};\
    addEventListener('unhandledrejection',({reason})=>say(reason instanceof WebAssembly.RuntimeError?start:load,true));\
    setTimeout(say,2e4,slow)}";

/// The sentence, hidden, and the script that shows it.
#[component]
pub fn StartFailure() -> impl IntoView {
    let i18n = use_i18n();
    let texts = [t_string!(i18n, start.load), t_string!(i18n, start.failed), t_string!(i18n, start.slow)];
    view! {
        // Above all else: a page may be longer than its window.
        <p id=FAILURE_ID class="note" style="order:-1" role="alert" hidden data-texts=serde_json::to_string(&texts).unwrap_or_default()>
            <span></span>
            " "
            <a href="">{t_string!(i18n, start.reload)}</a>
        </p>
        <script nonce=use_nonce()>{SCRIPT}</script>
    }
}
