"""Deflated data and gzip members whose bytes do not depend on any compressor (RFC 1951, RFC 1952)."""

from __future__ import annotations

import zlib

FTEXT, FHCRC, FEXTRA, FNAME, FCOMMENT = 1, 2, 4, 8, 16


def stored(data: bytes, *, final: bool = True) -> bytes:
    """Return one stored block of at most 65,535 bytes; it has to begin at a byte's border."""
    size = len(data)
    return bytes([final]) + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little") + data


class FixedBlock:
    """A block with the fixed Huffman code, the last of its stream unless it says otherwise."""

    def __init__(self, *, final: bool = True) -> None:
        self._bits = 0
        self._count = 0
        self._append(final, 1)
        self._append(1, 2)

    def literal(self, byte: int) -> FixedBlock:
        """Append one byte of plaintext."""
        return self._symbol(byte)

    def match(self, length: int, distance: int) -> FixedBlock:
        """Append a copy of 258 bytes, or of 3 to 10, from 1 to 32,768 bytes before (RFC 1951, 3.2.5)."""
        self._symbol(285 if length == 258 else 254 + length)
        if distance <= 4:
            return self._code(distance - 1, 5)
        extra = (distance - 1).bit_length() - 2
        self._code(2 * extra + ((distance - 1) >> extra), 5)
        return self._append((distance - 1) % (1 << extra), extra)

    def raw_symbol(self, symbol: int) -> FixedBlock:
        """Append a symbol of the literal alphabet, valid or not."""
        return self._symbol(symbol)

    def raw_distance(self, code: int) -> FixedBlock:
        """Append a symbol of the distance alphabet, valid or not."""
        return self._code(code, 5)

    def run(self, byte: int, count: int) -> FixedBlock:
        """Append `count` (at least 1) times `byte`."""
        self.literal(byte)
        matches, literals = divmod(count - 1, 258)
        for _ in range(matches):
            self.match(258, 1)
        for _ in range(literals):
            self.literal(byte)
        return self

    def end(self) -> bytes:
        """Append the end of the block and return the stream."""
        return self._symbol(256).unfinished()

    def end_with_bits_set(self) -> bytes:
        """Append the end of the block and set the bits of the last byte that the stream does not use."""
        self._symbol(256)
        unused = -self._count % 8
        return self._append((1 << unused) - 1, unused).unfinished()

    def then_stored(self, data: bytes) -> bytes:
        """Append the end of the block and one stored block, the last of the stream."""
        self._symbol(256)._append(1, 1)._append(0, 2)
        return self.unfinished() + stored(data)[1:]

    def unfinished(self) -> bytes:
        """Return the stream as it is."""
        return self._bits.to_bytes((self._count + 7) // 8, "little")

    def _symbol(self, symbol: int) -> FixedBlock:
        if symbol < 144:
            return self._code(0x30 + symbol, 8)
        if symbol < 256:
            return self._code(0x190 + symbol - 144, 9)
        if symbol < 280:
            return self._code(symbol - 256, 7)
        return self._code(0xC0 + symbol - 280, 8)

    def _code(self, code: int, width: int) -> FixedBlock:
        """Append a Huffman code, whose most significant bit comes first."""
        return self._append(int(f"{code:0{width}b}"[::-1], 2), width)

    def _append(self, value: int, width: int) -> FixedBlock:
        self._bits |= value << self._count
        self._count += width
        return self


def gzip(
    plaintext: bytes,
    deflated: bytes | None = None,
    *,
    flags: int = 0,
    method: int = 8,
    time: bytes = bytes(4),
    level: int = 0,
    system: int = 255,
    optional: bytes = b"",
    header_crc: bytes | None = None,
    trailer: bytes | None = None,
) -> bytes:
    """
    Return one member: by default one stored block.

    `optional` are the encoded optional fields that `flags` announces; the header's CRC is appended by itself.
    """
    head = b"\x1f\x8b" + bytes([method, flags]) + time + bytes([level, system]) + optional
    if flags & FHCRC:
        head += (zlib.crc32(head) & 0xFFFF).to_bytes(2, "little") if header_crc is None else header_crc
    return head + (stored(plaintext) if deflated is None else deflated) + (trailer or gzip_trailer(plaintext))


def gzip_trailer(plaintext: bytes) -> bytes:
    """Return CRC-32 and size."""
    return zlib.crc32(plaintext).to_bytes(4, "little") + len(plaintext).to_bytes(4, "little")
