"""Section 17: rule vectors are as the section says, made again with the same bytes, and really what they are named."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, AsymmetricPadding, PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512, HashAlgorithm

from kafka_envelope_reader import ConfigurationError
from kafka_envelope_reader.rule_vectors import RuleVector
from kafka_envelope_reader.vectors import disagreement, load_vectors
from vectors.rules import rsa_keys
from vectors.rules.make import rule_vectors
from vectors.rules.oaep import oaep
from vectors.rules.rsa import WRONG_ENCODINGS
from vectors.rules.rsa_keys import RSA_2048, RsaPair

from .example import CIPHERTEXT_DEK, DEK, VALUE
from .test_vectors import RULES

OWN = RULES / "v1.json"
ENTRIES: list[dict[str, Any]] = json.loads(OWN.read_text("ascii"))
BY_NAME = {entry["name"]: entry for entry in ENTRIES}
SEED = bytes(range(0x60, 0x80))


def padding(
    hash_name: type[HashAlgorithm], mgf_hash: type[HashAlgorithm] | None = None, label: bytes | None = None
) -> AsymmetricPadding:
    return OAEP(mgf=MGF1((mgf_hash or hash_name)()), algorithm=hash_name(), label=label)


def test_the_file_is_made_again_byte_for_byte() -> None:
    assert rule_vectors().encode("ascii") == OWN.read_bytes()


def test_every_vector_has_all_members_in_one_line_and_a_name_of_its_own() -> None:
    lines = OWN.read_text("ascii").splitlines()
    assert [lines[0], lines[-1]] == ["[", "]"]
    assert [json.loads(line.rstrip(",")) for line in lines[1:-1]] == ENTRIES
    assert len(BY_NAME) == len(ENTRIES)
    members = ["name", "keyring", "rule", "topic", "key", "headers", "envelope", "plaintext", "error"]
    assert all(list(entry) == members for entry in ENTRIES)


def test_there_are_vectors_of_every_code_that_a_reader_gives_without_a_remote_kms() -> None:
    codes = Counter(entry["error"] for entry in ENTRIES)
    assert set(codes) == {
        None,
        "TOMBSTONE_REJECTED",
        "NOT_SEALED",
        "MALFORMED",
        "UNKNOWN_FORMAT",
        "UNKNOWN_SUITE",
        "UNKNOWN_COMPRESSION",
        "DICTIONARY_UNKNOWN",
        "WRONG_TOPIC",
        "REQUIREMENT_UNMET",
        "NO_CANDIDATE",
        "CMK_NOT_FOUND",
        "CMK_DISABLED",
        "CMK_UNUSABLE",
        "UNWRAP_FAILED",
        "COMMITMENT_MISMATCH",
        "AUTHENTICATION_FAILED",
        "DECOMPRESSION_FAILED",
        "TOO_LARGE",
    }
    assert min(codes.values()) >= 2
    assert codes[None] >= 80


def test_only_tombstones_have_neither_plaintext_nor_error() -> None:
    for entry in ENTRIES:
        results = (entry["plaintext"] is not None) + (entry["error"] is not None)
        assert results == (0 if entry["envelope"] is None and entry["error"] is None else 1), entry["name"]


def test_no_vector_opens_under_its_rule_with_every_cmk_disabled(tmp_path: Path) -> None:
    """So vectors open only because of a CMK of the keyring."""
    opening = [entry for entry in ENTRIES if entry["plaintext"] is not None]
    for entry in opening:
        cmks = [{**cmk, "enabled": False} for cmk in entry["keyring"]["cmks"]]
        entry = {**entry, "keyring": {**entry["keyring"], "cmks": cmks}}
        assert disagreement(loaded(tmp_path, entry)) == "expected: it opens; got: CMK_DISABLED"


def test_the_worked_example_is_among_them() -> None:
    assert BY_NAME["example/no-compression"]["envelope"] == VALUE.hex()
    assert CIPHERTEXT_DEK in bytes.fromhex(BY_NAME["example/no-compression"]["envelope"])


PAIRS = [RSA_2048, rsa_keys.RSA_2048_OTHER, rsa_keys.RSA_2050, rsa_keys.RSA_3072, rsa_keys.RSA_4096]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: str(pair.modulus.bit_length()))
def test_what_is_encoded_with_a_given_seed_is_decrypted_by_another_implementation(pair: RsaPair) -> None:
    for message in (DEK, b"", bytes(pair.size - 66)):
        for seed in (SEED, bytes(32)):
            ciphertext = pair.power(oaep(message, pair.size, seed))
            assert pair.private_key().decrypt(ciphertext, padding(SHA256)) == message


PADDINGS: dict[str, AsymmetricPadding] = {
    "mgf1-with-sha-1": padding(SHA256, SHA1),
    "hash-sha-1": padding(SHA1, SHA256),
    "sha-1-in-both": padding(SHA1),
    "sha-512-in-both": padding(SHA512),
    "pkcs1-v1.5": PKCS1v15(),
    "label": padding(SHA256, label=b"kafka-envelope"),
    "label-of-one-zero-byte": padding(SHA256, label=b"\x00"),
}


@pytest.mark.parametrize("name", PADDINGS)
def test_a_wrong_encoding_is_exactly_that_which_it_is_named_after(name: str) -> None:
    key = RSA_2048.private_key()
    ciphertext = RSA_2048.power(WRONG_ENCODINGS[name](DEK, RSA_2048.size, SEED))
    assert key.decrypt(ciphertext, PADDINGS[name]) == DEK
    with pytest.raises(ValueError, match="failed"):
        key.decrypt(ciphertext, padding(SHA256))


@pytest.mark.parametrize("name", WRONG_ENCODINGS.keys() - PADDINGS.keys())
def test_a_wrong_encoding_is_refused_by_every_implementation(name: str) -> None:
    ciphertext = RSA_2048.power(WRONG_ENCODINGS[name](DEK, RSA_2048.size, SEED))
    for known in (padding(SHA256), *PADDINGS.values()):
        try:
            assert RSA_2048.private_key().decrypt(ciphertext, known) != DEK
        except ValueError:
            continue


def loaded(folder: Path, entry: dict[str, Any]) -> RuleVector:
    file = folder / "rules.json"
    file.write_text(json.dumps([entry]))
    (vector,) = load_vectors(file)
    assert isinstance(vector, RuleVector)
    return vector


class TestRunner:
    """A runner that sees no difference where there is one would be of no use."""

    GOOD = BY_NAME["example/no-compression"]
    TOMBSTONE = BY_NAME["tombstone/pass-defaults"]

    @pytest.mark.parametrize(
        ("entry", "changes", "difference"),
        [
            (GOOD, {}, None),
            (GOOD, {"plaintext": "00"}, "it opens with another plaintext"),
            (GOOD, {"plaintext": None, "error": "NO_CANDIDATE"}, "expected: NO_CANDIDATE; got: it opens"),
            (GOOD, {"envelope": ""}, "expected: it opens; got: NOT_SEALED"),
            (GOOD, {"topic": "x"}, "expected: it opens; got: WRONG_TOPIC"),
            (GOOD, {"rule": {**GOOD["rule"], "cmks": []}}, "expected: it opens; got: NO_CANDIDATE"),
            (TOMBSTONE, {}, None),
            (TOMBSTONE, {"error": "TOMBSTONE_REJECTED"}, "expected: TOMBSTONE_REJECTED; got: it opens"),
            (
                TOMBSTONE,
                {"rule": {**TOMBSTONE["rule"], "tombstones": "reject"}},
                "expected: it opens; got: TOMBSTONE_REJECTED",
            ),
        ],
    )
    def test_it_says_what_differs(
        self, tmp_path: Path, entry: dict[str, Any], changes: dict[str, Any], difference: str | None
    ) -> None:
        assert disagreement(loaded(tmp_path, {**entry, **changes})) == difference

    @pytest.mark.parametrize(
        "change",
        [
            lambda entry: entry.pop("topic"),
            lambda entry: entry.update(dek="00"),
            lambda entry: entry.update(plaintext=None),
            lambda entry: entry.update(error="NO_CANDIDATE"),
            lambda entry: entry.update(keyring={}),
            lambda entry: entry["keyring"]["cmks"].clear(),
            lambda entry: entry.update(rule=[]),
            lambda entry: entry["rule"].pop("originalTopics"),
            lambda entry: entry["rule"].update(more=1),
            lambda entry: entry["rule"].update(cmks=[["local"]]),
            lambda entry: entry["rule"].update(cmks=[["local", "absent"]]),
            lambda entry: entry["rule"].update(cmks=[["local/rsa-oaep-sha256", "orders-2025"]]),
            lambda entry: entry["rule"].update(acceptPublicKeySealing=1),
            lambda entry: entry["rule"].update(originalTopics=["*"]),
            lambda entry: entry["rule"].update(originalTopics="orders"),
            lambda entry: entry["rule"].update(tombstones="ignore"),
            lambda entry: entry["rule"].update(maxDecompressedBytes=-1),
            lambda entry: entry["rule"].update(maxDecompressedBytes=True),
            lambda entry: entry["rule"]["require"].update(keyBound=None),
            lambda entry: entry["rule"]["require"].update(headers="h"),
            lambda entry: entry["rule"]["require"].update(context=[]),
            lambda entry: entry["rule"]["require"].update(context={"a": 1}),
        ],
    )
    def test_it_refuses_an_entry_that_is_not_a_rule_vector(
        self, tmp_path: Path, change: Callable[[dict[str, Any]], object]
    ) -> None:
        entry = json.loads(json.dumps(self.GOOD))
        change(entry)
        with pytest.raises(ConfigurationError):
            loaded(tmp_path, entry)
