"""Running vector files of both kinds (format section 17)."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from . import rule_vectors
from .aad import RecordHeader
from .errors import ConfigurationError, EnvelopeError
from .opener import Opener
from .rule import Rule
from .rule_vectors import RuleVector
from .vector_json import headers, members, octets, octets_of_all, octets_or_none, text, text_or_none
from .wire import Wrapping, parse_envelope

MAX_DECOMPRESSED_BYTES: Final = 1_048_576

_MEMBERS: Final = {"name", "dek", "dictionaries", "topic", "key", "headers", "envelope", "plaintext", "error"}


@dataclass(frozen=True)
class Vector:
    """One entry of a file without rules; exactly one of `plaintext` and `error` is None."""

    name: str
    dek: bytes
    dictionaries: tuple[bytes, ...]
    topic: str
    key: bytes | None
    headers: tuple[RecordHeader, ...]
    envelope: bytes
    plaintext: bytes | None
    error: str | None

    def open(self) -> bytes:
        """Open with every wrapping as a candidate, whose DEK is given, under a rule that requires only the topic."""
        wrappings = _wrappings(self.envelope)
        rule = Rule(
            topic=self.topic,
            cmks=tuple((wrapping.provider, wrapping.cmk_id) for wrapping in wrappings),
            accept_public_key_sealing=True,
            require_key=False,
            max_decompressed_bytes=MAX_DECOMPRESSED_BYTES,
        )
        kms = _KnownDek(self.dek)
        opener = Opener(rule, {wrapping.provider: kms for wrapping in wrappings}, dictionaries=self.dictionaries)
        return opener.open(self.envelope, key=self.key, headers=self.headers)

    @staticmethod
    def parse(entry: dict[str, object]) -> Vector:
        """Read an entry with the right members. Raises `TypeError` or `ValueError`."""
        vector = Vector(
            name=text(entry["name"]),
            dek=octets(entry["dek"]),
            dictionaries=octets_of_all(entry["dictionaries"]),
            topic=text(entry["topic"]),
            key=octets_or_none(entry["key"]),
            headers=headers(entry["headers"]),
            envelope=octets(entry["envelope"]),
            plaintext=octets_or_none(entry["plaintext"]),
            error=text_or_none(entry["error"]),
        )
        if (vector.plaintext is None) == (vector.error is None):
            raise ValueError
        return vector


class _KnownDek:
    """A `Kms` that unwraps every wrapping to the DEK of a vector."""

    def __init__(self, dek: bytes) -> None:
        self._dek = dek

    def unwrap(self, provider: str, cmk_id: str, ciphertext_dek: bytes, canonical_context: bytes) -> bytes:
        return self._dek

    def is_asymmetric(self, provider: str) -> bool:
        return False


def load_vectors(path: str | os.PathLike[str]) -> list[Vector | RuleVector]:
    """Read a vector file; entries with a `keyring` are rule vectors. Raises `ConfigurationError` for other files."""
    try:
        entries = json.loads(Path(path).read_bytes().decode("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"the vector file cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ConfigurationError("the vector file is not JSON in UTF-8") from None
    if not isinstance(entries, list):
        raise ConfigurationError("the vector file is not an array")
    return [_parse(entry, index) for index, entry in enumerate(entries)]


def disagreement(vector: Vector | RuleVector) -> str | None:
    """Open a vector's envelope and say what differs from the stated result, or return None if nothing does."""
    try:
        plaintext = vector.open()
    except EnvelopeError as error:
        return None if error.code == vector.error else f"expected: {vector.error or 'it opens'}; got: {error.code}"
    if vector.error is not None:
        return f"expected: {vector.error}; got: it opens"
    return None if plaintext == vector.plaintext else "it opens with another plaintext"


def _wrappings(envelope: bytes) -> tuple[Wrapping, ...]:
    """Return all wrappings, each of which is a candidate; none if there is no well-formed envelope to open."""
    try:
        return parse_envelope(envelope).wrappings
    except EnvelopeError:
        return ()


def _parse(entry: object, index: int) -> Vector | RuleVector:
    try:
        if isinstance(entry, dict) and "keyring" in entry:
            return RuleVector.parse(members(entry, rule_vectors.MEMBERS))
        return Vector.parse(members(entry, _MEMBERS))
    except ConfigurationError as error:
        raise ConfigurationError(f"entry {index} of the vector file: {error}") from None
    except (TypeError, ValueError):
        raise ConfigurationError(f"entry {index} of the vector file does not have the form of a vector") from None
