"""Running vector files (format section 17)."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .aad import RecordHeader
from .errors import ConfigurationError, EnvelopeError
from .opener import Opener
from .rule import Rule
from .wire import Wrapping, parse_envelope

MAX_DECOMPRESSED_BYTES: Final = 1_048_576

_MEMBERS: Final = {"name", "dek", "topic", "key", "headers", "envelope", "plaintext", "error"}
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})*")


@dataclass(frozen=True)
class Vector:
    """One entry of a vector file; exactly one of `plaintext` and `error` is None."""

    name: str
    dek: bytes
    topic: str
    key: bytes | None
    headers: tuple[RecordHeader, ...]
    envelope: bytes
    plaintext: bytes | None
    error: str | None


class _KnownDek:
    """A `Kms` that unwraps every wrapping to the DEK of a vector."""

    def __init__(self, dek: bytes) -> None:
        self._dek = dek

    def unwrap(self, provider: str, cmk_id: str, ciphertext_dek: bytes, canonical_context: bytes) -> bytes:
        return self._dek


def load_vectors(path: str | os.PathLike[str]) -> list[Vector]:
    """Read a vector file. Raises `ConfigurationError` if it is none."""
    try:
        entries = json.loads(Path(path).read_bytes().decode("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"the vector file cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ConfigurationError("the vector file is not JSON in UTF-8") from None
    if not isinstance(entries, list):
        raise ConfigurationError("the vector file is not an array")
    return [_vector(entry, index) for index, entry in enumerate(entries)]


def disagreement(vector: Vector) -> str | None:
    """Open a vector's envelope and say what differs from the stated result, or return None if nothing does."""
    wrappings = _wrappings(vector.envelope)
    rule = Rule(
        topic=vector.topic,
        cmks=tuple((wrapping.provider, wrapping.cmk_id) for wrapping in wrappings),
        accept_public_key_sealing=True,
        require_key=False,
        max_decompressed_bytes=MAX_DECOMPRESSED_BYTES,
    )
    kms = _KnownDek(vector.dek)
    opener = Opener(rule, {wrapping.provider: kms for wrapping in wrappings})
    expected = vector.error or "it opens"
    try:
        plaintext = opener.open(vector.envelope, key=vector.key, headers=vector.headers)
    except EnvelopeError as error:
        return None if error.code == vector.error else f"expected: {expected}; got: {error.code}"
    if vector.plaintext is None:
        return f"expected: {expected}; got: it opens"
    return None if plaintext == vector.plaintext else "it opens with another plaintext"


def _wrappings(envelope: bytes) -> tuple[Wrapping, ...]:
    """Return all wrappings, each of which is a candidate; none if there is no well-formed envelope to open."""
    try:
        return parse_envelope(envelope).wrappings
    except EnvelopeError:
        return ()


def _vector(entry: Any, index: int) -> Vector:  # noqa: ANN401
    wrong = ConfigurationError(f"entry {index} of the vector file does not have the form of a vector")
    if not isinstance(entry, dict) or entry.keys() != _MEMBERS or not isinstance(entry["headers"], list):
        raise wrong
    try:
        vector = Vector(
            name=_text(entry["name"]),
            dek=_hex(entry["dek"]),
            topic=_text(entry["topic"]),
            key=_hex_or_none(entry["key"]),
            headers=tuple((_text(name), _hex_or_none(value)) for name, value in entry["headers"]),
            envelope=_hex(entry["envelope"]),
            plaintext=_hex_or_none(entry["plaintext"]),
            error=None if entry["error"] is None else _text(entry["error"]),
        )
    except (TypeError, ValueError):
        raise wrong from None
    if (vector.plaintext is None) == (vector.error is None):
        raise wrong
    return vector


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _hex(value: object) -> bytes:
    text = _text(value)
    if not _HEX.fullmatch(text):
        raise ValueError
    return bytes.fromhex(text)


def _hex_or_none(value: object) -> bytes | None:
    return None if value is None else _hex(value)
