//! What else the server is for, and how long it takes meanwhile: whether it lives, and danmu that viewers put who have a session.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use aws_sdk_kinesis::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    primitives::Blob,
};
use danmu::{
    record::{Danmu, RecordId},
    room::RoomId,
    session::Session,
};

use crate::kit::{Failure, Latency};

/// How often each is asked for: a session may put twenty records a second.
const EVERY: Duration = Duration::from_millis(200);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// What it took, milliseconds, and how often it failed.
pub struct Others {
    pub health: Latency,
    pub puts: Latency,
}

/// Asks for both until `stop`.
pub fn watch(addr: SocketAddr, stop: Arc<AtomicBool>) -> Result<JoinHandle<Result<Others, Failure>>, Failure> {
    let form = "room=demo&purpose=produce";
    let answer = ask(addr, "POST /api/session", "Content-Type: application/x-www-form-urlencoded\r\n", form)?;
    let session = serde_json::from_str(answer.split_once("\r\n\r\n").ok_or("no end of the head")?.1)?;
    let puts = thread::spawn({
        let stop = Arc::clone(&stop);
        move || puts(addr, session, &stop)
    });
    Ok(thread::spawn(move || {
        let (mut samples, mut failed) = (Vec::new(), 0);
        while !stop.load(Relaxed) {
            let begun = Instant::now();
            match ask(addr, "GET /healthz", "", "") {
                Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => samples.push(begun.elapsed()),
                _ => failed += 1,
            }
            thread::sleep(EVERY.saturating_sub(begun.elapsed()));
        }
        let puts = puts.join().map_err(|_| "whoever puts panicked")??;
        Ok(Others { health: Latency::of(samples, failed), puts })
    }))
}

/// Puts danmu as a page does: with a session, through the pages' own address.
fn puts(addr: SocketAddr, session: Session, stop: &AtomicBool) -> Result<Latency, Failure> {
    let Session { access_key_id, secret_access_key, session_token, stream, partition_key, .. } = session;
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("http://{addr}/aws/"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(Credentials::new(access_key_id, secret_access_key, Some(session_token), None, "page"))
        .retry_config(RetryConfig::disabled())
        .build();
    let client = Client::from_conf(config);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut samples, mut failed) = (Vec::new(), 0);
    while !stop.load(Relaxed) {
        let begun = Instant::now();
        let danmu = Danmu::new(RecordId::new(1, samples.len() as u128), RoomId::demo(), "meanwhile", 0).encode();
        let put = client.put_record().stream_name(&stream).partition_key(&partition_key).data(Blob::new(danmu));
        match runtime.block_on(async { tokio::time::timeout(PATIENCE, put.send()).await }) {
            Ok(Ok(_)) => samples.push(begun.elapsed()),
            _ => failed += 1,
        }
        thread::sleep(EVERY.saturating_sub(begun.elapsed()));
    }
    Ok(Latency::of(samples, failed))
}

/// One request, by a connection of its own, and its answer.
fn ask(addr: SocketAddr, line: &str, head: &str, body: &str) -> Result<String, Failure> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\nContent-Length: {length}\r\n{head}\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
