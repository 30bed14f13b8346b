"""Section 10: `vault-transit`, on a server that answers as Vault does."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from kafka_envelope_reader import ConfigurationError, EnvelopeError, Opener, Rule, VaultTransit
from vectors.encode import array, wrapping
from vectors.plan import Plan, seal

from .answering import Answering, Reply, Request
from .example import DEK, HEADERS, KEY, PLAINTEXT, code_of

NAME = "transit.vault.example.com"
CMK_ID = f"{NAME}/orders"
CIPHERTEXT = b"vault:v1:" + base64.b64encode(bytes(60))
CONTEXT = b'{"env":"prod","tenant":"acme"}'

Answer = tuple[int, object]


class FakeVault:
    """Answers looks at a key and unwrapping as a test says, and records what came."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Mapping[str, str], Any]] = []
        self.key: Answer = (200, {"data": {"derived": True, "supports_encryption": True, "type": "aes256-gcm96"}})
        self.decrypted: Answer = (200, {"data": {"plaintext": base64.b64encode(DEK).decode()}})
        self._server = Answering()
        self._server.reply = self._reply
        self.address, self.close = self._server.address, self._server.close

    def _reply(self, request: Request) -> Reply:
        body = json.loads(request.body) if request.body else None
        self.asked.append((request.method, request.path, request.headers, body))
        status, answer = self.key if request.method == "GET" else self.decrypted
        return status, answer if isinstance(answer, bytes) else json.dumps(answer).encode()


@pytest.fixture
def fake() -> Iterator[FakeVault]:
    vault = FakeVault()
    yield vault
    vault.close()


def kms(fake: FakeVault, token: Callable[[], str] = lambda: "s.token", **options: Any) -> VaultTransit:  # noqa: ANN401
    return VaultTransit(fake.address, name=NAME, token=token, **options)


def unwrap(used: VaultTransit, ciphertext_dek: bytes = CIPHERTEXT, cmk_id: str = CMK_ID) -> str:
    """Return `opens` if the DEK of the worked example comes out, or the code."""

    def action() -> None:
        assert used.unwrap("vault-transit", cmk_id, ciphertext_dek, CONTEXT) == DEK

    return code_of(action)


def test_the_dek_is_asked_for_with_the_context_and_after_a_look_at_the_key(fake: FakeVault) -> None:
    used = kms(fake, mount="team/transit", namespace="org")
    assert unwrap(used) == "opens"
    assert used.unwrap("vault-transit", CMK_ID, CIPHERTEXT, b"") == DEK
    assert [(method, path) for method, path, _, _ in fake.asked] == [
        ("GET", "/v1/team/transit/keys/orders"),
        ("POST", "/v1/team/transit/decrypt/orders"),
    ] * 2
    contexts = [base64.b64decode(body["context"]) for _, _, _, body in fake.asked if body]
    assert contexts == [CONTEXT, b"{}"]
    assert fake.asked[1][3]["ciphertext"] == CIPHERTEXT.decode()
    for _, _, headers, _ in fake.asked:
        assert headers["x-vault-token"] == "s.token"
        assert headers["x-vault-namespace"] == "org"
        assert headers["x-vault-request"] == "true"


def test_a_record_opens(fake: FakeVault) -> None:
    wrapped_deks = array([wrapping(b"vault-transit", CMK_ID.encode(), CIPHERTEXT)])
    value = seal(Plan(dek=DEK, wrapped_deks=wrapped_deks)).value()
    rule = Rule(topic="orders.eu", cmks=(("vault-transit", CMK_ID),))
    assert Opener(rule, {"vault-transit": kms(fake)}).open(value, key=KEY, headers=HEADERS) == PLAINTEXT


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ((200, {"data": {"derived": False, "supports_encryption": True, "type": "aes256-gcm96"}}), "CMK_UNUSABLE"),
        ((200, {"data": {}}), "KMS_UNAVAILABLE"),
        ((200, {}), "KMS_UNAVAILABLE"),
        ((404, {"errors": []}), "CMK_NOT_FOUND"),
        ((404, {"errors": ["no handler for route"]}), "CMK_NOT_FOUND"),
        ((404, b"<html>"), "KMS_UNAVAILABLE"),
        ((403, {"errors": ["permission denied"]}), "KMS_DENIED"),
        ((503, {"errors": ["Vault is sealed"]}), "KMS_UNAVAILABLE"),
        ((307, b""), "KMS_UNAVAILABLE"),
    ],
)
def test_a_key_that_is_not_fit_is_not_used(fake: FakeVault, key: Answer, code: str) -> None:
    fake.key = key
    assert unwrap(kms(fake)) == code
    assert [method for method, _, _, _ in fake.asked] == ["GET"]


