#!/usr/bin/env bash
# moto reads Kinesis in JSON only: a ListStreams in CBOR (application/x-amz-cbor-1.1), which the AWS SDKs for Java, and so the KCL,
# send unless the system property aws.cborEnabled is false, is answered with status 500. kinesis-local answers it, in CBOR.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --prefix node kinesis-local@0.6.2
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-compile 'moto[server,kinesis]==5.2.5' cbor2==5.7.1

cat > ask.py <<'PY'
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from importlib.metadata import version

import cbor2
from moto.server import ThreadedMotoServer


def ask(port, kind, body):
    """The status of ListStreams, and what came."""
    headers = {
        "content-type": f"application/x-amz-{kind}-1.1",
        "x-amz-target": "Kinesis_20131202.ListStreams",
        "x-amz-date": "20260101T000000Z",
        "authorization": "AWS4-HMAC-SHA256 Credential=example/20260101/us-east-1/kinesis/aws4_request, "
        "SignedHeaders=host, Signature=0",
    }
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", body, headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def both(port):
    return ask(port, "json", b'{"Limit":1}'), ask(port, "cbor", cbor2.dumps({"Limit": 1}))


moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
moto.start()
moto_json, moto_cbor = both(moto.get_host_and_port()[1])
moto.stop()

package, port = "node/node_modules/kinesis-local", free_port()
settings = {"KINESIS_MOCK_PLAIN_PORT": str(port), "KINESIS_MOCK_TLS_PORT": str(free_port()), "LOG_LEVEL": "ERROR"}
double = subprocess.Popen(
    ["node", "main.js"], cwd=package, env=os.environ | settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
)
try:
    until = time.monotonic() + 60
    while True:
        try:
            local_json, local_cbor = both(port)
            break
        except urllib.error.URLError:
            assert time.monotonic() < until, "kinesis-local does not answer"
            time.sleep(0.1)
finally:
    double.terminate()
    double.wait()

print(f"moto {version('moto')}: in JSON {moto_json[0]}, in CBOR {moto_cbor[0]} {moto_cbor[1][:40]!r}")
local = json.load(open(f"{package}/package.json"))["version"]
print(f"kinesis-local {local}: in JSON {local_json[0]}, in CBOR {local_cbor[0]} {cbor2.loads(local_cbor[1])}")
assert moto_json[0] == 200 and moto_cbor[0] == 500, "it changed"
assert local_json[0] == 200 and local_cbor[0] == 200, "it changed"
assert cbor2.loads(local_cbor[1]) == json.loads(local_json[1]), "it changed"
PY
python/bin/python ask.py 2> log || { cat log >&2; exit 1; }
