"""CMKs of the `local` providers, from a keyring file (format sections 10 and 21)."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .aad import u32
from .errors import ConfigurationError, EnvelopeError
from .kms import LOCAL, LOCAL_RSA
from .rsa import decrypt_oaep, load_private_key, load_public_key
from .suite import DEK_BYTES

MAX_FILE_BYTES: Final = 16 * 1024 * 1024

_CIPHERTEXT_BYTES: Final = 64
_CMK_ID: Final = re.compile(r"[!-~]{1,256}")
_CREATED_AT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z", re.ASCII)


@dataclass(frozen=True)
class _AesCmk:
    enabled: bool
    versions: dict[int, bytes]

    def unwrap(self, cmk_id: str, ciphertext_dek: bytes, canonical_context: bytes) -> bytes:
        if len(ciphertext_dek) != _CIPHERTEXT_BYTES:
            raise _unwrap_failed()
        version = int.from_bytes(ciphertext_dek[:4], "big")
        if version == 0:
            raise _unwrap_failed()
        key = self.versions.get(version)
        if key is None:
            raise EnvelopeError("CMK_NOT_FOUND", "the keyring has the CMK, but not this version of it")
        try:
            aad = local_wrapping_aad(cmk_id, canonical_context)
            return AESGCM(key).decrypt(ciphertext_dek[4:16], ciphertext_dek[16:], aad)
        except InvalidTag:
            raise _unwrap_failed() from None


@dataclass(frozen=True)
class _RsaCmk:
    enabled: bool
    private_key: RSAPrivateKey | None

    def unwrap(self, cmk_id: str, ciphertext_dek: bytes, canonical_context: bytes) -> bytes:
        if self.private_key is None:
            raise EnvelopeError("CMK_UNUSABLE", "the keyring has no private key of the CMK")
        return decrypt_oaep(self.private_key, ciphertext_dek)


class Keyring:
    """A `Kms` for the providers `local` and `local/rsa-oaep-sha256`."""

    def __init__(self, content: bytes) -> None:
        """Take the content of a keyring file. Raises `ConfigurationError`, whose text repeats none of the content."""
        if len(content) > MAX_FILE_BYTES:
            raise ConfigurationError("the keyring is larger than 16 MiB")
        try:
            document = json.loads(
                content.decode("utf-8"), object_pairs_hook=_object_without_repetition, parse_constant=_no_constant
            )
        except (ValueError, RecursionError):
            raise ConfigurationError("the keyring is not JSON in UTF-8") from None
        self._cmks = _parse(document)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Keyring:
        """Read a keyring file. On POSIX, raises `ConfigurationError` if its group or others may use the file."""
        try:
            with Path(path).open("rb") as file:
                if os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                    raise ConfigurationError("the keyring file may be used by its group or by others")
                return cls(file.read(MAX_FILE_BYTES + 1))
        except OSError as error:
            raise ConfigurationError(f"the keyring file cannot be read: {error.strerror}") from None

    def is_asymmetric(self, provider: str) -> bool:
        """Tell whether `provider` is that of RSA."""
        return provider == LOCAL_RSA

    @property
    def cmks(self) -> tuple[tuple[str, str], ...]:
        """The (provider, cmkId) pairs, in the order of the file, disabled ones included."""
        return tuple(self._cmks)

    def unwrap(self, provider: str, cmk_id: str, ciphertext_dek: bytes, canonical_context: bytes) -> bytes:
        """Unwrap. Raises `CMK_NOT_FOUND`, `CMK_DISABLED`, `CMK_UNUSABLE` or `UNWRAP_FAILED`, in this order."""
        cmk = self._cmks.get((provider, cmk_id))
        if cmk is None:
            raise EnvelopeError("CMK_NOT_FOUND", "the CMK is not in the keyring")
        if not cmk.enabled:
            raise EnvelopeError("CMK_DISABLED", "the CMK is disabled")
        return cmk.unwrap(cmk_id, ciphertext_dek, canonical_context)


def local_wrapping_aad(cmk_id: str, canonical_context: bytes) -> bytes:
    """Return the data that a `local` wrapping authenticates with the DEK (section 10)."""
    name = cmk_id.encode("ascii")
    return b"kafka-envelope/local/v1" + u32(len(name)) + name + canonical_context


def _unwrap_failed() -> EnvelopeError:
    return EnvelopeError("UNWRAP_FAILED", "the ciphertext DEK does not unwrap under this CMK and context")


def _object_without_repetition(members: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(members)
    if len(result) < len(members):
        raise ValueError("a member is repeated")
    return result


def _no_constant(name: str) -> None:
    raise ValueError("not a JSON number")


def _parse(document: object) -> dict[tuple[str, str], _AesCmk | _RsaCmk]:
    keyring = _members(document, "the keyring", {"schemaVersion", "cmks"})
    schema_version = keyring["schemaVersion"]
    if isinstance(schema_version, bool) or schema_version != 1:
        raise ConfigurationError("the keyring is of an unknown schemaVersion")
    cmks: dict[tuple[str, str], _AesCmk | _RsaCmk] = {}
    ids: set[str] = set()
    for entry in _list(keyring["cmks"], "cmks"):
        cmk_id, provider, cmk = _parse_cmk(entry)
        if cmk_id in ids:
            raise ConfigurationError("a CMK id occurs twice in the keyring")
        ids.add(cmk_id)
        cmks[provider, cmk_id] = cmk
    return cmks


def _parse_cmk(entry: object) -> tuple[str, str, _AesCmk | _RsaCmk]:
    cmk_type = entry.get("type") if isinstance(entry, dict) else None
    if cmk_type == "aes-256":
        member = _members(entry, "a CMK", {"id", "type", "enabled", "versions"})
        return _id(member["id"]), LOCAL, _AesCmk(_boolean(member["enabled"]), _versions(member["versions"]))
    if cmk_type == "rsa-oaep-sha256":
        required = {"id", "type", "enabled", "createdAt", "publicKey"}
        member = _members(entry, "a CMK", required, optional=frozenset({"privateKey"}))
        _check_created_at(member["createdAt"])
        return _id(member["id"]), LOCAL_RSA, _RsaCmk(_boolean(member["enabled"]), _key_pair(member))
    raise ConfigurationError("a CMK is of an unknown type")


def _versions(value: object) -> dict[int, bytes]:
    keys: dict[int, bytes] = {}
    last = 0
    for entry in _list(value, "versions"):
        member = _members(entry, "a version", {"version", "createdAt", "key"})
        number = _integer(member["version"])
        if not last < number < 2**32:
            raise ConfigurationError("the versions of a CMK do not ascend from 1 to 2^32 - 1")
        _check_created_at(member["createdAt"])
        keys[number] = _aes_key(member["key"])
        last = number
    if not keys:
        raise ConfigurationError("a CMK has no version")
    return keys


def _key_pair(member: dict[str, Any]) -> RSAPrivateKey | None:
    public_key = load_public_key(_text(member["publicKey"], "publicKey").encode("utf-8", "replace"))
    if "privateKey" not in member:
        return None
    private_key = load_private_key(_text(member["privateKey"], "privateKey").encode("utf-8", "replace"))
    if private_key.public_key().public_numbers() != public_key.public_numbers():
        raise ConfigurationError("the two keys of a CMK do not belong together")
    return private_key


def _aes_key(value: object) -> bytes:
    text = _text(value, "key")
    try:
        key = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        key = b""
    if len(key) != DEK_BYTES or base64.b64encode(key).decode("ascii") != text:
        raise ConfigurationError("a key is not 32 bytes in base64")
    return key


def _members(value: object, what: str, required: set[str], optional: frozenset[str] = frozenset()) -> dict[str, Any]:
    if not isinstance(value, dict) or not required <= value.keys() <= required | optional:
        raise ConfigurationError(f"{what} does not have exactly the members that it must have")
    return value


def _list(value: object, what: str) -> list[object]:
    if not isinstance(value, list):
        raise ConfigurationError(f"{what} is not a list")
    return value


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{what} is not a text")
    return value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError("enabled is not true or false")
    return value


def _integer(value: object) -> int:
    """Return a JSON number without a fraction, which may be written with one: 1.0."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is not int:
        raise ConfigurationError("a version is not a whole number")
    return value


def _id(value: object) -> str:
    text = _text(value, "id")
    if not _CMK_ID.fullmatch(text):
        raise ConfigurationError("an id has a character or a length that is not allowed")
    return text


def _check_created_at(value: object) -> None:
    match = _CREATED_AT.fullmatch(_text(value, "createdAt"))
    try:
        if match is None:
            raise ValueError
        datetime.strptime(match.group(1), "%Y-%m-%dT%H:%M:%S")
    except ValueError:
        raise ConfigurationError("createdAt is not a time of ISO 8601 in UTC") from None
