"""What answers of KMSs mean: the tables of `test/vectors/kms-answers`, over HTTP. All languages agree on them."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from kafka_envelope_reader import AwsKms, EnvelopeError, VaultTransit
from kafka_envelope_reader.kms import Kms
from kafka_envelope_reader.kms import unwrap as unwrap_checked

from .answering import Answering, Reply, Request
from .boto3_clients import clients_for
from .test_vectors import FOLDER

CONTEXT = b'{"tenant":"acme"}'
TABLES = FOLDER / "kms-answers"
AWS: dict[str, Any] = json.loads((TABLES / "aws-kms.json").read_text("utf-8"))
VAULT: dict[str, Any] = json.loads((TABLES / "vault-transit.json").read_text("utf-8"))
PROVIDERS = ("aws-kms", "aws-kms/rsa-oaep-sha256")


def body_of(answer: dict[str, Any]) -> bytes:
    """Return the body of an answer: its JSON, or else its text."""
    return json.dumps(answer["json"]).encode() if "json" in answer else str(answer["text"]).encode()


def name_of(answer: dict[str, Any]) -> str:
    return f"{answer.get('to', '')} {answer['status']} {body_of(answer).decode()[:80]}"


@pytest.fixture(scope="module")
def server() -> Iterator[Answering]:
    answering = Answering()
    yield answering
    answering.close()


@pytest.fixture(scope="module")
def aws(server: Answering) -> AwsKms:
    return AwsKms(clients_for(server.address))


def outcome(kms: Kms, provider: str, cmk_id: str, ciphertext_dek: bytes) -> tuple[object, ...]:
    """Return the DEK that comes out, or code and kind of the error, whose text quotes nothing."""
    try:
        return (unwrap_checked(kms, provider, cmk_id, ciphertext_dek, CONTEXT).hex(),)
    except EnvelopeError as error:
        assert "hunter2" not in f"{error!s} {error.__cause__!s}"
        return error.code, error.kind


def stated(answer: dict[str, Any], table: dict[str, Any]) -> tuple[object, ...]:
    return (answer["code"], answer["kind"]) if answer["code"] is not None else (table["dek"],)


@pytest.mark.parametrize("answer", AWS["answers"], ids=name_of)
def test_an_answer_of_aws_kms_means_what_the_table_says(server: Answering, aws: AwsKms, answer: dict[str, Any]) -> None:
    server.reply = lambda request: (answer["status"], body_of(answer))
    for provider in PROVIDERS:
        assert outcome(aws, provider, AWS["cmkId"], bytes(256)) == stated(answer, AWS)


@pytest.mark.parametrize("answer", VAULT["answers"], ids=name_of)
def test_an_answer_of_vault_means_what_the_table_says(server: Answering, answer: dict[str, Any]) -> None:
    good = next(each for each in VAULT["answers"] if each["to"] == "decrypt" and each["code"] is None)

    def reply(request: Request) -> Reply:
        if request.method == ("GET" if answer["to"] == "key" else "POST"):
            return answer["status"], body_of(answer)
        return 200, json.dumps(VAULT["key"]).encode() if request.method == "GET" else body_of(good)

    server.reply = reply
    kms = VaultTransit(server.address, name=VAULT["name"], token=lambda: "s.token")
    found = outcome(kms, "vault-transit", VAULT["cmkId"], VAULT["ciphertextDek"].encode())
    assert found == stated(answer, VAULT)


def test_a_service_that_does_not_answer_in_time_is_a_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        aws = AwsKms(clients_for(address, 0.1))
        vault = VaultTransit(address, name=VAULT["name"], token=lambda: "s.token", timeout_seconds=0.1)
        timed_out = ("KMS_TIMEOUT", "transient")
        assert outcome(aws, "aws-kms", AWS["cmkId"], bytes(256)) == timed_out
        assert outcome(vault, "vault-transit", VAULT["cmkId"], VAULT["ciphertextDek"].encode()) == timed_out


def test_an_answer_that_stalls_is_a_time_out() -> None:
    stalling = Answering()
    stalling.stalls = True
    stalling.reply = lambda request: (200, b"{}")
    aws = AwsKms(clients_for(stalling.address, 0.2))
    vault = VaultTransit(stalling.address, name=VAULT["name"], token=lambda: "s.token", timeout_seconds=0.2)
    timed_out = ("KMS_TIMEOUT", "transient")
    try:
        assert outcome(aws, "aws-kms", AWS["cmkId"], bytes(256)) == timed_out
        assert outcome(vault, "vault-transit", VAULT["cmkId"], VAULT["ciphertextDek"].encode()) == timed_out
    finally:
        stalling.close()


def test_an_answer_of_vault_that_comes_in_small_pieces_is_a_time_out() -> None:
    trickling = Answering()
    trickling.trickles = True
    trickling.reply = lambda request: (200, json.dumps(VAULT["key"]).encode())
    vault = VaultTransit(trickling.address, name=VAULT["name"], token=lambda: "s.token", timeout_seconds=0.2)
    began = time.monotonic()
    try:
        found = outcome(vault, "vault-transit", VAULT["cmkId"], VAULT["ciphertextDek"].encode())
        assert found == ("KMS_TIMEOUT", "transient")
        assert time.monotonic() - began < len(json.dumps(VAULT["key"])) * 0.05
    finally:
        trickling.close()


def test_a_client_without_credentials_is_unavailable(server: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    session = boto3.Session()
    kms = AwsKms(lambda region: session.client("kms", region_name=region, endpoint_url=server.address))
    assert outcome(kms, "aws-kms", AWS["cmkId"], bytes(256)) == ("KMS_UNAVAILABLE", "transient")
