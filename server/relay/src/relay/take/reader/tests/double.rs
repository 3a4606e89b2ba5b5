//! A double of Kinesis within the process: no socket, so that time can be virtual. One stream, one shard, and consumers that
//! take as long to become active as a test wants.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_sdk_kinesis::{
    Client,
    config::{BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig, retry::RetryConfig},
};
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_runtime_api::{
    client::{
        http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::{
    body::SdkBody,
    event_stream::{Header, HeaderValue, Message},
};
use danmu_identity::{aws::bus::deadlines, clock::now_ms};
use futures::{StreamExt, channel::mpsc};
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use serde_json::{Value, json};
use tokio::time::Instant;

const STREAM_ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/danmu";
/// What a provisioned stream has room for.
const MOST_CONSUMERS: usize = 20;

/// The service. A handle.
#[derive(Clone, Debug)]
pub struct Kinesis(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    begun: (i64, Instant),
    consumers: Vec<Consumer>,
    activation: Duration,
    records: Vec<Value>,
    subscriptions: Vec<Subscription>,
}

#[derive(Clone, Debug)]
struct Consumer {
    name: String,
    since_ms: i64,
    active_ms: i64,
}

/// A subscription that was asked for.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// The consumer's name.
    pub consumer: String,
    /// From where.
    pub from: Value,
    push: Option<mpsc::UnboundedSender<Bytes>>,
}

impl Kinesis {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            begun: (now_ms(), Instant::now()),
            consumers: Vec::new(),
            activation: Duration::ZERO,
            records: Vec::new(),
            subscriptions: Vec::new(),
        })))
    }

    pub fn client(&self) -> Client {
        let config = aws_sdk_kinesis::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
            .endpoint_url("http://kinesis.test")
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .timeout_config(deadlines())
            .http_client(self.clone())
            .build();
        Client::from_conf(config)
    }

    /// How long consumers that are registered from now on take to become active.
    pub fn activates_after(&self, time: Duration) {
        self.state().activation = time;
    }

    /// A consumer that was registered so long ago.
    pub fn has_consumer(&self, name: &str, age: Duration) {
        let mut state = self.state();
        let since_ms = state.now_ms() - millis(age);
        state.consumers.push(Consumer { name: name.to_owned(), since_ms, active_ms: since_ms });
    }

    pub fn consumers(&self) -> Vec<String> {
        self.state().consumers.iter().map(|consumer| consumer.name.clone()).collect()
    }

    pub fn subscriptions(&self) -> Vec<Subscription> {
        self.state().subscriptions.clone()
    }

    /// Puts a record, which is read by polling.
    pub fn put(&self, number: &str) {
        let mut state = self.state();
        let record = record(number, state.now_ms());
        state.records.push(record);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    /// Pushes an event with these records.
    pub fn push(&self, records: &[&str], continuation: &str) {
        let records: Vec<_> = records.iter().map(|number| record(number, now_ms())).collect();
        let event = json!({ "Records": records, "ContinuationSequenceNumber": continuation, "MillisBehindLatest": 0 });
        self.send("event", "SubscribeToShardEvent", &event);
    }

    /// Pushes an exception.
    pub fn fail(&self, name: &'static str, message: &str) {
        self.send("exception", name, &json!({ "message": message }));
    }

    fn send(&self, kind: &'static str, name: &'static str, payload: &Value) {
        if let Some(push) = &self.push {
            let _ = push.unbounded_send(frame(kind, name, payload));
        }
    }
}

impl State {
    fn now_ms(&self) -> i64 {
        self.begun.0 + millis(self.begun.1.elapsed())
    }

