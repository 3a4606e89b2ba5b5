//! Sessions from our own server, as the Kinesis client asks for them.

use std::{cell::RefCell, rc::Rc, time::Duration};

use danmu::{
    kinesis::{Vend, VendError},
    room::RoomId,
    session::{Purpose, Session},
};

use crate::{
    api::{ApiError, get_session},
    problem::Problem,
};

/// How soon the server is asked again after a failure that passes.
const RETRY: Duration = Duration::from_secs(3);

/// Asks the server function for sessions. One for each purpose: what one was refused says nothing of the other.
#[derive(Clone)]
pub struct ServerVend {
    room: RoomId,
    refusal: Rc<RefCell<Option<ApiError>>>,
}

impl ServerVend {
    /// Sessions for one room.
    pub fn new(room: RoomId) -> Self {
        Self { room, refusal: Rc::default() }
    }

    /// Why the last session was refused, as the page says it: the Kinesis client knows only the message.
    pub fn problem(&self, message: &str) -> Problem {
        self.refusal.borrow().clone().map_or_else(|| Problem::Stream(message.to_owned()), Problem::Api)
    }
}

impl Vend for ServerVend {
    async fn vend(&self, purpose: Purpose) -> Result<Session, VendError> {
        match get_session(self.room.to_string(), purpose).await {
            Ok(session) => {
                self.refusal.replace(None);
                Ok(session)
            }
            Err(error) => {
                let retry_after = match &error {
                    ApiError::TooMany { retry_after_s } => Some(Duration::from_secs(u64::from(*retry_after_s))),
                    ApiError::VendingDown | ApiError::Network(_) => Some(RETRY),
                    ApiError::BadRoom(_)
                    | ApiError::NoRoom(_)
                    | ApiError::DirectOff
                    | ApiError::SignedOnly
                    | ApiError::Other(_) => None,
                };
                let message = error.to_string();
                self.refusal.replace(Some(error));
                Err(VendError { message, retry_after })
            }
        }
    }
}
