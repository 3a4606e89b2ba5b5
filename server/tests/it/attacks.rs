//! Attackers at the real program: each row of the list of attacks that is about tickets. Whoever holds put credentials writes
//! whatever bytes it likes; so do these, through the stream's own API. What a viewer of the room is told, and what the server
//! counts, is what came of it.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use aws_sdk_kinesis::primitives::Blob;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use danmu::{
    feed::{Item, Told},
    record::{Danmu, RecordId},
    room::RoomId,
    session::Session,
    ticket::{Claims, MAX_TICKET_BYTES, Proof, PublicKey, Signature, unsigned},
    viewer::{Role, ViewerId},
};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::Value;

use crate::{
    program::{Answer, Program},
    world::{Failure, STREAM, Test},
    writers::kinesis,
};

/// A room that shows what is not signed, and one that does not.
const ROOMS: &str = "[[rooms]]\nid = 'demo'\nvideo = ''\nunsigned = 'allow'\n[[rooms]]\nid = 'strict'\nvideo = ''\n";
const PATIENCE: Duration = Duration::from_secs(20);

/// The program, and who posts to its stream.
struct Scene {
    program: Program,
    client: aws_sdk_kinesis::Client,
}

/// A viewer with a key and a ticket for it.
struct Author {
    key: SigningKey,
    ticket: String,
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public(key: &SigningKey) -> PublicKey {
    PublicKey::new(key.verifying_key().to_bytes())
}

fn sign(key: &SigningKey, message: &[u8]) -> Signature {
    Signature::new(key.sign(message).to_bytes())
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or_default()
}

/// Line 1 of what is said in a room, as if it were so much later now.
fn line(room: &str, text: &str, later_ms: i64) -> Result<Vec<u8>, Failure> {
    let at = now_ms() + later_ms;
    let random = u128::from(getrandom::u64()?);
    Ok(Danmu::new(RecordId::new(at, random), room.parse()?, text, at).encode())
}

fn claims(viewer: &str, key: &SigningKey) -> Result<Claims, Failure> {
    let (viewer, room) = (viewer.parse()?, RoomId::demo());
    let issued_s = now_ms() / 1_000;
    Ok(Claims { viewer, name: None, role: Role::Viewer, room, issued_s, expires_s: issued_s + 3_600, key: public(key) })
}

impl Author {
    fn sign(&self, line: Vec<u8>) -> Vec<u8> {
        Proof { ticket: &self.ticket, signature: sign(&self.key, &line) }.attach(line)
    }

    /// What it says in a room now.
    fn say(&self, room: &str, text: &str) -> Result<Vec<u8>, Failure> {
        Ok(self.sign(line(room, text, 0)?))
    }
}

impl Scene {
    fn start() -> Result<Self, Failure> {
        let program = Program::start_with(ROOMS, &[])?;
        program.get_ready()?;
        let client = kinesis(&program, &program.stream)?;
        Ok(Self { program, client })
    }

    fn session(&self, room: &str, key: &str, head: &[&str]) -> Result<Answer, Failure> {
        self.program.session_with(room, "produce", &format!("&key={key}"), head)
    }

    /// A viewer who comes through the door as everybody.
    fn author(&self, room: &str, seed: u8) -> Result<Author, Failure> {
        let key = key(seed);
        let answer = self.session(room, &public(&key).to_string(), &[])?;
        let session: Session = serde_json::from_str(&answer.body)?;
        Ok(Author { key, ticket: session.ticket.ok_or("no ticket")? })
    }

    /// The key that the server signs by, and its id: what no attacker has.
    fn server_key(&self) -> Result<(SigningKey, String), Failure> {
        let path = self.program.directory().join("data/ticket-keys.json");
        let file: Value = serde_json::from_slice(&std::fs::read(path)?)?;
        let seed = BASE64_URL_SAFE_NO_PAD.decode(file["keys"][0]["seed"].as_str().unwrap_or_default())?;
        let answer = self.program.session("demo", "consume", &[])?;
        let session: Session = serde_json::from_str(&answer.body)?;
        let key = SigningKey::from_bytes(seed.as_slice().try_into()?);
        assert_eq!(session.ticket_keys.len(), 1);
        assert_eq!(
            session.ticket_keys[0].x,
            public(&key),
            "whoever reads directly has the key that tickets are signed by"
        );
        Ok((key, session.ticket_keys[0].kid.clone()))
    }

