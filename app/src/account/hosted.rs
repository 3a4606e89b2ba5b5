//! The way over the issuer's own page: in a window of its own, so that the room goes on, or, where none may be opened, in this
//! one, which comes back to where it was.
//!
//! Either way the issuer sends the browser to `/signed-in.html`, whose script passes on what it came with: by a channel to the
//! page that waits, or in the address of the page that went away.

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

/// The channel, and the places in the session's storage where an attempt waits, and the address to come back to.
const NAME: &str = "danmu-account";
const BACK: &str = "danmu-account-back";
/// What the address of a page begins its fragment with that came back.
const FRAGMENT: &str = "#signed-in?";

/// What a page needs to know again that went away.
type Left = (String, Attempt);

/// Signs in there; gives the tokens, and the nonce that the ID token has to have. Where the page itself has to go, it never
/// comes to an end.
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
        // An answer of another tab's attempt is not ours; ours may still come.
        let came_with = answer.next().await;
        match attempt.redeem(provider, &came_with) {
            Ok(call) => return Ok((tokens::by_call(&call, None).await?, attempt.nonce().to_owned())),
            Err(SignInError::Untrusted(_)) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether the page came back from an issuer's, and with what: the issuer, the tokens and the nonce. `None` if it did not.
pub async fn returned(offers: &[Offer]) -> Option<Result<(String, Tokens, String), SignInError>> {
    let location = window().location();
    let hash = location.hash().ok()?;
    let came_with = hash.strip_prefix(FRAGMENT)?;
    // Neither the code nor the attempt is good a second time.
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

/// Goes there with this page, and remembers what for.
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

/// What the page at `/signed-in.html` tells.
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
