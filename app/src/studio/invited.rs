//! Coming by an invitation: `/studio/{room}#invite=TOKEN`. A fragment is sent to no server, so the token is in no log.

use danmu::viewer::Role;
use leptos::{ev, prelude::*, task::spawn_local};

use crate::api::accept_invitation;

/// What the fragment of an invitation's link begins with; the token follows.
pub const FRAGMENT: &str = "#invite=";

/// Calls `act` with the token of the invitation that the page's address has, now or when a link to the same page is opened, and
/// takes it out of the address. In the browser only.
pub fn on_invitation(act: impl Fn(String) + Clone + 'static) {
    let take = move || {
        if let Some(token) = take_token() {
            act(token);
        }
    };
    Effect::new(move || {
        take();
        let again = take.clone();
        let listening = window_event_listener(ev::hashchange, move |_| again());
        on_cleanup(move || listening.remove());
    });
}

/// Accepts an invitation that a moderator opens, who may have come by one that ends sooner. The page stays as it is, so nobody is
/// told of one that does not work. Whoever is the streamer needs none.
pub fn accept_beside(room: String, role: Role) {
    on_invitation(move |token| {
        let room = room.clone();
        if role != Role::Streamer {
            spawn_local(async move { drop(accept_invitation(room, token).await) });
        }
    });
}

/// The token in the page's address, which is without it then: neither a reload nor who looks at the screen finds it there.
fn take_token() -> Option<String> {
    let location = window().location();
    let token = location.hash().ok()?.strip_prefix(FRAGMENT)?.to_owned();
    #[cfg(feature = "hydrate")]
    {
        let plain = crate::client::origin() + &location.pathname().ok()? + &location.search().ok()?;
        let history = window().history().ok()?;
        let _ = history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(&plain));
    }
    Some(token)
}
