//! What travels: headers, preflights, broken bodies.

use http::{Method, Request, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use serde_json::json;
use tokio::task::JoinSet;

use crate::world::{STREAM, Test, World, send};

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_is_answered_as_the_real_service_does() -> Test {
    let world = World::start().await?;
    for url in [format!("http://{}/", world.own), format!("http://{}/aws/", world.public)] {
        let request = Request::builder()
            .method(Method::OPTIONS)
            .uri(&url)
            .header("origin", "https://page.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type,x-amz-date,x-amz-target");
        let answer = send(request.body(Full::new(Bytes::new()))?).await?;
        assert_eq!(answer.status, StatusCode::OK, "{url}");
        let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert_eq!(header("access-control-allow-origin"), "*");
        assert_eq!(header("access-control-allow-headers"), "authorization,content-type,x-amz-date,x-amz-target");
        assert_eq!(header("access-control-allow-methods"), "POST");
        assert_eq!(header("access-control-max-age"), "172800");
        assert_eq!(header("x-amzn-requestid").len(), 36, "{url}");
        assert!(!header("x-amz-id-2").is_empty(), "{url}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_carries_its_id_the_time_and_what_a_browser_may_read() -> Test {
    let world = World::start().await?;
    world.clock.by_seconds(-86_400);
    let mut ask = world.ask(&world.root()).kinesis("ListShards", &json!({ "StreamName": STREAM }));
    ask.late_headers.push(("origin".to_owned(), "https://page.example".to_owned()));
    let answer = ask.send().await?;
    let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(header("content-type"), "application/x-amz-json-1.1");
    assert_eq!(header("x-amzn-requestid").len(), 36);
    assert!(header("x-amz-id-2").len() >= 64);
    assert_eq!(header("access-control-allow-origin"), "*");
    assert_eq!(
        header("access-control-expose-headers"),
        "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date"
    );
    let date = chrono::DateTime::parse_from_rfc2822(header("date"))?.timestamp();
    let yesterday = danmu_stream::Clock::now_ms(&*world.clock) / 1000;
    assert!((yesterday - date).abs() <= 2, "the date is the endpoint's: {date}, {yesterday}");
    assert_eq!(answer.headers.get_all("date").iter().count(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_bodies_are_refused_and_never_a_panic() -> Test {
    let world = World::start().await?;
    let root = world.root();
    let deep = "[".repeat(100_000);
    let bodies: [&[u8]; 9] = [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\"text\"",
        b"{\"StreamName\":\"danmu\",\"PartitionKey\":\"\xff\xfe\",\"Data\":\"aGk=\"}",
        b"{\"StreamName\":\"\\ud800\",\"PartitionKey\":\"a\",\"Data\":\"aGk=\"}",
        b"{\"StreamName\":{},\"PartitionKey\":\"a\",\"Data\":\"aGk=\"}",
        deep.as_bytes(),
    ];
    for operation in
        ["PutRecord", "PutRecords", "GetRecords", "GetShardIterator", "ListShards", "CreateStream", "SplitShard"]
    {
        for body in bodies {
            let answer = world.ask(&root).kinesis_raw(operation, body.to_vec()).send().await?;
            let text = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
            let (status, name) = answer.error();
            assert_eq!(status, 400, "{operation} {text}: {}", answer.text());
            assert!(!name.is_empty(), "{operation} {text}: {}", answer.text());
            if !body.starts_with(b"{\"") {
                assert_eq!(name, "SerializationException", "{operation} {text}: {}", answer.text());
            }
        }
    }
    let put = world.put(&root, "room", "alive").await?;
    assert_eq!(put.status, 200);
    assert!(world.endpoint.metrics().rejected["SerializationException"] > 50);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_offered_is_refused_by_name() -> Test {
    let world = World::start().await?;
    let root = world.root();
    let unknown = world.call(&root, "BakeBread", json!({})).await?;
    assert_eq!(unknown.error(), (400, "UnknownOperationException".to_owned()));
    let queue = world.call(&root, "CreateQueue", json!({ "QueueName": "q" })).await?;
    assert_eq!(queue.error(), (400, "UnknownOperationException".to_owned()));
    assert!(queue.message().contains("no queues"), "{}", queue.message());

    let mut other = world.ask(&root).kinesis("PutRecord", &json!({}));
    other.headers.insert("x-amz-target".to_owned(), "DynamoDB_20120810.PutItem".to_owned());
    assert_eq!(other.send().await?.error(), (400, "UnknownOperationException".to_owned()));

    let get = Request::get(format!("http://{}/", world.own)).body(Full::new(Bytes::new()))?;
    assert_eq!(send(get).await?.error().1, "UnknownOperationException");
    let sts = world.ask(&root).sts("Action=DeleteAccount&Version=2011-06-15".to_owned()).send().await?;
    assert!(sts.text().contains("<Code>InvalidAction</Code>"), "{}", sts.text());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_and_headers_without_end_are_cut() -> Test {
    let world = World::start().await?;
    let root = world.root();
    let large = world.ask(&root).kinesis_raw("PutRecords", vec![b' '; danmu_stream::MAX_BODY + 1]).send().await?;
    assert_eq!(large.error(), (413, "RequestEntityTooLargeException".to_owned()));
    let mut ask = world.ask(&root).kinesis("ListShards", &json!({ "StreamName": STREAM }));
    ask.late_headers.push(("x-padding".to_owned(), "x".repeat(danmu_stream::MAX_HEADERS)));
    assert_eq!(ask.send().await?.error(), (413, "RequestEntityTooLargeException".to_owned()));
    Ok(())
}

#[tokio::test]
async fn a_large_body_is_kept_for_no_stranger_and_no_expired_session() -> Test {
    let world = World::start().await?;
    let url = format!("http://{}/aws/", world.public);
    let post = |size: usize| Request::post(&url).body(Full::new(Bytes::from(vec![b' '; size])));
    let unsigned = (400, "MissingAuthenticationTokenException".to_owned());
    for size in [1000, 100_000, danmu_stream::MAX_BODY + 1] {
        assert_eq!(send(post(size)?).await?.error(), unsigned, "{size}");
    }
    let producer = world.producer().await?;
    let body = json!({ "StreamName": STREAM, "PartitionKey": "room", "Data": "x".repeat(400_000) });
    assert_eq!(world.call_public(&producer, "PutRecord", body.clone()).await?.status, 200);
    let mut sts = world.ask(&world.root()).sts(format!("Action={}", "x".repeat(100_000)));
    sts.late_headers.push(("connection".to_owned(), "close".to_owned()));
    assert_eq!(sts.send().await?.status, 413);

    // What never ends must be refused by its headers: an answer after the body would not come.
    world.clock.by_seconds(901);
    // The rest of a body is waited for, for a while in which nothing else happens.
    tokio::time::pause();
    let mut asks = JoinSet::new();
    for (what, keys, name) in [
        ("an expired session", &producer, "ExpiredTokenException"),
        ("the root key at the public door", &world.root(), "UnrecognizedClientException"),
    ] {
        let mut ask = world.ask(keys).kinesis("PutRecord", &body);
        (ask.addr, ask.host, ask.path) = (world.public, world.public.to_string(), "/aws/".to_owned());
        let mut early = ask.clone();
        early.time_ms -= 16 * 60_000;
        for (ask, name) in [(ask, name), (early, "InvalidSignatureException")] {
            asks.spawn(async move { (what, name, ask.send_without_end().await) });
        }
    }
    while let Some(asked) = asks.join_next().await {
        let (what, name, answer) = asked?;
        let answer = answer.map_err(|error| format!("{what}: {error}"))?;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains(name), "{what}: {answer}");
    }
    Ok(())
}
