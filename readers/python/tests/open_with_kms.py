"""
Open records with the help of a KMS, for tests in another language: `python -m tests.open_with_kms CASES`.

`CASES` is JSON: a list of objects with a `name`, the `url` of a KMS, a `token` and a `namespace` for it (empty for AWS,
and the latter where there is none), the one `provider` and `cmkId` that the rule accepts, and `topic`, `key` and
`envelope` of a record, the last two in hex. For each one prints a line of JSON with the `plaintext` in hex, or `code`
and `kind` of the error.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from kafka_envelope_reader import AwsKms, EnvelopeError, Opener, Rule, VaultTransit
from kafka_envelope_reader.kms import Kms

from .boto3_clients import clients_for


def kms_of(case: dict[str, str]) -> Kms:
    """Return what an application would use."""
    if case["provider"] != "vault-transit":
        return AwsKms(clients_for(case["url"]))
    name, _, _ = case["cmkId"].partition("/")
    return VaultTransit(case["url"], name=name, token=lambda: case["token"], namespace=case["namespace"] or None)


def opened(case: dict[str, str]) -> dict[str, str]:
    """Return the plaintext, or what the error says."""
    provider = case["provider"]
    rule = Rule(topic=case["topic"], cmks=((provider, case["cmkId"]),), accept_public_key_sealing=True)
    opener = Opener(rule, {provider: kms_of(case)})
    envelope, key = bytes.fromhex(case["envelope"]), bytes.fromhex(case["key"])
    try:
        return {"plaintext": opener.open(envelope, key=key, headers=[]).hex()}
    except EnvelopeError as error:
        return {"code": error.code, "kind": error.kind}


if __name__ == "__main__":
    for each in json.loads(Path(sys.argv[1]).read_text("utf-8")):
        print(json.dumps({"name": each["name"], **opened(each)}))
