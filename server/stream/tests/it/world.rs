//! A running endpoint with a clock of its own, and clients for it.

use std::{
    collections::BTreeMap,
    error::Error,
    fs::File,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};

use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use axum::Router;
use base64::{Engine, engine::general_purpose::STANDARD};
use danmu_stream::{Clock, Endpoint, Options, SystemClock};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time,
};

pub type Failure = Box<dyn Error + Send + Sync>;
pub type Test = Result<(), Failure>;

pub const STREAM: &str = "danmu";
pub const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/danmu";
pub const ROLE: &str = "arn:aws:iam::000000000000:role/viewer";

/// The real time, moved by as much as a test wants.
#[derive(Debug, Default)]
pub struct Shifted(AtomicI64);

impl Shifted {
    pub fn by_seconds(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, SeqCst);
    }
}

impl Clock for Shifted {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.0.load(SeqCst)
    }
}

/// The outer limit of a wait: it only ends what hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub struct Keys {
    pub id: String,
    pub secret: String,
    pub token: Option<String>,
}

/// An endpoint on two ports of its own: everything on one, the public origin with `/aws` on the other.
pub struct World {
    pub endpoint: Endpoint,
    pub clock: Arc<Shifted>,
    pub own: SocketAddr,
    pub public: SocketAddr,
    pub dir: Arc<TempDir>,
    data: PathBuf,
    servers: Vec<JoinHandle<()>>,
}

impl World {
    /// With the stream `danmu` of one shard.
    pub async fn start() -> Result<Self, Failure> {
        Self::start_with(1, |_| {}).await
    }

    pub async fn start_with(shards: u32, change: impl FnOnce(&mut Options)) -> Result<Self, Failure> {
        let world = Self::open(Arc::new(tempfile::tempdir()?), Arc::default(), change).await?;
        world.endpoint.ensure_stream(STREAM, shards).await?;
        Ok(world)
    }

    async fn open(dir: Arc<TempDir>, clock: Arc<Shifted>, change: impl FnOnce(&mut Options)) -> Result<Self, Failure> {
        let mut options = Options::new(dir.path().join("data"));
        options.clock = Arc::clone(&clock) as Arc<dyn Clock>;
        change(&mut options);
        let data = options.data_dir.clone();
        let endpoint = Endpoint::open(options).await?;
        let (own, first) = serve(endpoint.router()).await?;
        let (public, second) = serve(public_router(&endpoint)).await?;
        Ok(Self { endpoint, clock, own, public, dir, data, servers: vec![first, second] })
    }

    /// Stops, and opens the same directory again.
    pub async fn restart(self) -> Result<Self, Failure> {
        let (dir, clock) = (Arc::clone(&self.dir), Arc::clone(&self.clock));
        self.stop().await;
        Self::open(dir, clock, |_| {}).await
    }

    /// On a directory that another one left behind.
    pub async fn reopen(dir: Arc<TempDir>) -> Result<Self, Failure> {
        Self::open(dir, Arc::default(), |_| {}).await
    }

    pub async fn stop(self) {
        self.endpoint.close().await;
        for server in self.servers {
            server.abort();
            let _ = server.await;
        }
        drop(self.endpoint);
        until_free(&self.data).await;
    }

    pub fn root(&self) -> Keys {
        let key = self.endpoint.root_key();
        Keys { id: key.access_key_id.clone(), secret: key.secret_access_key.clone(), token: None }
    }

    pub fn kinesis(&self, keys: &Keys) -> aws_sdk_kinesis::Client {
        kinesis(self.own, keys)
    }

    pub fn sts(&self, keys: &Keys) -> aws_sdk_sts::Client {
        let config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(format!("http://{}", self.own))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .credentials_provider(credentials(keys))
            .build();
        aws_sdk_sts::Client::from_conf(config)
    }

    /// Credentials of a session with this policy.
    pub async fn session(&self, policy: Option<&str>) -> Result<Keys, Failure> {
        self.session_of("", policy).await
    }

    /// The same with a source identity; empty: none.
    pub async fn session_of(&self, source_identity: &str, policy: Option<&str>) -> Result<Keys, Failure> {
        self.session_by(&self.root(), source_identity, policy).await
    }

