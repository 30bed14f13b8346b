"""Section 21: the form of a keyring file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from kafka_envelope_reader import ConfigurationError, Keyring

from .test_wrappings import aes_cmk, private_key, private_pem, public_pem, rsa_cmk

__all__ = ["private_key"]


def content(*cmks: object, **members: object) -> bytes:
    return json.dumps({"schemaVersion": 1, "cmks": cmks, **members}).encode()


def changed(cmk: dict[str, Any], **members: object) -> dict[str, Any]:
    return {**cmk, **members}


def version(**members: object) -> dict[str, Any]:
    cmk: Any = aes_cmk(1)
    return {**cmk, "versions": [{**cmk["versions"][0], **members}]}


def test_a_keyring_lists_its_cmks_in_order(private_key: rsa.RSAPrivateKey) -> None:
    ring = Keyring(content(aes_cmk(1, cmk_id="z"), rsa_cmk(private_key), aes_cmk(1, cmk_id="a", enabled=False)))
    assert ring.cmks == (("local", "z"), ("local/rsa-oaep-sha256", "rsa-1"), ("local", "a"))


def test_an_empty_keyring_is_allowed() -> None:
    assert Keyring(content()).cmks == ()


@pytest.mark.parametrize(
    "time",
    [
        "2025-01-02T03:04:05Z",
        "2025-01-02T03:04:05.1Z",
        "2024-02-29T23:59:59.123456Z",
        "2025-01-02T03:04:05.0123456789Z",
    ],
)
def test_times_of_iso_8601_in_utc_are_taken(time: str) -> None:
    assert Keyring(content(version(createdAt=time))).cmks


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"1",
        b"null",
        b'"text"',
        b"\xef\xbb\xbf" + content(),
        content().decode().encode("utf-16"),
        b"[" * 100_000,
        b'{"schemaVersion": NaN, "cmks": []}',
        b'{"schemaVersion": 1, "schemaVersion": 1, "cmks": []}',
        b'{"schemaVersion": 1}',
        b'{"cmks": []}',
        content(other=1),
        content(schemaVersion=2),
        content(schemaVersion="1"),
        content(schemaVersion=True),
        content(cmks={}),
        content(cmks=None),
        content("text"),
        content([]),
        content({}),
        content(aes_cmk(1), aes_cmk(1)),
        content(changed(aes_cmk(1), type="aes-128")),
        content(changed(aes_cmk(1), type=["aes-256"])),
        content(changed(aes_cmk(1), type="rsa-oaep-sha256")),
        content(changed(aes_cmk(1), enabled=1)),
        content(changed(aes_cmk(1), enabled=None)),
        content(changed(aes_cmk(1), createdAt="2025-01-02T03:04:05Z")),
        content(changed(aes_cmk(1), id="")),
        content(changed(aes_cmk(1), id="c" * 257)),
        content(changed(aes_cmk(1), id="with space")),
        content(changed(aes_cmk(1), id="é")),
        content(changed(aes_cmk(1), id="line\n")),
        content(changed(aes_cmk(1), id=1)),
        content(aes_cmk()),
        content(changed(aes_cmk(1), versions={})),
        content(aes_cmk(0)),
        content(aes_cmk(-1)),
        content(aes_cmk(2**32)),
        content(aes_cmk(2, 1)),
        content(aes_cmk(1, 1)),
        content(version(version="1")),
        content(version(version=True)),
        content(version(version=1.5)),
        content(version(other=1)),
        content(version(createdAt="2025-01-02")),
        content(version(createdAt="2025-01-02T03:04:05")),
        content(version(createdAt="2025-01-02T03:04:05+01:00")),
        content(version(createdAt="2025-01-02T03:04:05+00:00")),
        content(version(createdAt="2025-01-02t03:04:05z")),
        content(version(createdAt="2025-01-02T03:04:05.Z")),
        content(version(createdAt="2025-01-02T03:04:60Z")),
        content(version(createdAt="2025-02-30T03:04:05Z")),
        content(version(createdAt="2025-01-02T24:00:01Z")),
        content(version(createdAt=1)),
        content(version(key="")),
        content(version(key="A" * 43)),
        content(version(key="A" * 44)),
        content(version(key="A" * 43 + "=\n")),
        content(version(key="A" * 42 + "B=")),
        content(version(key="-" + "A" * 42 + "=")),
        content(version(key="é" + "A" * 42 + "=")),
        content(version(key=None)),
    ],
)
def test_what_is_not_exactly_a_keyring_is_refused(wrong: bytes) -> None:
    with pytest.raises(ConfigurationError):
        Keyring(wrong)


def test_a_keyring_of_more_than_16_mib_is_refused() -> None:
    largest = content().ljust(16 * 1024 * 1024)
    assert Keyring(largest).cmks == ()
    with pytest.raises(ConfigurationError, match="16 MiB"):
        Keyring(largest + b" ")


def test_rsa_cmks_of_another_form_are_refused(private_key: rsa.RSAPrivateKey) -> None:
    good: dict[str, Any] = rsa_cmk(private_key)
    other = rsa.generate_private_key(65537, 2048)
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505
    changes: list[dict[str, object]] = [
        {"publicKey": "no key"},
        {"publicKey": private_pem(private_key).decode()},
        {"publicKey": public_pem(other).decode()},
        {"publicKey": public_pem(small).decode(), "privateKey": private_pem(small).decode()},
        {"publicKey": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"},
        {"publicKey": None},
        {"privateKey": None},
        {"privateKey": good["privateKey"] * 2},
        {"privateKey": good["privateKey"] + "text"},
        {"privateKey": "text\n" + good["privateKey"]},
        {"publicKey": good["publicKey"] + good["privateKey"]},
        {"publicKey": good["publicKey"] + "text"},
        {"publicKey": "text\n" + good["publicKey"]},
        {"publicKey": good["publicKey"].replace("-----\n", "-----\nProc-Type: 4\n\n", 1)},
        {"privateKey": ""},
        {"privateKey": public_pem(private_key).decode()},
        {"createdAt": ""},
        {"versions": []},
    ]
    for members in changes:
        with pytest.raises(ConfigurationError):
            Keyring(content({**good, **members}))
    for name in ("publicKey", "createdAt", "enabled", "id"):
        with pytest.raises(ConfigurationError):
            Keyring(content({key: value for key, value in good.items() if key != name}))


def test_white_space_around_and_in_a_pem_block_is_no_text(private_key: rsa.RSAPrivateKey) -> None:
    good: dict[str, Any] = rsa_cmk(private_key)
    for before, after in (("", ""), ("", "\n\n"), (" \n", " "), ("\r\n", "\r\n")):
        members = {name: before + good[name].strip() + after for name in ("publicKey", "privateKey")}
        assert Keyring(content({**good, **members})).cmks
        assert Keyring(content({**good, **{name: pem.replace("\n", "\r\n") for name, pem in members.items()}})).cmks


def test_a_number_is_the_same_however_it_is_written() -> None:
    text = content(aes_cmk(1)).decode().replace('"schemaVersion": 1', '"schemaVersion": 1.0')
    assert Keyring(text.replace('"version": 1', '"version": 1.0').encode()).cmks
    assert Keyring(text.replace('"version": 1', '"version": 10e-1').encode()).cmks


def test_the_text_of_an_error_has_nothing_of_the_file() -> None:
    for wrong in (b"{secret", content(secret=1), content(version(key="secret")), content(version(createdAt="secret"))):
        with pytest.raises(ConfigurationError) as caught:
            Keyring(wrong)
        assert "secret" not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.skipif(os.name != "posix", reason="modes of files are of POSIX")
def test_a_file_that_group_or_others_may_use_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keyring.json"
    file.write_bytes(content(aes_cmk(1)))
    for mode in (0o600, 0o400, 0o700):
        file.chmod(mode)
        assert Keyring.from_file(file).cmks
    for mode in (0o640, 0o604, 0o620, 0o602, 0o610, 0o601):
        file.chmod(mode)
        with pytest.raises(ConfigurationError):
            Keyring.from_file(file)


def test_a_file_that_cannot_be_read_is_a_configuration_error(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(ConfigurationError):
            Keyring.from_file(path)