def test_the_text_of_an_answer_is_not_repeated(fake: FakeVault) -> None:
    fake.decrypted = (403, {"errors": ["1 error occurred:\n\t* hunter2\n\n"]})
    with pytest.raises(EnvelopeError) as caught:
        kms(fake).unwrap("vault-transit", CMK_ID, CIPHERTEXT, CONTEXT)
    assert caught.value.code == "KMS_DENIED"
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((403, {"message": "Forbidden"}), "KMS_UNAVAILABLE"),
        ((429, b"slow down"), "KMS_THROTTLED"),
        ((200, b"<html>"), "KMS_UNAVAILABLE"),
        ((200, {"data": {"plaintext": 1}}), "KMS_UNAVAILABLE"),
        ((200, {"data": {"plaintext": "?"}}), "KMS_UNAVAILABLE"),
        ((200, b" " * 70_000), "KMS_UNAVAILABLE"),
    ],
)
def test_what_vault_did_not_say_blames_nothing(fake: FakeVault, answer: Answer, code: str) -> None:
    fake.decrypted = answer
    assert unwrap(kms(fake)) == code


@pytest.mark.parametrize(
    "ciphertext_dek",
    [
        b"vault:v0:AAAA",
        b"vault:v01:AAAA",
        b"vault:v1:AAAA\n",
        b"vault:v1:AAAAAB==",
        b"vault:v1:AAA",
        b"vault:v1:",
        b"vault:v1234567890:AAAA",
        bytes(64),
    ],
)
def test_another_form_is_refused_without_a_call(fake: FakeVault, ciphertext_dek: bytes) -> None:
    assert unwrap(kms(fake), ciphertext_dek) == "UNWRAP_FAILED"
    assert fake.asked == []


@pytest.mark.parametrize("cmk_id", ["orders", f"{NAME}/", f"{NAME}/../sys", f"{NAME}/a?b", "other.example.com/orders"])
def test_the_cmk_of_another_engine_is_not_found_without_a_call(fake: FakeVault, cmk_id: str) -> None:
    assert unwrap(kms(fake), cmk_id=cmk_id) == "CMK_NOT_FOUND"
    assert fake.asked == []


def test_a_vault_that_is_away_is_unavailable(fake: FakeVault) -> None:
    used = VaultTransit("http://127.0.0.1:1", name=NAME, token=lambda: "s.token")
    assert unwrap(used) == "KMS_UNAVAILABLE"
    assert unwrap(kms(fake, token=lambda: "")) == "KMS_UNAVAILABLE"
    assert fake.asked == []


@pytest.mark.parametrize(
    "change",
    [
        {"address": "http://vault.example.com"},
        {"address": "https://user:secret@vault.example.com"},
        {"address": "vault.example.com"},
        {"name": "vault"},
        {"mount": "../sys"},
        {"mount": "a//b"},
        {"namespace": "a\r\nb"},
    ],
)
def test_arguments_that_are_not_valid_are_refused(change: dict[str, str]) -> None:
    arguments: dict[str, Any] = {"address": "https://vault.example.com", "name": NAME, **change}
    with pytest.raises(ConfigurationError):
        VaultTransit(arguments.pop("address"), token=lambda: "s.token", **arguments)
