//! The claims of an ID token, and the person that they make here.

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
    /// The viewer id: a hash, so always the same for the same person and issuer, and it reveals nothing.
    pub viewer: ViewerId,
    /// The display name, if the issuer gives one that can be shown.
    pub name: Option<Name>,
    /// What they may do: at least what a member may.
    pub rights: Rights,
    /// When the token ends, in Unix seconds.
    pub expires_s: i64,
}

/// The claims that are read ([standard claims](https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims)).
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
    /// All other claims: names and groups.
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Seconds; some issuers send fractions ([RFC 7519, section 2](https://www.rfc-editor.org/rfc/rfc7519#section-2)).
fn numeric_date<'de, D: Deserializer<'de>>(claim: D) -> Result<i64, D::Error> {
    let number = Number::deserialize(claim)?;
    // The cast saturates.
    let whole = number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds.floor() as i64));
    whole.ok_or_else(|| Error::custom("no number of seconds"))
}

/// Claims that may hold a name, the preferred one first. Never an e-mail address: everybody in the room would read it.
const NAMES: [&str; 5] = ["nickname", "name", "preferred_username", "cognito:username", "username"];

impl Claims {
    /// The person, with the rights that the operator's settings give to the groups.
    pub(super) fn person(&self, settings: &IssuerSettings) -> Person {
        let groups = match self.others.get(&settings.groups_claim) {
            Some(Value::Array(groups)) => groups.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            // Some issuers send a string with one group, or with several separated by spaces.
            Some(Value::String(groups)) => groups.split_whitespace().map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        let name = NAMES.iter().filter_map(|name| self.others.get(*name)?.as_str()).find_map(|name| {
            // A user pool whose people sign in by e-mail uses the subject as their user name.
            let says_nothing = name == self.sub || name.contains('@');
            (!says_nothing).then(|| Name::proved(name).ok()).flatten()
        });
        Person { viewer: viewer(&self.iss, &self.sub), name, rights: settings.rights(&groups), expires_s: self.exp }
    }
}

/// `m` and the first half of a SHA-256 over issuer and subject, in hexadecimal: 33 characters, like a guest's id.
fn viewer(issuer: &str, subject: &str) -> ViewerId {
    // An issuer is a URL without line breaks, so the separator is unambiguous.
    let hash = digest(&SHA256, [issuer, "\n", subject].concat().as_bytes());
    let id = hash.as_ref()[..16].iter().fold(String::from("m"), |id, byte| id + &format!("{byte:02x}"));
    id.parse().unwrap_or_else(|_| unreachable!("33 visible characters"))
}
