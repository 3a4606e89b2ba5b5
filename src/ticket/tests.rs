use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use proptest::prelude::*;

use super::*;
use crate::{
    gate::{Gate, Incoming, Reason},
    record::{self, Danmu, MAX_RECORD_BYTES, RecordId, Unicode},
    room::{Paces, Room, RoomId, Unsigned},
    session::TicketKey,
    viewer::{Name, Role, ViewerId},
};

const NOW_MS: i64 = 1_800_000_000_000;
const UNICODE: Unicode = Unicode { nfc: str::to_owned, graphemes: |text| text.chars().count() };

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

/// The server's.
fn server() -> SigningKey {
    key(1)
}

fn public(key: &SigningKey) -> PublicKey {
    PublicKey::new(key.verifying_key().to_bytes())
}

fn sign(key: &SigningKey, message: &[u8]) -> Signature {
    Signature::new(key.sign(message).to_bytes())
}

fn tickets() -> Tickets {
    Tickets::new(vec![TicketKey { kid: "k1".into(), x: public(&server()) }], 8)
}

fn claims(viewer: &str, key: &SigningKey) -> Claims {
    Claims {
        viewer: viewer.parse().expect("an id"),
        name: None,
        role: Role::Viewer,
        room: RoomId::demo(),
        issued_s: NOW_MS / 1_000,
        expires_s: NOW_MS / 1_000 + 3_600,
        key: public(key),
    }
}

fn seal(message: &str, key: &SigningKey) -> String {
    [message, &sign(key, message.as_bytes()).to_string()].join(".")
}

fn ticket(claims: Claims) -> String {
    seal(&unsigned(claims, "k1"), &server())
}

/// A ticket of these two parts, signed as ours are.
fn odd_ticket(header: &str, claims: &str) -> String {
    let mut message = String::new();
    crate::base64::encode_url(&mut message, header.as_bytes());
    message.push('.');
    crate::base64::encode_url(&mut message, claims.as_bytes());
    seal(&message, &server())
}

fn danmu(text: &str, room: &RoomId) -> Vec<u8> {
    Danmu::new(RecordId::new(NOW_MS, 1), room.clone(), text, NOW_MS).encode()
}

fn record(ticket: &str, key: &SigningKey) -> Vec<u8> {
    let line = danmu("hi", &RoomId::demo());
    Proof { ticket, signature: sign(key, &line) }.attach(line)
}

fn is_true(check: &Check<'_>) -> bool {
    let signature = ed25519_dalek::Signature::from_bytes(check.signature.as_bytes());
    VerifyingKey::from_bytes(check.key.as_bytes()).is_ok_and(|key| key.verify_strict(check.message, &signature).is_ok())
}

/// What a host does.
fn verify(tickets: &mut Tickets, data: &[u8]) -> Result<Bearer, TicketError> {
    let (line, proof) = record::signed(data).ok_or(TicketError::Parts)?;
    let proof = Proof::parse(proof)?;
    let bearer = match tickets.look(proof.ticket)? {
        Look::Known(bearer) => bearer,
        Look::New(ticket) if is_true(&ticket.check()) => tickets.learn(&ticket)?,
        Look::New(_) => return Err(TicketError::TicketForged),
    };
    if is_true(&proof.check(bearer.key, line)) { Ok(bearer) } else { Err(TicketError::RecordForged) }
}

fn gate_of(room: &RoomId) -> Gate {
    let room = Room {
        id: room.clone(),
        title: String::new(),
        video: String::new(),
        poster: None,
        unsigned: Unsigned::Allow,
        paces: Paces::default(),
    };
    Gate::new(&room, UNICODE)
}

/// What the gate of a room says of what a host verified.
fn judge(gate: &mut Gate, room: &RoomId, data: &[u8], arrival_ms: i64) -> Option<Reason> {
    let bearer = verify(&mut tickets(), data).ok();
    let evidence = bearer.as_ref().map(|bearer| &bearer.evidence);
    gate.admit(Incoming { data, partition_key: room.as_str(), sequence_number: "1", arrival_ms, evidence }).err()
}

