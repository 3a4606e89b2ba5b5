//! Sessions from our own server, as the Kinesis client asks for them.

use std::{cell::RefCell, rc::Rc, time::Duration};

use danmu::{
    kinesis::{Clock, Vend, VendError},
    room::RoomId,
    session::{Purpose, Session},
};

use super::host::Browser;
use crate::api::{ApiError, get_session};

/// How soon the server is asked again after a failure that passes.
const RETRY: Duration = Duration::from_secs(3);

/// Asks the server function for sessions.
#[derive(Clone)]
pub struct ServerVend {
    room: RoomId,
    clock: Clock<Browser>,
    refusal: Rc<RefCell<Option<ApiError>>>,
}

impl ServerVend {
    /// Sessions for one room. The server's time, which comes with each, sets `clock` right.
    pub fn new(room: RoomId, clock: Clock<Browser>) -> Self {
        Self { room, clock, refusal: Rc::default() }
    }

    /// Why the last session was refused: the Kinesis client knows only the message.
    pub fn refusal(&self) -> Option<ApiError> {
        self.refusal.borrow().clone()
    }
}

impl Vend for ServerVend {
    async fn vend(&self, purpose: Purpose) -> Result<Session, VendError> {
        match get_session(self.room.to_string(), purpose).await {
            Ok(session) => {
                self.clock.learn(session.vended_at);
                self.refusal.replace(None);
                Ok(session)
            }
            Err(error) => {
                let retry_after = match &error {
                    ApiError::TooMany { retry_after_s } => Some(Duration::from_secs(u64::from(*retry_after_s))),
                    ApiError::VendingDown | ApiError::Network(_) => Some(RETRY),
                    ApiError::BadRoom(_) | ApiError::NoRoom(_) | ApiError::DirectOff | ApiError::Other(_) => None,
                };
                let message = error.to_string();
                self.refusal.replace(Some(error));
                Err(VendError { message, retry_after })
            }
        }
    }
}
