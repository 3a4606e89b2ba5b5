//! A ticket's claims, and its form.
//!
//! The header is a fixed text except for the key id, and compared, not parsed: it cannot choose an algorithm.

use serde::{Deserialize, Serialize};

use super::{PublicKey, TicketError};
use crate::{
    base64,
    gate::Evidence,
    room::RoomId,
    viewer::{Name, Role, ViewerId},
};

const ALGORITHM: &str = "EdDSA";
const KEY_TYPE: &str = "OKP";
const CURVE: &str = "Ed25519";

/// The claims of a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Who the viewer is (`sub`).
    pub viewer: ViewerId,
    /// The viewer's display name, if any (`name`).
    pub name: Option<Name>,
    /// The viewer's role (`role`).
    pub role: Role,
    /// The room (`aud`).
    pub room: RoomId,
    /// When it was issued, in Unix seconds (`iat`).
    pub issued_s: i64,
    /// When it expires, in Unix seconds (`exp`).
    pub expires_s: i64,
    /// The viewer's own public key (`cnf`).
    pub key: PublicKey,
}

/// The same in JSON ([RFC 7519, 4](https://www.rfc-editor.org/rfc/rfc7519#section-4)).
#[derive(Serialize, Deserialize)]
struct Wire {
    sub: ViewerId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Name>,
    role: Role,
    aud: RoomId,
    iat: i64,
    exp: i64,
    cnf: Confirmation,
}

/// [RFC 7800, 3.2](https://www.rfc-editor.org/rfc/rfc7800#section-3.2).
#[derive(Serialize, Deserialize)]
struct Confirmation {
    jwk: Jwk,
}

/// [RFC 8037, 2](https://www.rfc-editor.org/rfc/rfc8037#section-2). `x` stays text until `kty` and `crv` are checked.
#[derive(Serialize, Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    x: String,
}

/// Header and claims, to be signed by the key of that id. Followed by a full stop and the signature, they are a ticket.
#[must_use]
pub fn unsigned(claims: Claims, kid: &str) -> String {
    let Claims { viewer: sub, name, role, room: aud, issued_s: iat, expires_s: exp, key } = claims;
    let jwk = Jwk { kty: KEY_TYPE.into(), crv: CURVE.into(), x: key.to_string() };
    let wire = Wire { sub, name, role, aud, iat, exp, cnf: Confirmation { jwk } };
    let mut text = String::new();
    base64::encode_url(&mut text, [r#"{"alg":"EdDSA","typ":"danmu+jwt","kid":""#, kid, r#""}"#].concat().as_bytes());
    text.push('.');
    // Cannot fail: no map with non-string keys.
    base64::encode_url(&mut text, &serde_json::to_vec(&wire).unwrap_or_default());
    text
}

/// The id of the signing key, from the decoded header.
pub(super) fn key_id(header: Vec<u8>) -> Result<String, TicketError> {
    let header = String::from_utf8(header).map_err(|_| TicketError::Base64("header"))?;
    let Some((algorithm, rest)) = header.strip_prefix(r#"{"alg":""#).and_then(|rest| rest.split_once('"')) else {
        return Err(TicketError::Header(header));
    };
    if algorithm != ALGORITHM {
        return Err(TicketError::Algorithm(algorithm.to_owned()));
    }
    let kid = rest.strip_prefix(r#","typ":"danmu+jwt","kid":""#).and_then(|rest| rest.strip_suffix(r#""}"#));
    // No quote, so no further member; no escape, so one spelling only.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match kid {
        Some(kid) if !kid.is_empty() && kid.chars().all(plain) => Ok(kid.to_owned()),
        _ => Err(TicketError::Header(header)),
    }
}

/// The viewer's key and the evidence for the gate, from the decoded claims.
pub(super) fn read(claims: &[u8]) -> Result<(PublicKey, Evidence), TicketError> {
    let wire: Wire = serde_json::from_slice(claims).map_err(|error| TicketError::Claims(error.to_string()))?;
    let Wire { sub: viewer, name, role, aud: room, iat, exp, cnf: Confirmation { jwk: Jwk { kty, crv, x } } } = wire;
    if kty != KEY_TYPE || crv != CURVE {
        return Err(TicketError::Key { kty, crv });
    }
    let ms = |s: i64| s.saturating_mul(1_000);
    Ok((x.parse()?, Evidence { viewer, name, role, room, issued_ms: ms(iat), expires_ms: ms(exp) }))
}
