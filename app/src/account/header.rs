//! The account slot in the page's header: what the server wrote into it, and how it is updated.

use web_sys::{CustomEvent, HtmlElement};

use leptos::prelude::window;

use super::{NAME, Offer, SignedIn, dom};
use crate::i18n::{Language, both, t_string};

/// The event that tells the page of a new identity.
const CHANGED: &str = "danmu:identity";

/// The account slot.
#[derive(Clone)]
pub struct AccountSlot {
    slot: HtmlElement,
    /// The issuers to sign in with.
    pub offers: Vec<Offer>,
}

impl AccountSlot {
    /// Reads what the server wrote.
    pub fn of(slot: HtmlElement) -> Self {
        let offers = serde_json::from_str(&slot.get_attribute("data-account").unwrap_or_default()).unwrap_or_default();
        Self { slot, offers }
    }

    /// The offer of that issuer.
    pub fn offer(&self, issuer: &str) -> Option<&Offer> {
        self.offers.iter().find(|offer| offer.issuer == issuer)
    }

    /// The address of this module, which names its build: what the module loads is of the same.
    pub fn build(&self) -> String {
        self.slot.get_attribute("data-module").unwrap_or_default()
    }

    /// Until when the viewer is signed in, in Unix milliseconds; 0 for a guest.
    pub fn until_ms(&self) -> i64 {
        self.slot.get_attribute("data-until").and_then(|until| until.parse().ok()).unwrap_or(0)
    }

    /// Whether the viewer is signed in.
    pub fn is_signed_in(&self) -> bool {
        self.until_ms() > 0
    }

    /// The name that is shown, empty without one.
    pub fn name(&self) -> String {
        let shown = self.slot.query_selector("bdi").ok().flatten();
        shown.and_then(|name| name.text_content()).unwrap_or_default()
    }

    /// Shows the new identity, and tells the page.
    pub fn show(&self, signed_in: Option<&SignedIn>) {
        let i18n = Language::of_page();
        let until = signed_in.map_or(0, |signed_in| signed_in.until_ms);
        let _ = self.slot.set_attribute("data-until", &until.to_string());
        let shown = match signed_in {
            Some(SignedIn { name: Some(name), .. }) => dom::text("bdi", &[("style", NAME), ("translate", "no")], name),
            Some(_) => words(t_string!(i18n, account.nameless), both!(account.nameless)),
            None => words(t_string!(i18n, account.sign_in), both!(account.sign_in)),
        };
        if let Ok(Some(button)) = self.slot.query_selector("button") {
            button.set_text_content(None);
            dom::fill(&button, &[&shown]);
        }
        if let Ok(event) = CustomEvent::new(CHANGED) {
            let _ = window().dispatch_event(&event);
        }
    }
}

/// A text that follows the language of the page, by the script beside the slot.
fn words(now: &str, [en, zh]: [&str; 2]) -> HtmlElement {
    dom::text("span", &[("data-en", en), ("data-zh", zh)], now)
}
