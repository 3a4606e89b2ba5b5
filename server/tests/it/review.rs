//! Fixture for reviewed rooms: the program with a crew, what waits, and all that a feed has told.

use std::time::Duration;

use aws_sdk_kinesis::{Client, primitives::Blob};
use danmu::{
    record::{Content, Danmu, Moderation, Passed, decode, is_order},
    session::Session,
    viewer::Role,
};
use danmu_app::review::WaitingChanges;
use sqlx::Connection;

use crate::{
    program::{Answer, Program},
    retract::Tape,
    rights::Person,
    scene::{Author, key, public},
    shards::shards,
    speaker::until,
    truth::records,
    world::{Failure, STREAM, Test},
    writers::kinesis,
};

/// The program, its crew, and its stream.
pub struct Stage {
    pub program: Program,
    pub keeper: String,
    pub host: String,
    /// The streamer, who may say as much as it likes.
    pub crew: Author,
    pub root: Client,
    pub marks: u32,
}

impl Stage {
    pub fn new(program: Program) -> Result<Self, Failure> {
        program.get_ready()?;
        let root = kinesis(&program, &program.stream)?;
        Self::beside(program, root)
    }

    fn beside(program: Program, root: Client) -> Result<Self, Failure> {
        let person = |name, role| Ok::<_, Failure>(Person::with(&program, name, &[("demo", role)])?.cookie);
        let (keeper, host) = (person("keeper", Role::Moderator)?, person("host", Role::Streamer)?);
        let (key, more) = (key(99), format!("&key={}", public(&key(99))));
        let session: Session = serde_json::from_str(&program.session_with("demo", "produce", &more, &[&host])?.body)?;
        let crew = Author { key, ticket: session.ticket.ok_or("no ticket")? };
        Ok(Self { program, keeper, host, crew, root, marks: 0 })
    }

    pub async fn start() -> Result<Self, Failure> {
        Self::new(Program::start(&[])?)
    }

    pub fn keeper(&self) -> Person<'_> {
        Person { program: &self.program, cookie: self.keeper.clone() }
    }

    pub fn host(&self) -> Person<'_> {
        Person { program: &self.program, cookie: self.host.clone() }
    }

    pub fn set(&self, after_s: u8, on: bool) -> Test {
        let form = format!("room=demo&mode[reviewed][members]=false&mode[reviewed][after_s]={after_s}&on={on}");
        let answer = self.host().asks("set_mode", &form)?;
        if answer.status == 200 { Ok(()) } else { Err(answer.body.into()) }
    }

    /// Switches the mode on, and waits until that has arrived.
    pub fn review(&self, after_s: u8) -> Result<Tape, Failure> {
        let mut tape = Tape::follow(&self.program, "history=0")?;
        self.set(after_s, true)?;
        tape.until(&format!("\"modes\":{}", 512 | u32::from(after_s) << 11))?;
        Ok(tape)
    }

    pub async fn put(&self, data: &[u8]) -> Test {
        let put = self.root.put_record().stream_name(STREAM).partition_key("demo").data(Blob::new(data));
        put.send().await?;
        Ok(())
    }

    pub fn waiting(&self) -> Result<WaitingChanges, Failure> {
        let answer = self.keeper().asks("waiting", "room=demo&since=0")?;
        Ok(serde_json::from_str(&answer.body).map_err(|_| answer.body)?)
    }

    /// Waits until exactly these texts wait, the oldest first; their ids.
    pub async fn until_waits(&self, texts: &[&str]) -> Result<Vec<String>, Failure> {
        let all = || Ok::<_, Failure>(self.waiting()?.waiting);
        let what = format!("what waits is {texts:?}");
        let wait = until(&what, || {
            let all = all()?;
            Ok(all.iter().map(|one| &*one.text).eq(texts.iter().copied()))
        });
        wait.await?;
        Ok(all()?.into_iter().map(|one| one.id).collect())
    }

    /// All that is sent to one who asks for that, up to something that the crew says now.
    pub async fn sent(&mut self, query: &str) -> Result<String, Failure> {
        let mut tape = Tape::follow(&self.program, query)?;
        self.mark(&mut tape).await
    }

    /// All that a feed has told, up to something that the crew says now.
    pub async fn mark(&mut self, tape: &mut Tape) -> Result<String, Failure> {
        self.marks += 1;
        let mark = format!("mark {} .", self.marks);
        tape.until("\n\n")?;
        self.put(&self.crew.say("demo", &mark)?).await?;
        tape.until(&mark)
    }

    /// The server's records on the stream that let something through.
    pub async fn passes(&self) -> Result<Vec<(Vec<u8>, Passed)>, Failure> {
        let mut passes = Vec::new();
        for shard in shards(&self.root).await? {
            for record in records(&self.root, &shard).await? {
                let data = record.data.into_inner();
                if is_order(&data)
                    && let Ok(parsed) = decode(&data)
                    && let Content::Danmu(Danmu { moderation: Some(Moderation::Pass(passed)), .. }) = parsed.content
                {
                    passes.push((data, *passed));
                }
            }
        }
        Ok(passes)
    }

    /// Runs a statement in the store, for fault injection.
    pub async fn execute(program: &Program, sql: &'static str) -> Test {
        let path = program.directory().join("data/danmu.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).busy_timeout(Duration::from_secs(20));
        let mut store = sqlx::SqliteConnection::connect_with(&options).await?;
        sqlx::query(sql).execute(&mut store).await?;
        Ok(store.close().await?)
    }
}

pub fn pass(person: &Person<'_>, ids: &[String]) -> Result<Answer, Failure> {
    let ids = ids.iter().enumerate().map(|(n, id)| format!("&danmu[{n}]={}", id.replace(' ', "%20")));
    person.asks("let_through", &format!("room=demo{}", ids.collect::<String>()))
}

pub fn take_out(person: &Person<'_>, id: &str) -> Result<Answer, Failure> {
    person.asks("take_out", &format!("room=demo&danmu={}", id.replace(' ', "%20")))
}

pub fn times(told: &str, text: &str) -> usize {
    told.matches(&format!("\"text\":\"{text}\"")).count()
}
