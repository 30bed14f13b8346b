"""Avro primitives (format section 3), canonical ones and deliberately wrong ones."""

from __future__ import annotations

from collections.abc import Iterable


def varint(number: int, *, size: int = 0) -> bytes:
    """Return the zig-zag varint of `number`, padded with empty groups to `size` bytes (which is not canonical)."""
    return _groups(2 * number if number >= 0 else -2 * number - 1, size)


def excess(number: int, width: int) -> bytes:
    """Return a varint that equals `number` only after its bits from `width` upwards are dropped."""
    return _groups(2 * number | 1 << width, 0)


def blob(content: bytes, *, length: bytes | None = None) -> bytes:
    """Return `bytes` or a `string`; `length` stands in for the encoded length."""
    return (varint(len(content)) if length is None else length) + content


def block(items: Iterable[bytes], *, count: bytes | None = None) -> bytes:
    """Return one block of an array or map, without its end; `count` stands in for the encoded count."""
    encoded = list(items)
    return (varint(len(encoded)) if count is None else count) + b"".join(encoded)


def sized_block(items: Iterable[bytes]) -> bytes:
    """Return a block with a negative count and its size in bytes, which Avro allows and the format does not."""
    encoded = list(items)
    content = b"".join(encoded)
    return varint(-len(encoded)) + varint(len(content)) + content


def array(items: Iterable[bytes]) -> bytes:
    """Return an array or map of encoded items."""
    encoded = list(items)
    return block(encoded) + b"\x00" if encoded else b"\x00"


def entry(key: bytes, value: bytes) -> bytes:
    """Return one entry of a map of strings."""
    return blob(key) + blob(value)


def wrapping(provider: bytes = b"local", cmk_id: bytes = b"orders-2025", ciphertext_dek: bytes = bytes(64)) -> bytes:
    """Return one item of `wrappedDeks`."""
    return blob(provider) + blob(cmk_id) + blob(ciphertext_dek)


def _groups(unsigned: int, size: int) -> bytes:
    groups = bytearray()
    while unsigned or len(groups) < max(size, 1):
        groups.append(0x80 | unsigned & 0x7F)
        unsigned >>= 7
    groups[-1] &= 0x7F
    return bytes(groups)
