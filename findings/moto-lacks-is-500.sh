#!/usr/bin/env bash
# An operation that moto's server lacks is answered with status 500 and a page of HTML, which SDKs take for a fault of the
# moment: boto3 asks three times, and waits in between, before it says anything. moto 5.2.5 has neither RevokeToken
# nor GetTokensFromRefreshToken of Cognito user pools.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-compile 'moto[server,cognitoidp]==5.2.5' boto3==1.44.5

cat > ask.py <<'PY'
from importlib.metadata import version

import boto3
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
_, port = server.get_host_and_port()
users = boto3.client(
    "cognito-idp",
    "us-east-1",
    endpoint_url=f"http://127.0.0.1:{port}",
    aws_access_key_id="example",
    aws_secret_access_key="example",
)
sent = []
users.meta.events.register("before-send", lambda request, **_: sent.append(request.url))
print("moto " + version("moto"))
for call in [
    lambda: users.revoke_token(Token="example", ClientId="example"),
    lambda: users.get_tokens_from_refresh_token(RefreshToken="example", ClientId="example"),
]:
    sent.clear()
    try:
        call()
        raise AssertionError("it changed")
    except ClientError as error:
        what, meta = error.response["Error"], error.response["ResponseMetadata"]
        print(f"  {error.operation_name}: asked {len(sent)} times, {meta['HTTPStatusCode']} {what['Message'][:60]!r}")
        assert meta["HTTPStatusCode"] == 500 and len(sent) == 3 and "<html" in what["Message"], "it changed"
server.stop()
PY
python/bin/python ask.py 2> log || { cat log >&2; exit 1; }
