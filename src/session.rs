//! Session: what the token vending machine hands out, temporary credentials for one stream and where to use them.

use serde::{Deserialize, Serialize};

use crate::ticket::PublicKey;

/// Temporary AWS credentials with all that a client needs to use them on the room's stream.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Access key id, 16 to 128 word characters
    /// ([Credentials](https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html)).
    pub access_key_id: String,
    /// The secret that signs requests. Never sent, never logged.
    pub secret_access_key: String,
    /// Sent with every request as `X-Amz-Security-Token`.
    pub session_token: String,
    /// When the credentials expire, in Unix milliseconds.
    pub expiration: i64,
    /// When they were vended, by the server's clock, in Unix milliseconds: a client's own clock may be wrong.
    pub vended_at: i64,
    /// AWS region of the stream, for example `us-east-1`.
    pub region: String,
    /// The endpoint: an absolute URL, or a path such as `/aws/` on the page's own origin.
    pub endpoint: String,
    /// Name of the stream.
    pub stream: String,
    /// The partition key of the room; its hash determines the shard.
    pub partition_key: String,
    /// The ticket: says who the viewer is while the session lasts. It is sent with every danmu that the viewer signs with the
    /// key given in the request ([`crate::ticket`]). `None` where no key was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The keys that verify other viewers' tickets. Empty for a session that does not read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ticket_keys: Vec<TicketKey>,
    /// The bans of the room so far ([`crate::gate::Handed`]). Empty for a session that does not read, or if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bans: Vec<String>,
}

/// A key of the server that verifies tickets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketKey {
    /// Its id, which tickets contain.
    pub kid: String,
    /// The key.
    pub x: PublicKey,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("access_key_id", &self.access_key_id)
            .field("expiration", &self.expiration)
            .field("vended_at", &self.vended_at)
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .field("stream", &self.stream)
            .field("partition_key", &self.partition_key)
            .finish_non_exhaustive()
    }
}

/// What a session is for: one of the two. No page of ours gets a session for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// `PutRecord` and `PutRecords`.
    Produce,
    /// `ListShards`, `GetShardIterator` and `GetRecords`.
    Consume,
}

impl Purpose {
    /// Its name in requests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Produce => "produce",
            Self::Consume => "consume",
        }
    }
}
