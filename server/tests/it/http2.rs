//! The program's ports over HTTP/2 with prior knowledge, and its shutdown with connections open.

use std::{io::Write, net::TcpStream, time::SystemTime};

use danmu::{kinesis::sigv4, session::Session};
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};

use crate::{
    program::Program,
    world::{Failure, Test},
};

type Http = Client<HttpConnector, Full<Bytes>>;

fn http2() -> Http {
    Client::builder(TokioExecutor::new()).http2_only(true).build_http()
}

/// A call of the program's stream with its root key, in whichever HTTP the client speaks.
async fn call(client: &Http, program: &Program, operation: &str, body: Value) -> Result<Response<Incoming>, Failure> {
    // Where the settings leave it.
    let file = program.directory().join("data/root-key.json");
    let key: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    let member = |name: &str| key[name].as_str().unwrap_or_default();
    let credentials = sigv4::Credentials {
        access_key_id: member("access_key_id"),
        secret_access_key: member("secret_access_key"),
        session_token: None,
    };
    let host = ("host", program.stream.trim_start_matches("http://"));
    call_as(client, &credentials, (&program.stream, "/"), host, operation, body).await
}

/// `host` is what is signed as the host, and by which name.
async fn call_as(
    client: &Http,
    credentials: &sigv4::Credentials<'_>,
    (url, path): (&str, &str),
    host: (&str, &str),
    operation: &str,
    body: Value,
) -> Result<Response<Incoming>, Failure> {
    let target = format!("Kinesis_20131202.{operation}");
    let headers = [("content-type", "application/x-amz-json-1.1"), host, ("x-amz-target", target.as_str())];
    let body = body.to_string().into_bytes();
    let request = sigv4::Request { method: "POST", path, query: "", headers: &headers, body: &body };
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let scope = sigv4::Scope { region: "us-east-1", service: "kinesis", time_ms: i64::try_from(since.as_millis())? };
    let signed = sigv4::sign(&request, credentials, &scope, sigv4::Settings::default());
    let mut request = Request::post(format!("{url}{path}"));
    // The host is in the address.
    for (name, value) in headers.into_iter().filter(|(name, _)| *name != host.0) {
        request = request.header(name, value);
    }
    for (name, value) in signed {
        request = request.header(name, value);
    }
    Ok(client.request(request.body(Full::new(body.into()))?).await?)
}

async fn text(answer: Response<Incoming>) -> Result<String, Failure> {
    Ok(String::from_utf8(answer.into_body().collect().await?.to_bytes().to_vec())?)
}

#[tokio::test]
async fn both_ports_answer_over_http2_and_know_their_host() -> Test {
    let program = Program::start(&[])?;
    let client = http2();
    let answer = client.get(format!("{}/healthz", program.url).parse()?).await?;
    assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
    for (origin, status) in [(program.url.as_str(), 200), ("http://elsewhere.example", 403)] {
        let form = Request::post(format!("{}/api/session", program.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", origin)
            .body(Full::from("room=demo&purpose=produce"))?;
        let answer = client.request(form).await?;
        assert_eq!(answer.status().as_u16(), status, "from {origin}: {}", text(answer).await?);
    }
    let session = program.session("demo", "produce", &[])?;
    let session: Session = serde_json::from_str(&session.body)?;
    let credentials = sigv4::Credentials {
        access_key_id: &session.access_key_id,
        secret_access_key: &session.secret_access_key,
        session_token: Some(&session.session_token),
    };
    let put = json!({ "StreamName": "danmu", "PartitionKey": "demo", "Data": "aGk=" });
    // The AWS SDK for JavaScript signs what HTTP/2 calls it.
    let here = program.url.trim_start_matches("http://");
    let elsewhere = "elsewhere.example";
    for (name, host, status) in
        [("host", here, 200), (":authority", here, 200), ("host", elsewhere, 400), (":authority", elsewhere, 400)]
    {
        let at = (program.url.as_str(), "/aws/");
        let answer = call_as(&client, &credentials, at, (name, host), "PutRecord", put.clone()).await?;
        assert_eq!((answer.status().as_u16(), answer.version()), (status, Version::HTTP_2), "{name}: {host}");
    }
    let answer = call(&client, &program, "DescribeStreamSummary", json!({ "StreamName": "danmu" })).await?;
    assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
    assert!(text(answer).await?.contains("\"StreamStatus\":\"ACTIVE\""));
    Ok(())
}

#[tokio::test]
async fn headers_over_http2_are_bounded() -> Test {
    let program = Program::start(&[])?;
    let client = http2();
    let with = |size: usize| {
        Request::get(format!("{}/healthz", program.url)).header("x-long", "x".repeat(size)).body(Full::default())
    };
    assert_eq!(client.request(with(16_000)?).await?.status(), 200);
    let refused = client.request(with(40_000)?).await;
    assert!(refused.is_err() || refused.is_ok_and(|answer| answer.status() == 431));
    Ok(())
}

#[tokio::test]
async fn connections_that_ask_for_nothing_do_not_hold_the_end_up() -> Test {
    let program = Program::start_telling(&[])?;
    let client = http2();
    assert_eq!(client.get(format!("{}/healthz", program.url).parse()?).await?.status(), 200);
    let mut silent = Vec::new();
    for begun in ["", "PRI * HTTP/2.0\r\n"] {
        for url in [&program.url, &program.stream] {
            let mut connection = TcpStream::connect(url.trim_start_matches("http://"))?;
            connection.write_all(begun.as_bytes())?;
            silent.push(connection);
        }
    }
    // Nor one whose request never gets whole.
    let mut half = TcpStream::connect(program.url.trim_start_matches("http://"))?;
    half.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")?;
    // Connections are accepted in turn: whoever is answered came after all of them, at either port.
    for url in [&program.url, &program.stream] {
        let later = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        later.get(url.parse()?).await?;
    }
    ends_soon(program).await
}

#[tokio::test]
async fn open_subscriptions_end_with_the_program_and_do_not_hold_it_up() -> Test {
    let program = Program::start_telling(&[])?;
    let (mut open, mut connections) = (Vec::new(), Vec::new());
    for (name, client) in [("older", Client::builder(TokioExecutor::new()).build_http()), ("newer", http2())] {
        let consumer =
            json!({ "StreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/danmu", "ConsumerName": name });
        let registered = text(call(&client, &program, "RegisterStreamConsumer", consumer).await?).await?;
        let registered: Value = serde_json::from_str(&registered)?;
        let subscription = json!({
            "ConsumerARN": registered["Consumer"]["ConsumerARN"],
            "ShardId": "shardId-000000000000",
            "StartingPosition": { "Type": "LATEST" },
        });
        let mut answer = call(&client, &program, "SubscribeToShard", subscription).await?;
        assert_eq!(answer.status(), 200, "{name}");
        assert!(answer.frame().await.ok_or("nothing came")??.is_data());
        open.push(answer);
        connections.push(client);
    }
    let ended = tokio::spawn(ends_soon(program));
    for answer in open {
        // To the end that was meant, not to where it broke off.
        answer.into_body().collect().await?;
    }
    ended.await?
}

/// An operator's signal ends the program, and the time that is granted to requests under way does not run out.
async fn ends_soon(program: Program) -> Test {
    let (status, said) = tokio::task::spawn_blocking(|| program.terminate_and_tell()).await??;
    assert!(status.success() && said.contains("draining"), "{said}");
    assert!(!said.contains("some requests did not end in time"), "{said}");
    Ok(())
}
