"""The data that is authenticated with the body, and with a DEK (format section 9)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .wire import PREFIX

RecordHeader = tuple[str, "bytes | None"]
"""Name and value of a Kafka record header; the value may be null."""


def u32(number: int) -> bytes:
    """Return `number` as 4 bytes, big-endian."""
    return number.to_bytes(4, "big")


def build_aad(
    header: bytes,
    *,
    key_bound: bool,
    bound_headers: Sequence[str],
    key: bytes | None,
    headers: Iterable[RecordHeader],
) -> bytes:
    """Return the AAD of a record; `header` is the unchanged content of the field, `headers` are in record order."""
    return b"".join(
        [PREFIX, u32(len(header)), header, _key_part(key_bound, key), _header_parts(bound_headers, headers)]
    )


def canonical_context(context: Iterable[tuple[str, str]]) -> bytes:
    """Return the canonical context: JSON without white space, zero bytes if empty. `context` ascends by key bytes."""
    members = ",".join(f'"{key}":"{value}"' for key, value in context)
    return b"{" + members.encode("ascii") + b"}" if members else b""


def _key_part(key_bound: bool, key: bytes | None) -> bytes:
    if not key_bound:
        return b"\x00"
    return b"\x01" if key is None else b"\x02" + u32(len(key)) + key


def _header_parts(names: Sequence[str], headers: Iterable[RecordHeader]) -> bytes:
    values: dict[str, list[bytes | None]] = {name: [] for name in names}
    for name, value in headers:
        if name in values:
            values[name].append(value)
    parts = []
    for name in names:
        parts.append(u32(len(values[name])))
        for value in values[name]:
            parts.append(b"\xff\xff\xff\xff" if value is None else u32(len(value)) + value)
    return b"".join(parts)
