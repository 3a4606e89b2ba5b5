#!/usr/bin/env bash
# kiner's put_records(records, partition_key) loses the partition key: it hands it on in the place where put_record takes
# `metadata`, so each record gets a random key. put_record(data, partition_key=…) keeps it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-compile kiner==0.8.0 boto3==1.44.5

cat > put.py <<'PY'
from importlib.metadata import version

from kiner.producer import KinesisProducer

put = []


class Client:
    """Stands in boto3's place and keeps what it is given."""

    def put_records(self, StreamName, Records):
        put.extend((record["Data"].decode(), record["PartitionKey"]) for record in Records)
        return {"FailedRecordCount": 0, "Records": [{} for _ in Records]}


producer = KinesisProducer("danmu", batch_time=1, kinesis_client=Client())
producer.put_record("one by one", partition_key="demo")
producer.put_records(["as a list", "as a list"], partition_key="demo")
producer.close()
print("kiner " + version("kiner"), *put, sep="\n  ")
keys = [key for _, key in put]
assert keys[0] == "demo", "it changed"
assert "demo" not in keys[1:] and keys[1] != keys[2] and all(len(key) == 32 for key in keys[1:]), "it changed"
PY
python/bin/python put.py
