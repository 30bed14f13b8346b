"""The command `kafka-envelope-open`."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from kafka_envelope_reader.cli import main
from vectors.encode import array, wrapping
from vectors.plan import Plan, seal

from .example import DEFLATE_PLAINTEXT, DEFLATE_VALUE, DICTIONARY, GZIP_VALUE, PLAINTEXT, TOPIC, VALUE
from .test_keyring import content
from .test_vectors import OWN, RULES
from .test_wrappings import SHA256_OAEP, aes_cmk, private_key, private_pem

__all__ = ["private_key"]

RECORD = ["--topic", TOPIC, "--key-utf8", "order-17", "--header", "schema-id=3432"]
RECORD += ["--header", "traceparent=30302d6162", "--null-header", "schema-id"]


class Result:
    """What a run of the command gave."""

    def __init__(self, code: int, out: bytes, error: str) -> None:
        self.code, self.out, self.error = code, out, error


@pytest.fixture
def keyring_file(tmp_path: Path) -> str:
    file = tmp_path / "keyring.json"
    file.write_bytes(content(aes_cmk(1)))
    file.chmod(0o600)
    return str(file)


class Runner:
    """Runs the command with bytes on standard input."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[bytes]) -> None:
        self._monkeypatch, self._captured = monkeypatch, captured

    def __call__(self, *arguments: str, value: bytes = VALUE) -> Result:
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(value)))
        try:
            code = main(arguments)
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, error = self._captured.readouterr()
        return Result(code, out, error.decode())


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Runner:
    return Runner(monkeypatch, capfdbinary)


def test_the_worked_example_opens(run: Runner, keyring_file: str) -> None:
    result = run("--keyring", keyring_file, *RECORD)
    assert (result.code, result.out, result.error) == (0, PLAINTEXT, "")


def test_a_key_may_be_given_in_hex(run: Runner, keyring_file: str) -> None:
    arguments = [*RECORD[:2], "--key", "6f726465722d3137", *RECORD[4:]]
    assert run("--keyring", keyring_file, *arguments).out == PLAINTEXT


def test_unbound_opens_what_has_no_bound_key(run: Runner, keyring_file: str) -> None:
    arguments = ["--keyring", keyring_file, "--topic", TOPIC]
    assert run(*arguments, value=GZIP_VALUE).error.startswith("REQUIREMENT_UNMET (invalid)")
    assert run(*arguments, "--unbound", value=GZIP_VALUE).out == b"a" * 64
    assert run(*arguments, "--unbound", "--max-decompressed-bytes", "63", value=GZIP_VALUE).error.startswith(
        "TOO_LARGE"
    )


def test_a_dictionary_opens_what_was_compressed_with_it(run: Runner, keyring_file: str, tmp_path: Path) -> None:
    arguments = ["--keyring", keyring_file, *RECORD[:4]]
    other, right = tmp_path / "other.dict", tmp_path / "orders.dict"
    other.write_bytes(b"another")
    right.write_bytes(DICTIONARY)
    lacking = run(*arguments, "--dictionary", str(other), value=DEFLATE_VALUE)
    assert (lacking.code, lacking.error.split()[0]) == (4, "DICTIONARY_UNKNOWN")
    both = run(*arguments, "--dictionary", str(other), "--dictionary", str(right), value=DEFLATE_VALUE)
    assert (both.code, both.out) == (0, DEFLATE_PLAINTEXT)
    absent = run(*arguments, "--dictionary", str(tmp_path / "absent"), value=DEFLATE_VALUE)
    assert (absent.code, absent.error.startswith("kafka-envelope-open: a dictionary file cannot be read")) == (2, True)


def test_sealed_for_opens_what_was_copied(run: Runner, keyring_file: str) -> None:
    arguments = ["--keyring", keyring_file, "--topic", "copy", *RECORD[2:]]
    assert run(*arguments).error.startswith("WRONG_TOPIC")
    assert run(*arguments, "--original-topics", TOPIC).out == PLAINTEXT
    assert run(*arguments, "--original-topics", "orders.*").out == PLAINTEXT
    assert run(*arguments, "--original-topics", "orders.").error.startswith("WRONG_TOPIC")
    assert run(*arguments, "--original-topics", "*").code == 2


@pytest.mark.parametrize(
    ("value", "code", "exit_code"),
    [(b"", "NOT_SEALED", 3), (VALUE[:-1], "MALFORMED", 3), (VALUE[:3] + bytes(7), "UNKNOWN_FORMAT", 4)],
)
def test_an_error_gives_its_code_on_standard_error_and_its_kind_as_exit_code(
    run: Runner, keyring_file: str, value: bytes, code: str, exit_code: int
) -> None:
    result = run("--keyring", keyring_file, *RECORD, value=value)
    assert (result.code, result.out, result.error.split()[0]) == (exit_code, b"", code)


def test_a_private_key_opens_what_was_sealed_with_the_public_one(
    run: Runner, tmp_path: Path, private_key: rsa.RSAPrivateKey
) -> None:
    file = tmp_path / "private.pem"
    file.write_bytes(private_pem(private_key))
    plan = Plan()
    wrapped = private_key.public_key().encrypt(plan.actual_dek(), SHA256_OAEP)
    value = seal(Plan(wrapped_deks=array([wrapping(b"tencent-kms/rsa-oaep-sha256", b"r/1", wrapped)]))).value()
    arguments = ["--private-key", "tencent-kms/rsa-oaep-sha256", "r/1", str(file), *RECORD[:4]]
    assert run(*arguments, value=value).error.startswith("NO_CANDIDATE")
    assert run(*arguments, "--accept-public-key-sealing", value=value).out == plan.plaintext
    wrong = ["--private-key", "tencent-kms/sm2", "r/1", str(file)]
    assert run(*wrong, *RECORD[:4], value=value).code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--topic", "t"],
        ["--keyring", "k"],
        ["--topic", "t", "--keyring", "does-not-exist"],
        ["--topic", "t", "--private-key", "x/rsa-oaep-sha256", "k", "does-not-exist"],
        ["--topic", "t", "--keyring", "k", "--key", "0g"],
        ["--topic", "t", "--keyring", "k", "--key", "00", "--key-utf8", "a"],
        ["--topic", "t", "--keyring", "k", "--header", "name"],
        ["--vectors", "does-not-exist"],
    ],
)
def test_wrong_usage_and_configuration_have_exit_code_2(run: Runner, arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (2, b"")
    assert result.error


def test_vectors_that_agree_give_only_a_count(run: Runner) -> None:
    result = run("--vectors", str(OWN), str(RULES / "v1.json"))
    count = sum(len(json.loads(file.read_text("ascii"))) for file in (OWN, RULES / "v1.json"))
    assert (result.code, result.out.decode()) == (0, f"{count} vectors, 0 disagreements\n")


def test_a_vector_that_disagrees_gives_a_line_and_exit_code_1(run: Runner, tmp_path: Path) -> None:
    vectors = json.loads(OWN.read_text("ascii"))[:2] + json.loads((RULES / "v1.json").read_text("ascii"))[:1]
    for index in (1, 2):
        vectors[index] = {**vectors[index], "plaintext": "00"}
    file = tmp_path / "vectors.json"
    file.write_text(json.dumps(vectors))
    result = run("--vectors", str(file))
    lines = result.out.decode().splitlines()
    assert result.code == 1
    assert lines == [
        f"{vectors[1]['name']}: it opens with another plaintext",
        f"{vectors[2]['name']}: it opens with another plaintext",
        "3 vectors, 2 disagreements",
    ]
