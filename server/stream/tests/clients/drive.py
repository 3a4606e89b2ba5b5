"""Drives every operation of the endpoint with boto3. Says `ok` and leaves 0, or fails with what was not as expected."""

import json
import os
import threading
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ADDRESS = os.environ["STREAM_ADDRESS"]


def client(service, key, secret, token=None):
    return boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=ADDRESS,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"max_attempts": 1}, parameter_validation=False),
    )


ROOT = (os.environ["STREAM_KEY"], os.environ["STREAM_SECRET"])
kinesis = client("kinesis", *ROOT)
sts = client("sts", *ROOT)


def refused(name, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == name, error
        return error
    raise AssertionError(f"{arguments} was not refused with {name}")


def read(stream, shard, **how):
    """Everything from there on, until a page is empty: at the tip, or at the shard's end."""
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, **how)["ShardIterator"]
    records = []
    while True:
        page = kinesis.get_records(ShardIterator=iterator, Limit=3)
        records += page["Records"]
        if page["MillisBehindLatest"] == 0 and not page["Records"]:
            return records, page
        assert page["NextShardIterator"] and "ChildShards" not in page, page
        iterator = page["NextShardIterator"]


def texts(records):
    return [record["Data"].decode() for record in records]


def streams():
    kinesis.create_stream(StreamName="py", ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName="py")
    refused("ResourceInUseException", kinesis.create_stream, StreamName="py", ShardCount=1)
    refused("ResourceNotFoundException", kinesis.describe_stream, StreamName="nobody")
    refused("ValidationException", kinesis.create_stream, StreamName="a b", ShardCount=1)
    about = kinesis.describe_stream(StreamName="py")["StreamDescription"]
    arn = about["StreamARN"]
    assert arn == "arn:aws:kinesis:us-east-1:000000000000:stream/py", arn
    assert about["StreamStatus"] == "ACTIVE" and len(about["Shards"]) == 2 and not about["HasMoreShards"], about
    summary = kinesis.describe_stream_summary(StreamARN=arn)["StreamDescriptionSummary"]
    assert summary["OpenShardCount"] == 2 and summary["RetentionPeriodHours"] == 24, summary
    names = [name for page in kinesis.get_paginator("list_streams").paginate(Limit=1) for name in page["StreamNames"]]
    assert "py" in names and names == sorted(names), names
    return arn


