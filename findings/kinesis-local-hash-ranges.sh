#!/usr/bin/env bash
# kinesis-local begins the second of two shards at the hash key 2^127 - 1, one below where the service does (2^127:
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DescribeStream.html, whose first of two shards ends with
# 170141183460469231731687303715884105727). A record with just this hash key lands on the second shard. Three shards
# are cut as expected.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --prefix node kinesis-local@0.6.2
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-compile boto3==1.44.5

cat > ask.py <<'PY'
import json
import os
import socket
import subprocess
import time

import boto3
from botocore.exceptions import BotoCoreError, ClientError

package = "node/node_modules/kinesis-local"
version = json.load(open(f"{package}/package.json"))["version"]


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


port = free_port()
settings = {
    "KINESIS_MOCK_PLAIN_PORT": str(port),
    "KINESIS_MOCK_TLS_PORT": str(free_port()),
    "CREATE_STREAM_DURATION": "1ms",
    "LOG_LEVEL": "ERROR",
}
double = subprocess.Popen(
    ["node", "main.js"], cwd=package, env=os.environ | settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
)
try:
    kinesis = boto3.client(
        "kinesis",
        "us-east-1",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="example",
        aws_secret_access_key="example",
    )
    until = time.monotonic() + 60
    while True:
        try:
            kinesis.list_streams()
            break
        except (BotoCoreError, ClientError):
            assert time.monotonic() < until, "kinesis-local does not answer"
            time.sleep(0.1)
    starts = {}
    for shards in (2, 3):
        name = f"of-{shards}"
        kinesis.create_stream(StreamName=name, ShardCount=shards)
        kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        listed = kinesis.list_shards(StreamName=name)["Shards"]
        starts[shards] = [int(shard["HashKeyRange"]["StartingHashKey"]) for shard in listed]
    last_of_half = kinesis.put_record(
        StreamName="of-2", Data=b"x", PartitionKey="demo", ExplicitHashKey=str(2**127 - 1)
    )["ShardId"]
finally:
    double.terminate()
    double.wait()
print(f"kinesis-local {version}")
print(f"  two shards begin at {starts[2]}; the hash key 2^127 - 1 went to {last_of_half}")
print(f"  three shards begin at {starts[3]}")
assert starts[2] == [0, 2**127 - 1] and last_of_half == "shardId-000000000001", "it changed"
assert starts[3] == [0, 2**128 // 3, 2 * (2**128 // 3)], "it changed"
PY
python/bin/python ask.py
