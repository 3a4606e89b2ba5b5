//! Asks the server for sessions, through the same server function as the pages.

use std::time::Duration;

use danmu::{
    kinesis::{Vend, VendError},
    room::RoomId,
    session::{Purpose, Session},
};

use super::host::{Native, retry_after};

/// Vends sessions of one room.
pub(super) struct Door {
    host: Native,
    url: String,
    room: RoomId,
}

impl Door {
    pub(super) fn new(host: &Native, origin: &str, room: &RoomId) -> Self {
        Self { host: host.clone(), url: format!("{origin}/api/session"), room: room.clone() }
    }
}

impl Vend for Door {
    async fn vend(&self, purpose: Purpose) -> Result<Session, VendError> {
        // The characters of a room id need no form encoding.
        let form = format!("room={}&purpose={}", self.room.as_str(), purpose.name());
        let headers = [
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
            ("accept", "application/json".to_owned()),
        ];
        let lost = |message| VendError { message, retry_after: Some(Duration::from_secs(3)) };
        let reply = self.host.exchange(&self.url, &headers, form.into_bytes()).await.map_err(|e| lost(e.0))?;
        if !reply.status().is_success() {
            let said = String::from_utf8_lossy(reply.body());
            let message = format!("{}: {}", reply.status(), said.chars().take(200).collect::<String>());
            return Err(VendError { message, retry_after: retry_after(reply.status(), reply.headers()) });
        }
        serde_json::from_slice(reply.body())
            .map_err(|error| VendError { message: format!("not a session: {error}"), retry_after: None })
    }
}
