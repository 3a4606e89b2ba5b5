//! The API in CBOR, as the AWS SDKs for Java speak it.

use aws_smithy_eventstream::frame::read_message_from;
use ciborium::{Value, cbor};
use http::StatusCode;
use http_body_util::BodyExt;
use serde_json::json;

use crate::{
    events::{register, straight},
    world::{Answer, Failure, Keys, STREAM, Test, World},
};

const SHARD: &str = "shardId-000000000000";
const CBOR: &str = "application/x-amz-cbor-1.1";

/// One operation whose body is this value.
async fn call(world: &World, keys: &Keys, operation: &str, body: &Value) -> Result<Answer, Failure> {
    let mut bytes = Vec::new();
    ciborium::into_writer(body, &mut bytes)?;
    let mut ask = world.ask(keys).kinesis_raw(operation, bytes);
    ask.headers.insert("content-type".to_owned(), CBOR.to_owned());
    ask.send().await
}

/// The value in an answer that must be CBOR by its header, too.
fn value(answer: &Answer) -> Result<Value, Failure> {
    let given = answer.headers.get("content-type").map(|value| value.as_bytes().to_vec());
    assert_eq!(given.as_deref(), Some(CBOR.as_bytes()), "{}", answer.text());
    Ok(ciborium::from_reader(answer.body.as_slice())?)
}

/// A member of a map.
fn member<'v>(map: &'v Value, name: &str) -> Result<&'v Value, Failure> {
    let found = map.as_map().and_then(|map| map.iter().find(|(key, _)| key.as_text() == Some(name)));
    found.map(|(_, value)| value).ok_or_else(|| format!("no {name} in {map:?}").into())
}

fn text(map: &Value, name: &str) -> Result<String, Failure> {
    member(map, name)?.as_text().map(str::to_owned).ok_or_else(|| format!("{name} is no text: {map:?}").into())
}

