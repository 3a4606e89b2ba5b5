//! Asks the server for sessions, through the same server function as the pages.

use std::{cell::RefCell, time::Duration};

use danmu::{
    kinesis::{Vend, VendError},
    room::RoomId,
    session::{Purpose, Session},
    ticket::PublicKey,
};
use http::header;

use super::host::{Native, retry_after, text};

/// Vends sessions of one room, to one viewer: its cookie is kept, as a browser keeps it.
pub(super) struct Door {
    host: Native,
    url: String,
    room: RoomId,
    key: PublicKey,
    cookie: RefCell<Option<String>>,
}

impl Door {
    pub(super) fn new(host: &Native, origin: &str, room: &RoomId, key: PublicKey) -> Self {
        let (url, cookie) = (format!("{origin}/api/session"), RefCell::default());
        Self { host: host.clone(), url, room: room.clone(), key, cookie }
    }
}

impl Vend for Door {
    async fn vend(&self, purpose: Purpose) -> Result<Session, VendError> {
        // The characters of a room id and of a key need no form encoding.
        let form = format!("room={}&purpose={}&key={}", self.room.as_str(), purpose.name(), self.key);
        let mut headers = vec![
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
            ("accept", "application/json".to_owned()),
        ];
        headers.extend(self.cookie.borrow().clone().map(|cookie| ("cookie", cookie)));
        let lost = |message| VendError { message, retry_after: Some(Duration::from_secs(3)) };
        let reply = self.host.exchange(&self.url, &headers, form.into_bytes()).await.map_err(|e| lost(e.0))?;
        if !reply.status().is_success() {
            let said = String::from_utf8_lossy(reply.body());
            let message = format!("{}: {}", reply.status(), said.chars().take(200).collect::<String>());
            return Err(VendError { message, retry_after: retry_after(reply.status(), reply.headers()) });
        }
        if let Some(cookie) = text(reply.headers(), header::SET_COOKIE) {
            self.cookie.replace(cookie.split(';').next().map(str::to_owned));
        }
        serde_json::from_slice(reply.body())
            .map_err(|error| VendError { message: format!("not a session: {error}"), retry_after: None })
    }
}