/// What the gate of the demo says of a record that arrives now.
fn verdict(data: &[u8]) -> Option<Reason> {
    judge(&mut gate_of(&RoomId::demo()), &RoomId::demo(), data, NOW_MS)
}

#[test]
fn a_signed_record_says_whose_it_is() {
    let name: Name = "小明 \"x\"".to_owned().try_into().expect("a name");
    let ann = Claims { name: Some(name.clone()), role: Role::Moderator, ..claims("ann", &key(2)) };
    let data = record(&ticket(ann), &key(2));
    let evidence = verify(&mut tickets(), &data).expect("true").evidence;
    assert_eq!((evidence.viewer.as_str(), &evidence.name, evidence.role), ("ann", &Some(name), Role::Moderator));
    assert_eq!((evidence.issued_ms, evidence.expires_ms), (NOW_MS, NOW_MS + 3_600_000));
    assert_eq!(verdict(&data), None);
}

#[test]
fn a_ticket_is_a_json_web_token_that_anybody_can_read() {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let ticket = ticket(claims("ann", &key(2)));
    let parts: Vec<_> = ticket.split('.').map(|part| BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64")).collect();
    assert_eq!(String::from_utf8_lossy(&parts[0]), r#"{"alg":"EdDSA","typ":"danmu+jwt","kid":"k1"}"#);
    let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, public(&key(2)));
    let wanted = format!(
        r#"{{"sub":"ann","role":"viewer","aud":"demo","iat":1800000000,"exp":1800003600,"cnf":{{"jwk":{jwk}}}}}"#
    );
    assert_eq!(String::from_utf8_lossy(&parts[1]), wanted);
    assert_eq!(parts[2].len(), 64);
}

#[test]
fn the_longest_ticket_fits() {
    let longest = Claims {
        viewer: "\"".repeat(ViewerId::MAX_LEN).parse().expect("an id"),
        name: Some("\"".repeat(Name::MAX_LEN).try_into().expect("a name")),
        role: Role::Moderator,
        room: "a".repeat(RoomId::MAX_LEN).parse().expect("an id"),
        expires_s: i64::MAX / 1_000,
        ..claims("ann", &key(2))
    };
    let ticket = seal(&unsigned(longest, &"k".repeat(43)), &server());
    assert!(ticket.len() <= MAX_TICKET_BYTES, "{}", ticket.len());
    assert!(ticket.len() + 4 * record::MAX_TEXT_BYTES < MAX_RECORD_BYTES * 2);
}

#[test]
fn a_forged_ticket_is_refused() {
    let forged = seal(&unsigned(claims("ann", &key(2)), "k1"), &key(2));
    let data = record(&forged, &key(2));
    assert_eq!(verify(&mut tickets(), &data).map(drop), Err(TicketError::TicketForged));
    assert_eq!(verdict(&data), Some(Reason::Forged));
}

#[test]
fn a_ticket_by_a_key_that_is_not_known_is_refused() {
    let other = seal(&unsigned(claims("ann", &key(2)), "k2"), &key(3));
    let data = record(&other, &key(2));
    assert_eq!(verify(&mut tickets(), &data).map(drop), Err(TicketError::UnknownKey("k2".into())));
    assert_eq!(verdict(&data), Some(Reason::Forged));
}

#[test]
fn a_ticket_of_another_viewer_is_worth_nothing_without_the_key() {
    let (mut tickets, ann) = (tickets(), ticket(claims("ann", &key(2))));
    assert!(verify(&mut tickets, &record(&ann, &key(2))).is_ok());
    // Read off the stream, and known to be true.
    let stolen = record(&ann, &key(3));
    assert_eq!(verify(&mut tickets, &stolen).map(drop), Err(TicketError::RecordForged));
    assert_eq!(verdict(&stolen), Some(Reason::Forged));
}

#[test]
fn a_ticket_replayed_in_another_room_is_refused() {
    let (other, ann) = ("other".parse::<RoomId>().expect("an id"), ticket(claims("ann", &key(2))));
    let line = danmu("hi", &other);
    let data = Proof { ticket: &ann, signature: sign(&key(2), &line) }.attach(line);
    assert_eq!(judge(&mut gate_of(&other), &other, &data, NOW_MS), Some(Reason::OtherRoom));
    // And so is the whole record.
    let data = record(&ann, &key(2));
    assert_eq!(judge(&mut gate_of(&other), &other, &data, NOW_MS), Some(Reason::OtherRoom));
}

#[test]
fn a_record_replayed_within_the_window_and_after_it_is_shown_once() {
    let (demo, data) = (RoomId::demo(), record(&ticket(claims("ann", &key(2))), &key(2)));
    let mut gate = gate_of(&demo);
    assert_eq!(judge(&mut gate, &demo, &data, NOW_MS - 30_000), None);
    for later_ms in [0, 1, 59_999, 60_000] {
        assert_eq!(judge(&mut gate, &demo, &data, NOW_MS + later_ms), Some(Reason::Duplicate));
    }
    for later_ms in [60_001, 90_001, 3_000_000] {
        assert_eq!(judge(&mut gate, &demo, &data, NOW_MS + later_ms), Some(Reason::Stale(later_ms)));
    }
}

#[test]
fn a_changed_text_under_an_old_signature_is_refused() {
    let data = record(&ticket(claims("ann", &key(2))), &key(2));
    let changed = String::from_utf8(data).expect("text").replacen("hi", "no", 1);
    assert_eq!(verify(&mut tickets(), changed.as_bytes()).map(drop), Err(TicketError::RecordForged));
    assert_eq!(verdict(changed.as_bytes()), Some(Reason::Forged));
}

#[test]
fn an_expired_ticket_is_refused_by_the_time_of_arrival() {
    let ended = Claims { expires_s: NOW_MS / 1_000 - 1, ..claims("ann", &key(2)) };
    assert_eq!(verdict(&record(&ticket(ended), &key(2))), Some(Reason::Expired));
}

#[test]
fn a_ticket_without_an_algorithm_or_of_another_one_is_refused() {
    let good = ticket(claims("ann", &key(2)));
    let claims = good.split('.').nth(1).expect("claims");
    for algorithm in ["none", "None", "HS256", "ES256", "RS256", "EdDSA ", ""] {
        let mut header = String::new();
        let text = format!(r#"{{"alg":"{algorithm}","typ":"danmu+jwt","kid":"k1"}}"#);
        crate::base64::encode_url(&mut header, text.as_bytes());
        // Without a signature, and with one.
        let message = [&header, claims].join(".");
        for ticket in [format!("{message}."), seal(&message, &server())] {
            let data = record(&ticket, &key(2));
            let wrong = TicketError::Algorithm(algorithm.into());
            assert_eq!(verify(&mut tickets(), &data).map(drop), Err(wrong));
            assert_eq!(verdict(&data), Some(Reason::Forged));
        }
    }
}

#[test]
fn a_header_that_asks_for_more_is_refused() {
    let good = ticket(claims("ann", &key(2)));
    assert!(verify(&mut tickets(), &record(&good, &key(2))).is_ok());
    for header in [
        r#"{"alg":"EdDSA","typ":"danmu+jwt","kid":"k1","crit":["exp"]}"#,
        r#"{"alg":"EdDSA","typ":"danmu+jwt","kid":"k1","alg":"none"}"#,
        r#"{"alg":"EdDSA","typ":"JWT","kid":"k1"}"#,
        r#"{"alg":"EdDSA","typ":"danmu+jwt","kid":""}"#,
        r#"{"alg":"EdDSA","typ":"danmu+jwt"}"#,
        r#"{"typ":"danmu+jwt","alg":"EdDSA","kid":"k1"}"#,
        r#"{"alg":"EdDSA","typ":"danmu+jwt","kid":"k1"} "#,
        "{}",
        "",
    ] {
        let odd = odd_ticket(header, "{}");
        assert_eq!(
            verify(&mut tickets(), &record(&odd, &key(2))).map(drop),
            Err(TicketError::Header(header.into())),
            "{header}"
        );
    }
}

#[test]
fn a_key_of_another_type_is_refused_even_in_a_ticket_of_ours() {
    let x = public(&key(2)).to_string();
    for (kty, crv) in [("EC", "P-256"), ("OKP", "X25519"), ("OKP", "Ed448"), ("RSA", "Ed25519"), ("oct", "")] {
        let claims = format!(
            r#"{{"sub":"ann","role":"viewer","aud":"demo","iat":1800000000,"exp":1800003600,"cnf":{{"jwk":{{"kty":"{kty}","crv":"{crv}","x":"{x}"}}}}}}"#
        );
        let odd = odd_ticket(r#"{"alg":"EdDSA","typ":"danmu+jwt","kid":"k1"}"#, &claims);
        let data = record(&odd, &key(2));
        let wrong = TicketError::Key { kty: kty.into(), crv: crv.into() };
        assert_eq!(verify(&mut tickets(), &data).map(drop), Err(wrong));
        assert_eq!(verdict(&data), Some(Reason::Forged));
    }
}

#[test]
fn a_clock_that_is_ten_minutes_off_is_found_out() {
    let (demo, ann) = (RoomId::demo(), ticket(claims("ann", &key(2))));
    for off_ms in [-600_000, 600_000] {
        let at = NOW_MS + off_ms;
        let line = Danmu::new(RecordId::new(at, 1), demo.clone(), "hi", at).encode();
        let data = Proof { ticket: &ann, signature: sign(&key(2), &line) }.attach(line);
        assert_eq!(verdict(&data), Some(Reason::Stale(-off_ms)));
    }
}

#[test]
fn a_ticket_of_ten_megabytes_is_refused_before_it_is_decoded() {
    let huge = "A".repeat(10 << 20);
    assert_eq!(tickets().look(&huge).map(drop), Err(TicketError::TooLong(10 << 20)));
    let line = format!("{huge}.{}", "A".repeat(86));
    assert_eq!(Proof::parse(&line), Err(TicketError::TooLong(10 << 20)));
    // No record is as long, either.
    let data = record(&huge, &key(2));
    assert_eq!(record::signed(&data), None);
    assert!(matches!(verdict(&data), Some(Reason::Record(_))));
    // The longest that is looked at, one byte more, and the length is all that is said of it.
    assert_eq!(tickets().look(&huge[..MAX_TICKET_BYTES]).map(drop), Err(TicketError::Parts));
    assert_eq!(tickets().look(&huge[..=MAX_TICKET_BYTES]).map(drop), Err(TicketError::TooLong(MAX_TICKET_BYTES + 1)));
}

#[test]
fn a_key_of_small_order_that_signs_everything_signs_nothing() {
    // The neutral element: for it a signature of zeros and the same point fits every message.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    let claims = Claims { key: PublicKey::new(neutral), ..claims("ann", &key(2)) };
    let (line, ticket) = (danmu("hi", &RoomId::demo()), ticket(claims));
    let data = Proof { ticket: &ticket, signature: Signature::new(signature) }.attach(line);
    assert_eq!(verify(&mut tickets(), &data).map(drop), Err(TicketError::RecordForged));
}

#[test]
fn memory_of_tickets_is_bounded_and_keeps_those_that_speak() {
    let (mut tickets, ann) = (tickets(), record(&ticket(claims("ann", &key(2))), &key(2)));
    for n in 0..100 {
        let data = record(&ticket(claims(&n.to_string(), &key(2))), &key(2));
        assert!(verify(&mut tickets, &data).is_ok());
        assert!(verify(&mut tickets, &ann).is_ok());
        assert!(tickets.remembered() <= 16, "{}", tickets.remembered());
    }
    let (_, proof) = record::signed(&ann).expect("signed");
    let known = tickets.look(Proof::parse(proof).expect("a proof").ticket);
    assert!(matches!(known, Ok(Look::Known(_))));
    // Forged ones leave nothing behind.
    let (before, forged) = (tickets.remembered(), seal(&unsigned(claims("eve", &key(2)), "k1"), &key(2)));
    assert!(verify(&mut tickets, &record(&forged, &key(2))).is_err());
    assert_eq!(tickets.remembered(), before);
}

#[test]
fn a_key_that_is_taken_back_takes_its_tickets_with_it() {
    let (mut tickets, data) = (tickets(), record(&ticket(claims("ann", &key(2))), &key(2)));
    assert!(verify(&mut tickets, &data).is_ok());
    let next = TicketKey { kid: "k2".into(), x: public(&key(9)) };
    tickets.rekey(vec![TicketKey { kid: "k1".into(), x: public(&server()) }, next.clone()]);
    assert!(verify(&mut tickets, &data).is_ok());
    let (_, proof) = record::signed(&data).expect("signed");
    let Ok(Look::New(late)) = self::tickets().look(Proof::parse(proof).expect("a proof").ticket) else {
        panic!("it is not known yet")
    };
    tickets.rekey(vec![next]);
    // While its signature was computed.
    assert!(matches!(tickets.learn(&late), Err(TicketError::UnknownKey(_))));
    assert_eq!(verify(&mut tickets, &data).map(drop), Err(TicketError::UnknownKey("k1".into())));
}

prop_compose! {
    fn any_claims()(
        viewer in "[!-~]{1,64}",
        name in prop::option::of("[a-z \"\\\\弹é]{1,16}".prop_filter_map("no name", |name| Name::try_from(name).ok())),
        role in prop::sample::select(vec![Role::Viewer, Role::Member, Role::Moderator, Role::Streamer]),
        room in "[a-z0-9][a-z0-9_-]{0,63}",
        issued_s in 0_i64..1 << 40,
        life_s in 0_i64..1 << 40,
        seed: u8,
    ) -> (Claims, SigningKey) {
        let key = key(seed);
        let (viewer, room) = (viewer.parse().expect("an id"), room.parse().expect("an id"));
        let claims =
            Claims { viewer, name, role, room, issued_s, expires_s: issued_s + life_s, key: public(&key) };
        (claims, key)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_issued_verifies((claims, key) in any_claims(), text in "[a-z弹 ]{1,40}") {
        prop_assume!(record::check_text(&text, UNICODE).is_ok());
        let (line, ticket) = (danmu(&text, &claims.room), ticket(claims.clone()));
        prop_assert!(ticket.len() <= MAX_TICKET_BYTES);
        let data = Proof { ticket: &ticket, signature: sign(&key, &line) }.attach(line);
        let Bearer { key, evidence } = verify(&mut tickets(), &data).expect("true");
        prop_assert_eq!(key, claims.key);
        prop_assert_eq!(&evidence.viewer, &claims.viewer);
        prop_assert_eq!(&evidence.name, &claims.name);
        prop_assert_eq!((evidence.role, &evidence.room), (claims.role, &claims.room));
        prop_assert_eq!((evidence.issued_ms, evidence.expires_ms), (claims.issued_s * 1_000, claims.expires_s * 1_000));
    }

    /// Wherever it is: in the danmu, the ticket, either signature, or between them.
    #[test]
    fn any_flipped_bit_does_not_verify((claims, key) in any_claims(), at: prop::sample::Index, bit in 0_u8..8) {
        let mut data = record(&ticket(claims), &key);
        let at = at.index(data.len());
        data[at] ^= 1 << bit;
        prop_assert!(verify(&mut tickets(), &data).is_err());
    }

    #[test]
    fn no_bytes_make_the_parser_panic(data: Vec<u8>, line in "\\PC{0,40}", header in "\\PC{0,60}", claims in "\\PC{0,60}") {
        let _ = verify(&mut tickets(), &data);
        let _ = verify(&mut tickets(), &[&b"{\n"[..], &data].concat());
        let _ = Proof::parse(&line);
        let _ = tickets().look(&line).map(drop);
        let _ = line.parse::<PublicKey>();
        // Signed by us, so that all of it is read.
        let claims = [
            claims.clone(),
            format!("{{{claims}}}"),
            format!(r#"{{"sub":"{claims}","role":"viewer","aud":"demo","iat":1,"exp":9e99,"cnf":{{"jwk":{{"kty":"OKP","crv":"Ed25519","x":"{claims}"}}}}}}"#),
        ];
        for claims in claims {
            for header in [&header, r#"{"alg":"EdDSA","typ":"danmu+jwt","kid":"k1"}"#] {
                let _ = verify(&mut tickets(), &record(&odd_ticket(header, &claims), &key(2)));
            }
        }
    }
}
