"""Decompression of the opened data (format section 11; step 12 of section 13). No zstd."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from typing import Final

from .errors import ConfigurationError, EnvelopeError

NONE: Final = 0
GZIP: Final = 1
DEFLATE_DICTIONARY: Final = 3

MAX_DICTIONARY: Final = 32_768
"""The window of deflate: nothing reaches further back."""

_FHCRC: Final = 0x02
_FEXTRA: Final = 0x04
_FNAME: Final = 0x08
_FCOMMENT: Final = 0x10
_RESERVED: Final = 0xE0


def dictionaries_by_name(dictionaries: Iterable[bytes]) -> dict[bytes, bytes]:
    """
    Return dictionaries by their SHA-256.

    Raises `ConfigurationError` for one without bytes or with too many, and for a single one that is not in a list.
    """
    listed = list(dictionaries)
    # The items of `bytes` are numbers, and `bytes(7)` is seven zeros.
    if not all(isinstance(dictionary, bytes) for dictionary in listed):
        raise ConfigurationError("`dictionaries` is not a list of bytes")
    if not all(1 <= len(dictionary) <= MAX_DICTIONARY for dictionary in listed):
        raise ConfigurationError("a dictionary does not have 1 to 32,768 bytes")
    return {hashlib.sha256(dictionary).digest(): dictionary for dictionary in listed}


def require_known(compression: int, name: bytes, dictionaries: Mapping[bytes, bytes]) -> None:
    """Raise `UNKNOWN_COMPRESSION` or `DICTIONARY_UNKNOWN` for what `decompress` cannot do (step 5)."""
    if compression not in (NONE, GZIP, DEFLATE_DICTIONARY):
        raise EnvelopeError("UNKNOWN_COMPRESSION", "this reader does not know the compression")
    if compression == DEFLATE_DICTIONARY and name not in dictionaries:
        raise EnvelopeError("DICTIONARY_UNKNOWN", "this reader does not have the dictionary")


def decompress(compression: int, data: bytes, max_bytes: int, dictionary: bytes = b"") -> bytes:
    """
    Return the plaintext of `data`; `max_bytes` caps it, unless it is not compressed.

    Raises `DECOMPRESSION_FAILED` or `TOO_LARGE`. No more than about `max_bytes` are ever allocated.
    """
    if compression == NONE:
        return data
    return _gunzip(data, max_bytes) if compression == GZIP else _inflate(data, max_bytes, dictionary)


def _inflate(data: bytes, max_bytes: int, dictionary: bytes) -> bytes:
    """Return the content of exactly one RFC 1951 stream, which may refer to `dictionary`."""
    result, rest = _inflate_one(data, max_bytes, zlib.decompressobj(-zlib.MAX_WBITS, zdict=dictionary))
    if rest:
        raise _failed("something follows the deflated data")
    return result


def _gunzip(data: bytes, max_bytes: int) -> bytes:
    """Return the content of exactly one RFC 1952 member."""
    deflated = data[_gzip_header_length(data) :]
    result, rest = _inflate_one(deflated, max_bytes, zlib.decompressobj(-zlib.MAX_WBITS))
    trailer = zlib.crc32(result).to_bytes(4, "little") + (len(result) & 0xFFFFFFFF).to_bytes(4, "little")
    if rest != trailer:
        raise _failed("checksum or size is wrong, or something follows the member")
    return result


def _inflate_one(deflated: bytes, max_bytes: int, inflater: zlib._Decompress) -> tuple[bytes, bytes]:
    """Return the content of a deflated stream, and the bytes after it."""
    try:
        result = inflater.decompress(deflated, max_bytes + 1)
    except zlib.error:
        raise _failed("the deflated data is corrupt") from None
    if len(result) > max_bytes:
        raise EnvelopeError("TOO_LARGE", "the decompressed result exceeds maxDecompressedBytes")
    if not inflater.eof:
        raise _failed("the deflated data is cut short")
    return result, inflater.unused_data


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