def records(arn):
    put = kinesis.put_record(StreamName="py", PartitionKey="a", Data="弹幕".encode(), ExplicitHashKey="0")
    assert put["ShardId"] == "shardId-000000000000", put
    entries = [{"Data": str(number), "PartitionKey": "a", "ExplicitHashKey": "0"} for number in range(6)]
    many = kinesis.put_records(StreamARN=arn, Records=entries)
    assert many["FailedRecordCount"] == 0 and len(many["Records"]) == 6, many
    numbers = [put["SequenceNumber"]] + [record["SequenceNumber"] for record in many["Records"]]
    assert numbers == sorted(numbers, key=int), numbers

    shard = "shardId-000000000000"
    everything, _ = read("py", shard, ShardIteratorType="TRIM_HORIZON")
    assert texts(everything) == ["弹幕", "0", "1", "2", "3", "4", "5"], everything
    assert [record["SequenceNumber"] for record in everything] == numbers
    at, _ = read("py", shard, ShardIteratorType="AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[5])
    after, _ = read("py", shard, ShardIteratorType="AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[5])
    assert (texts(at), texts(after)) == (["4", "5"], ["5"])
    when = everything[1]["ApproximateArrivalTimestamp"]
    since, _ = read("py", shard, ShardIteratorType="AT_TIMESTAMP", Timestamp=when)
    assert texts(since) == [record["Data"].decode() for record in everything if record["ApproximateArrivalTimestamp"] >= when]
    latest, _ = read("py", shard, ShardIteratorType="LATEST")
    assert latest == []
    refused("InvalidArgumentException", kinesis.get_records, ShardIterator="nonsense")
    start = {"StreamName": "py", "ShardId": shard, "ShardIteratorType": "LATEST"}
    refused("InvalidArgumentException", kinesis.get_shard_iterator, StartingSequenceNumber=numbers[0], **start)
    refused("ValidationException", kinesis.get_shard_iterator, StartingSequenceNumber="sth", **start)
    refused("ValidationException", kinesis.put_record, StreamName="py", PartitionKey="key", Data=b"x" * (2**20 - 2))
    refused("ResourceNotFoundException", kinesis.put_record, StreamName="nobody", PartitionKey="a", Data=b"x")


def shards(arn):
    kinesis.split_shard(StreamARN=arn, ShardToSplit="shardId-000000000001", NewStartingHashKey=str(3 * 2**126))
    kinesis.get_waiter("stream_exists").wait(StreamName="py")
    kinesis.merge_shards(StreamName="py", ShardToMerge="shardId-000000000000", AdjacentShardToMerge="shardId-000000000002")
    # Its paginator repeats the name beside the token, which the service refuses.
    page = kinesis.list_shards(StreamName="py", MaxResults=2)
    listed = page["Shards"]
    while "NextToken" in page:
        page = kinesis.list_shards(NextToken=page["NextToken"], MaxResults=2)
        listed += page["Shards"]
    assert len(listed) == 5, listed
    members = ("ShardId", "ParentShardId", "AdjacentParentShardId")
    parents = {child: (one, other) for child, one, other in ([shard.get(name, "")[-1:] for name in members] for shard in listed)}
    assert parents == {"0": ("", ""), "1": ("", ""), "2": ("1", ""), "3": ("1", ""), "4": ("0", "2")}, parents
    latest = kinesis.list_shards(StreamARN=arn, ShardFilter={"Type": "AT_LATEST"})["Shards"]
    assert [shard["ShardId"][-1] for shard in latest] == ["3", "4"], latest
    refused("InvalidArgumentException", kinesis.split_shard, StreamARN=arn, ShardToSplit="shardId-000000000001", NewStartingHashKey="7")
    refused("ValidationException", kinesis.split_shard, StreamARN=arn, ShardToSplit="?", NewStartingHashKey="sth")
    all_of_it, last = read("py", "shardId-000000000000", ShardIteratorType="TRIM_HORIZON")
    assert len(all_of_it) == 7 and last.get("NextShardIterator") is None, (all_of_it, last)
    assert [child["ShardId"] for child in last["ChildShards"]] == ["shardId-000000000004"], last
    scaled = kinesis.update_shard_count(StreamName="py", TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    assert (scaled["CurrentShardCount"], scaled["TargetShardCount"]) == (2, 4), scaled
    assert kinesis.describe_stream_summary(StreamName="py")["StreamDescriptionSummary"]["OpenShardCount"] == 4


def retention(arn):
    kinesis.increase_stream_retention_period(StreamName="py", RetentionPeriodHours=48)
    assert kinesis.describe_stream_summary(StreamName="py")["StreamDescriptionSummary"]["RetentionPeriodHours"] == 48
    refused("InvalidArgumentException", kinesis.increase_stream_retention_period, StreamName="py", RetentionPeriodHours=30)
    kinesis.decrease_stream_retention_period(StreamARN=arn, RetentionPeriodHours=24)
    assert kinesis.describe_stream_summary(StreamName="py")["StreamDescriptionSummary"]["RetentionPeriodHours"] == 24


def consumers(arn):
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="relay")["Consumer"]
    refused("ResourceInUseException", kinesis.register_stream_consumer, StreamARN=arn, ConsumerName="relay")
    by_arn = kinesis.describe_stream_consumer(ConsumerARN=consumer["ConsumerARN"])["ConsumerDescription"]
    by_name = kinesis.describe_stream_consumer(StreamARN=arn, ConsumerName="relay")["ConsumerDescription"]
    assert by_arn == by_name and by_arn["ConsumerStatus"] == "ACTIVE" and by_arn["StreamARN"] == arn, by_arn
    listed = [found["ConsumerName"] for page in kinesis.get_paginator("list_stream_consumers").paginate(StreamARN=arn) for found in page["Consumers"]]
    assert listed == ["relay"], listed

    shard = kinesis.list_shards(StreamARN=arn, ShardFilter={"Type": "AT_LATEST"})["Shards"][0]
    begin = shard["HashKeyRange"]["StartingHashKey"]
    events = kinesis.subscribe_to_shard(
        ConsumerARN=consumer["ConsumerARN"], ShardId=shard["ShardId"], StartingPosition={"Type": "LATEST"}
    )["EventStream"]

    def put():
        time.sleep(0.2)
        for number in range(3):
            kinesis.put_record(StreamARN=arn, PartitionKey="a", ExplicitHashKey=begin, Data=f"pushed {number}".encode())

    putter = threading.Thread(target=put)
    putter.start()
    pushed = []
    for event in events:
        event = event["SubscribeToShardEvent"]
        assert event["ContinuationSequenceNumber"] and event["MillisBehindLatest"] >= 0, event
        pushed += texts(event["Records"])
        if len(pushed) == 3:
            break
    events.close()
    putter.join()
    assert pushed == ["pushed 0", "pushed 1", "pushed 2"], pushed
    refused("ResourceInUseException", kinesis.delete_stream, StreamName="py")
    kinesis.deregister_stream_consumer(ConsumerARN=consumer["ConsumerARN"])
    refused("ResourceNotFoundException", kinesis.describe_stream_consumer, ConsumerARN=consumer["ConsumerARN"])


def sessions(arn):
    assert sts.get_caller_identity()["Account"] == "000000000000"
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kinesis:PutRecord", "Resource": arn}]}
    given = sts.assume_role(
        RoleArn="arn:aws:iam::000000000000:role/viewer", RoleSessionName="py", DurationSeconds=900, Policy=json.dumps(policy)
    )["Credentials"]
    keys = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    viewer = client("kinesis", *keys)
    assert client("sts", *keys).get_caller_identity()["Arn"].endswith(":assumed-role/viewer/py")
    viewer.put_record(StreamName="py", PartitionKey="a", Data=b"by a session")
    refused("AccessDeniedException", viewer.list_shards, StreamName="py")
    refused("AccessDeniedException", viewer.delete_stream, StreamName="py")
    wrong = client("kinesis", ROOT[0], "wrong")
    refused("InvalidSignatureException", wrong.list_streams)


def tags(arn):
    kinesis.add_tags_to_stream(StreamName="py", Tags={"team": "live", "b": ""})
    kinesis.tag_resource(ResourceARN=arn, Tags={"b": "弹幕"})
    assert kinesis.list_tags_for_stream(StreamARN=arn, Limit=1) | {"ResponseMetadata": 0} == {
        "Tags": [{"Key": "b", "Value": "弹幕"}],
        "HasMoreTags": True,
        "ResponseMetadata": 0,
    }
    kinesis.remove_tags_from_stream(StreamARN=arn, TagKeys=["b"])
    assert kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "live"}]
    kinesis.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"] == []
    refused("InvalidArgumentException", kinesis.add_tags_to_stream, StreamName="py", Tags={"a;b": ""})
    assert kinesis.describe_limits()["OpenShardCount"] == 4


def end():
    kinesis.delete_stream(StreamName="py", EnforceConsumerDeletion=True)
    kinesis.get_waiter("stream_not_exists").wait(StreamName="py")


arn = streams()
records(arn)
shards(arn)
retention(arn)
tags(arn)
consumers(arn)
sessions(arn)
end()
print("ok")
