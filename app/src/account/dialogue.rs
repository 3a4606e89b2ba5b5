//! The sign-in dialogue, from opening it to its outcome.

use danmu::cognito::{SignInError, Tokens};
use futures::future::abortable;
use leptos::prelude::window;
use wasm_bindgen_futures::spawn_local;
use web_sys::HtmlElement;

use super::{
    AccountError, Offer,
    forms::{Forms, Leave, Way},
    header::AccountSlot,
    hosted,
    kept::{self, Kept},
    renewing,
    say::{say, say_server},
    server, tokens,
};
use crate::{client::origin, i18n::Language};

/// Opens the dialogue for the account slot in the header.
pub fn open(slot: HtmlElement) {
    let place = AccountSlot::of(slot);
    spawn_local(async move {
        let Some(forms) = Forms::open(Language::of_page(), &place.build()).await else { return };
        let (talk, handle) = abortable(converse(forms.clone(), place));
        forms.on_close(move || handle.abort());
        let _ = talk.await;
        forms.close();
    });
}

async fn converse(forms: Forms, place: AccountSlot) {
    let mut problem = None;
    if let Some(returned) = hosted::returned(&place.offers).await {
        match returned {
            Ok((issuer, tokens, nonce)) => match place.enter(&issuer, tokens, Some(&nonce)).await {
                Ok(()) => return,
                Err(error) => problem = Some(say_server(&error, forms.i18n)),
            },
            Err(error) => problem = Some(say(&error, forms.i18n)),
        }
    }
    if place.is_signed_in() {
        leave(&forms, &place).await;
    } else {
        enter(&forms, &place, problem).await;
    }
}

/// Asks until the viewer is signed in, or closes the dialogue.
async fn enter(forms: &Forms, place: &AccountSlot, mut problem: Option<String>) {
    let mut name = String::new();
    loop {
        let (at, outcome) = match forms.sign_in(&place.offers, &name, problem.take()).await {
            Way::Password(at, username, password) => {
                name = username;
                let Some(pool) = place.offers.get(at).and_then(|offer| offer.pool.as_ref()) else { continue };
                let ask = async |question, error: Option<SignInError>| {
                    forms.answer(question, error.map(|error| say(&error, forms.i18n))).await
                };
                (at, tokens::by_password(pool, &name, password, ask).await.map(|tokens| (tokens, None)))
            }
            Way::Hosted(at) => {
                let Some(offer) = place.offers.get(at) else { continue };
                let signed_in = hosted::sign_in(offer, || forms.waiting()).await;
                (at, signed_in.map(|(tokens, nonce)| (tokens, Some(nonce))))
            }
        };
        problem = match outcome {
            Ok((tokens, nonce)) => match place.enter(&place.offers[at].issuer, tokens, nonce.as_deref()).await {
                Ok(()) => return,
                Err(error) => Some(say_server(&error, forms.i18n)),
            },
            Err(error) => Some(say(&error, forms.i18n)),
        };
    }
}

/// Asks until the viewer is signed out, or closes the dialogue.
async fn leave(forms: &Forms, place: &AccountSlot) {
    let kept = kept::load();
    let offer = kept.as_ref().and_then(|kept| place.offer(&kept.issuer));
    let everywhere = offer.is_some_and(|offer| offer.pool.is_some()) && kept.as_ref().is_some_and(|kept| !kept.hosted);
    let mut problem = None;
    loop {
        let wish = forms.signed_in(&place.name(), everywhere, problem.take()).await;
        let ended = match (offer, kept.as_ref()) {
            (Some(offer), Some(kept)) => end(offer, kept, &wish).await,
            _ => Ok(()),
        };
        if let (Leave::Everywhere, Err(error)) = (&wish, &ended) {
            // Otherwise the viewer would believe that sessions on other machines have ended, too.
            problem = Some(say(error, forms.i18n));
            continue;
        }
        // Here the sign-in ends, whatever the issuer answers: its token is removed from this browser.
        match place.leave().await {
            Ok(()) => break,
            Err(error) => problem = Some(say_server(&error, forms.i18n)),
        }
    }
    let provider = offer.and_then(|offer| offer.provider.as_ref());
    if let Some(page) = kept.and_then(|kept| tokens::sign_out_page(provider, &kept, &[&origin(), "/"].concat())) {
        let _ = window().location().assign(&page);
    }
}

async fn end(offer: &Offer, kept: &Kept, wish: &Leave) -> Result<(), SignInError> {
    match wish {
        Leave::Here => tokens::revoke(offer, kept).await,
        Leave::Everywhere => tokens::revoke_everywhere(offer, kept).await,
    }
}

impl AccountSlot {
    /// Signs the viewer in by these tokens; with a nonce, they came by the issuer's own page.
    async fn enter(&self, issuer: &str, tokens: Tokens, nonce: Option<&str>) -> Result<(), AccountError> {
        let signed_in = server::sign_in(&tokens.id_token, nonce).await?;
        let kept = tokens.refresh_token.map(|refresh_token| Kept {
            issuer: issuer.to_owned(),
            refresh_token,
            device_key: tokens.device_key,
            hosted: nonce.is_some(),
            nonce: nonce.map(str::to_owned),
        });
        kept::store(kept.as_ref());
        self.show(Some(&signed_in));
        renewing::go_on(self);
        Ok(())
    }

    /// Signs the viewer out.
    async fn leave(&self) -> Result<(), AccountError> {
        server::sign_out().await?;
        kept::store(None);
        self.show(None);
        Ok(())
    }
}
