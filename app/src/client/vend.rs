//! Sessions from our own server, as the Kinesis client asks for them.

use std::{cell::RefCell, pin::pin, rc::Rc, time::Duration};

use danmu::{
    kinesis::{self, ErrorKind, Host, Vend, VendError},
    room::{Room, RoomId, Unsigned},
    session::{Purpose, Session},
    viewer::Role,
};
use futures::future::{Either, select};
use leptos::prelude::document;

use super::{host::Browser, identity, remember::own_name};
use crate::{error::ApiError, problem::Problem};

/// The pause before the server is asked again after a temporary failure.
const RETRY: Duration = Duration::from_secs(3);
/// A session is used until this long before its ticket expires, in milliseconds: what is signed arrives later.
const AHEAD_MS: i64 = 30_000;
/// The timeout of an answer: other pages may have all connections that the browser has for this server.
const PATIENCE: Duration = Duration::from_secs(5);

/// Fetches sessions from [`crate::api::get_session`]. One for each purpose, since it keeps the reason of the last refusal.
#[derive(Clone)]
pub struct ServerVend {
    room: RoomId,
    /// Whether the room shows no unsigned danmu.
    signed_only: bool,
    refusal: Rc<RefCell<Option<Problem>>>,
}

impl ServerVend {
    /// Sessions for one room.
    pub fn new(room: &Room) -> Self {
        Self { room: room.id.clone(), signed_only: room.unsigned == Unsigned::Deny, refusal: Rc::default() }
    }

    /// Why the last session was refused, as the page says it: the Kinesis client knows only the message.
    pub fn problem(&self, message: &str) -> Problem {
        self.refusal.borrow().clone().unwrap_or_else(|| Problem::Stream(message.to_owned()))
    }

    /// An error of the stream to a call with one of these sessions, as the page says it.
    pub fn problem_of(&self, error: &kinesis::Error) -> Problem {
        match error.kind {
            ErrorKind::Network => Problem::Network,
            ErrorKind::Throttled => Problem::Busy,
            ErrorKind::Denied => Problem::Denied,
            ErrorKind::NoSession => self.problem(&error.message),
            _ => Problem::Stream(error.to_string()),
        }
    }
}

impl Vend for ServerVend {
    async fn vend(&self, purpose: Purpose) -> Result<Session, VendError> {
        let ask = ask(&self.room, purpose, self.signed_only);
        let answer = match select(pin!(ask), pin!(Browser.sleep(PATIENCE))).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(ApiError::Network("no answer in time".to_owned())),
        };
        match answer {
            Ok(mut session) => {
                self.refusal.replace(None);
                if let Some((me, ends_ms)) = session.ticket.as_deref().and_then(identity::read_ticket) {
                    if me.role == Role::Viewer && shows_somebody() {
                        // A viewer who seems to be signed in must not speak as a guest.
                        self.refusal.replace(Some(Problem::Guest));
                        return Err(VendError { message: "this is a guest's session".into(), retry_after: None });
                    }
                    session.expiration = session.expiration.min(ends_ms - AHEAD_MS);
                }
                Ok(session)
            }
            Err(error) => {
                let retry_after = match &error {
                    ApiError::TooMany { retry_after_s } => Some(Duration::from_secs(u64::from(*retry_after_s))),
                    ApiError::VendingDown | ApiError::Network(_) => Some(RETRY),
                    ApiError::BadRoom(_)
                    | ApiError::NoRoom(_)
                    | ApiError::DirectOff
                    | ApiError::Banned
                    | ApiError::SignIn
                    | ApiError::Frozen
                    | ApiError::Crew(_)
                    | ApiError::Name(_)
                    | ApiError::Other(_) => None,
                };
                let message = error.to_string();
                self.refusal.replace(Some(Problem::Api(error)));
                Err(VendError { message, retry_after })
            }
        }
    }
}

/// Whether the page shows the viewer as signed in, as written by the server or later by the account module.
pub fn shows_somebody() -> bool {
    let slot = document().query_selector("[data-account]").ok().flatten();
    slot.and_then(|slot| slot.get_attribute("data-until")).is_some_and(|until| until != "0")
}

/// Calls the server function by [`Browser`]'s `post`, since the library's own client would bring streams, forms and codecs
/// for all that a function may take.
async fn ask(room: &RoomId, purpose: Purpose, signed_only: bool) -> Result<Session, ApiError> {
    // Reading needs no key.
    let key = if purpose == Purpose::Produce { identity::public_key().await } else { None };
    if purpose == Purpose::Produce && signed_only && key.is_none() {
        return Err(ApiError::Network("what signs here did not come".to_owned()));
    }
    let key = key.map(|key| ["&key=", &key.to_string()].concat()).unwrap_or_default();
    let name = own_name().filter(|_| !key.is_empty());
    let name = name.map(|name| String::from(js_sys::encode_uri_component(&name))).unwrap_or_default();
    // Neither a room's id nor a key has a character that a form would have to encode.
    let form = ["room=", room.as_str(), "&purpose=", purpose.name(), &key, "&name=", &name].concat();
    let headers =
        [("content-type", "application/x-www-form-urlencoded".to_owned()), ("accept", "application/json".to_owned())];
    let reply =
        Browser.post("/api/session", &headers, form.into_bytes()).await.map_err(|error| ApiError::Network(error.0))?;
    if reply.status < 400 {
        return serde_json::from_slice(&reply.body).map_err(|error| ApiError::Other(error.to_string()));
    }
    // A proxy may answer for a server that is down.
    let foreign = |_| match reply.status {
        500.. => ApiError::Network(reply.status.to_string()),
        status => ApiError::Other(status.to_string()),
    };
    Err(serde_json::from_slice(&reply.body).unwrap_or_else(foreign))
}
