//! Fixture for attacks: the real program and authors who post to its stream. A holder of put credentials can write any bytes,
//! and so do the authors here, through the stream's own API. The result is what a viewer of the room is told and what the
//! server counts.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use aws_sdk_kinesis::{
    error::ProvideErrorMetadata, operation::put_record::builders::PutRecordFluentBuilder, primitives::Blob,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use danmu::{
    feed::{Item, Told},
    record::{Danmu, RecordId},
    room::RoomId,
    session::Session,
    ticket::{Claims, Proof, PublicKey, Signature},
    viewer::Role,
};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::Value;

use crate::{
    program::{Answer, Program},
    world::{Failure, PATIENCE, STREAM, Test},
    writers::kinesis,
};

/// A room that shows what is not signed, and one that does not.
const ROOMS: &str = "[[rooms]]\nid = 'demo'\nvideo = ''\nunsigned = 'allow'\n[[rooms]]\nid = 'strict'\nvideo = ''\n";

/// The program, and who posts to its stream.
pub struct Scene {
    pub program: Program,
    client: aws_sdk_kinesis::Client,
}

/// A viewer with a key and a ticket for it.
pub struct Author {
    pub key: SigningKey,
    pub ticket: String,
}

pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub fn public(key: &SigningKey) -> PublicKey {
    PublicKey::new(key.verifying_key().to_bytes())
}

pub fn sign(key: &SigningKey, message: &[u8]) -> Signature {
    Signature::new(key.sign(message).to_bytes())
}

/// A ticket: header and claims, signed by that key.
pub fn seal(message: &str, key: &SigningKey) -> String {
    format!("{message}.{}", sign(key, message.as_bytes()))
}

pub fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or_default()
}

/// Line 1 of what is said in a room, as if it were so much later now.
pub fn line(room: &str, text: &str, later_ms: i64) -> Result<Vec<u8>, Failure> {
    let at = now_ms() + later_ms;
    let random = u128::from(getrandom::u64()?);
    Ok(Danmu::new(RecordId::new(at, random), room.parse()?, text, at).encode())
}

pub fn claims(viewer: &str, key: PublicKey) -> Result<Claims, Failure> {
    let (viewer, room) = (viewer.parse()?, RoomId::demo());
    let issued_s = now_ms() / 1_000;
    Ok(Claims { viewer, name: None, role: Role::Viewer, room, issued_s, expires_s: issued_s + 3_600, key })
}

impl Author {
    pub fn sign(&self, line: Vec<u8>) -> Vec<u8> {
        Proof { ticket: &self.ticket, signature: sign(&self.key, &line) }.attach(line)
    }

    /// What it says in a room now.
    pub fn say(&self, room: &str, text: &str) -> Result<Vec<u8>, Failure> {
        Ok(self.sign(line(room, text, 0)?))
    }
}

impl Scene {
    pub fn start() -> Result<Self, Failure> {
        let program = Program::start_with(ROOMS, &[])?;
        program.get_ready()?;
        let client = kinesis(&program, &program.stream)?;
        Ok(Self { program, client })
    }

    pub fn session(&self, room: &str, key: &str, head: &[&str]) -> Result<Answer, Failure> {
        self.program.session_with(room, "produce", &format!("&key={key}"), head)
    }

    /// A viewer who comes through the door as everybody.
    pub fn author(&self, room: &str, seed: u8) -> Result<Author, Failure> {
        let key = key(seed);
        let answer = self.session(room, &public(&key).to_string(), &[])?;
        let session: Session = serde_json::from_str(&answer.body)?;
        Ok(Author { key, ticket: session.ticket.ok_or("no ticket")? })
    }

    /// The key that the server signs by, and its id: what no attacker has.
    pub fn server_key(&self) -> Result<(SigningKey, String), Failure> {
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

    fn put(&self, room: &str, data: Vec<u8>) -> PutRecordFluentBuilder {
        self.client.put_record().stream_name(STREAM).partition_key(room).data(Blob::new(data))
    }

    /// Puts what the stream itself refuses; by what name it does.
    pub async fn does_not_take(&self, room: &str, data: Vec<u8>) -> Result<String, Failure> {
        let error = self.put(room, data).send().await.err().ok_or("the stream takes it")?;
        Ok(error.code().ok_or_else(|| error.to_string())?.to_owned())
    }

    /// How many records were refused so far, by reason.
    fn refused(&self) -> Result<BTreeMap<String, u64>, Failure> {
        let text = self.program.ask("GET /metrics", &[], "")?.body;
        let lines =
            text.lines().filter_map(|line| line.strip_prefix("danmu_refused_total{reason=\"")?.split_once("\"} "));
        lines.map(|(reason, count)| Ok((reason.to_owned(), count.parse()?))).collect()
    }

    /// Puts a record, which must be refused for that reason, and for no other, and told to nobody.
    pub async fn refuses(&self, room: &str, data: Vec<u8>, reason: &str) -> Test {
        let (before, told) = (self.refused()?, self.told(room)?);
        let mut wanted = before.clone();
        *wanted.entry(reason.to_owned()).or_default() += 1;
        self.put(room, data).send().await?;
        let since = Instant::now();
        loop {
            let refused = self.refused()?;
            assert_eq!(self.told(room)?, told, "what should be refused as {reason} is told");
            if refused != before {
                assert_eq!(refused, wanted, "what should be refused as {reason} is refused otherwise");
                return Ok(());
            }
            assert!(since.elapsed() < PATIENCE, "nothing becomes of what should be refused as {reason}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Puts a record, which must be told with this text.
    pub async fn shows(&self, room: &str, data: Vec<u8>, text: &str) -> Result<Item, Failure> {
        self.put(room, data).send().await?;
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
