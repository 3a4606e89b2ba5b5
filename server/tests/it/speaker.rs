//! A viewer who speaks as a page does, helpers for bans, and screens that follow a replica's feed.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use aws_sdk_kinesis::{config::Credentials, error::ProvideErrorMetadata, primitives::Blob};
use danmu::{
    feed::Told,
    record::{Danmu, RecordId},
    room::RoomId,
    session::Session,
    ticket::{Proof, PublicKey, Signature},
};
use ed25519_dalek::{Signer, SigningKey};

use crate::{
    program::{Answer, Program, address},
    world::{Failure, PATIENCE, STREAM, Test},
    writers::client_with,
};

/// What the gate has refused of banned viewers.
pub const BANNED: &str = "danmu_refused_total{reason=\"banned\"}";

pub fn now_ms() -> i64 {
    danmu_stream::Clock::now_ms(&danmu_stream::SystemClock)
}

/// A viewer as a page has it: a cookie, credentials, a key and a ticket for it.
pub struct Viewer {
    pub id: String,
    pub cookie: String,
    pub key: SigningKey,
    pub ticket: String,
    pub client: aws_sdk_kinesis::Client,
    /// The room that the ticket is for.
    pub room: RoomId,
}

pub fn ask(program: &Program, room: &str, seed: u8, head: &[&str]) -> Result<Answer, Failure> {
    let key = PublicKey::new(SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes());
    program.session_with(room, "produce", &format!("&key={key}"), head)
}

impl Viewer {
    /// One who has just come, from there.
    pub fn new(program: &Program, seed: u8) -> Result<Self, Failure> {
        Self::from(program, seed, &[])
    }

    pub fn from(program: &Program, seed: u8, head: &[&str]) -> Result<Self, Failure> {
        let answer = ask(program, "demo", seed, head)?;
        let cookie = answer.cookie("danmu_guest").ok_or("no cookie")?.to_owned();
        let session: Session = serde_json::from_str(&answer.body)?;
        let ticket = session.ticket.clone().ok_or("no ticket")?;
        let claims = ticket.split('.').nth(1).ok_or("no claims")?;
        let claims = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, claims)?;
        let claims: serde_json::Value = serde_json::from_slice(&claims)?;
        let id = claims["sub"].as_str().ok_or("no subject")?.to_owned();
        Ok(Self {
            id,
            cookie: format!("Cookie: danmu_guest={cookie}"),
            key: SigningKey::from_bytes(&[seed; 32]),
            ticket,
            client: client_of(program, &session),
            room: RoomId::demo(),
        })
    }

    /// The same viewer in another room.
    pub fn enters(&self, program: &Program, room: &str, seed: u8) -> Result<Self, Failure> {
        let session: Session = serde_json::from_str(&ask(program, room, seed, &[&self.cookie])?.body)?;
        let (ticket, room) = (session.ticket.clone().ok_or("no ticket")?, room.parse()?);
        Ok(Self { ticket, room, client: client_of(program, &session), ..self.again() })
    }

    /// The same viewer, for another task.
    pub fn again(&self) -> Self {
        let (key, client) = (self.key.clone(), self.client.clone());
        let (id, cookie, ticket, room) = (self.id.clone(), self.cookie.clone(), self.ticket.clone(), self.room.clone());
        Self { id, cookie, key, ticket, client, room }
    }

    /// What it says, signed.
    pub fn record(&self, text: &str) -> Result<Vec<u8>, Failure> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, SeqCst);
        let line = Danmu::new(RecordId::new(now_ms(), number.into()), self.room.clone(), text, now_ms()).encode();
        let signature = Signature::new(self.key.sign(&line).to_bytes());
        Ok(Proof { ticket: &self.ticket, signature }.attach(line))
    }

    /// Puts what it says by its own credentials; the error's name, if there is one.
    pub async fn says(&self, text: &str) -> Result<Option<String>, Failure> {
        let data = Blob::new(self.record(text)?);
        let put = self.client.put_record().stream_name(STREAM).partition_key(self.room.as_str()).data(data);
        match put.send().await {
            Ok(_) => Ok(None),
            Err(error) => Ok(Some(error.code().ok_or_else(|| error.to_string())?.to_owned())),
        }
    }

    /// Asks for another session, with its cookie.
    pub fn comes_again(&self, program: &Program, seed: u8) -> Result<Answer, Failure> {
        ask(program, "demo", seed, &[&self.cookie])
    }
}

