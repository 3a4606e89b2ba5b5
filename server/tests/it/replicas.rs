//! Fixture for decisions on AWS: the stream, a test double of IAM, and replicas that share only these and the ticket keys. It
//! reads the decisions back from the stream with code of its own.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    time::{Duration, Instant},
};

use aws_sdk_kinesis::{Client, primitives::Blob};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use danmu::{
    record::{self, Content, Decision, Guests, Moderation, RecordId, SERVICE_KEY, Subject},
    room::RoomId,
    session::Session,
};
use danmu_stream::Endpoint;
use sqlx::Connection;
use tempfile::TempDir;
use tokio::{task::JoinHandle, time::sleep};

use crate::{
    chance::Chance,
    iam::Iam,
    program::Program,
    proxy::Proxy,
    scene::{Author, key, now_ms, public},
    shards::shards,
    truth::{arrival_ms, records},
    world::{Failure, STREAM, Test},
    writers::client,
};

const ROOMS: &str = "[[rooms]]\nid = 'demo'\nvideo = ''\n[[rooms]]\nid = 'other'\nvideo = ''\n";
/// Ends what hangs, and nothing else: a policy is put right within a minute.
const PATIENCE: Duration = Duration::from_secs(120);

/// AWS: the stream, and what there is of IAM.
pub struct Aws {
    pub endpoint: Endpoint,
    pub addr: SocketAddr,
    pub iam: Iam,
    pub root: Client,
    dir: TempDir,
}

impl Aws {
    pub async fn start(shards: u32, max_bytes: u64, chance: Chance) -> Result<Self, Failure> {
        let dir = tempfile::tempdir()?;
        let mut options = danmu_stream::Options::new(dir.path().join("stream"));
        options.max_bytes = max_bytes;
        let endpoint = Endpoint::open(options).await?;
        endpoint.ensure_stream(STREAM, shards).await?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let router = endpoint.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let key = endpoint.root_key();
        let root = client(&format!("http://{addr}"), &key.access_key_id, &key.secret_access_key);
        Ok(Self { endpoint, addr, iam: Iam::start(chance).await?, root, dir })
    }

    /// What a program on it is told; it reaches the stream by that address.
    pub fn variables(&self, stream: SocketAddr) -> Vec<(String, String)> {
        let key = self.endpoint.root_key();
        let keys = self.dir.path().join("ticket-keys.json").display().to_string();
        let all = [
            ("DANMU_BUS", "aws"),
            ("DANMU_VENDING__ROLE_ARN", "arn:aws:iam::000000000000:role/danmu-viewer"),
            ("DANMU_IDENTITY__KEYS", &keys),
            ("DANMU_HTTP__TRUSTED_PROXIES", "127.0.0.0/8"),
            ("DANMU_VENDING__VIEWER_PER_MINUTE", "1000"),
            ("DANMU_VENDING__VIEWER_BURST", "1000"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", &key.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", &key.secret_access_key),
            ("AWS_ENDPOINT_URL_STS", &format!("http://{}", self.addr)),
            ("AWS_ENDPOINT_URL_KINESIS", &format!("http://{stream}")),
            ("AWS_ENDPOINT_URL_IAM", &self.iam.url),
        ];
        all.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    /// What the stream tells, by an account of its own: the first record of each id, in the order of each shard.
    pub async fn told(&self) -> Result<Told, Failure> {
        let mut told = Told::default();
        for shard in shards(&self.root).await? {
            for record in records(&self.root, &shard).await? {
                if !record::is_order(record.data.as_ref()) {
                    continue;
                }
                let (data, key) = (record.data.as_ref(), record.partition_key.as_deref().unwrap_or_default());
                let line = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
                let (id, room, moderation) = if key == SERVICE_KEY {
                    let order = record::decode_order(line)?;
                    (order.id, None, order.moderation)
                } else {
                    let Content::Danmu(danmu) = record::decode(data)?.content else { continue };
                    let Some(moderation) = danmu.moderation else { continue };
                    (danmu.id, Some(danmu.room), moderation)
                };
                match moderation {
                    Moderation::Snapshot(_) => told.snapshots += 1,
                    Moderation::Guests(guests) => told.guests.push(guests),
                    other => {
                        let decision = other.decision().ok_or("no decision")?;
                        if told.ids.insert(id) {
                            told.take(room, decision, arrival_ms(&record)?);
                        } else {
                            told.again += 1;
                        }
                    }
                }
            }
        }
        Ok(told)
    }
}

/// What is decided, as the stream has it.
#[derive(Default)]
pub struct Told {
    pub ids: HashSet<RecordId>,
    /// Records that were put twice.
    pub again: usize,
    pub snapshots: usize,
    pub guests: Vec<Guests>,
    /// Until when the last decision of each scope and subject holds.
    pub last: HashMap<(Option<RoomId>, Subject), i64>,
    pub revoked_before_ms: i64,
    /// When the last one arrived.
    pub arrival_ms: i64,
}

impl Told {
    fn take(&mut self, room: Option<RoomId>, decision: Decision, arrival_ms: i64) {
        self.arrival_ms = self.arrival_ms.max(arrival_ms);
        if decision.on == Subject::Sessions {
            self.revoked_before_ms = self.revoked_before_ms.max(decision.until_ms());
        } else {
            self.last.insert((room, decision.on.clone()), decision.until_ms());
        }
    }

    pub fn holds(&self, room: Option<&str>, on: &Subject) -> bool {
        let room = room.map(|room| room.parse().expect("an id"));
        self.last.get(&(room, on.clone())).is_some_and(|until_ms| *until_ms > now_ms())
    }

