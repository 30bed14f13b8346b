"""Section 10: `vault-transit`, on a server that answers as Vault does."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from kafka_envelope_reader import ConfigurationError, EnvelopeError, Opener, Rule, VaultTransit
from vectors.encode import array, wrapping
from vectors.plan import Plan, seal

from .example import DEK, HEADERS, KEY, PLAINTEXT, code_of

NAME = "transit.vault.example.com"
CMK_ID = f"{NAME}/orders"
CIPHERTEXT = b"vault:v1:" + base64.b64encode(bytes(60))
CONTEXT = b'{"env":"prod","tenant":"acme"}'

Answer = tuple[int, object]


class FakeVault:
    """Answers each request as `answer` says, and records what came."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        self.key: Answer = (200, {"data": {"derived": True}})
        self.decrypted: Answer = (200, {"data": {"plaintext": base64.b64encode(DEK).decode()}})
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                fake.asked.append((self.command, self.path, headers, json.loads(body) if body else None))
                status, answer = fake.key if self.command == "GET" else fake.decrypted
                text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                if status == 307:
                    self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")  # type: ignore[attr-defined]
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = _answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


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
        ((200, {"data": {"derived": False}}), "CMK_UNUSABLE"),
        ((200, {"data": {}}), "CMK_UNUSABLE"),
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


@pytest.mark.parametrize(
    ("status", "text", "code"),
    [
        (400, "encryption key not found", "CMK_NOT_FOUND"),
        (400, "invalid ciphertext: version is too new", "CMK_NOT_FOUND"),
        (400, "refusing to use soft-deleted key", "CMK_DISABLED"),
        (400, "ciphertext or signature version is disallowed by policy (too old)", "CMK_DISABLED"),
        (400, "message decryption not supported for key type ed25519", "CMK_UNUSABLE"),
        (400, "cipher: message authentication failed", "UNWRAP_FAILED"),
        (400, "invalid ciphertext length", "UNWRAP_FAILED"),
        (400, "something new", "KMS_UNAVAILABLE"),
        (403, "1 error occurred:\n\t* permission denied\n\n", "KMS_DENIED"),
        (404, "no handler for route", "CMK_NOT_FOUND"),
        (429, "rate limit quota exceeded", "KMS_THROTTLED"),
        (500, "internal error", "KMS_UNAVAILABLE"),
        (503, "Vault is sealed", "KMS_UNAVAILABLE"),
    ],
)
def test_each_answer_has_a_code_and_its_text_is_not_repeated(
    fake: FakeVault, status: int, text: str, code: str
) -> None:
    fake.decrypted = (status, {"errors": [text]})
    with pytest.raises(EnvelopeError) as caught:
        kms(fake).unwrap("vault-transit", CMK_ID, CIPHERTEXT, CONTEXT)
    assert caught.value.code == code
    assert text not in str(caught.value)


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
