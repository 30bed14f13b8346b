"""Vectors about deflate with a preset dictionary (format section 11)."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from .book import Book, put
from .deflate import FixedBlock, gzip, gzip_trailer, stored
from .encode import blob, varint
from .gzipped import CAP, SKEWED, SKEWED_DYNAMIC, TEXT
from .opening import DICTIONARY, DICTIONARY_EXAMPLE
from .plan import Plan, Record

LONGEST = 32_768

WHOLE_WINDOW = bytes(range(256)) * (LONGEST // 256)
"""A dictionary of the greatest length."""


def named(dictionary: bytes) -> bytes:
    """Return the field of a header that names a dictionary."""
    return blob(hashlib.sha256(dictionary).digest())


def deflated(plaintext: bytes, data: bytes, dictionary: bytes = DICTIONARY) -> Plan:
    """Return a plan of compression 3 for a reader that has the dictionary."""
    return Plan(
        plaintext=plaintext,
        data=data,
        compression=varint(3),
        dictionary=named(dictionary),
        dictionaries=(dictionary,),
    )


def from_dictionary(excess: int = 0) -> Plan:
    """Return a plan whose plaintext is as long as the cap, or longer by `excess`, all from one byte of a dictionary."""
    size = CAP + excess
    block = FixedBlock()
    for _ in range(size // 258):
        block.match(258, 1)
    for _ in range(size % 258):
        block.literal(0)
    return deflated(bytes(size), block.end(), b"\x00")


def add(book: Book) -> None:
    """Add all of them."""
    book.opens("example/dictionary", DICTIONARY_EXAMPLE)
    _matches(book)
    _blocks(book)
    _dictionaries(book)
    _cap(book)
    _wrong_data(book)
    _wrong_ends(book)
    _fields(book)


def _matches(book: Book) -> None:
    def opens(name: str, plaintext: bytes, block: FixedBlock, dictionary: bytes = DICTIONARY) -> None:
        book.opens(f"deflate/{name}", deflated(plaintext, block.end(), dictionary))

    size = len(DICTIONARY)
    opens("match-of-the-start", DICTIONARY[:10], FixedBlock().match(10, size))
    opens("match-of-the-end", DICTIONARY[-3:], FixedBlock().match(3, 3))
    opens("match-of-the-start-after-a-literal", b"x" + DICTIONARY[:10], FixedBlock().literal(0x78).match(10, size + 1))
    across = DICTIONARY[-2:]
    opens("match-across-the-start", (across * 5)[:10], FixedBlock().match(10, 2))
    opens("match-of-dictionary-then-data", b"xy" + (DICTIONARY[-1:] + b"xy") * 2, _joined())
    opens("no-match", b"\x00\xff", FixedBlock().literal(0).literal(255))
    opens("dictionary-of-1-byte", b"a" * 258, FixedBlock().match(258, 1), b"a")
    opens("dictionary-of-2-bytes", b"ababa", FixedBlock().match(5, 2), b"ab")
    opens("dictionary-of-32768-bytes-first", WHOLE_WINDOW[:10], FixedBlock().match(10, LONGEST), WHOLE_WINDOW)
    marked = b"first" + WHOLE_WINDOW[5:]
    second = FixedBlock().literal(0x78).match(4, LONGEST)
    opens("dictionary-of-32768-bytes-second", b"x" + marked[1:5], second, marked)
    opens("dictionary-of-32507-bytes-first", marked[:10], FixedBlock().match(10, 32_507), marked[:32_507])
    for distance in (4, 5, 8, 9, 256, 257, 1024, 16_385, 24_576, 24_577):
        opens(f"distance-{distance}", marked[-distance:][:3], FixedBlock().match(3, distance), marked[-distance:])


def _joined() -> FixedBlock:
    """Return a block of two literals, and a match that begins in the dictionary and goes on in the data."""
    return FixedBlock().literal(0x78).literal(0x79).match(6, 3)


def _blocks(book: Book) -> None:
    def opens(name: str, plaintext: bytes, data: bytes) -> None:
        book.opens(f"deflate/{name}", deflated(plaintext, data))

    size = len(DICTIONARY)
    opens("stored", TEXT, stored(TEXT))
    opens("stored-empty", b"", stored(b""))
    opens("stored-two-blocks", TEXT, stored(TEXT[:5], final=False) + stored(TEXT[5:]))
    opens("stored-empty-block-last", TEXT, stored(TEXT, final=False) + stored(b""))
    opens("stored-empty-blocks-first", TEXT, stored(b"", final=False) * 3 + stored(TEXT))
    behind_stored = stored(b"x", final=False) + FixedBlock().match(10, size + 1).end()
    opens("stored-then-match", b"x" + DICTIONARY[:10], behind_stored)
    opens("match-then-stored", DICTIONARY[:10] + TEXT, FixedBlock(final=False).match(10, size).then_stored(TEXT))
    opens("fixed-empty", b"", FixedBlock().end())
    opens("fixed-empty-then-stored-empty", b"", FixedBlock(final=False).then_stored(b""))
    opens("dynamic", SKEWED, SKEWED_DYNAMIC)
    opens("unused-bits-set", DICTIONARY[:10], FixedBlock().match(10, size).end_with_bits_set())
    opens("plaintext-is-deflated", stored(TEXT), stored(stored(TEXT)))
    book.opens("deflate/key-not-bound", replace(deflated(TEXT, stored(TEXT)), key_bound=b"\x00"))


def _dictionaries(book: Book) -> None:
    plan = deflated(DICTIONARY[:10], FixedBlock().match(10, len(DICTIONARY)).end())
    for name, others in {"first": (DICTIONARY, b"a", b"b"), "last": (b"a", b"b", DICTIONARY)}.items():
        book.opens(f"dictionary/{name}-of-three", replace(plan, dictionaries=others))
    book.opens(
        "dictionary/not-needed-by-gzip",
        replace(plan, compression=varint(1), dictionary=blob(b""), data=gzip(plan.plaintext)),
    )
    for name, dictionaries in {
        "none": (),
        "another": (b"a",),
        "shorter": (DICTIONARY[:-1],),
        "longer": (DICTIONARY + b"\x00",),
        "with-another-byte": (DICTIONARY[:-1] + b"~",),
        "that-is-the-name": (hashlib.sha256(DICTIONARY).digest(),),
    }.items():
        book.fails(f"dictionary/{name}", "DICTIONARY_UNKNOWN", replace(plan, dictionaries=dictionaries))
    right = hashlib.sha256(DICTIONARY).digest()
    for name, content in {
        "zeros": bytes(32),
        "first-bit": bytes([right[0] ^ 0x80]) + right[1:],
        "last-bit": right[:-1] + bytes([right[-1] ^ 1]),
        "reversed": right[::-1],
        "of-nothing": hashlib.sha256().digest(),
    }.items():
        book.fails(f"dictionary/name-{name}", "DICTIONARY_UNKNOWN", replace(plan, dictionary=blob(content)))
    unknown = replace(plan, dictionaries=())
    book.fails("dictionary/unknown-before-topic", "DICTIONARY_UNKNOWN", unknown, read=Record(topic="orders.us"))
    book.fails("dictionary/unknown-before-commitment", "DICTIONARY_UNKNOWN", replace(unknown, commitment=bytes(32)))
    book.fails("dictionary/unknown-after-suite", "UNKNOWN_SUITE", replace(unknown, suite=varint(3)))
    two = replace(plan, dictionaries=(DICTIONARY, b"a"))
    book.fails("dictionary/changed-to-a-known-one", "AUTHENTICATION_FAILED", two, put(dictionary=named(b"a")))
    book.fails("dictionary/changed-to-an-unknown-one", "DICTIONARY_UNKNOWN", two, put(dictionary=named(b"b")))
    book.fails("dictionary/changed-compression-4", "UNKNOWN_COMPRESSION", two, put(compression=varint(4)))
    for name, number in {"4-reserved": 4, "5": 5, "63": 63, "largest": 2**31 - 1, "minus-1": -1}.items():
        later = replace(plan, compression=varint(number))
        book.fails(f"dictionary/of-compression-{name}", "UNKNOWN_COMPRESSION", later)


def _cap(book: Book) -> None:
    book.opens("deflate/cap-exactly", from_dictionary())
    for excess in (1, 258, CAP):
        book.fails(f"deflate/cap-exceeded-by-{excess}", "TOO_LARGE", from_dictionary(excess))
    exactly = from_dictionary()
    data = exactly.data or b""
    book.fails("deflate/cap-exactly-and-trailing-byte", "DECOMPRESSION_FAILED", replace(exactly, data=data + b"\x00"))
    book.fails("deflate/cap-exactly-and-no-end", "DECOMPRESSION_FAILED", replace(exactly, data=data[:-1]))


def _wrong(book: Book, name: str, data: bytes, dictionary: bytes = DICTIONARY) -> None:
    book.fails(f"deflate/{name}", "DECOMPRESSION_FAILED", deflated(TEXT, data, dictionary))


def _wrong_data(book: Book) -> None:
    def wrong(name: str, block: FixedBlock, dictionary: bytes = DICTIONARY) -> None:
        _wrong(book, name, block.end(), dictionary)

    size = len(DICTIONARY)
    wrong("distance-1-before-the-dictionary", FixedBlock().match(3, size + 1))
    wrong("distance-1-before-the-dictionary-later", FixedBlock().literal(0x78).match(3, size + 2))
    wrong("distance-32768-before-the-dictionary", FixedBlock().match(3, LONGEST))
    wrong("distance-2-and-a-dictionary-of-1-byte", FixedBlock().match(3, 2), b"a")
    wrong("distance-32768-and-a-dictionary-of-32767-bytes", FixedBlock().match(3, LONGEST), WHOLE_WINDOW[1:])
    wrong("literal-symbol-286", FixedBlock().raw_symbol(286))
    wrong("literal-symbol-287", FixedBlock().raw_symbol(287))
    wrong("distance-symbol-30", FixedBlock().raw_symbol(257).raw_distance(30))
    wrong("distance-symbol-31", FixedBlock().raw_symbol(257).raw_distance(31))
    full = stored(TEXT)
    _wrong(book, "no-data", b"")
    _wrong(book, "reserved-block-type", b"\x07")
    _wrong(book, "reserved-block-type-after-text", stored(TEXT, final=False) + b"\x07")
    _wrong(book, "stored-length-check-wrong", full[:3] + bytes([full[3] ^ 1]) + full[4:])
    _wrong(book, "stored-length-longer-than-all", b"\x01\xff\xff\x00\x00" + TEXT)
    _wrong(book, "plain-text", TEXT)
    _wrong(book, "gzip-member", gzip(TEXT))
    checksum = bytes.fromhex("866e094d")
    _wrong(book, "zlib-stream", b"\x78\x01" + full + checksum)
    _wrong(book, "zlib-stream-that-names-its-dictionary", b"\x78\x20" + checksum + full + checksum)
    _wrong(book, "zstd-frame", bytes.fromhex("28b52ffd0400") + b"\x09\x00\x00x")


def _wrong_ends(book: Book) -> None:
    full = stored(TEXT)
    for size in (1, 3, 5, 6, len(full) - 1):
        _wrong(book, f"stored-cut-after-{size}-bytes", full[:size])
    _wrong(book, "no-final-block", stored(TEXT, final=False))
    _wrong(book, "no-final-block-after-a-match", FixedBlock(final=False).match(10, len(DICTIONARY)).end())
    _wrong(book, "no-end-of-block", FixedBlock().match(10, len(DICTIONARY)).unfinished())
    for size in (1, 20, 80, len(SKEWED_DYNAMIC) - 1):
        _wrong(book, f"dynamic-cut-after-{size}-bytes", SKEWED_DYNAMIC[:size])
    for name, after in {
        "zero": b"\x00",
        "zeros": bytes(512),
        "text": b"x",
        "second-stream": full,
        "second-stream-empty": FixedBlock().end(),
        "gzip-trailer": gzip_trailer(TEXT),
        "the-dictionary": DICTIONARY,
    }.items():
        _wrong(book, f"followed-by-{name}", full + after)
    _wrong(book, "empty-followed-by-stream", stored(b"") + full)
    _wrong(book, "preceded-by-zero", b"\x00" + full)


def _fields(book: Book) -> None:
    """Change a byte of what is authenticated."""
    good = DICTIONARY_EXAMPLE
    book.fails("deflate/changed-body", "AUTHENTICATION_FAILED", good, lambda p: replace(p, body=b"\x00" + p.body[1:]))
    book.fails("deflate/changed-tag", "AUTHENTICATION_FAILED", good, put(tag=bytes(16)))
