//! Who is kept out, and with which words.

use std::net::SocketAddr;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::Request;
use http_body_util::Full;
use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::world::{ARN, Ask, Keys, STREAM, Test, World, send, serve};

const SHARD: &str = "shardId-000000000000";

fn put_body() -> Value {
    json!({ "StreamName": STREAM, "PartitionKey": "room", "Data": "aGk=" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_not_what_was_signed_is_refused() -> Test {
    let world = World::start().await?;
    let producer = world.producer().await?;
    let ask = || world.ask(&producer).kinesis("PutRecord", &put_body());
    type Change = Box<dyn Fn(&mut Ask)>;
    let changes: [(&str, Change, &str); 12] = [
        ("secret", Box::new(|ask| ask.keys.secret = "x".repeat(40)), "InvalidSignatureException"),
        (
            "body",
            Box::new(|ask| ask.tampered_body = Some(b"{\"StreamName\":\"other\"}".to_vec())),
            "InvalidSignatureException",
        ),
        (
            "host",
            Box::new(|ask| ask.late_headers.push(("host".into(), "elsewhere".into()))),
            "InvalidSignatureException",
        ),
        (
            "target",
            Box::new(|ask| ask.late_headers.push(("x-amz-target".into(), "Kinesis_20131202.GetRecords".into()))),
            "InvalidSignatureException",
        ),
        ("region", Box::new(|ask| ask.region = "eu-west-1".into()), "InvalidSignatureException"),
        ("service", Box::new(|ask| ask.service = "sts".into()), "InvalidSignatureException"),
        ("key id", Box::new(|ask| ask.keys.id = "ASIAAAAAAAAAAAAAAAAA".into()), "UnrecognizedClientException"),
        ("token", Box::new(|ask| ask.keys.token = Some("AAAA".into())), "UnrecognizedClientException"),
        ("no token", Box::new(|ask| ask.keys.token = None), "UnrecognizedClientException"),
        ("old", Box::new(|ask| ask.time_ms -= 16 * 60_000), "InvalidSignatureException"),
        ("early", Box::new(|ask| ask.time_ms += 16 * 60_000), "InvalidSignatureException"),
        (
            "scheme",
            Box::new(|ask| ask.late_headers.push(("authorization".into(), "Bearer me".into()))),
            "IncompleteSignatureException",
        ),
    ];
    for (what, change, name) in changes {
        let mut ask = ask();
        change(&mut ask);
        let answer = ask.send().await?;
        assert_eq!(answer.error(), (400, name.to_owned()), "{what}: {}", answer.text());
        match what {
            "old" => assert!(
                answer.message().starts_with("Signature expired: ")
                    && answer.message().contains(" is now earlier than "),
                "{}",
                answer.message()
            ),
            "early" => assert!(answer.message().starts_with("Signature not yet current: "), "{}", answer.message()),
            _ => {}
        }
    }
    assert_eq!(ask().send().await?.status, 200, "unchanged it is taken");

    let unsigned = Request::post(format!("http://{}/", world.own))
        .header("x-amz-target", "Kinesis_20131202.PutRecord")
        .body(Full::new(Bytes::from(put_body().to_string())))?;
    assert_eq!(send(unsigned).await?.error(), (400, "MissingAuthenticationTokenException".to_owned()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_was_not_signed_is_refused() -> Test {
    let world = World::start().await?;
    let mut ask = world.ask(&world.root()).kinesis("PutRecord", &put_body());
    ask.headers.remove("x-amz-target");
    ask.late_headers.push(("x-amz-target".to_owned(), "Kinesis_20131202.PutRecord".to_owned()));
    assert_eq!(ask.send().await?.error(), (400, "InvalidSignatureException".to_owned()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_cannot_read_and_a_consumer_cannot_put() -> Test {
    let world = World::start().await?;
    let (producer, consumer) = (world.producer().await?, world.consumer().await?);
    let denied = (400, "AccessDeniedException".to_owned());

    let put = world.put(&consumer, "room", "no").await?;
    assert_eq!(put.error(), denied);
    assert_eq!(
        put.message(),
        format!(
            "User: arn:aws:sts::000000000000:assumed-role/viewer/viewer-1 is not authorized to perform: kinesis:PutRecord \
             on resource: {ARN} because no session policy allows the kinesis:PutRecord action"
        )
    );
    let iterator = world.iterator(&consumer, SHARD, json!({ "ShardIteratorType": "LATEST" })).await?;
    assert_eq!(world.get(&consumer, &iterator).await?.status, 200);
    assert_eq!(world.get(&producer, &iterator).await?.error(), denied, "another's iterator opens nothing");
    let request = json!({ "StreamName": STREAM, "ShardId": SHARD, "ShardIteratorType": "LATEST" });
    assert_eq!(world.call(&producer, "GetShardIterator", request).await?.error(), denied);
    assert_eq!(world.call(&producer, "ListShards", json!({ "StreamName": STREAM })).await?.error(), denied);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_reaches_no_other_stream_and_learns_nothing_about_it() -> Test {
    let world = World::start().await?;
    world.endpoint.ensure_stream("other", 1).await?;
    let (producer, consumer) = (world.producer().await?, world.consumer().await?);
    let denied = (400, "AccessDeniedException".to_owned());
    for stream in ["other", "nowhere"] {
        let body = json!({ "StreamName": stream, "PartitionKey": "room", "Data": "aGk=" });
        assert_eq!(world.call(&producer, "PutRecord", body).await?.error(), denied, "{stream}");
        let body = json!({ "StreamARN": format!("arn:aws:kinesis:us-east-1:000000000000:stream/{stream}") });
        assert_eq!(world.call(&consumer, "ListShards", body).await?.error(), denied, "{stream}");
    }
    let body = json!({ "StreamName": "other", "ShardId": SHARD, "ShardIteratorType": "LATEST" });
    let foreign = world.call(&world.root(), "GetShardIterator", body).await?.json()?;
    let foreign = foreign["ShardIterator"].as_str().ok_or("no iterator")?;
    assert_eq!(world.get(&consumer, foreign).await?.error(), denied, "reading is judged on the iterator's stream");

    let root = world.root();
    let pages = json!({ "StreamName": "wide", "MaxResults": 1 });
    world.endpoint.ensure_stream("wide", 2).await?;
    let token = world.call(&root, "ListShards", pages).await?.json()?["NextToken"].clone();
    assert!(token.is_string());
    assert_eq!(world.call(&consumer, "ListShards", json!({ "NextToken": token })).await?.error(), denied);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_root_key_uses_sts_and_the_control_plane() -> Test {
    let world = World::start().await?;
    let everything = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let session = world.session(Some(everything)).await?;
    let denied = (400, "AccessDeniedException".to_owned());
    for (operation, body) in [
        ("CreateStream", json!({ "StreamName": "mine", "ShardCount": 1 })),
        ("DescribeStreamSummary", json!({ "StreamName": STREAM })),
        ("SplitShard", json!({ "StreamName": STREAM, "ShardToSplit": SHARD, "NewStartingHashKey": "7" })),
        ("MergeShards", json!({ "StreamName": STREAM, "ShardToMerge": SHARD, "AdjacentShardToMerge": SHARD })),
    ] {
        assert_eq!(world.call(&session, operation, body).await?.error(), denied, "{operation}");
    }
    let form =
        "Action=AssumeRole&Version=2011-06-15&RoleSessionName=again&RoleArn=arn:aws:iam::000000000000:role/viewer";
    let sts = world.ask(&session).sts(form.to_owned()).send().await?;
    assert_eq!(sts.status, 403);
    assert!(sts.text().contains("<Code>AccessDenied</Code>"), "{}", sts.text());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sts_names_its_refusals_as_sts_does() -> Test {
    let world = World::start().await?;
    let form = "Action=GetCallerIdentity&Version=2011-06-15".to_owned();
    let mut wrong = world.root();
    wrong.secret = "x".repeat(40);
    let answer = world.ask(&wrong).sts(form.clone()).send().await?;
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("<Code>SignatureDoesNotMatch</Code>"), "{}", answer.text());
    let stranger = Keys { id: "AKIAAAAAAAAAAAAAAAAA".to_owned(), ..wrong };
    let answer = world.ask(&stranger).sts(form).send().await?;
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("<Code>InvalidClientTokenId</Code>"), "{}", answer.text());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_origin_offers_the_data_plane_to_sessions_only() -> Test {
    let world = World::start().await?;
    let (producer, consumer, root) = (world.producer().await?, world.consumer().await?, world.root());
    let put = world.call_public(&producer, "PutRecord", put_body()).await?;
    assert_eq!(put.status, 200, "{}", put.text());
    let listed = world.call_public(&consumer, "ListShards", json!({ "StreamName": STREAM })).await?;
    assert_eq!(listed.json()?["Shards"][0]["ShardId"], SHARD);
    let iterator = json!({ "StreamName": STREAM, "ShardId": SHARD, "ShardIteratorType": "TRIM_HORIZON" });
    let iterator = world.call_public(&consumer, "GetShardIterator", iterator).await?.json()?["ShardIterator"].clone();
    let got = world.call_public(&consumer, "GetRecords", json!({ "ShardIterator": iterator })).await?;
    assert_eq!(got.texts()?, ["hi"]);

    let unknown = (400, "UnrecognizedClientException".to_owned());
    for (operation, body) in [("PutRecord", put_body()), ("DescribeStreamSummary", json!({ "StreamName": STREAM }))] {
        assert_eq!(world.call_public(&root, operation, body).await?.error(), unknown, "the root key: {operation}");
    }
    let free = world.session(None).await?;
    for operation in
        ["CreateStream", "DescribeStream", "DescribeStreamSummary", "SplitShard", "MergeShards", "Nonsense"]
    {
        let answer = world.call_public(&free, operation, json!({ "StreamName": STREAM, "ShardCount": 1 })).await?;
        assert_eq!(answer.error(), (400, "AccessDeniedException".to_owned()), "{operation}");
    }
    for keys in [&free, &root] {
        let mut sts = world.ask(keys).sts("Action=GetCallerIdentity&Version=2011-06-15".to_owned());
        sts.addr = world.public;
        sts.host = world.public.to_string();
        sts.path = "/aws/".to_owned();
        let answer = sts.send().await?;
        assert_eq!(answer.status, 403);
        assert!(answer.text().contains("<Code>AccessDenied</Code>"), "{}", answer.text());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_path_and_the_host_that_the_client_saw_are_verified() -> Test {
    let world = World::start().await?;
    let producer = world.producer().await?;
    let ask = |path: &str| {
        let mut ask = world.ask(&producer).kinesis("PutRecord", &put_body());
        ask.addr = world.public;
        ask.host = world.public.to_string();
        ask.path = path.to_owned();
        ask
    };
    for path in ["/aws", "/aws/", "/aws/some/where"] {
        let answer = ask(path).send().await?;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
    // The mount may be written with a slash, too.
    let page = axum::Router::new().nest_service("/aws/", world.endpoint.public_router());
    let (addr, server) = serve(page).await?;
    let mut slashed = ask("/aws/");
    (slashed.addr, slashed.host) = (addr, addr.to_string());
    assert_eq!(slashed.send().await?.status, 200);
    server.abort();

    // Signed for the page's host, forwarded by a proxy that nobody said to trust.
    let mut proxied = ask("/aws/");
    proxied.host = "live.example.org".to_owned();
    proxied.late_headers.push(("host".to_owned(), world.public.to_string()));
    proxied.late_headers.push(("x-forwarded-host".to_owned(), "live.example.org".to_owned()));
    assert_eq!(proxied.send().await?.error(), (400, "InvalidSignatureException".to_owned()));

    let world = World::start_with(1, |options| options.trust_forwarded_host = true).await?;
    let producer = world.producer().await?;
    let proxied = |addr: SocketAddr| {
        let mut ask = world.ask(&producer).kinesis("PutRecord", &put_body());
        (ask.addr, ask.host, ask.path) = (addr, "live.example.org".to_owned(), "/aws/".to_owned());
        ask.late_headers.push(("host".to_owned(), addr.to_string()));
        ask.late_headers.push(("x-forwarded-host".to_owned(), "live.example.org, inner".to_owned()));
        ask
    };
    let answer = proxied(world.public).send().await?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = proxied(world.own).send().await?;
    assert_eq!(answer.error(), (400, "InvalidSignatureException".to_owned()), "no proxy stands before this door");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_iterator_cannot_be_forged_and_lives_five_minutes() -> Test {
    let world = World::start().await?;
    let root = world.root();
    let iterator = world.iterator(&root, SHARD, json!({ "ShardIteratorType": "LATEST" })).await?;
    let invalid = (400, "InvalidArgumentException".to_owned());
    let mut bytes = STANDARD.decode(&iterator)?;
    for at in 0..bytes.len() {
        bytes[at] ^= 1;
        // Without the network for most: one in eight is proof enough.
        if at % 8 == 0 {
            assert_eq!(world.get(&root, &STANDARD.encode(&bytes)).await?.error(), invalid, "byte {at}");
        }
        bytes[at] ^= 1;
    }
    for text in ["", "AAAA", "not base64!", &"A".repeat(2000)] {
        assert_eq!(world.get(&root, text).await?.error(), invalid, "{text}");
    }
    world.clock.by_seconds(299);
    assert_eq!(world.get(&root, &iterator).await?.status, 200);
    world.clock.by_seconds(2);
    let expired = world.get(&root, &iterator).await?;
    assert_eq!(expired.error(), (400, "ExpiredIteratorException".to_owned()));
    assert!(expired.message().contains("300000 milliseconds"), "{}", expired.message());
    Ok(())
}
