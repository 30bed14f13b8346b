"""Members of vectors (format section 17). A member of another form raises `TypeError` or `ValueError`."""

from __future__ import annotations

import re
from typing import Final

from .aad import RecordHeader

_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})*")


def text(value: object) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise TypeError
    return value


def text_or_none(value: object) -> str | None:
    """Return a text, or None for null."""
    return None if value is None else text(value)


def texts(value: object) -> tuple[str, ...]:
    """Return a list of texts."""
    return tuple(text(item) for item in items(value))


def items(value: object) -> list[object]:
    """Return a list."""
    if not isinstance(value, list):
        raise TypeError
    return value


def members(value: object, names: set[str]) -> dict[str, object]:
    """Return an object that has exactly these members."""
    if not isinstance(value, dict) or value.keys() != names:
        raise TypeError
    return value


def boolean(value: object) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise TypeError
    return value


def octets(value: object) -> bytes:
    """Return bytes, which are written in hex."""
    written = text(value)
    if not _HEX.fullmatch(written):
        raise ValueError
    return bytes.fromhex(written)


def octets_or_none(value: object) -> bytes | None:
    """Return bytes, or None for null."""
    return None if value is None else octets(value)


def octets_of_all(value: object) -> tuple[bytes, ...]:
    """Return a list of bytes."""
    return tuple(octets(item) for item in items(value))


def headers(value: object) -> tuple[RecordHeader, ...]:
    """Return the headers of a record."""
    pairs = []
    for item in items(value):
        name, content = items(item)
        pairs.append((text(name), octets_or_none(content)))
    return tuple(pairs)
