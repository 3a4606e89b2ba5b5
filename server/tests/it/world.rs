//! An endpoint on its own port, with a clock that tests can move, and our own client for it.

use std::{
    collections::BTreeSet,
    error::Error,
    future::Future,
    net::SocketAddr,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    extract::Request,
    middleware::{Next, from_fn},
};
use danmu::{
    kinesis::{
        Client, Clock, Event, Host, Keeper, NetError, Options, Producer, Reader, Record, Reply, Scope, StreamCursor,
        Vend, VendError, sigv4,
    },
    session::{Purpose, Session},
};
use danmu_identity::vending::Grant;
use danmu_server::crowd::Native;
use danmu_stream::{Endpoint, SystemClock};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Semaphore, task::JoinHandle};

pub type Failure = Box<dyn Error + Send + Sync>;
pub type Test = Result<(), Failure>;

pub const STREAM: &str = "danmu";
pub const REGION: &str = "us-east-1";
const ROLE: &str = "arn:aws:iam::000000000000:role/viewer";
const LIFE_S: i64 = 900;
/// The outer limit of a wait: it only ends what hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The real time, moved by as much as a test wants.
#[derive(Debug, Default)]
pub struct Shifted(AtomicI64);

impl Shifted {
    pub fn by_seconds(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000, Relaxed);
    }
}

impl danmu_stream::Clock for Shifted {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.0.load(Relaxed)
    }
}

/// The endpoint, serving.
pub struct World {
    pub endpoint: Endpoint,
    pub clock: Arc<Shifted>,
    pub addr: SocketAddr,
    /// `AssumeRole` calls that came in.
    pub assumed: Arc<AtomicU64>,
    dir: Arc<TempDir>,
    server: JoinHandle<()>,
}

impl World {
    pub async fn start(shards: u32) -> Result<Self, Failure> {
        Self::start_at(shards, 0).await
    }

    /// The same by a clock that is off by so much from the first moment on.
    pub async fn start_at(shards: u32, seconds: i64) -> Result<Self, Failure> {
        let clock = Arc::<Shifted>::default();
        clock.by_seconds(seconds);
        let world = Self::open(Arc::new(tempfile::tempdir()?), clock, "127.0.0.1:0".parse()?).await?;
        world.endpoint.ensure_stream(STREAM, shards).await?;
        Ok(world)
    }

