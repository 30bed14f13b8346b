"""Gzip members, written by hand from RFC 1951 and RFC 1952, so that no version of zlib changes a vector."""

import struct
import zlib

FTEXT, FHCRC, FEXTRA, FNAME, FCOMMENT = 1, 2, 4, 8, 16


class Bits:
    def __init__(self) -> None:
        self.out, self.bit = bytearray(), 0

    def put(self, value: int, count: int) -> "Bits":
        """Low bit first."""
        for i in range(count):
            if self.bit == 0:
                self.out.append(0)
            self.out[-1] |= (value >> i & 1) << self.bit
            self.bit = (self.bit + 1) % 8
        return self

    def code(self, value: int, count: int) -> "Bits":
        """A Huffman code: high bit first."""
        for i in reversed(range(count)):
            self.put(value >> i & 1, 1)
        return self

    def literal(self, byte: int) -> "Bits":
        return self.code(0x30 + byte, 8) if byte < 144 else self.code(0x190 + byte - 144, 9)

    def end(self) -> bytes:
        self.code(0, 7)
        return bytes(self.out)


def fixed(plain: bytes) -> bytes:
    """One block with the fixed codes, literals only."""
    bits = Bits().put(1, 1).put(1, 2)
    for byte in plain:
        bits.literal(byte)
    return bits.end()


def stored(*chunks: bytes) -> bytes:
    """Stored blocks, the last one marked final."""
    out = b""
    for i, chunk in enumerate(chunks):
        out += bytes([i == len(chunks) - 1]) + struct.pack("<HH", len(chunk), len(chunk) ^ 0xFFFF) + chunk
    return out


def zeros(size: int) -> bytes:
    """That many zero bytes: one literal, then copies of 258 from distance 1, then literals."""
    bits = Bits().put(1, 1).put(1, 2).literal(0)
    for _ in range((size - 1) // 258):
        bits.code(0xC5, 8).code(0, 5)
    for _ in range((size - 1) % 258):
        bits.literal(0)
    return bits.end()


def too_far_back() -> bytes:
    """A copy from before the beginning."""
    return Bits().put(1, 1).put(1, 2).literal(97).code(0x01, 7).code(1, 5).end()


def header(flags: int = 0, *, method: int = 8, mtime: int = 0, xfl: int = 0, os: int = 255, extra: bytes = b"ke\x02\x00hi",
           name: bytes = b"order.json", comment: bytes = b"a comment", hcrc_xor: int = 0) -> bytes:
    out = b"\x1f\x8b" + bytes([method, flags]) + struct.pack("<I", mtime) + bytes([xfl, os])
    if flags & FEXTRA:
        out += struct.pack("<H", len(extra)) + extra
    if flags & FNAME:
        out += name + b"\x00"
    if flags & FCOMMENT:
        out += comment + b"\x00"
    if flags & FHCRC:
        out += struct.pack("<H", zlib.crc32(out) & 0xFFFF ^ hcrc_xor)
    return out


def trailer(plain: bytes, *, crc_xor: int = 0, size: "int | None" = None) -> bytes:
    return struct.pack("<II", zlib.crc32(plain) ^ crc_xor, len(plain) if size is None else size)


def member(plain: bytes, *, head: "bytes | None" = None, deflated: "bytes | None" = None, tail: "bytes | None" = None) -> bytes:
    return ((header() if head is None else head) + (fixed(plain) if deflated is None else deflated)
            + (trailer(plain) if tail is None else tail))
