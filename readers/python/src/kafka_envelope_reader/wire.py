"""The envelope and its header: structure and bounds (format sections 4 to 6; steps 1 to 3 of section 13)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeVar

from .avro import Cursor, malformed
from .errors import EnvelopeError

_Item = TypeVar("_Item")

MARKER: Final = bytes.fromhex("c301")
"""The bytes at the start of every Avro single-object encoding."""

PREFIX: Final = MARKER + bytes.fromhex("0fea18fa6fe363e8")
"""The ten bytes at the start of every envelope of this version."""

MAX_WRAPPINGS: Final = 5
MAX_CIPHERTEXT_DEK: Final = 1_024
MAX_HEADER: Final = 4_096
DICTIONARY_NAME: Final = 32
"""The length of the SHA-256 that names a dictionary."""

MAX_BOUND_HEADERS: Final = 32
MAX_NAME: Final = 256
MAX_CONTEXT: Final = 1_024
MAX_CONTEXT_ENTRIES: Final = MAX_CONTEXT // 4
"""An entry takes at least four bytes; `MAX_CONTEXT` bounds the size of the whole field anyway."""

_HAS_DICTIONARY: Final = {0: False, 1: False, 2: False, 3: True}
"""By compression. A number that is registered later may have a dictionary or none."""

_PROVIDER: Final = re.compile(r"[a-z0-9/-]{1,64}")
_CMK_ID: Final = re.compile(r"[!-~]{1,256}")
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
_CONTEXT_TEXT: Final = re.compile(r"[A-Za-z0-9._:/@=+-]{1,128}")


@dataclass(frozen=True)
class Wrapping:
    """One entry of `wrappedDeks`."""

    provider: str
    cmk_id: str
    ciphertext_dek: bytes


@dataclass(frozen=True)
class Envelope:
    """A well-formed envelope; `header` is unchanged, 1 to 4,096 bytes, not parsed."""

    wrappings: tuple[Wrapping, ...]
    header: bytes
    iv: bytes
    tag: bytes
    body: bytes


@dataclass(frozen=True)
class Header:
    """A well-formed header; names and context entries are in the order of the wire, ascending by bytes."""

    suite: int
    compression: int
    dictionary: bytes
    key_bound: bool
    bound_headers: tuple[str, ...]
    topic: str
    context: tuple[tuple[str, str], ...]
    session_id: bytes
    commitment: bytes


def parse_envelope(value: bytes) -> Envelope:
    """Parse a record value (steps 1 and 2): `NOT_SEALED`, `UNKNOWN_FORMAT` or `MALFORMED` if it is not an envelope."""
    if not value.startswith(MARKER):
        raise EnvelopeError("NOT_SEALED", "the value does not start with the two bytes of an envelope")
    if len(value) < len(PREFIX):
        raise malformed("prefix")
    if not value.startswith(PREFIX):
        raise EnvelopeError("UNKNOWN_FORMAT", "the value has a fingerprint that this reader does not know")
    cursor = Cursor(value, len(PREFIX), len(value))
    wrappings = cursor.array("wrappedDeks", 1, MAX_WRAPPINGS, lambda: _wrapping(cursor))
    if len({(wrapping.provider, wrapping.cmk_id) for wrapping in wrappings}) < len(wrappings):
        raise malformed("wrappedDeks")
    header = cursor.blob("header", 1, MAX_HEADER)
    iv = cursor.fixed("iv", 12)
    tag = cursor.fixed("tag", 16)
    body = cursor.blob("body", 0, cursor.remaining)
    _finish(cursor, "end of the envelope")
    return Envelope(wrappings, header, iv, tag, body)


def parse_header(data: bytes) -> Header:
    """Parse the content of the `header` field (step 3): `MALFORMED` if it is not a header."""
    cursor = Cursor(data, 0, len(data))
    suite = cursor.int32("suite")
    compression = cursor.int32("compression")
    header = Header(
        suite=suite,
        compression=compression,
        dictionary=_dictionary(cursor, compression),
        key_bound=cursor.boolean("keyBound"),
        bound_headers=_bound_headers(cursor),
        topic=_matching(cursor, "topic", _TOPIC, 249),
        context=_context(cursor, data),
        session_id=cursor.fixed("sessionId", 16),
        commitment=cursor.fixed("commitment", 32),
    )
    _finish(cursor, "end of the header")
    return header


def _wrapping(cursor: Cursor) -> Wrapping:
    return Wrapping(
        provider=_matching(cursor, "provider", _PROVIDER, 64),
        cmk_id=_matching(cursor, "cmkId", _CMK_ID, 256),
        ciphertext_dek=cursor.blob("ciphertextDek", 1, MAX_CIPHERTEXT_DEK),
    )


def _dictionary(cursor: Cursor, compression: int) -> bytes:
    what = "dictionary"
    name = cursor.blob(what, 0, DICTIONARY_NAME)
    has_dictionary = _HAS_DICTIONARY.get(compression, bool(name))
    if len(name) != (DICTIONARY_NAME if has_dictionary else 0):
        raise malformed(what)
    return name


def _bound_headers(cursor: Cursor) -> tuple[str, ...]:
    what = "boundHeaders"
    names = cursor.array(what, 0, MAX_BOUND_HEADERS, lambda: cursor.text(what, 1, MAX_NAME))
    return _ascending(names, names, what)


def _context(cursor: Cursor, data: bytes) -> tuple[tuple[str, str], ...]:
    """Read the context through a window of `MAX_CONTEXT` bytes; what does not fit is malformed."""
    what = "context"
    window = Cursor(data, cursor.position, cursor.position + MAX_CONTEXT)

    def entry() -> tuple[str, str]:
        key = _matching(window, what, _CONTEXT_TEXT, 128)
        return key, _matching(window, what, _CONTEXT_TEXT, 128)

    entries = window.array(what, 0, MAX_CONTEXT_ENTRIES, entry)
    cursor.position = window.position
    return _ascending(entries, [key for key, _ in entries], what)


def _ascending(items: tuple[_Item, ...], keys: Sequence[str], what: str) -> tuple[_Item, ...]:
    """Return `items` if their `keys` ascend strictly by UTF-8 bytes, which is the order of code points."""
    if any(before >= after for before, after in pairwise(keys)):
        raise malformed(what)
    return items


def _matching(cursor: Cursor, what: str, pattern: re.Pattern[str], high: int) -> str:
    text = cursor.text(what, 1, high)
    if not pattern.fullmatch(text):
        raise malformed(what)
    return text


def _finish(cursor: Cursor, what: str) -> None:
    if cursor.remaining:
        raise malformed(what)
