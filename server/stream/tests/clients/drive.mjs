// Drives every operation of the endpoint with the AWS SDK for JavaScript v3, which speaks HTTP/2. Says `ok` and leaves 0,
// or fails with what was not as expected.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.E2E_NODE_MODULES}/`);
const k = require("@aws-sdk/client-kinesis");
const { STSClient, AssumeRoleCommand, GetCallerIdentityCommand } = require("@aws-sdk/client-sts");

const place = { endpoint: process.env.STREAM_ADDRESS, region: "us-east-1", maxAttempts: 1 };
const root = { accessKeyId: process.env.STREAM_KEY, secretAccessKey: process.env.STREAM_SECRET };
const kinesis = new k.KinesisClient({ ...place, credentials: root });
const call = (name, input = {}) => kinesis.send(new k[`${name}Command`](input));
const refused = (name, promise) => assert.rejects(promise, (error) => error.name === name || assert.fail(error));
const bytes = (text) => new TextEncoder().encode(text);
const texts = (records) => records.map((record) => new TextDecoder().decode(record.Data));

async function read(StreamName, ShardId, how) {
  let { ShardIterator } = await call("GetShardIterator", { StreamName, ShardId, ...how });
  const records = [];
  for (;;) {
    const page = await call("GetRecords", { ShardIterator, Limit: 4 });
    records.push(...page.Records);
    // Empty: the tip, or the shard's end.
    if (page.MillisBehindLatest === 0 && page.Records.length === 0) return { records, page };
    assert.ok(page.NextShardIterator);
    ShardIterator = page.NextShardIterator;
  }
}

const StreamName = "js";
await call("CreateStream", { StreamName, ShardCount: 2 });
await k.waitUntilStreamExists({ client: kinesis, maxWaitTime: 30 }, { StreamName });
await refused("ResourceInUseException", call("CreateStream", { StreamName, ShardCount: 1 }));
await refused("ResourceNotFoundException", call("DescribeStream", { StreamName: "nobody" }));
const about = (await call("DescribeStream", { StreamName })).StreamDescription;
const StreamARN = about.StreamARN;
assert.equal(StreamARN, "arn:aws:kinesis:us-east-1:000000000000:stream/js");
assert.equal(about.Shards.length, 2);
assert.ok(about.StreamCreationTimestamp instanceof Date);
const summary = async () => (await call("DescribeStreamSummary", { StreamARN })).StreamDescriptionSummary;
assert.equal((await summary()).OpenShardCount, 2);
const names = [];
for await (const page of k.paginateListStreams({ client: kinesis, pageSize: 1 }, {})) names.push(...page.StreamNames);
assert.ok(names.includes(StreamName));

