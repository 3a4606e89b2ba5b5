//! Whoever speaks: danmu of about 200 bytes at an even pace, onto the stream, or to nchan.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use aws_sdk_kinesis::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    primitives::Blob,
};
use danmu::{
    feed::{Item, Told},
    record::{Color, Danmu, Mode},
    viewer::Role,
};

use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    kit::{Failure, Noise},
    numbered::{id, text},
    signers::Signers,
    subject::Server,
    viewers::Clock,
};

/// Whether danmu are gathered before they are published.
#[derive(Clone, Copy, Debug)]
pub enum Ticks {
    /// Each by itself.
    None,
    /// Those of so many milliseconds together.
    Of(u64),
}

type Publisher = JoinHandle<Result<(), Failure>>;

/// Puts on their way at once, at the most: those of viewers wait for nobody else's.
pub const IN_FLIGHT: usize = 32;

/// From when the way of a danmu is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// From the beginning of its put.
    Begun,
    /// From the answer to it.
    Answered,
}

/// Puts `count` danmu, one a call, at that pace, whether or not the ones before are answered; with `jitter`, each somewhere in
/// its time.
pub fn to_stream(
    server: &Server,
    per_second: u32,
    count: u32,
    (from, jitter): (From, bool),
    clock: Clock,
) -> Result<Publisher, Failure> {
    let make = |number| Ok(Danmu::new(id(number), "demo".parse()?, text(number), 0).encode());
    put_all(server, per_second, 0..count, (from, jitter), clock, make)
}

/// Puts danmu that are signed at that pace, from the beginning of each put on timed, until `stop`.
pub fn put_signed(
    server: &Server,
    per_second: u32,
    signers: Signers,
    clock: Clock,
    stop: Arc<AtomicBool>,
) -> Result<Publisher, Failure> {
    let numbers = (0..).take_while(move |_| !stop.load(Relaxed));
    put_all(server, per_second, numbers, (From::Begun, false), clock, move |number| signers.record(number))
}

fn put_all(
    server: &Server,
    per_second: u32,
    numbers: impl Iterator<Item = u32> + Send + 'static,
    (from, jitter): (From, bool),
    clock: Clock,
    make: impl Fn(u32) -> Result<Vec<u8>, Failure> + Send + 'static,
) -> Result<Publisher, Failure> {
    let (url, key_id, secret) = server.stream()?;
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(Credentials::new(key_id, secret, None, None, "bench"))
        .build();
    Ok(thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async move {
            let (client, begun, mut noise) = (Client::from_conf(config), Instant::now(), Noise::new(7));
            let (mut puts, in_flight) = (JoinSet::new(), Arc::new(Semaphore::new(IN_FLIGHT)));
            for number in numbers {
                let later = if jitter { (noise.next() % 1_000) as f64 / 1_000.0 } else { 0.0 };
                let due = begun + Duration::from_secs_f64((f64::from(number) + later) / f64::from(per_second));
                tokio::time::sleep_until(due.into()).await;
                let danmu = make(number)?;
                clock.put(number as usize);
                let put = client.put_record().stream_name("danmu").partition_key("demo").data(Blob::new(danmu));
                let (clock, turn) = (clock.clone(), Arc::clone(&in_flight).acquire_owned().await?);
                puts.spawn(async move {
                    let put = put.send().await;
                    if from == From::Answered {
                        clock.put(number as usize);
                    }
                    drop(turn);
                    put
                });
                while let Some(put) = puts.try_join_next() {
                    put??;
                }
            }
            while let Some(put) = puts.join_next().await {
                put??;
            }
            Ok(())
        })
    }))
}

/// Publishes `count` danmu, as the relay's frames would have them.
pub fn to_nchan(
    server: &Server,
    per_second: u32,
    count: u32,
    ticks: Ticks,
    clock: Clock,
) -> Result<Publisher, Failure> {
    let (addr, path) = server.publish();
    Ok(thread::spawn(move || {
        let mut stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        let mut answers = BufReader::new(stream.try_clone()?);
        let at_once = match ticks {
            Ticks::None => 1,
            Ticks::Of(ms) => u32::try_from(u64::from(per_second) * ms / 1_000)?.max(1),
        };
        let begun = Instant::now();
        for first in (0..count).step_by(at_once as usize) {
            let numbers = first..(first + at_once).min(count);
            for number in numbers.clone() {
                let due = begun + Duration::from_secs_f64(f64::from(number) / f64::from(per_second));
                thread::sleep(due.saturating_duration_since(Instant::now()));
                clock.put(number as usize);
            }
            // Nchan takes it when it is published.
            let unix_ms = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
            let item = |number| Item {
                id: id(number).to_string(),
                text: text(number),
                mode: Mode::default(),
                color: Color::default(),
                at: unix_ms,
                name: None,
                viewer: None,
                role: Role::default(),
                n: 1,
            };
            let body = serde_json::to_string(&Told { danmu: numbers.map(item).collect(), ..Told::default() })?;
            write!(stream, "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
            skip_answer(&mut answers)?;
        }
        Ok(())
    }))
}

fn skip_answer(answers: &mut impl BufRead) -> Result<(), Failure> {
    let (mut length, mut line) = (0, String::new());
    loop {
        line.clear();
        if answers.read_line(&mut line)? == 0 {
            return Err("nchan ended the connection".into());
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
        if line.trim().is_empty() {
            std::io::copy(&mut answers.take(length), &mut std::io::sink())?;
            return Ok(());
        }
    }
}
