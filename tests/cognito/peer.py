# Signs in on paper with pycognito: for each line of standard input, a case, writes what that client would send.
#
# {"a": hex, "pool": "region_name", "user": …, "password": …, "salt": hex, "b": hex, "block": base64, "now": Unix seconds}
# → {"srp_a": hex, "timestamp": …, "signature": base64}
import datetime
import json
import sys

import pycognito.aws_srp as srp


class Client:
    """Stands where boto3's would; nothing is sent."""


for line in sys.stdin:
    case = json.loads(line)
    now = datetime.datetime.fromtimestamp(case["now"], datetime.timezone.utc)

    class Clock(datetime.datetime):
        @classmethod
        def utcnow(cls):
            return now

    srp.datetime.datetime, real = Clock, srp.datetime.datetime
    try:
        client = srp.AWSSRP(case["user"], case["password"], case["pool"], "client", client=Client())
        client.small_a_value = int(case["a"], 16)
        client.large_a_value = client.calculate_a()
        parameters = {
            "USER_ID_FOR_SRP": case["user"],
            "SALT": case["salt"],
            "SRP_B": case["b"],
            "SECRET_BLOCK": case["block"],
        }
        request = client.get_auth_params()
        response = client.process_challenge(parameters, request)
    finally:
        srp.datetime.datetime = real
    print(
        json.dumps(
            {
                "srp_a": request["SRP_A"],
                "timestamp": response["TIMESTAMP"],
                "signature": response["PASSWORD_CLAIM_SIGNATURE"],
            }
        )
    )
