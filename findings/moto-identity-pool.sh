#!/usr/bin/env bash
# moto's identity pool knows nobody again: GetId with the same pool and the same login gives another identity each time, where
# the service gives the same one. Its credentials last 90 seconds (the service's an hour), and all identities are
# given the same key. A test that denies somebody by their identity, or counts identities, says nothing on moto;
# one that caches credentials renews them every minute and a half.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check --no-compile 'moto[cognitoidp,cognitoidentity]==5.2.5' boto3==1.44.5

cat > ask.py <<'PY'
from datetime import datetime, timezone
from importlib.metadata import version

import boto3
from moto import mock_aws


@mock_aws
def run():
    more = {"region_name": "us-east-1", "aws_access_key_id": "example", "aws_secret_access_key": "example"}
    users, identities = boto3.client("cognito-idp", **more), boto3.client("cognito-identity", **more)
    pool = users.create_user_pool(PoolName="viewers")["UserPool"]["Id"]
    app = users.create_user_pool_client(
        UserPoolId=pool, ClientName="page", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    )["UserPoolClient"]["ClientId"]
    users.admin_create_user(UserPoolId=pool, Username="amy", TemporaryPassword="Temporary-1")
    users.admin_set_user_password(UserPoolId=pool, Username="amy", Password="Lasting-1", Permanent=True)
    tokens = users.initiate_auth(
        ClientId=app, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "amy", "PASSWORD": "Lasting-1"}
    )["AuthenticationResult"]
    provider = f"cognito-idp.us-east-1.amazonaws.com/{pool}"
    login = {provider: tokens["IdToken"]}
    identity_pool = identities.create_identity_pool(
        IdentityPoolName="viewers",
        AllowUnauthenticatedIdentities=True,
        CognitoIdentityProviders=[{"ProviderName": provider, "ClientId": app}],
    )["IdentityPoolId"]
    ids = [identities.get_id(IdentityPoolId=identity_pool, Logins=login)["IdentityId"] for _ in range(2)]
    given = [identities.get_credentials_for_identity(IdentityId=i, Logins=login)["Credentials"] for i in ids]
    return ids, given


before = datetime.now(timezone.utc)
ids, given = run()
after = datetime.now(timezone.utc)
keys = {credentials["AccessKeyId"] for credentials in given}
print("moto " + version("moto"))
print(f"  two GetId of one login: {ids}")
print(f"  their keys: {sorted(keys)}, until {[str(c['Expiration']) for c in given]}, asked at {before}")
assert ids[0] != ids[1], "it changed"
assert len(keys) == 1, "it changed"
for credentials in given:
    # Told in whole seconds, or to the microsecond, between the two readings of the clock.
    assert (credentials["Expiration"] - after).total_seconds() <= 90, "it changed"
    assert (credentials["Expiration"] - before).total_seconds() >= 89, "it changed"
PY
python/bin/python ask.py
