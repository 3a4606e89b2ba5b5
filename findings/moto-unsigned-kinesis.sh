#!/usr/bin/env bash
# moto's server tells Kinesis by the scope of the signature, not by X-Amz-Target: the same ListStreams without an Authorization
# header is answered with 200 by S3, as a list of buckets, in XML. A Cognito call is told by its target and needs no
# header. A client whose signing is switched off by mistake gets "success" of another service.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-compile 'moto[server,kinesis,cognitoidp]==5.2.5' boto3==1.44.5

cat > ask.py <<'PY'
import json
import urllib.request
from importlib.metadata import version

from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
_, port = server.get_host_and_port()


def ask(target, body, **headers):
    headers |= {"content-type": "application/x-amz-json-1.1", "x-amz-target": target}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return answer.status, answer.read().decode()


LIST = "Kinesis_20131202.ListStreams"
scope = "AWS4-HMAC-SHA256 Credential=example/20260101/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=0"
signed = ask(LIST, {}, authorization=scope)
unsigned = ask(LIST, {})
cognito = ask("AWSCognitoIdentityProviderService.ListUserPools", {"MaxResults": 1})
server.stop()
print("moto " + version("moto"))
for name, (status, body) in {"signed": signed, "unsigned": unsigned, "Cognito, unsigned": cognito}.items():
    print(f"  {name}: {status} {body[:110]!r}")
assert signed[0] == 200 and json.loads(signed[1])["StreamNames"] == [], "it changed"
assert unsigned[0] == 200 and "<ListAllMyBucketsResult" in unsigned[1], "it changed"
assert cognito[0] == 200 and json.loads(cognito[1]) == {"UserPools": []}, "it changed"
PY
python/bin/python ask.py 2> log || { cat log >&2; exit 1; }