    async fn open(dir: Arc<TempDir>, clock: Arc<Shifted>, addr: SocketAddr) -> Result<Self, Failure> {
        let mut options = danmu_stream::Options::new(dir.path().join("data"));
        options.clock = Arc::clone(&clock) as Arc<dyn danmu_stream::Clock>;
        // One session speaks for a whole crowd here.
        (options.session_bytes_per_s, options.session_records_per_s) = (1 << 30, 1 << 20);
        let endpoint = Endpoint::open(options).await?;
        let assumed = Arc::<AtomicU64>::default();
        let count = Arc::clone(&assumed);
        // STS is the only one that is sent forms.
        let counted = from_fn(move |request: Request, next: Next| {
            let form =
                request.headers().get("content-type").is_some_and(|kind| kind.as_bytes().ends_with(b"urlencoded"));
            count.fetch_add(u64::from(form), Relaxed);
            next.run(request)
        });
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let router = endpoint.router().layer(counted);
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { endpoint, clock, addr, assumed, dir, server })
    }

    /// Everything stops, and after `pause` the same directory is served again at the same address.
    pub async fn restart(self, pause: Duration) -> Result<Self, Failure> {
        let Self { endpoint, clock, addr, dir, server, .. } = self;
        endpoint.close().await;
        server.abort();
        let _ = server.await;
        drop(endpoint);
        tokio::time::sleep(pause).await;
        // Connections that are being served hold the directory until they are through.
        let mut tries = 0;
        loop {
            match Self::open(Arc::clone(&dir), Arc::clone(&clock), addr).await {
                Err(error) if tries == 100 => return Err(error),
                Err(_) => tries += 1,
                world => return world,
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn assumed(&self) -> u64 {
        self.assumed.load(Relaxed)
    }

    pub fn host(&self) -> Here {
        Here {
            native: Native::new(),
            clock: Arc::clone(&self.clock),
            on_the_way: Rc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        }
    }

    pub fn client_on(&self, host: &Here, purpose: Purpose) -> Client<Here, Sts> {
        let root = self.endpoint.root_key();
        let sts = Sts {
            host: host.clone(),
            url: format!("http://{}/", self.addr),
            id: root.access_key_id.clone(),
            secret: root.secret_access_key.clone(),
        };
        Client::new(Keeper::new(Clock::new(host.clone()), sts, purpose), "")
    }

    pub fn producer(&self) -> Producer<Here, Sts> {
        Producer::new(self.client_on(&self.host(), Purpose::Produce), Options::default())
    }

    pub fn reader(&self, scope: Scope) -> Reader<Here, Sts> {
        let start = danmu_stream::Clock::now_ms(&*self.clock) - 1_000;
        Reader::new(self.client_on(&self.host(), Purpose::Consume), scope, StreamCursor::at(start))
    }

    /// A call of the control plane, by the root key.
    pub async fn control(&self, operation: &str, body: serde_json::Value) -> Test {
        let (root, host) = (self.endpoint.root_key(), self.host());
        let credentials = sigv4::Credentials {
            access_key_id: &root.access_key_id,
            secret_access_key: &root.secret_access_key,
            session_token: None,
        };
        let named = [
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target", format!("Kinesis_20131202.{operation}")),
        ];
        let url = format!("http://{}/", self.addr);
        let reply = signed(&host, &url, "kinesis", &credentials, &named, body.to_string().into_bytes()).await?;
        if reply.status == 200 { Ok(()) } else { Err(String::from_utf8_lossy(&reply.body).into_owned().into()) }
    }
}

async fn signed(
    host: &Here,
    url: &str,
    service: &str,
    credentials: &sigv4::Credentials<'_>,
    named: &[(&'static str, String)],
    body: Vec<u8>,
) -> Result<Reply, NetError> {
    let authority = url.trim_start_matches("http://").trim_end_matches('/');
    let mut headers: Vec<(&str, &str)> = named.iter().map(|(name, value)| (*name, value.as_str())).collect();
    headers.push(("host", authority));
    let request = sigv4::Request { method: "POST", path: "/", query: "", headers: &headers, body: &body };
    let scope = sigv4::Scope { region: REGION, service, time_ms: host.now_ms() };
    let mut all = sigv4::sign(&request, credentials, &scope, sigv4::Settings::default());
    all.extend(named.iter().cloned());
    host.post(url, &all, body).await
}

/// A native host by the endpoint's clock. A request that is signed is sent once it has a permit of `on_the_way`.
#[derive(Clone)]
pub struct Here {
    native: Native,
    clock: Arc<Shifted>,
    pub on_the_way: Rc<Semaphore>,
}

impl Host for Here {
    fn now_ms(&self) -> i64 {
        danmu_stream::Clock::now_ms(&*self.clock)
    }

    fn random(&self) -> u64 {
        self.native.random()
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> {
        self.native.sleep(duration)
    }

    async fn post(&self, url: &str, headers: &[(&str, String)], body: Vec<u8>) -> Result<Reply, NetError> {
        let _sent = self.on_the_way.acquire().await;
        self.native.post(url, headers, body).await
    }
}

/// Sessions straight from STS, asked for with the root key as our server asks for them.
pub struct Sts {
    host: Here,
    url: String,
    id: String,
    secret: String,
}

impl Vend for Sts {
    async fn vend(&self, purpose: Purpose) -> Result<Session, VendError> {
        let grant = if purpose == Purpose::Produce { Grant::Produce } else { Grant::Consume };
        let policy = grant.policy(&format!("arn:aws:kinesis:{REGION}:000000000000:stream/{STREAM}"), false);
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", "AssumeRole")
            .append_pair("Version", "2011-06-15")
            .append_pair("RoleArn", ROLE)
            .append_pair("RoleSessionName", grant.name())
            .append_pair("DurationSeconds", &LIFE_S.to_string())
            .append_pair("Policy", &policy)
            .finish();
        let credentials =
            sigv4::Credentials { access_key_id: &self.id, secret_access_key: &self.secret, session_token: None };
        let named = [("content-type", "application/x-www-form-urlencoded".to_owned())];
        let vended_at = self.host.now_ms();
        let refused = |message: String| VendError { message, retry_after: Some(Duration::from_millis(300)) };
        let reply = signed(&self.host, &self.url, "sts", &credentials, &named, form.into_bytes());
        let reply = reply.await.map_err(|error| refused(error.0))?;
        let xml = String::from_utf8_lossy(&reply.body).into_owned();
        let element = |name: &str| {
            let text = xml.split_once(&format!("<{name}>"))?.1.split_once("</")?.0;
            Some(text.to_owned())
        };
        let session = || {
            let expiration = chrono::DateTime::parse_from_rfc3339(&element("Expiration")?).ok()?;
            Some(Session {
                access_key_id: element("AccessKeyId")?,
                secret_access_key: element("SecretAccessKey")?,
                session_token: element("SessionToken")?,
                expiration: expiration.timestamp_millis(),
                vended_at,
                region: REGION.to_owned(),
                endpoint: self.url.clone(),
                stream: STREAM.to_owned(),
                partition_key: "demo".to_owned(),
                ticket: None,
                ticket_keys: Vec::new(),
                bans: Vec::new(),
            })
        };
        session().ok_or_else(|| refused(xml.clone()))
    }
}

/// Runs a story on one thread, as the client wants it.
pub fn story(future: impl Future<Output = Test>) -> Test {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, future)
}

/// What a reader gave, and in how many batches.
#[derive(Default)]
pub struct Seen {
    pub records: Vec<Record>,
    pub batches: usize,
}

/// Reads until `count` different texts have come, or fails after `patience`. Then it reads on for a second: what comes
/// twice comes now.
pub async fn read<H: Host, V: Vend>(
    reader: &mut Reader<H, V>,
    count: usize,
    patience: Duration,
) -> Result<Seen, Failure> {
    let mut seen = Seen::default();
    let mut texts = BTreeSet::new();
    let mut until = tokio::time::Instant::now() + patience;
    let mut complete = false;
    loop {
        match tokio::time::timeout_at(until, reader.next()).await {
            Ok(Event::Records(records)) => {
                seen.batches += 1;
                for record in records {
                    texts.insert(record.data.clone());
                    seen.records.push(record);
                }
                if texts.len() >= count && !complete {
                    complete = true;
                    until = tokio::time::Instant::now() + Duration::from_secs(1);
                }
            }
            Ok(Event::State(_)) => {}
            Err(_) if complete => return Ok(seen),
            Err(_) => return Err(format!("{} of {count} after {patience:?}; {:?}", texts.len(), reader.stats()).into()),
        }
    }
}

/// Sequence numbers are decimals of more digits than any integer has.
pub fn order(record: &Record) -> (usize, &str) {
    (record.sequence_number.len(), &record.sequence_number)
}

/// Every text once, none that nobody wrote; each shard in order.
pub fn assert_complete(records: &[Record], expected: impl Iterator<Item = String>) {
    let mut texts: Vec<_> = records.iter().map(|record| String::from_utf8_lossy(&record.data).into_owned()).collect();
    let mut expected: Vec<_> = expected.collect();
    texts.sort_unstable();
    expected.sort_unstable();
    assert_eq!(texts.len(), expected.len());
    assert!(texts == expected, "other texts than were written");
    let mut last = std::collections::BTreeMap::new();
    for record in records {
        assert!(
            last.insert(&record.shard_id, order(record)).is_none_or(|last| last < order(record)),
            "a shard out of order"
        );
    }
}
