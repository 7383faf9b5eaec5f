"""Follows the Workload API with py-spiffe and prints what it gets, one JSON object a line."""

import json
import threading
import time

from spiffe import WorkloadApiClient

lock = threading.Lock()


def say(**line):
    with lock:
        print(json.dumps(line), flush=True)


def on_context(context):
    svid = context.default_svid
    bundle = context.x509_bundle_set.get_bundle_for_trust_domain(svid.spiffe_id.trust_domain)
    say(kind="x509", id=str(svid.spiffe_id), serial="%x" % svid.leaf.serial_number,
        roots=len(bundle.x509_authorities), chain=len(svid.cert_chain))


client = WorkloadApiClient()
client.stream_x509_contexts(on_context, lambda error: say(kind="watch-error", error=str(error)))
while True:
    try:
        svid = client.fetch_jwt_svid(audience={"payments"})
        client.validate_jwt_svid(svid.token, "payments")
        say(kind="jwt", id=str(svid.spiffe_id), aud=list(svid.audience))
    except Exception as error:  # every kind is a finding
        say(kind="jwt-error", error=repr(error))
    time.sleep(0.2)