    fn answer(&mut self, operation: &str, body: &Value) -> Result<Value, &'static str> {
        let now_ms = self.now_ms();
        Ok(match operation {
            "DescribeStreamSummary" => json!({ "StreamDescriptionSummary": {
                "StreamName": "danmu", "StreamARN": STREAM_ARN, "StreamStatus": "ACTIVE", "RetentionPeriodHours": 24,
                "StreamCreationTimestamp": 1_700_000_000, "EnhancedMonitoring": [], "OpenShardCount": 1,
            }}),
            "ListShards" => json!({ "Shards": [{
                "ShardId": "shardId-000000000000",
                "HashKeyRange": { "StartingHashKey": "0", "EndingHashKey": u128::MAX.to_string() },
                "SequenceNumberRange": { "StartingSequenceNumber": "1" },
            }]}),
            "GetShardIterator" => {
                let after = body["StartingSequenceNumber"].as_str();
                let read = |number: &str| after.is_some_and(|after| (number.len(), number) <= (after.len(), after));
                let place = self.records.iter().filter(|record| record["SequenceNumber"].as_str().is_some_and(read));
                json!({ "ShardIterator": place.count().to_string() })
            }
            "GetRecords" => {
                let place = body["ShardIterator"].as_str().and_then(|place| place.parse().ok()).unwrap_or(0);
                let next = self.records.len().to_string();
                json!({ "Records": self.records[place..], "NextShardIterator": next, "MillisBehindLatest": 0 })
            }
            "RegisterStreamConsumer" => {
                let name = body["ConsumerName"].as_str().unwrap_or_default().to_owned();
                if self.consumers.iter().any(|known| known.name == name) {
                    return Err("ResourceInUseException");
                }
                if self.consumers.len() >= MOST_CONSUMERS {
                    return Err("LimitExceededException");
                }
                let consumer = Consumer { name, since_ms: now_ms, active_ms: now_ms + millis(self.activation) };
                let answer = json!({ "Consumer": consumer.description(now_ms) });
                self.consumers.push(consumer);
                answer
            }
            "DescribeStreamConsumer" => {
                let known = self.consumers.iter().find(|known| body["ConsumerName"] == *known.name);
                let mut description = known.ok_or("ResourceNotFoundException")?.description(now_ms);
                description["StreamARN"] = json!(STREAM_ARN);
                json!({ "ConsumerDescription": description })
            }
            "ListStreamConsumers" => {
                // In pages of seven.
                let from = body["NextToken"].as_str().and_then(|token| token.parse().ok()).unwrap_or(0);
                let page = self.consumers.iter().skip(from).take(7).map(|consumer| consumer.description(now_ms));
                let page: Vec<_> = page.collect();
                let next = (from + 7 < self.consumers.len()).then(|| (from + 7).to_string());
                json!({ "Consumers": page, "NextToken": next })
            }
            "DeregisterStreamConsumer" => {
                self.consumers.retain(|known| body["ConsumerARN"] != known.arn());
                json!({})
            }
            _ => return Err("UnknownOperationException"),
        })
    }

    fn subscribe(&mut self, body: &Value) -> Result<mpsc::UnboundedReceiver<Bytes>, &'static str> {
        let known = self.consumers.iter().find(|known| body["ConsumerARN"] == known.arn());
        let consumer = known.ok_or("ResourceNotFoundException")?.name.clone();
        let (push, pushed) = mpsc::unbounded();
        let _ = push.unbounded_send(frame("event", "initial-response", &json!({})));
        // The one before is over, as it is where another takes its place.
        self.subscriptions.iter_mut().for_each(|before| before.push = None);
        let from = body["StartingPosition"].clone();
        self.subscriptions.push(Subscription { consumer, from, push: Some(push) });
        Ok(pushed)
    }
}

impl Consumer {
    fn arn(&self) -> String {
        format!("{STREAM_ARN}/consumer/{}:{}", self.name, self.since_ms / 1_000)
    }

    fn description(&self, now_ms: i64) -> Value {
        let status = if now_ms >= self.active_ms { "ACTIVE" } else { "CREATING" };
        #[expect(clippy::cast_precision_loss, reason = "a time of today")]
        let created = self.since_ms as f64 / 1_000.0;
        json!({ "ConsumerName": self.name, "ConsumerARN": self.arn(), "ConsumerStatus": status,
            "ConsumerCreationTimestamp": created })
    }
}

impl HttpConnector for Kinesis {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").and_then(|target| target.split('.').nth(1));
        let operation = target.unwrap_or_default().to_owned();
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let mut state = self.state();
        let answer = if operation == "SubscribeToShard" {
            state.subscribe(&body).map(|pushed| {
                let frames = pushed.map(|frame| Ok::<_, Infallible>(Frame::data(frame)));
                SdkBody::from_body_1_x(StreamBody::new(frames))
            })
        } else {
            state.answer(&operation, &body).map(|answer| SdkBody::from(answer.to_string()))
        };
        let (status, body) = match answer {
            Ok(body) => (200, body),
            Err(code) => (400, SdkBody::from(json!({ "__type": code, "message": operation }).to_string())),
        };
        let status = StatusCode::try_from(status).expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, body)))
    }
}

impl HttpClient for Kinesis {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

fn record(number: &str, arrival_ms: i64) -> Value {
    json!({ "SequenceNumber": number, "Data": "aGk=", "PartitionKey": "demo",
        "ApproximateArrivalTimestamp": arrival_ms / 1_000 })
}

fn frame(kind: &'static str, name: &'static str, payload: &Value) -> Bytes {
    let typed = if kind == "event" { ":event-type" } else { ":exception-type" };
    let headers = [(":message-type", kind), (typed, name), (":content-type", "application/x-amz-json-1.1")];
    let headers = headers.map(|(name, value)| Header::new(name, HeaderValue::String(value.into()))).to_vec();
    let mut frame = Vec::new();
    write_message_to(&Message::new_from_parts(headers, payload.to_string()), &mut frame).expect("a frame");
    frame.into()
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