    async fn put(&self, room: &str, data: Vec<u8>) -> Test {
        let put = self.client.put_record().stream_name(STREAM).partition_key(room).data(Blob::new(data));
        put.send().await?;
        Ok(())
    }

    /// Puts a record, which must be refused for that reason and told to nobody.
    async fn refuses(&self, room: &str, data: Vec<u8>, reason: &str) -> Test {
        let name = format!("danmu_refused_total{{reason=\"{reason}\"}}");
        let (before, told) = (self.program.figure(&name)?, self.told(room)?);
        self.put(room, data).await?;
        let since = Instant::now();
        while self.program.figure(&name)? != before + 1 {
            assert!(since.elapsed() < PATIENCE, "it was not refused as {reason}; {:?} is told", self.told(room)?);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(self.told(room)?, told);
        Ok(())
    }

    /// Puts a record, which must be told with this text.
    async fn shows(&self, room: &str, data: Vec<u8>, text: &str) -> Result<Item, Failure> {
        self.put(room, data).await?;
        let since = Instant::now();
        loop {
            if let Some(item) = self.told(room)?.into_iter().find(|item| item.text == text) {
                return Ok(item);
            }
            assert!(since.elapsed() < PATIENCE, "{text:?} is not told");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What a viewer who joins is told.
    fn told(&self, room: &str) -> Result<Vec<Item>, Failure> {
        let authority = self.program.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(authority)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET /rooms/{room}/events?history=50 HTTP/1.1\r\nHost: {authority}\r\n\r\n")?;
        let mut text = String::new();
        let hello = loop {
            let mut bytes = [0; 4_096];
            let count = stream.read(&mut bytes)?;
            text += std::str::from_utf8(&bytes[..count])?;
            let after = text.split_once("event: hello\n").and_then(|(_, rest)| rest.split_once("\n\n"));
            match after {
                Some((hello, _)) => break hello,
                None if count == 0 => return Err(format!("no hello: {text}").into()),
                None => {}
            }
        };
        let data = hello.lines().find_map(|line| line.strip_prefix("data: ")).ok_or("a hello without data")?;
        Ok(serde_json::from_str::<Told>(data)?.danmu)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_is_told_by_its_id_where_only_signed_danmu_are_shown_and_who_does_not_is_not_shown() -> Test {
    let scene = Scene::start()?;
    let ann = scene.author("strict", 1)?;
    let item = scene.shows("strict", ann.say("strict", "hi")?, "hi").await?;
    let viewer: ViewerId = item.viewer.ok_or("no viewer")?.parse()?;
    assert!(viewer.as_str().starts_with('g') && viewer.as_str().len() == 33, "{viewer}");
    assert_eq!((item.name, item.role), (None, Role::Viewer));
    scene.refuses("strict", line("strict", "nameless", 0)?, "unsigned").await?;
    scene.refuses("strict", b"plain".to_vec(), "unsigned").await?;
    // The other room shows both, these without a name.
    let plain = scene.shows("demo", b"plain".to_vec(), "plain").await?;
    assert_eq!((plain.viewer, plain.name), (None, None));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_ticket_is_not_shown_not_even_without_a_name() -> Test {
    let scene = Scene::start()?;
    let (_, kid) = scene.server_key()?;
    let eve = key(66);
    let message = unsigned(claims("ann", &eve)?, &kid);
    let ticket = format!("{message}.{}", sign(&eve, message.as_bytes()));
    let forger = Author { key: eve, ticket };
    scene.refuses("demo", forger.say("demo", "forged")?, "forged").await?;
    // No proof at all is another matter.
    for proof in ["ticket.signature", "a.b.c.d", "."] {
        let data = [&line("demo", "forged", 0)?[..], b"\n", proof.as_bytes()].concat();
        scene.refuses("demo", data, "forged").await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_of_another_viewer_that_was_read_off_the_stream_is_worth_nothing() -> Test {
    let scene = Scene::start()?;
    let ann = scene.author("demo", 1)?;
    scene.shows("demo", ann.say("demo", "ann herself")?, "ann herself").await?;
    let thief = Author { key: key(66), ticket: ann.ticket.clone() };
    scene.refuses("demo", thief.say("demo", "not ann")?, "forged").await?;
    // And it spoils nothing for her.
    scene.shows("demo", ann.say("demo", "ann again")?, "ann again").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_replayed_in_another_room_is_refused() -> Test {
    let scene = Scene::start()?;
    let ann = scene.author("demo", 1)?;
    scene.refuses("strict", ann.say("strict", "elsewhere")?, "other_room").await?;
    // So is the record that she said here.
    let said = ann.say("demo", "here")?;
    scene.shows("demo", said.clone(), "here").await?;
    scene.refuses("strict", said, "other_room").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_record_is_shown_once_now_and_not_at_all_later() -> Test {
    let scene = Scene::start()?;
    let ann = scene.author("strict", 1)?;
    let said = ann.say("strict", "once")?;
    scene.shows("strict", said.clone(), "once").await?;
    scene.refuses("strict", said.clone(), "duplicate").await?;
    scene.refuses("strict", said, "duplicate").await?;
    // Kept back until nobody knows any more whether it was shown.
    scene.refuses("strict", ann.sign(line("strict", "once", -61_000)?), "stale").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_text_under_an_old_signature_is_refused() -> Test {
    let scene = Scene::start()?;
    let ann = scene.author("demo", 1)?;
    let said = String::from_utf8(ann.say("demo", "I like it")?)?;
    scene.refuses("demo", said.replacen("like", "hate", 1).into_bytes(), "forged").await?;
    scene.refuses("demo", said.replacen(r#""v":1"#, r#""v":1,"mode":"top""#, 1).into_bytes(), "forged").await?;
    scene.shows("demo", said.into_bytes(), "I like it").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_ticket_is_refused() -> Test {
    let scene = Scene::start()?;
    let (server, kid) = scene.server_key()?;
    let author = |issued_s: i64, expires_s: i64| -> Result<Author, Failure> {
        let message = unsigned(Claims { issued_s, expires_s, ..claims("ann", &key(1))? }, &kid);
        let ticket = format!("{message}.{}", sign(&server, message.as_bytes()));
        Ok(Author { key: key(1), ticket })
    };
    let now_s = now_ms() / 1_000;
    scene.shows("demo", author(now_s, now_s + 60)?.say("demo", "in time")?, "in time").await?;
    scene.refuses("demo", author(now_s - 3_600, now_s - 2)?.say("demo", "late")?, "expired").await?;
    scene.refuses("demo", author(now_s + 360, now_s + 3_600)?.say("demo", "early")?, "expired").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_with_alg_none_or_another_one_is_refused() -> Test {
    let scene = Scene::start()?;
    let ann = scene.author("demo", 1)?;
    let (server, kid) = scene.server_key()?;
    let body = ann.ticket.split('.').nth(1).ok_or("claims")?;
    for algorithm in ["none", "HS256", "ES256"] {
        let header = format!(r#"{{"alg":"{algorithm}","typ":"danmu+jwt","kid":"{kid}"}}"#);
        let message = format!("{}.{body}", BASE64_URL_SAFE_NO_PAD.encode(header));
        // With no signature, and with one by the server's own key, should anybody ever have that.
        for signature in [String::new(), sign(&server, message.as_bytes()).to_string()] {
            let author = Author { key: key(1), ticket: format!("{message}.{signature}") };
            scene.refuses("demo", author.say("demo", algorithm)?, "forged").await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_type_gets_no_ticket() -> Test {
    let scene = Scene::start()?;
    let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    // A point of P-256, a key of RSA, one of small order, and one that is not on the curve.
    let (p256, mut neutral, mut off) = ([4; 65], [0; 32], [0; 32]);
    (neutral[0], off[0]) = (1, 2);
    for bytes in [&p256[..], &[1; 256], &neutral, &off] {
        let refused = scene.session("demo", &text(bytes), &[])?;
        assert_eq!(refused.status, 400, "{bytes:?}: {}", refused.body);
        assert!(!refused.body.contains("ticket\""), "{}", refused.body);
    }
    let padded = format!("{}%3D", public(&key(1)));
    assert_eq!(scene.session("demo", &padded, &[])?.status, 400);
    assert_eq!(scene.session("demo", &public(&key(1)).to_string(), &[])?.status, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_ten_minutes_off_either_way_is_found_out() -> Test {
    let scene = Scene::start()?;
    let ann = scene.author("strict", 1)?;
    for later_ms in [-600_000, 600_000] {
        scene.refuses("strict", ann.sign(line("strict", "off", later_ms)?), "stale").await?;
    }
    // A little is forgiven.
    scene.shows("strict", ann.sign(line("strict", "a little off", 20_000)?), "a little off").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_of_ten_megabytes_costs_nothing_and_shows_nothing() -> Test {
    let scene = Scene::start()?;
    let huge = Author { key: key(1), ticket: "A".repeat(10 << 20) };
    // The stream takes none of it,
    let data = huge.say("demo", "huge")?;
    assert!(scene.put("demo", data).await.is_err());
    // the longest that the stream takes is not read,
    let long = Author { key: key(1), ticket: "A".repeat(1_000_000) };
    scene.refuses("demo", long.say("demo", "long")?, "unreadable").await?;
    // what is read is not decoded,
    let ticket = format!("{}.A", "A".repeat(MAX_TICKET_BYTES));
    scene.refuses("demo", Author { key: key(1), ticket }.say("demo", "longer than any")?, "forged").await?;
    // and no such key is taken in.
    let answer = scene.session("demo", &"A".repeat(1 << 20), &[]);
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status == 413));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cross_site_call_of_the_server_function_is_refused_and_makes_no_guest() -> Test {
    let scene = Scene::start()?;
    let key = public(&key(1)).to_string();
    for foreign in [
        "Origin: https://evil.example",
        "Origin: null",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "Referer: https://evil.example/room/demo",
    ] {
        let refused = scene.session("demo", &key, &[foreign])?;
        assert_eq!(refused.status, 403, "{foreign}: {}", refused.body);
        assert!(!refused.head.contains("set-cookie"), "{foreign}: {}", refused.head);
        assert!(!refused.head.contains("access-control-allow"), "{foreign}: {}", refused.head);
    }
    // Nor by a link or a picture of another site: it is not there for GET.
    assert_ne!(scene.program.ask("GET /api/session?room=demo&purpose=produce", &[], "")?.status, 200);
    let own = [&*format!("Origin: {}", scene.program.url), "Sec-Fetch-Site: same-origin"];
    let answer = scene.session("demo", &key, &own)?;
    assert_eq!(answer.status, 200, "{}", answer.body);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_is_the_same_with_its_cookie_and_nobody_takes_its_id_with_another() -> Test {
    let scene = Scene::start()?;
    let key = public(&key(1)).to_string();
    let viewer = |answer: &Answer| -> Result<String, Failure> {
        let session: Session = serde_json::from_str(&answer.body)?;
        let ticket = session.ticket.ok_or("no ticket")?;
        let claims = BASE64_URL_SAFE_NO_PAD.decode(ticket.split('.').nth(1).ok_or("claims")?)?;
        let claims: Value = serde_json::from_slice(&claims)?;
        assert_eq!(claims["aud"], "demo");
        assert_eq!(claims["exp"].as_i64().map(|s| s * 1_000), Some(session.expiration), "it ends with the session");
        Ok(claims["sub"].as_str().ok_or("no viewer")?.to_owned())
    };
    let first = scene.session("demo", &key, &[])?;
    let set = first.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).ok_or("no cookie")?;
    for attribute in ["httponly", "samesite=strict", "path=/", "max-age=31536000"] {
        assert!(set.contains(attribute), "{set}");
    }
    // As it was sent: the head that was looked at is in lower case.
    let cookie = first.cookie("danmu_guest").ok_or("no cookie")?;
    let again = scene.session("demo", &key, &[&format!("Cookie: lang=zh; danmu_guest={cookie}")])?;
    assert_eq!(viewer(&again)?, viewer(&first)?);
    assert!(!again.head.contains("set-cookie"), "{}", again.head);
    let id = viewer(&first)?;
    for forged in [id.clone(), format!("{id}."), format!("{id}.{}", "A".repeat(43)), format!("x{cookie}")] {
        let other = scene.session("demo", &key, &[&format!("Cookie: danmu_guest={forged}")])?;
        assert_ne!(viewer(&other)?, id, "{forged}");
        assert!(other.cookie("danmu_guest").is_some());
    }
    Ok(())
}