/// How many records a `GetRecords` in JSON brought.
fn count(answer: &Answer) -> Result<usize, Failure> {
    answer.json()?["Records"].as_array().map(Vec::len).ok_or_else(|| answer.text().into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_travels_as_bytes_and_its_arrival_as_tagged_milliseconds() -> Test {
    let world = World::start().await?;
    let root = world.root();
    let data = vec![0_u8, 0xff, 0xc1, b'"'];
    let put = cbor!({ "StreamName" => STREAM, "PartitionKey" => "房间", "Data" => Value::Bytes(data.clone()) })?;
    let put = value(&call(&world, &root, "PutRecord", &put).await?)?;
    let sequence = text(&put, "SequenceNumber")?;

    let iterator = cbor!({ "StreamName" => STREAM, "ShardId" => SHARD, "ShardIteratorType" => "TRIM_HORIZON" })?;
    let iterator = value(&call(&world, &root, "GetShardIterator", &iterator).await?)?;
    let iterator = text(&iterator, "ShardIterator")?;
    let get = cbor!({ "ShardIterator" => iterator.as_str(), "Limit" => 10 })?;
    let got = value(&call(&world, &root, "GetRecords", &get).await?)?;
    let [record] = member(&got, "Records")?.as_array().ok_or("no list")?.as_slice() else {
        return Err(format!("{got:?}").into());
    };
    assert_eq!(member(record, "Data")?, &Value::Bytes(data));
    assert_eq!(text(record, "PartitionKey")?, "房间");
    assert_eq!(text(record, "SequenceNumber")?, sequence);
    let Some((1, arrival)) = member(record, "ApproximateArrivalTimestamp")?.as_tag() else {
        return Err(format!("no time: {record:?}").into());
    };
    let arrival = i64::try_from(arrival.as_integer().ok_or("not whole")?)?;

    // The same millisecond in JSON, and it finds the record again in both forms.
    let json = world.get(&root, &iterator).await?.json()?;
    let seconds = json["Records"][0]["ApproximateArrivalTimestamp"].as_f64().ok_or("no seconds")?;
    assert_eq!((seconds * 1000.0).round() as i64, arrival);
    for (at, found) in [(arrival, 1), (arrival + 1, 0)] {
        world.clock.by_seconds(1);
        let tagged = Value::Tag(1, Box::new(at.into()));
        let ask = cbor!({ "StreamName" => STREAM, "ShardId" => SHARD, "ShardIteratorType" => "AT_TIMESTAMP", "Timestamp" => tagged })?;
        let iterator = value(&call(&world, &root, "GetShardIterator", &ask).await?)?;
        let got = world.get(&root, &text(&iterator, "ShardIterator")?).await?;
        assert_eq!(count(&got)?, found, "at {at}");
        let seconds = at as f64 / 1000.0;
        let iterator =
            world.iterator(&root, SHARD, json!({ "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": seconds })).await?;
        assert_eq!(count(&world.get(&root, &iterator).await?)?, found, "at {seconds}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_in_cbor_is_refused_in_cbor() -> Test {
    let world = World::start().await?;
    let root = world.root();
    let missing = call(&world, &root, "DescribeStreamSummary", &cbor!({ "StreamName" => "nowhere" })?).await?;
    assert_eq!(missing.status, StatusCode::BAD_REQUEST);
    let refused = value(&missing)?;
    assert_eq!(text(&refused, "__type")?, "ResourceNotFoundException");
    assert!(text(&refused, "message")?.contains("nowhere"));

    let stranger = Keys { id: "AKIAAAAAAAAAAAAAAAAA".to_owned(), ..root.clone() };
    let unknown = call(&world, &stranger, "ListShards", &cbor!({ "StreamName" => STREAM })?).await?;
    assert_eq!(text(&value(&unknown)?, "__type")?, "UnrecognizedClientException");

    for body in [&b""[..], b"{\"StreamName\":\"danmu\"}", b"\xa1", b"\xbf", b"\xa1\x64Data\x65aGk9\0", &[0x9f; 60_000]]
    {
        for operation in ["PutRecord", "PutRecords", "GetRecords", "GetShardIterator", "ListShards", "CreateStream"] {
            let mut ask = world.ask(&root).kinesis_raw(operation, body.to_vec());
            ask.headers.insert("content-type".to_owned(), CBOR.to_owned());
            let refused = value(&ask.send().await?)?;
            let name = text(&refused, "__type")?;
            let takes_no_data = body.starts_with(b"\xa1\x64Data") && operation != "PutRecord";
            assert!(name == "SerializationException" || takes_no_data, "{operation} {body:x?}: {refused:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_records_go_in_and_come_out_in_cbor_in_order() -> Test {
    let world = World::start().await?;
    let root = world.root();
    let data = |number: usize| vec![u8::try_from(number).unwrap_or(0); number * 1000];
    let records = (0..30)
        .map(|number| cbor!({ "PartitionKey" => "room", "Data" => Value::Bytes(data(number)) }))
        .collect::<Result<Vec<_>, _>>()?;
    let put = cbor!({ "StreamName" => STREAM, "Records" => records })?;
    let put = value(&call(&world, &root, "PutRecords", &put).await?)?;
    assert_eq!(member(&put, "FailedRecordCount")?, &Value::from(0));
    assert_eq!(member(&put, "Records")?.as_array().map(Vec::len), Some(30));

    let iterator = world.iterator(&root, SHARD, json!({ "ShardIteratorType": "TRIM_HORIZON" })).await?;
    let got = value(&call(&world, &root, "GetRecords", &cbor!({ "ShardIterator" => iterator })?).await?)?;
    let records = member(&got, "Records")?.as_array().ok_or("no list")?;
    let read = records.iter().map(|record| member(record, "Data").cloned()).collect::<Result<Vec<_>, _>>()?;
    assert_eq!(read, (0..30).map(|number| Value::Bytes(data(number))).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test]
async fn events_come_in_the_form_of_the_subscription() -> Test {
    let world = World::start().await?;
    let root = world.root();
    let consumer = register(&world, "screen").await?;
    world.put(&root, "room", "text").await?;
    let start = cbor!({ "Type" => "TRIM_HORIZON" })?;
    let body = cbor!({ "ConsumerARN" => consumer, "ShardId" => SHARD, "StartingPosition" => start })?;
    let mut bytes = Vec::new();
    ciborium::into_writer(&body, &mut bytes)?;
    let mut ask = world.ask(&root).kinesis_raw("SubscribeToShard", bytes);
    ask.headers.insert("content-type".to_owned(), CBOR.to_owned());
    let mut body = straight(&world, &ask).await?.into_body();
    let mut payloads = Vec::new();
    for _ in 0..2 {
        let frame = body.frame().await.ok_or("it ended")??.into_data().map_err(|_| "no data")?;
        let message = read_message_from(frame)?;
        let form = message.headers().iter().find(|header| header.name().as_str() == ":content-type");
        let form = form.and_then(|form| form.value().as_string().ok()).map(|form| form.as_str().to_owned());
        assert_eq!(form.as_deref(), Some(CBOR));
        payloads.push(ciborium::from_reader::<Value, _>(message.payload().as_ref())?);
    }
    assert_eq!(payloads[0], Value::Map(Vec::new()));
    let records = member(&payloads[1], "Records")?.as_array().ok_or("no list")?;
    assert_eq!(member(records.first().ok_or("no record")?, "Data")?, &Value::Bytes(b"text".to_vec()));
    Ok(())
}
