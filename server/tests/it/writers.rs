//! Writers: they put danmu through the stream's own API, and retry until each is acknowledged.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use aws_sdk_kinesis::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig, timeout::TimeoutConfig},
    primitives::Blob,
    types::PutRecordsRequestEntry,
};
use danmu::record::{Danmu, DanmuKey, RecordId};
use serde_json::Value;
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    chance::Chance,
    program::Program,
    world::{Failure, STREAM, Test},
};

/// How long a writer waits for one that does not go forward.
const PATIENCE: Duration = Duration::from_secs(90);
const AGAIN: Duration = Duration::from_millis(100);
/// After so long a writer takes the answer for lost, and puts the same again.
const LOST: Duration = Duration::from_secs(5);
/// Only ends a call that hangs.
const HANGS: Duration = Duration::from_secs(90);

/// A client of the stream that never tries again by itself.
pub fn client(endpoint: &str, access_key_id: &str, secret_access_key: &str) -> Client {
    client_with(endpoint, Credentials::new(access_key_id, secret_access_key, None, None, "test"))
}

/// The same with any credentials.
pub fn client_with(endpoint: &str, credentials: Credentials) -> Client {
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(credentials)
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_timeout(HANGS).build())
        .build();
    Client::from_conf(config)
}

/// The same by the root key of the program's stream, which is reached at `endpoint`.
pub fn kinesis(program: &Program, endpoint: &str) -> Result<Client, Failure> {
    let key: Value = serde_json::from_slice(&std::fs::read(program.directory().join("data/root-key.json"))?)?;
    let member = |name: &str| key[name].as_str().unwrap_or_default().to_owned();
    Ok(client(endpoint, &member("access_key_id"), &member("secret_access_key")))
}

/// Who posts how much.
#[derive(Clone)]
pub struct Writers {
    pub count: usize,
    /// Danmu of each.
    pub each: usize,
    /// Danmu of one call.
    pub at_once: Range<usize>,
    /// How long a writer rests after each danmu.
    pub rest: Duration,
    /// What stands in each text besides its number.
    pub text: &'static str,
    pub chance: Chance,
    /// What is acknowledged.
    pub acknowledged: Arc<AtomicUsize>,
}

impl Writers {
    /// All danmu that they post.
    pub fn all(&self) -> usize {
        self.count * self.each
    }

    /// They begin.
    pub fn start(&self, client: &Client) -> Vec<JoinHandle<Test>> {
        let start = |writer| {
            let chance = Chance(self.chance.0 ^ (writer as u64 + 1));
            tokio::spawn(Self { chance, ..self.clone() }.write(client.clone(), writer))
        };
        (0..self.count).map(start).collect()
    }

    /// Waits until so many are acknowledged.
    pub async fn reach(&self, danmu: usize) -> Test {
        let (mut there, mut since) = (0, Instant::now());
        while there < danmu {
            let now = self.acknowledged.load(SeqCst);
            if now > there {
                (there, since) = (now, Instant::now());
            }
            assert!(since.elapsed() < PATIENCE, "nothing goes forward: {there} of {danmu} are acknowledged");
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn write(mut self, client: Client, writer: usize) -> Test {
        let mut n = 0;
        while n < self.each {
            let end = (n + self.at_once.start + self.chance.below(self.at_once.len())).min(self.each);
            let mut batch = Vec::new();
            for number in n..end {
                let id = RecordId::new(1, (writer * self.each + number) as u128);
                batch.push(danmu(id, &format!("{writer}-{number}{}", self.text))?);
            }
            if self.chance.one_in(16) {
                // Whose answer gets lost: it goes again, and stands on the stream twice.
                let _ = put(&client, &batch).await;
            }
            if self.chance.one_in(16) {
                // What the gate must refuse.
                let _ = put(&client, &["\u{202e}backwards".into(), b"\xff".into()]).await;
            }
            let mut waiting = batch;
            while !waiting.is_empty() {
                // Now and then one by itself.
                let first = if self.chance.one_in(4) { 1 } else { waiting.len() };
                let Ok(mut refused) = put(&client, &waiting[..first]).await.map(Vec::into_iter) else {
                    sleep(AGAIN).await;
                    continue;
                };
                let before = waiting.len();
                waiting.retain(|_| refused.next().unwrap_or(true));
                self.acknowledged.fetch_add(before - waiting.len(), SeqCst);
            }
            sleep(self.rest * u32::try_from(end - n)?).await;
            n = end;
        }
        Ok(())
    }
}

/// What the last danmu of all is called.
pub fn last() -> String {
    DanmuKey::Record(RecordId::new(2, 0)).to_string()
}

/// Puts it. All others must be acknowledged.
pub async fn put_last(client: &Client) -> Test {
    let last = [danmu(RecordId::new(2, 0), "the last")?];
    let since = Instant::now();
    while !matches!(put(client, &last).await.as_deref(), Ok([false])) {
        assert!(since.elapsed() < PATIENCE, "the last danmu cannot be put");
        sleep(AGAIN).await;
    }
    Ok(())
}

fn danmu(id: RecordId, text: &str) -> Result<Vec<u8>, Failure> {
    Ok(Danmu::new(id, "demo".parse()?, text, 0).encode())
}

/// Which of these were refused.
async fn put(client: &Client, records: &[Vec<u8>]) -> Result<Vec<bool>, Failure> {
    timeout(LOST, put_all(client, records)).await?
}

async fn put_all(client: &Client, records: &[Vec<u8>]) -> Result<Vec<bool>, Failure> {
    if let [record] = records {
        client.put_record().stream_name(STREAM).partition_key("demo").data(Blob::new(record.clone())).send().await?;
        return Ok(vec![false]);
    }
    let entry =
        |data: &Vec<u8>| PutRecordsRequestEntry::builder().partition_key("demo").data(Blob::new(data.clone())).build();
    let entries = records.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    let answer = client.put_records().stream_name(STREAM).set_records(Some(entries)).send().await?;
    Ok(answer.records.iter().map(|record| record.error_code.is_some()).collect())
}
