//! An event stream as it arrives, frame after frame, over a connection or straight from the router.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use aws_smithy_types::event_stream::Message;
use axum::body::Body;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::Response;
use http_body_util::BodyExt;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::world::{ARN, Ask, Failure, Keys, World, public_router};

/// One frame: whether it is an event or an exception, of which name, and its payload.
#[derive(Debug)]
pub struct Frame {
    pub kind: String,
    pub name: String,
    pub json: Value,
}

impl Frame {
    fn read(message: &Message) -> Result<Self, Failure> {
        let header = |name: &str| {
            let header = message.headers().iter().find(|header| header.name().as_str() == name);
            let text = header.and_then(|header| header.value().as_string().ok());
            text.map(|text| text.as_str().to_owned()).ok_or_else(|| format!("no {name}"))
        };
        let kind = header(":message-type")?;
        let name = header(&format!(":{kind}-type"))?;
        assert_eq!(header(":content-type")?, "application/x-amz-json-1.1");
        Ok(Self { kind, name, json: serde_json::from_slice(message.payload())? })
    }

    /// The texts of its records.
    pub fn texts(&self) -> Result<Vec<String>, Failure> {
        let records = self.json["Records"].as_array().ok_or_else(|| format!("no records in {self:?}"))?;
        let text = |record: &Value| -> Result<String, Failure> {
            Ok(String::from_utf8(STANDARD.decode(record["Data"].as_str().unwrap_or_default())?)?)
        };
        records.iter().map(text).collect()
    }

    pub fn continuation(&self) -> &str {
        self.json["ContinuationSequenceNumber"].as_str().unwrap_or_default()
    }
}

/// The frames of an answer.
pub struct Frames {
    body: Body,
    decoder: MessageFrameDecoder,
    arrived: Vec<u8>,
}

impl Frames {
    /// The frames of a successful answer, the first of which was looked at.
    pub async fn of(answer: Response<Body>) -> Result<Self, Failure> {
        let status = answer.status();
        if status != 200 {
            let body = answer.into_body().collect().await?.to_bytes();
            return Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into());
        }
        assert_eq!(answer.headers()["content-type"], "application/vnd.amazon.eventstream");
        let mut frames = Self { body: answer.into_body(), decoder: MessageFrameDecoder::new(), arrived: Vec::new() };
        let first = frames.next().await?.ok_or("nothing came")?;
        assert_eq!((first.kind.as_str(), first.name.as_str(), &first.json), ("event", "initial-response", &json!({})));
        Ok(frames)
    }

    /// The next frame, or none at a clean end.
    pub async fn next(&mut self) -> Result<Option<Frame>, Failure> {
        loop {
            let mut rest = self.arrived.as_slice();
            let decoded = self.decoder.decode_frame(&mut rest)?;
            let left = rest.len();
            self.arrived.drain(..self.arrived.len() - left);
            if let DecodedFrame::Complete(message) = decoded {
                return Frame::read(&message).map(Some);
            }
            match self.body.frame().await {
                Some(frame) => self.arrived.extend(frame?.into_data().unwrap_or_default()),
                None if self.arrived.is_empty() => return Ok(None),
                None => return Err("it ended within a frame".into()),
            }
        }
    }

    /// Reads until `count` records have come; says what was in them and the last continuation number.
    pub async fn records(&mut self, count: usize) -> Result<(Vec<String>, String), Failure> {
        let mut texts = Vec::new();
        loop {
            let frame = self.next().await?.ok_or_else(|| format!("it ended after {texts:?}"))?;
            texts.extend(frame.texts()?);
            if texts.len() >= count {
                return Ok((texts, frame.continuation().to_owned()));
            }
        }
    }
}

/// Registers a consumer of the stream `danmu`; its ARN.
pub async fn register(world: &World, name: &str) -> Result<String, Failure> {
    let body = json!({ "StreamARN": ARN, "ConsumerName": name });
    let answer = world.call(&world.root(), "RegisterStreamConsumer", body).await?;
    let arn = answer.json()?["Consumer"]["ConsumerARN"].as_str().map(str::to_owned);
    arn.ok_or_else(|| answer.text().into())
}

/// A signed `SubscribeToShard`.
pub fn subscription(world: &World, keys: &Keys, consumer: &str, shard: &str, start: Value) -> Ask {
    let body = json!({ "ConsumerARN": consumer, "ShardId": shard, "StartingPosition": start });
    world.ask(keys).kinesis("SubscribeToShard", &body)
}

/// Asks the router of its address itself: no connection keeps a frame that nobody has looked at.
pub async fn straight(world: &World, ask: &Ask) -> Result<Response<Body>, Failure> {
    begin_straight(world, ask)?.await
}

/// The same for a task of its own.
pub fn begin_straight(
    world: &World,
    ask: &Ask,
) -> Result<impl Future<Output = Result<Response<Body>, Failure>> + Send + use<>, Failure> {
    let router = if ask.addr == world.public { public_router(&world.endpoint) } else { world.endpoint.router() };
    let answer = router.oneshot(ask.signed()?.map(Body::new));
    Ok(async { Ok(answer.await?) })
}

/// Asks over HTTP/2, where the host is in `:authority` alone.
pub async fn over_http2(ask: &Ask) -> Result<Response<Body>, Failure> {
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let mut request = ask.signed()?;
    request.headers_mut().remove("host");
    let answer = client.request(request).await?;
    assert_eq!(answer.version(), http::Version::HTTP_2);
    Ok(answer.map(Body::new))
}
