//! The account slot in the header: who is signed in, or a button to sign in. On the server only.
//!
//! The browser's half knows nothing of it: it comes after the app. Its texts are in both languages; its script switches them.

use leptos::{nonce::use_nonce, prelude::*};

use super::{NAME, SignedIn};
use crate::{
    i18n::{I18n, both, use_i18n},
    services::Services,
};

/// Moves the slot into the header, keeps its texts in the page's language, and loads the module when needed: on a click, on
/// return from an issuer's page, or before an identity ends that this browser can renew. Waits are split, since a machine may
/// sleep.
const SCRIPT: &str = "{const slot=document.querySelector('[data-account]'),top=document.querySelector('.top'),\
    page=document.documentElement,failed=slot.querySelector('[role]');\
    if(top){top.append(slot);top.querySelector('[data-language]').style.marginLeft='auto'}else slot.remove();\
    new MutationObserver(()=>slot.querySelectorAll('[data-en]').forEach(text=>text.textContent=text.dataset[page.lang]))\
    .observe(page,{attributeFilter:['lang']});\
    const run=async what=>{try{const module=await import(slot.dataset.module);await module.default();\
    failed.hidden=true;module[what](slot)}catch{failed.hidden=false}},\
    kept=()=>{try{return localStorage['danmu-account']}catch{}},\
    watch=()=>{if(!top||!kept())return;const left=slot.dataset.until-Date.now()-3e5;\
    left>0?setTimeout(watch,Math.min(left,6e4)):run('renew_account')};\
    slot.addEventListener('click',()=>run('open_account'));\
    location.hash.startsWith('#signed-in?')?run('open_account'):watch()}";

/// The account slot. Empty where there is no issuer, or no module.
#[component]
pub fn AccountSlot() -> impl IntoView {
    let i18n = use_i18n();
    let services = use_context::<Services>().filter(|services| !services.offers.is_empty());
    let (offers, module) = services.and_then(|services| Some((services.offers, services.account_module?)))?;
    let signed_in = use_context::<SignedIn>();
    let until = signed_in.as_ref().map_or(0, |signed_in| signed_in.until_ms);
    let shown = match signed_in.map(|signed_in| signed_in.name) {
        None => words(i18n, both!(account.sign_in)).into_any(),
        Some(None) => words(i18n, both!(account.nameless)).into_any(),
        Some(Some(name)) => view! { <bdi style=NAME translate="no">{name}</bdi> }.into_any(),
    };
    let [en, zh] = both!(account.not_loaded);
    // Styled here and not in the sheet, which pages without signing in load, too.
    Some(view! {
        <div
            style="display:inline-flex;align-items:center;min-width:0;margin-left:4px"
            data-account=serde_json::to_string(&*offers).unwrap_or_default()
            data-module=module.to_string()
            data-until=until.to_string()
        >
            <span role="status" hidden style="color:var(--bad);font-size:.875rem" data-en=en data-zh=zh>
                {if i18n.tag() == "zh" { zh } else { en }}
            </span>
            <button class="quiet" type="button" style="max-width:min(45vw,220px)" aria-haspopup="dialog">
                {shown}
            </button>
        </div>
        <script nonce=use_nonce()>{SCRIPT}</script>
    })
}

/// A text in both languages, for the slot's script to switch.
fn words(i18n: I18n, [en, zh]: [&'static str; 2]) -> impl IntoView {
    view! {
        <span data-en=en data-zh=zh>
            {if i18n.tag() == "zh" { zh } else { en }}
        </span>
    }
}
