//! Renews tokens before they expire, while the page is open, so that viewers stay signed in.

use danmu::{cognito::SignInError, kinesis::Host};
use futures::future::LocalBoxFuture;
use js_sys::{Function, Reflect};
use std::{cell::Cell, time::Duration};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::{future_to_promise, spawn_local};
use web_sys::HtmlElement;

use super::{
    header::AccountSlot,
    kept::{self, Kept},
    server, tokens,
};
use crate::client::Browser;

/// The lock under which tabs renew: with rotation, a refresh token can be used once.
const LOCK: &str = "danmu-account";
/// How long before an identity ends it is renewed.
const AHEAD_MS: i64 = 5 * 60 * 1_000;
/// The pause between checks, and so before a retry. It is short, since a machine may sleep: a timer that is longer could fire
/// after the identity has ended.
const PAUSE: Duration = Duration::from_secs(60);

thread_local! {
    static GOING_ON: Cell<bool> = const { Cell::new(false) };
}

/// Renews if it is time, and goes on. Called if this browser stores a refresh token and the identity has ended or will soon.
pub fn renew(slot: HtmlElement) {
    go_on(&AccountSlot::of(slot));
}

/// Renews in time from now on, in a single task.
pub fn go_on(place: &AccountSlot) {
    if GOING_ON.replace(true) {
        return;
    }
    let place = place.clone();
    spawn_local(async move {
        while kept::load().is_some() {
            if place.until_ms() - Browser.now_ms() < AHEAD_MS {
                let work = place.clone();
                alone(Box::pin(async move { renew_once(&work).await })).await;
            }
            Browser.sleep(PAUSE).await;
        }
        GOING_ON.set(false);
    });
}

/// One renewal, by what is stored by then: another tab may have renewed.
async fn renew_once(place: &AccountSlot) {
    let Some(kept) = kept::load() else { return };
    let renewed = match place.offer(&kept.issuer) {
        Some(offer) => tokens::renewed(offer, &kept).await,
        // The operator no longer trusts this issuer.
        None => Err(SignInError::SignedOut),
    };
    match renewed {
        Ok(tokens) => {
            let refresh_token = tokens.refresh_token.unwrap_or(kept.refresh_token);
            let kept = Kept { refresh_token, ..kept };
            // Stored before anything else can fail: with rotation, the old one may be invalid by now.
            kept::store(Some(&kept));
            let mut signed_in = server::sign_in(&tokens.id_token, None).await;
            if signed_in.is_err() && kept.nonce.is_some() {
                signed_in = server::sign_in(&tokens.id_token, kept.nonce.as_deref()).await;
            }
            if let Ok(signed_in) = signed_in {
                place.show(Some(&signed_in));
            }
        }
        Err(SignInError::SignedOut | SignInError::Disabled) => {
            kept::store(None);
            if server::sign_out().await.is_ok() {
                place.show(None);
            }
        }
        // A temporary failure: tried again later.
        Err(_) => {}
    }
}

/// One at a time among the tabs of this browser, where it has locks.
async fn alone(work: LocalBoxFuture<'static, ()>) {
    let locks = || {
        let locks = Reflect::get(&Reflect::get(&js_sys::global(), &"navigator".into()).ok()?, &"locks".into()).ok()?;
        let request = Reflect::get(&locks, &"request".into()).ok()?.dyn_into::<Function>().ok()?;
        Some((locks, request))
    };
    let Some((locks, request)) = locks() else { return work.await };
    let hold = Closure::once_into_js(move || {
        future_to_promise(async move {
            work.await;
            Ok(JsValue::UNDEFINED)
        })
    });
    if let Ok(held) = request.call2(&locks, &LOCK.into(), &hold) {
        let _ = wasm_bindgen_futures::JsFuture::from(held.unchecked_into::<js_sys::Promise>()).await;
    }
}
