//! What an ID token says of somebody, and whom it makes of them here.

use danmu::{
    rights::Rights,
    viewer::{Name, ViewerId},
};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Map, Number, Value};

use super::settings::IssuerSettings;

/// Somebody who signed in elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Who that is here: always the same for the same person, and for nobody else. It says nothing of them.
    pub viewer: ViewerId,
    /// The name that they go by, where the issuer says one that can be shown.
    pub name: Option<Name>,
    /// What they may do: at least a member's.
    pub rights: Rights,
    /// When the token ends, in Unix seconds.
    pub expires_s: i64,
}

/// The claims that are looked at ([standard claims](https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims)).
#[derive(Deserialize)]
pub(super) struct Claims {
    pub iss: String,
    pub sub: String,
    #[serde(deserialize_with = "numeric_date")]
    pub exp: i64,
    pub aud: Value,
    pub azp: Option<String>,
    pub nonce: Option<String>,
    /// Cognito's: `id` or `access`.
    pub token_use: Option<String>,
    /// All others: names and groups.
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Seconds, of which some issuers tell fractions, too ([RFC 7519, section 2](https://www.rfc-editor.org/rfc/rfc7519#section-2)).
fn numeric_date<'de, D: Deserializer<'de>>(claim: D) -> Result<i64, D::Error> {
    let number = Number::deserialize(claim)?;
    // Beyond what is counted it is the greatest that is.
    let whole = number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds.floor() as i64));
    whole.ok_or_else(|| Error::custom("no number of seconds"))
}

/// Where a name may be, the better first. Never the address of a mailbox: everybody in the room would read it.
const NAMES: [&str; 5] = ["nickname", "name", "preferred_username", "cognito:username", "username"];

impl Claims {
    /// Whom that is, by what the operator says of groups.
    pub(super) fn person(&self, settings: &IssuerSettings) -> Person {
        let groups = match self.others.get(&settings.groups_claim) {
            Some(Value::Array(groups)) => groups.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            // Some issuers write one group, or several with spaces between.
            Some(Value::String(groups)) => groups.split_whitespace().map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        let name = NAMES.iter().filter_map(|name| self.others.get(*name)?.as_str()).find_map(|name| {
            // A pool whose people sign in by their mailbox names them by a number.
            let says_nothing = name == self.sub || name.contains('@');
            (!says_nothing).then(|| Name::try_from(name.trim().to_owned()).ok()).flatten()
        });
        Person { viewer: viewer(&self.iss, &self.sub), name, rights: settings.rights(&groups), expires_s: self.exp }
    }
}

/// `m` and half a SHA-256 over the issuer and what it calls somebody, in hexadecimal digits: 33 characters, as guests have.
fn viewer(issuer: &str, subject: &str) -> ViewerId {
    // An issuer is an address, and has no line in it.
    let hash = digest(&SHA256, [issuer, "\n", subject].concat().as_bytes());
    let id = hash.as_ref()[..16].iter().fold(String::from("m"), |id, byte| id + &format!("{byte:02x}"));
    id.parse().unwrap_or_else(|_| unreachable!("33 visible characters"))
}