    pub fn is_banned(&self, viewer: &str, room: &str) -> bool {
        let on = Subject::Viewer(viewer.parse().expect("an id"));
        self.holds(None, &on) || self.holds(Some(room), &on)
    }
}

/// One of the programs, and how it is started.
pub struct Replica {
    program: Option<Program>,
    variables: Vec<(String, String)>,
    pub stream: Proxy,
}

impl Replica {
    pub async fn start(aws: &Aws) -> Result<Self, Failure> {
        Self::start_over(Proxy::start(aws.addr).await?, aws)
    }

    /// One that reaches the stream over that line.
    pub fn start_over(stream: Proxy, aws: &Aws) -> Result<Self, Failure> {
        let variables = aws.variables(stream.addr);
        let mut replica = Self { program: None, variables, stream };
        replica.program = Some(Program::start_with(ROOMS, &replica.pairs())?);
        Ok(replica)
    }

    fn pairs(&self) -> Vec<(&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    pub fn program(&self) -> &Program {
        self.program.as_ref().expect("it runs")
    }

    pub fn again(&mut self, gracefully: bool) -> Test {
        let program = self.program.take().ok_or("it does not run")?;
        let pairs = self.pairs();
        let program = if gracefully { program.restart(&pairs)? } else { program.crash(&pairs)? };
        self.program = Some(program);
        Ok(())
    }

    /// Its store fails for so long: nobody can write it, or nothing that is decided or heard is taken, or the note is not that
    /// something was told.
    pub async fn break_store(&self, how: usize, time: Duration) -> Result<JoinHandle<Test>, Failure> {
        const NO_ROWS: &str =
            "CREATE TRIGGER no_rows BEFORE INSERT ON decisions BEGIN SELECT RAISE(ABORT, 'as drawn'); END";
        const NO_NOTE: &str =
            "CREATE TRIGGER no_note BEFORE UPDATE OF told_ms ON decisions BEGIN SELECT RAISE(ABORT, 'as drawn'); END";
        let (breaks, mends) = match how {
            0 => ("BEGIN IMMEDIATE", "ROLLBACK"),
            1 => (NO_ROWS, "DROP TRIGGER no_rows"),
            _ => (NO_NOTE, "DROP TRIGGER no_note"),
        };
        let path = self.program().directory().join("data/danmu.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).busy_timeout(Duration::from_secs(20));
        let mut store = sqlx::SqliteConnection::connect_with(&options).await?;
        if sqlx::query(breaks).execute(&mut store).await.is_err() {
            // It is broken so already.
            return Ok(tokio::spawn(async { Ok(()) }));
        }
        Ok(tokio::spawn(async move {
            sleep(time).await;
            sqlx::query(mends).execute(&mut store).await?;
            Ok(store.close().await?)
        }))
    }
}

/// A viewer: its id and cookie, and what it signs by, in each room.
pub struct Viewer {
    pub id: String,
    pub cookie: String,
    authors: HashMap<String, Author>,
}

impl Viewer {
    pub fn new(program: &Program, seed: u8, from: &str) -> Result<Self, Failure> {
        let (mut id, mut cookie, mut authors) = (String::new(), String::new(), HashMap::new());
        for room in ["demo", "other"] {
            let more = format!("&key={}", public(&key(seed)));
            let head = [format!("X-Forwarded-For: {from}"), cookie.clone()];
            let head: Vec<_> = head.iter().filter(|line| !line.is_empty()).map(String::as_str).collect();
            let answer = program.session_with(room, "produce", &more, &head)?;
            if let Some(new) = answer.cookie("danmu_guest") {
                cookie = format!("Cookie: danmu_guest={new}");
            }
            let session: Session = serde_json::from_str(&answer.body).map_err(|_| answer.body.clone())?;
            let ticket = session.ticket.ok_or("no ticket")?;
            let claims = BASE64_URL_SAFE_NO_PAD.decode(ticket.split('.').nth(1).ok_or("no claims")?)?;
            let claims: serde_json::Value = serde_json::from_slice(&claims)?;
            id = claims["sub"].as_str().ok_or("no subject")?.to_owned();
            authors.insert(room.to_owned(), Author { key: key(seed), ticket });
        }
        Ok(Self { id, cookie, authors })
    }

    /// Says that in a room.
    pub async fn say(&self, aws: &Aws, room: &str, text: &str) -> Test {
        let data = Blob::new(self.authors[room].say(room, text)?);
        aws.root.put_record().stream_name(STREAM).partition_key(room).data(data).send().await?;
        Ok(())
    }
}

/// Whether the gates of programs refuse what a viewer says in a room now as that of one who is banned.
pub async fn refused(aws: &Aws, programs: &[&Program], viewer: &Viewer, room: &str) -> Result<Vec<bool>, Failure> {
    let banned = "danmu_refused_total{reason=\"banned\"}";
    let admitted = format!("danmu_admitted_total{{room=\"{room}\"}}");
    let figures = |program: &Program| Ok::<_, Failure>((program.figure(banned)?, program.figure(&admitted)?));
    let before = programs.iter().map(|program| figures(program)).collect::<Result<Vec<_>, _>>()?;
    viewer.say(aws, room, "is this shown?").await?;
    let mut verdicts = Vec::new();
    for (program, before) in programs.iter().zip(before) {
        let since = Instant::now();
        verdicts.push(loop {
            let now = figures(program)?;
            if now != before {
                break now.0 > before.0;
            }
            if since.elapsed() > PATIENCE {
                return Err("a program judges nothing any more".into());
            }
            sleep(Duration::from_millis(20)).await;
        });
    }
    Ok(verdicts)
}

pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> Result<bool, Failure>) -> Test {
    let since = Instant::now();
    while !holds().await? {
        if since.elapsed() > PATIENCE {
            return Err(format!("it never came to it that {what}").into());
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