    /// The same, asked for with these keys.
    pub async fn session_by(&self, keys: &Keys, source: &str, policy: Option<&str>) -> Result<Keys, Failure> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", "AssumeRole").append_pair("Version", "2011-06-15");
        form.append_pair("RoleArn", ROLE).append_pair("RoleSessionName", "viewer-1");
        form.append_pair("DurationSeconds", "900");
        if let Some(policy) = policy {
            form.append_pair("Policy", policy);
        }
        if !source.is_empty() {
            form.append_pair("SourceIdentity", source);
        }
        let answer = self.ask(keys).sts(form.finish()).send().await?;
        if answer.status != StatusCode::OK {
            return Err(answer.text().into());
        }
        let text = answer.text();
        Ok(Keys {
            id: element(&text, "AccessKeyId")?,
            secret: element(&text, "SecretAccessKey")?,
            token: Some(element(&text, "SessionToken")?),
        })
    }

    /// A session that may do these things to the stream `danmu`.
    pub async fn may(&self, actions: &[&str]) -> Result<Keys, Failure> {
        let actions: Vec<_> = actions.iter().map(|action| format!("kinesis:{action}")).collect();
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": ARN }],
        });
        self.session(Some(&policy.to_string())).await
    }

    pub async fn producer(&self) -> Result<Keys, Failure> {
        self.may(&["PutRecord", "PutRecords"]).await
    }

    pub async fn consumer(&self) -> Result<Keys, Failure> {
        self.may(&["ListShards", "GetShardIterator", "GetRecords"]).await
    }

    /// A request by hand, signed at the endpoint's time.
    pub fn ask(&self, keys: &Keys) -> Ask {
        Ask::new(self.own, keys, self.clock.now_ms())
    }

    /// One operation with the endpoint's own door.
    pub async fn call(&self, keys: &Keys, operation: &str, body: Value) -> Result<Answer, Failure> {
        self.ask(keys).kinesis(operation, &body).send().await
    }

    /// One operation through the public origin.
    pub async fn call_public(&self, keys: &Keys, operation: &str, body: Value) -> Result<Answer, Failure> {
        let mut ask = self.ask(keys).kinesis(operation, &body);
        ask.addr = self.public;
        ask.host = self.public.to_string();
        ask.path = "/aws/".to_owned();
        ask.send().await
    }

    pub async fn put(&self, keys: &Keys, key: &str, text: &str) -> Result<Answer, Failure> {
        let body = json!({ "StreamName": STREAM, "PartitionKey": key, "Data": STANDARD.encode(text) });
        self.call(keys, "PutRecord", body).await
    }

    pub async fn iterator(&self, keys: &Keys, shard: &str, more: Value) -> Result<String, Failure> {
        let mut body = json!({ "StreamName": STREAM, "ShardId": shard });
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        let answer = self.call(keys, "GetShardIterator", body).await?;
        let iterator = answer.json()?["ShardIterator"].as_str().map(str::to_owned);
        iterator.ok_or_else(|| answer.text().into())
    }

    pub async fn get(&self, keys: &Keys, iterator: &str) -> Result<Answer, Failure> {
        self.call(keys, "GetRecords", json!({ "ShardIterator": iterator })).await
    }
}

pub fn kinesis(addr: SocketAddr, keys: &Keys) -> aws_sdk_kinesis::Client {
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("http://{addr}"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(credentials(keys))
        .build();
    aws_sdk_kinesis::Client::from_conf(config)
}

/// Under `/aws`, as a server mounts it.
pub fn public_router(endpoint: &Endpoint) -> Router {
    Router::new().nest_service("/aws", endpoint.public_router())
}

/// Waits until nobody holds a data directory: connections do so for a moment longer than their listener.
pub async fn until_free(data: &Path) {
    let free = async {
        while File::open(data.join("lock")).is_ok_and(|lock| lock.try_lock().is_err()) {
            time::sleep(Duration::from_millis(1)).await;
        }
    };
    time::timeout(PATIENCE, free).await.expect("the data directory is held by something");
}

pub async fn serve(router: Router) -> Result<(SocketAddr, JoinHandle<()>), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let server = tokio::spawn(async move {
        let _ = axum::serve(listener, router).await;
    });
    Ok((addr, server))
}

fn credentials(keys: &Keys) -> Credentials {
    Credentials::new(&keys.id, &keys.secret, keys.token.clone(), None, "test")
}

/// The text of the first `<name>` in an XML answer.
pub fn element(xml: &str, name: &str) -> Result<String, Failure> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let text = xml.split_once(&open).and_then(|(_, rest)| rest.split_once(&close)).map(|(text, _)| text.to_owned());
    text.ok_or_else(|| format!("no {name} in {xml}").into())
}

/// A request made by hand; every part of it may be changed after it was signed.
#[derive(Clone, Debug)]
pub struct Ask {
    pub addr: SocketAddr,
    /// The host that is signed, and sent unless `sent_host` says otherwise.
    pub host: String,
    pub path: String,
    pub service: String,
    pub region: String,
    pub keys: Keys,
    pub time_ms: i64,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    /// Sent instead of what was signed.
    pub tampered_body: Option<Vec<u8>>,
    /// Added, or replaced, after the signature.
    pub late_headers: Vec<(String, String)>,
}

