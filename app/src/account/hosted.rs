//! Signing in on the issuer's own page: in a window of its own, so that the room goes on, or, where none may be opened, in
//! this one, which returns to its address afterwards.
//!
//! Either way the issuer sends the browser to `/signed-in.html`, whose script passes the answer on: by a channel to the page
//! that waits, or in the address to which this window returns.

use danmu::cognito::{
    SignInError, Tokens,
    hosted::{Attempt, CHANCE_BYTES},
};
use futures::channel::oneshot;
use leptos::prelude::window;
use std::{cell::RefCell, rc::Rc};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{BroadcastChannel, MessageEvent};

use super::{Offer, tokens};
use crate::client::origin;

/// The name of the channel and of the attempt in session storage; and of the address to return to there.
const NAME: &str = "danmu-account";
const BACK: &str = "danmu-account-back";
/// The beginning of the fragment in the address of a page that came back.
const FRAGMENT: &str = "#signed-in?";

/// What a page stores before it leaves: the issuer and the attempt.
type Left = (String, Attempt);

/// Signs in on the issuer's page; returns the tokens, and the nonce that the ID token must have. If this page has to leave, it
/// never completes.
pub async fn sign_in(offer: &Offer, waiting: impl FnOnce()) -> Result<(Tokens, String), SignInError> {
    let Some(provider) = &offer.provider else { return Err(SignInError::Unsupported("its own page".into())) };
    let redirect = [&origin(), "/signed-in.html"].concat();
    let attempt = Attempt::new(redirect, &tokens::chance::<CHANCE_BYTES>()?);
    let address = attempt.address(provider);
    let answer = Channel::new();
    let features = "popup,width=480,height=720";
    let opened = window().open_with_url_and_target_and_features(&address, NAME, features).ok().flatten();
    let (Some(_), Some(answer)) = (opened, answer) else {
        leave(&offer.issuer, &attempt, &address)?;
        return std::future::pending().await;
    };
    waiting();
    loop {
        // An answer to another tab's attempt is skipped; ours may still come.
        let came_with = answer.next().await;
        match attempt.redeem(provider, &came_with) {
            Ok(call) => return Ok((tokens::by_call(&call, None).await?, attempt.nonce().to_owned())),
            Err(SignInError::Untrusted(_)) => {}
            Err(error) => return Err(error),
        }
    }
}

/// If the page came back from an issuer's page, the outcome: the issuer, the tokens and the nonce. `None` otherwise.
pub async fn returned(offers: &[Offer]) -> Option<Result<(String, Tokens, String), SignInError>> {
    let location = window().location();
    let hash = location.hash().ok()?;
    let came_with = hash.strip_prefix(FRAGMENT)?;
    // Neither the code nor the attempt can be used twice, so both are removed.
    let plain = origin() + &location.pathname().ok()? + &location.search().ok()?;
    let _ = window().history().ok()?.replace_state_with_url(&JsValue::NULL, "", Some(&plain));
    let storage = window().session_storage().ok().flatten()?;
    let left: Left = serde_json::from_str(&storage.get_item(NAME).ok()??).ok()?;
    let _ = storage.remove_item(NAME);
    let (issuer, attempt) = left;
    let provider = offers.iter().find(|offer| offer.issuer == issuer)?.provider.as_ref()?;
    let tokens = match attempt.redeem(provider, came_with) {
        Ok(call) => tokens::by_call(&call, None).await,
        Err(error) => Err(error),
    };
    Some(tokens.map(|tokens| (issuer, tokens, attempt.nonce().to_owned())))
}

/// Stores the attempt, and leaves for the issuer's page.
fn leave(issuer: &str, attempt: &Attempt, address: &str) -> Result<(), SignInError> {
    let kept = || {
        let storage = window().session_storage().ok().flatten()?;
        let left = serde_json::to_string(&(issuer, attempt)).ok()?;
        storage.set_item(NAME, &left).ok()?;
        storage.set_item(BACK, &window().location().href().ok()?).ok()?;
        window().location().assign(address).ok()
    };
    kept().ok_or_else(|| SignInError::NotCompleted("this browser opens no window and keeps nothing".into()))
}

/// The channel from the page at `/signed-in.html`.
struct Channel {
    channel: BroadcastChannel,
    heard: Rc<RefCell<Vec<String>>>,
    waiting: Rc<RefCell<Option<oneshot::Sender<()>>>>,
    _listener: Closure<dyn FnMut(MessageEvent)>,
}

impl Channel {
    fn new() -> Option<Self> {
        let channel = BroadcastChannel::new(NAME).ok()?;
        let heard: Rc<RefCell<Vec<String>>> = Rc::default();
        let waiting: Rc<RefCell<Option<oneshot::Sender<()>>>> = Rc::default();
        let listener = Closure::<dyn FnMut(MessageEvent)>::new({
            let (heard, waiting) = (Rc::clone(&heard), Rc::clone(&waiting));
            move |event: MessageEvent| {
                heard.borrow_mut().extend(event.data().as_string());
                if let Some(waiting) = waiting.borrow_mut().take() {
                    let _ = waiting.send(());
                }
            }
        });
        channel.set_onmessage(Some(listener.as_ref().unchecked_ref()));
        Some(Self { channel, heard, waiting, _listener: listener })
    }

    async fn next(&self) -> String {
        loop {
            let (told, telling) = oneshot::channel();
            self.waiting.replace(Some(told));
            if let Some(heard) = self.heard.borrow_mut().pop() {
                return heard;
            }
            let _ = telling.await;
        }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.channel.close();
    }
}
