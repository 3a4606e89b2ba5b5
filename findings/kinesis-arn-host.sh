#!/usr/bin/env bash
# A Kinesis call that names its stream or consumer by ARN goes to another host than one that names it by name:
# ACCOUNT.data-kinesis.REGION… or ACCOUNT.control-kinesis.REGION…, in boto3 and in the AWS SDK for JavaScript alike.
# A firewall, a Content-Security-Policy or a test double that knows kinesis.REGION… alone never sees those calls;
# SubscribeToShard can only be called by an ARN. An endpoint_url that is given is kept.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-compile boto3==1.44.5
npm install --silent --no-audit --no-fund --ignore-scripts --prefix node @aws-sdk/client-kinesis@3.1143.0

cat > ask.py <<'PY'
import boto3
from botocore.awsrequest import AWSResponse

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/danmu"
CN_ARN = "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/danmu"
asked = []


class Body:
    def stream(self):
        return [b"{}"]


def answer(request, **_):
    """Answers in the service's place: nothing leaves this machine."""
    asked.append(request.url.split("/")[2])
    return AWSResponse(request.url, 200, {"content-type": "application/x-amz-json-1.1"}, Body())


def client(region, **more):
    made = boto3.client("kinesis", region, aws_access_key_id="example", aws_secret_access_key="example", **more)
    made.meta.events.register("before-send.kinesis", answer)
    return made


virginia, beijing = client("us-east-1"), client("cn-north-1")
virginia.put_record(StreamName="danmu", Data=b"x", PartitionKey="demo")
virginia.put_record(StreamARN=ARN, Data=b"x", PartitionKey="demo")
virginia.list_shards(StreamARN=ARN)
beijing.put_record(StreamARN=CN_ARN, Data=b"x", PartitionKey="demo")
client("us-east-1", endpoint_url="http://127.0.0.1:4567").put_record(StreamARN=ARN, Data=b"x", PartitionKey="demo")
print("boto3 " + boto3.__version__, *asked, sep="\n  ")
assert asked == [
    "kinesis.us-east-1.amazonaws.com",
    "123456789012.data-kinesis.us-east-1.amazonaws.com",
    "123456789012.control-kinesis.us-east-1.amazonaws.com",
    "123456789012.data-kinesis.cn-north-1.amazonaws.com.cn",
    "127.0.0.1:4567",
], "it changed"
PY
python/bin/python ask.py

cat > node/ask.mjs <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { KinesisClient, PutRecordCommand, SubscribeToShardCommand } from '@aws-sdk/client-kinesis';

const { version } = JSON.parse(readFileSync(new URL('node_modules/@aws-sdk/client-kinesis/package.json', import.meta.url)));
const asked = [];
const STOP = new Error('nothing leaves this machine');
const client = new KinesisClient({
  region: 'us-east-1',
  credentials: { accessKeyId: 'example', secretAccessKey: 'example' },
  maxAttempts: 1,
  requestHandler: {
    async handle({ hostname }) {
      asked.push(hostname);
      throw STOP;
    },
  },
});
const stream = 'arn:aws:kinesis:us-east-1:123456789012:stream/danmu';
const record = { PartitionKey: 'demo', Data: new Uint8Array([120]) };
for (const command of [
  new PutRecordCommand({ ...record, StreamName: 'danmu' }),
  new PutRecordCommand({ ...record, StreamARN: stream }),
  new SubscribeToShardCommand({
    ConsumerARN: `${stream}/consumer/relay:1700000000`,
    ShardId: 'shardId-000000000000',
    StartingPosition: { Type: 'LATEST' },
  }),
]) {
  await assert.rejects(client.send(command), STOP);
}
console.log([`@aws-sdk/client-kinesis ${version}`, ...asked].join('\n  '));
assert.deepEqual(
  asked,
  [
    'kinesis.us-east-1.amazonaws.com',
    '123456789012.data-kinesis.us-east-1.amazonaws.com',
    '123456789012.data-kinesis.us-east-1.amazonaws.com',
  ],
  'it changed',
);
JS
NODE_NO_WARNINGS=1 node node/ask.mjs
