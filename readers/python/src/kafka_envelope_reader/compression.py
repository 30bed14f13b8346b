"""Decompression of the opened data (format section 11; step 12 of section 13). No zstd."""

from __future__ import annotations

import zlib
from typing import Final

from .errors import EnvelopeError

NONE: Final = 0
GZIP: Final = 1

_FHCRC: Final = 0x02
_FEXTRA: Final = 0x04
_FNAME: Final = 0x08
_FCOMMENT: Final = 0x10
_RESERVED: Final = 0xE0


def decompress(compression: int, data: bytes, max_bytes: int) -> bytes:
    """
    Return the plaintext of `data`; `max_bytes` caps it, unless it is not compressed.

    Raises `DECOMPRESSION_FAILED` or `TOO_LARGE`. No more than about `max_bytes` are ever allocated.
    """
    return data if compression == NONE else _gunzip(data, max_bytes)


def _gunzip(data: bytes, max_bytes: int) -> bytes:
    """Return the content of exactly one RFC 1952 member."""
    deflated = data[_gzip_header_length(data) :]
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        result = inflater.decompress(deflated, max_bytes + 1)
    except zlib.error:
        raise _failed("the deflated data is corrupt") from None
    if len(result) > max_bytes:
        raise EnvelopeError("TOO_LARGE", "the decompressed result exceeds maxDecompressedBytes")
    if not inflater.eof:
        raise _failed("the deflated data is cut short")
    trailer = zlib.crc32(result).to_bytes(4, "little") + (len(result) & 0xFFFFFFFF).to_bytes(4, "little")
    if inflater.unused_data != trailer:
        raise _failed("checksum or size is wrong, or something follows the member")
    return result


def _gzip_header_length(data: bytes) -> int:
    """Return the length of a member's header, after verifying the parts that have to be verified."""
    if len(data) < 10 or not data.startswith(b"\x1f\x8b\x08"):
        raise _failed("the data is no gzip member")
    flags = data[3]
    if flags & _RESERVED:
        raise _failed("a reserved flag is set")
    position = 10
    if flags & _FEXTRA:
        position += 2 + int.from_bytes(data[position : position + 2], "little")
    for flag in (_FNAME, _FCOMMENT):
        if flags & flag:
            position = data.find(b"\x00", position) + 1
            if position == 0:
                raise _failed("a text of the gzip header is cut short")
    if flags & _FHCRC:
        checksum = (zlib.crc32(data[:position]) & 0xFFFF).to_bytes(2, "little")
        if data[position : position + 2] != checksum:
            raise _failed("the checksum of the gzip header is wrong")
        position += 2
    return position


def _failed(detail: str) -> EnvelopeError:
    return EnvelopeError("DECOMPRESSION_FAILED", detail)
