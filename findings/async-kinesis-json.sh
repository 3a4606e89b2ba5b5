#!/usr/bin/env bash
# async-kinesis' producer writes JSON unless told otherwise: a text goes out in quotes and with each Chinese character as
# \uXXXX, so a consumer that reads plain UTF-8 sees escapes. Without a partition key it takes one from two clocks, so no two
# records share a key. StringProcessor writes the text as it is.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-compile async-kinesis==3.0.1 aiobotocore==3.10.0

cat > put.py <<'PY'
import asyncio
import re
from importlib.metadata import version

from kinesis import Producer, StringProcessor


class Client:
    """Stands in the service's place and keeps what it is given."""

    async def put_records(self, Records, **_):
        put.extend((record["Data"], record["PartitionKey"]) for record in Records)
        return {"FailedRecordCount": 0, "Records": [{} for _ in Records]}

    async def close(self):
        pass


async def send(processor):
    producer = Producer("danmu", region_name="us-east-1", processor=processor)
    producer.client, producer.stream_status = Client(), producer.ACTIVE
    await producer.put("前方高能", partition_key="demo")
    await producer.put("前方高能")
    await producer.close()


put = []
asyncio.run(send(None))
asyncio.run(send(StringProcessor()))
print("async-kinesis " + version("async-kinesis"), *put, sep="\n  ")
as_json, as_text = b'"\\u524d\\u65b9\\u9ad8\\u80fd"', "前方高能".encode()
assert [data for data, _ in put] == [as_json, as_json, as_text, as_text], "it changed"
assert [key for _, key in put][::2] == ["demo", "demo"], "it changed"
assert all(re.fullmatch(r"\d+\.\d+\.\d+", key) for _, key in put[1::2]), "it changed"
PY
python/bin/python put.py