fn client_of(program: &Program, session: &Session) -> aws_sdk_kinesis::Client {
    let Session { access_key_id, secret_access_key, session_token, .. } = session.clone();
    // Through the page's own origin, as a browser's requests come.
    let credentials = Credentials::new(access_key_id, secret_access_key, Some(session_token), None, "page");
    client_with(&format!("{}/aws/", program.url), credentials)
}

/// Puts records by the root key, which nobody denies, until the gate refuses them as those of a banned viewer; how long that
/// took.
pub async fn until_gated(
    program: &Program,
    root: &aws_sdk_kinesis::Client,
    viewer: &Viewer,
) -> Result<Duration, Failure> {
    let (since, before) = (Instant::now(), program.figure(BANNED)?);
    while program.figure(BANNED)? == before {
        if since.elapsed() > PATIENCE {
            return Err(format!("what {} says is shown", viewer.id).into());
        }
        let data = Blob::new(viewer.record("by a hole that nobody thought of")?);
        root.put_record().stream_name(STREAM).partition_key("demo").data(data).send().await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(since.elapsed())
}

pub async fn until(what: &str, holds: impl Fn() -> Result<bool, Failure>) -> Test {
    let since = Instant::now();
    while !holds()? {
        if since.elapsed() > PATIENCE {
            return Err(format!("it never came to it that {what}").into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Waits until the viewer's credentials are denied, or good; how long that took.
pub async fn until_denied(viewer: &Viewer, denied: bool) -> Result<Duration, Failure> {
    let since = Instant::now();
    while viewer.says("still there?").await?.as_deref() != denied.then_some("AccessDeniedException") {
        if since.elapsed() > PATIENCE {
            return Err(format!("the credentials of {} do not change", viewer.id).into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(since.elapsed())
}

/// What is on a screen that follows one replica.
#[derive(Clone, Default)]
pub struct Screen(Arc<Mutex<Shown>>);

#[derive(Default)]
struct Shown {
    /// When the last one of each author came.
    last: HashMap<String, Instant>,
    /// When it was first told whose danmu to take down.
    retracted: HashMap<String, Instant>,
}

impl Screen {
    /// Follows the feed as long as the replica runs.
    pub fn follow(replica: &Program) -> Result<Self, Failure> {
        let site = address(&replica.url)?;
        let mut line = TcpStream::connect(site)?;
        write!(line, "GET /rooms/demo/events HTTP/1.1\r\nHost: {site}\r\n\r\n")?;
        let screen = Self::default();
        let shown = screen.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(line).lines().map_while(Result::ok) {
                let told = line.strip_prefix("data: ").and_then(|data| serde_json::from_str::<Told>(data).ok());
                let now = Instant::now();
                let mut shown = shown.0.lock().unwrap_or_else(PoisonError::into_inner);
                let told = told.unwrap_or_default();
                for viewer in told.retracted.into_iter().filter_map(|retracted| retracted.viewer) {
                    shown.retracted.entry(viewer.to_string()).or_insert(now);
                }
                for item in told.danmu {
                    shown.last.extend(item.viewer.map(|author| (author, now)));
                }
            }
        });
        Ok(screen)
    }

    /// When it was told to take down what a viewer said.
    pub fn retracted(&self, viewer: &Viewer) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retracted.get(&viewer.id).copied()
    }

    /// When the last danmu of a viewer came that was shown.
    pub fn last(&self, viewer: &Viewer) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last.get(&viewer.id).copied()
    }
}