impl Ask {
    pub fn new(addr: SocketAddr, keys: &Keys, time_ms: i64) -> Self {
        Self {
            addr,
            host: addr.to_string(),
            path: "/".to_owned(),
            service: "kinesis".to_owned(),
            region: "us-east-1".to_owned(),
            keys: keys.clone(),
            time_ms,
            headers: BTreeMap::new(),
            body: Vec::new(),
            tampered_body: None,
            late_headers: Vec::new(),
        }
    }

    pub fn kinesis(self, operation: &str, body: &Value) -> Self {
        self.kinesis_raw(operation, body.to_string().into_bytes())
    }

    pub fn kinesis_raw(mut self, operation: &str, body: Vec<u8>) -> Self {
        self.headers.insert("content-type".to_owned(), "application/x-amz-json-1.1".to_owned());
        self.headers.insert("x-amz-target".to_owned(), format!("Kinesis_20131202.{operation}"));
        self.body = body;
        self
    }

    pub fn sts(mut self, form: String) -> Self {
        self.service = "sts".to_owned();
        self.headers.insert("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned());
        self.body = form.into_bytes();
        self
    }

    pub async fn send(self) -> Result<Answer, Failure> {
        send(self.signed()?).await
    }

    /// Sends the head and the beginning of the body, and leaves it at that.
    pub async fn begin(&self) -> Result<TcpStream, Failure> {
        let request = self.signed()?;
        let mut head = format!("POST {} HTTP/1.1\r\n", request.uri().path());
        for (name, value) in request.headers() {
            head += &format!("{name}: {}\r\n", value.to_str()?);
        }
        let body = request.into_body().collect().await?.to_bytes();
        head += &format!("content-length: {}\r\n\r\n", body.len());
        let mut connection = TcpStream::connect(self.addr).await?;
        connection.write_all(head.as_bytes()).await?;
        connection.write_all(&body[..body.len().min(100_000)]).await?;
        Ok(connection)
    }

    /// Begins it, and returns when the endpoint has made room for the body and reads it.
    pub async fn begin_and_be_read(&self) -> Result<TcpStream, Failure> {
        let mut ask = self.clone();
        ask.late_headers.push(("expect".to_owned(), "100-continue".to_owned()));
        let mut connection = ask.begin().await?;
        let mut said = Vec::new();
        while !said.ends_with(b"\r\n\r\n") {
            said.push(connection.read_u8().await?);
        }
        let said = String::from_utf8(said)?;
        if said.starts_with("HTTP/1.1 100") { Ok(connection) } else { Err(said.into()) }
    }

    /// What is answered to a request that was only begun.
    pub async fn send_without_end(&self) -> Result<String, Failure> {
        let mut connection = self.begin().await?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await?;
        Ok(String::from_utf8(answer)?)
    }

    pub fn signed(&self) -> Result<Request<Full<Bytes>>, Failure> {
        let url = format!("http://{}{}", self.host, self.path);
        let identity = credentials(&self.keys).into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(self.time_ms)?))
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let signable = SignableRequest::new("POST", &url, headers, SignableBody::Bytes(&self.body))?;
        let (instructions, _) = sign(signable, &params)?.into_parts();

        let mut request = Request::post(format!("http://{}{}", self.addr, self.path)).header("host", &self.host);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let body = self.tampered_body.clone().unwrap_or_else(|| self.body.clone());
        let mut request = request.body(Full::new(Bytes::from(body)))?;
        instructions.apply_to_request_http1x(&mut request);
        for (name, value) in &self.late_headers {
            request.headers_mut().insert(http::HeaderName::from_bytes(name.as_bytes())?, value.parse()?);
        }
        Ok(request)
    }
}

pub async fn send(request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
    Answer::of(client.request(request).await?).await
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// The whole of it.
    pub async fn of<B>(response: Response<B>) -> Result<Self, Failure>
    where
        B: Body<Error: Into<Failure>>,
    {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(Into::into)?.to_bytes().to_vec();
        Ok(Self { status: parts.status, headers: parts.headers, body })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Result<Value, Failure> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// The status and `__type` of a refusal; an empty name where there is none.
    pub fn error(&self) -> (u16, String) {
        let name = self.json().ok().and_then(|json| json["__type"].as_str().map(str::to_owned));
        (self.status.as_u16(), name.unwrap_or_default())
    }

    pub fn message(&self) -> String {
        let message = self.json().ok().and_then(|json| json["message"].as_str().map(str::to_owned));
        message.unwrap_or_else(|| self.text())
    }

    /// The texts of the records in a `GetRecords` answer.
    pub fn texts(&self) -> Result<Vec<String>, Failure> {
        let json = self.json()?;
        let records = json["Records"].as_array().ok_or_else(|| self.text())?;
        let text = |record: &Value| -> Result<String, Failure> {
            Ok(String::from_utf8(STANDARD.decode(record["Data"].as_str().unwrap_or_default())?)?)
        };
        records.iter().map(text).collect()
    }
}