const first = await call("PutRecord", { StreamName, PartitionKey: "a", ExplicitHashKey: "0", Data: bytes("弹幕") });
const Records = [0, 1, 2, 3, 4].map((n) => ({ PartitionKey: "a", ExplicitHashKey: "0", Data: bytes(`${n}`) }));
const many = await call("PutRecords", { StreamARN, Records });
assert.equal(many.FailedRecordCount, 0);
const numbers = [first, ...many.Records].map((record) => record.SequenceNumber);
const old = "shardId-000000000000";
const { records } = await read(StreamName, old, { ShardIteratorType: "TRIM_HORIZON" });
assert.deepEqual(texts(records), ["弹幕", "0", "1", "2", "3", "4"]);
assert.deepEqual(records.map((record) => record.SequenceNumber), numbers);
const from = async (how) => texts((await read(StreamName, old, how)).records);
const StartingSequenceNumber = numbers[4];
assert.deepEqual(await from({ ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber }), ["3", "4"]);
assert.deepEqual(await from({ ShardIteratorType: "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber }), ["4"]);
const Timestamp = records[1].ApproximateArrivalTimestamp;
assert.deepEqual(
  await from({ ShardIteratorType: "AT_TIMESTAMP", Timestamp }),
  texts(records.filter((record) => record.ApproximateArrivalTimestamp >= Timestamp)),
);
assert.deepEqual(await from({ ShardIteratorType: "LATEST" }), []);
await refused("InvalidArgumentException", call("GetRecords", { ShardIterator: "nonsense" }));

await call("SplitShard", { StreamARN, ShardToSplit: "shardId-000000000001", NewStartingHashKey: `${3n * 2n ** 126n}` });
await call("MergeShards", { StreamName, ShardToMerge: old, AdjacentShardToMerge: "shardId-000000000002" });
assert.equal((await call("ListShards", { StreamName })).Shards.length, 5);
const { records: all, page: last } = await read(StreamName, old, { ShardIteratorType: "TRIM_HORIZON" });
assert.equal(all.length, 6);
assert.equal(last.NextShardIterator, undefined);
assert.deepEqual(last.ChildShards.map((child) => child.ShardId), ["shardId-000000000004"]);
const scaled = await call("UpdateShardCount", { StreamName, TargetShardCount: 4, ScalingType: "UNIFORM_SCALING" });
assert.deepEqual([scaled.CurrentShardCount, scaled.TargetShardCount], [2, 4]);
assert.equal((await summary()).OpenShardCount, 4);

await call("IncreaseStreamRetentionPeriod", { StreamARN, RetentionPeriodHours: 72 });
assert.equal((await summary()).RetentionPeriodHours, 72);
await call("DecreaseStreamRetentionPeriod", { StreamName, RetentionPeriodHours: 24 });
assert.equal((await summary()).RetentionPeriodHours, 24);

const { Consumer } = await call("RegisterStreamConsumer", { StreamARN, ConsumerName: "relay" });
const { ConsumerARN } = Consumer;
assert.equal((await call("DescribeStreamConsumer", { ConsumerARN })).ConsumerDescription.ConsumerName, "relay");
assert.equal((await call("ListStreamConsumers", { StreamARN })).Consumers.length, 1);
const [shard] = (await call("ListShards", { StreamARN, ShardFilter: { Type: "AT_LATEST" } })).Shards;
const { EventStream } = await call("SubscribeToShard", {
  ConsumerARN,
  ShardId: shard.ShardId,
  StartingPosition: { Type: "LATEST" },
});
const pushing = (async () => {
  const ExplicitHashKey = shard.HashKeyRange.StartingHashKey;
  for (const n of [0, 1, 2]) await call("PutRecord", { StreamARN, PartitionKey: "a", ExplicitHashKey, Data: bytes(`pushed ${n}`) });
})();
const pushed = [];
for await (const { SubscribeToShardEvent: event } of EventStream) {
  assert.ok(event.ContinuationSequenceNumber);
  pushed.push(...texts(event.Records));
  if (pushed.length === 3) break;
}
await pushing;
assert.deepEqual(pushed, ["pushed 0", "pushed 1", "pushed 2"]);
await refused("ResourceInUseException", call("DeleteStream", { StreamName }));
await call("DeregisterStreamConsumer", { StreamARN, ConsumerName: "relay" });

const sts = new STSClient({ ...place, credentials: root });
assert.equal((await sts.send(new GetCallerIdentityCommand({}))).Account, "000000000000");
const { Credentials: given } = await sts.send(
  new AssumeRoleCommand({
    RoleArn: "arn:aws:iam::000000000000:role/viewer",
    RoleSessionName: "js",
    DurationSeconds: 900,
    Policy: JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: "kinesis:PutRecord", Resource: StreamARN }],
    }),
  }),
);
const viewer = new k.KinesisClient({
  ...place,
  credentials: { accessKeyId: given.AccessKeyId, secretAccessKey: given.SecretAccessKey, sessionToken: given.SessionToken },
});
await viewer.send(new k.PutRecordCommand({ StreamName, PartitionKey: "a", Data: bytes("by a session") }));
await refused("AccessDeniedException", viewer.send(new k.ListShardsCommand({ StreamName })));

await call("DeleteStream", { StreamName, EnforceConsumerDeletion: true });
await k.waitUntilStreamNotExists({ client: kinesis, maxWaitTime: 30 }, { StreamName });
console.log("ok");
process.exit(0);
