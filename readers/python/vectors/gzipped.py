"""Vectors about gzip (format section 11)."""

from __future__ import annotations

from dataclasses import replace

from .book import Book
from .deflate import FCOMMENT, FEXTRA, FHCRC, FNAME, FTEXT, FixedBlock, gzip, gzip_trailer, stored
from .encode import varint
from .plan import Plan

CAP = 1_048_576

TEXT = b"a plain text, a plain text"

SKEWED = (
    b"dabagabda aabeabbabbcabaabeaaabaaaaababcaabaabfaacababaafaaebbaabcccdacagadegaabaaaaaacgaaabaaaaadcaadcfbcacbaab "
    b"aaa babga aeaaaa aabacabagceaba bbabgdeaaaadeaababdfbaga aaabafc dbcgdaaadecbacfabbafaabbebacbaa ddbfbecaagfcaabb"
    b"aaabbaacbdabba"
)
SKEWED_DYNAMIC = bytes.fromhex(
    "05c10101c0200cc0302b584b378e7f074f569ed6a1abd4882e0269883e46e2e316cdcc1acfde47c03c0476d8f91a131d9cf41c170e197973"
    "e594de5ed84bda2fcf41be39dbbcc5dec97cca47dd4c9cddbeeef0bea1504cabfc"
)
"""The same text, deflated with a dynamic Huffman code."""

EXTRA = b"\x06\x00" + b"AB\x02\x00xy"
"""An extra field with one subfield."""


def gzipped(plaintext: bytes, data: bytes | None = None) -> Plan:
    """Return a plan of compression 1; `data` is one stored block if not given."""
    return Plan(plaintext=plaintext, data=gzip(plaintext) if data is None else data, compression=varint(1))


def at_cap(excess: int = 0) -> Plan:
    """Return a plan whose plaintext is as long as the cap, or longer by `excess`, in under 7 kB of data."""
    plaintext = bytes(CAP + excess)
    return gzipped(plaintext, gzip(plaintext, FixedBlock().run(0, len(plaintext)).end()))


def add(book: Book) -> None:
    """Add all of them."""
    _blocks(book)
    _optional_fields(book)
    _cap(book)
    _wrong_headers(book)
    _wrong_blocks(book)
    _wrong_ends(book)


def _blocks(book: Book) -> None:
    def opens(name: str, plaintext: bytes, deflated: bytes) -> None:
        book.opens(f"gzip/{name}", gzipped(plaintext, gzip(plaintext, deflated)))

    opens("stored", TEXT, stored(TEXT))
    opens("stored-empty", b"", stored(b""))
    opens("stored-one-byte", b"x", stored(b"x"))
    opens("stored-two-blocks", TEXT, stored(TEXT[:5], final=False) + stored(TEXT[5:]))
    opens("stored-empty-blocks-between", TEXT, stored(b"", final=False) * 3 + stored(TEXT))
    opens("stored-empty-block-last", TEXT, stored(TEXT, final=False) + stored(b""))
    opens("stored-then-fixed", b"xyyyy", stored(b"x", final=False) + FixedBlock().run(0x79, 4).end())
    opens("fixed-empty", b"", FixedBlock().end())
    opens("fixed-literals", b"\x00\x8f\x90\xff", FixedBlock().literal(0).literal(143).literal(144).literal(255).end())
    opens("fixed-run", b"a" * 1000, FixedBlock().run(0x61, 1000).end())
    opens("fixed-short-match", b"abcabca", FixedBlock().literal(97).literal(98).literal(99).match(4, 3).end())
    far = b"x" + b"a" * 32_767
    block = FixedBlock().literal(0x78).run(0x61, 32_767).match(258, 32_768)
    opens("farthest-match", far + far[:258], block.end())
    opens("dynamic", SKEWED, SKEWED_DYNAMIC)
    opens("plaintext-is-gzip", gzip(TEXT), stored(gzip(TEXT)))
    for size in (63, 64, 127, 128, 8191, 8192):
        opens(f"stored-{size}-bytes", bytes(size), stored(bytes(size)))
    book.opens("gzip/data-not-marked-as-compressed", Plan(plaintext=gzip(TEXT)))
    book.opens("gzip/key-not-bound", replace(gzipped(TEXT), key_bound=b"\x00"))


def _optional_fields(book: Book) -> None:
    def opens(name: str, data: bytes) -> None:
        book.opens(f"gzip/{name}", gzipped(TEXT, data))

    opens("time-now", gzip(TEXT, time=b"\x12\x34\x56\x67"))
    opens("time-largest", gzip(TEXT, time=b"\xff\xff\xff\xff"))
    for number in (1, 2, 4, 255):
        opens(f"level-{number}", gzip(TEXT, level=number))
    for number in (0, 3, 13, 14, 254):
        opens(f"system-{number}", gzip(TEXT, system=number))
    opens("text-flag", gzip(TEXT, flags=FTEXT))
    opens("header-crc", gzip(TEXT, flags=FHCRC))
    opens("extra", gzip(TEXT, flags=FEXTRA, optional=EXTRA))
    opens("extra-empty", gzip(TEXT, flags=FEXTRA, optional=b"\x00\x00"))
    opens("extra-300-bytes", gzip(TEXT, flags=FEXTRA, optional=b"\x2c\x01" + bytes(300)))
    opens("extra-that-is-no-subfield", gzip(TEXT, flags=FEXTRA, optional=b"\x03\x00" + b"A\x00\xff"))
    opens("extra-with-wrong-subfield-length", gzip(TEXT, flags=FEXTRA, optional=b"\x04\x00" + b"AB\xff\xff"))
    opens("name", gzip(TEXT, flags=FNAME, optional=b"orders.json\x00"))
    opens("name-empty", gzip(TEXT, flags=FNAME, optional=b"\x00"))
    opens("name-latin-1", gzip(TEXT, flags=FNAME, optional=b"\xe9\xff\x80\x00"))
    opens("name-1000-bytes", gzip(TEXT, flags=FNAME, optional=b"n" * 1000 + b"\x00"))
    opens("comment", gzip(TEXT, flags=FCOMMENT, optional=b"two\nlines\x00"))
    opens("comment-empty", gzip(TEXT, flags=FCOMMENT, optional=b"\x00"))
    opens("name-and-comment", gzip(TEXT, flags=FNAME | FCOMMENT, optional=b"name\x00comment\x00"))
    every = FTEXT | FHCRC | FEXTRA | FNAME | FCOMMENT
    opens("every-field", gzip(TEXT, flags=every, optional=EXTRA + b"name\x00comment\x00"))
    opens("extra-and-header-crc", gzip(TEXT, flags=FHCRC | FEXTRA, optional=EXTRA))
    opens("name-and-header-crc", gzip(TEXT, flags=FHCRC | FNAME, optional=b"name\x00"))


def _cap(book: Book) -> None:
    book.opens("gzip/cap-exactly", at_cap())
    book.fails("gzip/cap-exceeded-by-1", "TOO_LARGE", at_cap(1))
    book.fails("gzip/cap-exceeded-by-258", "TOO_LARGE", at_cap(258))
    book.fails("gzip/cap-exceeded-by-far", "TOO_LARGE", at_cap(CAP))
    exactly = at_cap()
    data = exactly.data or b""
    wrong = data[:-8] + bytes(4) + data[-4:]
    book.fails("gzip/cap-exactly-and-wrong-crc", "DECOMPRESSION_FAILED", replace(exactly, data=wrong))
    book.fails("gzip/cap-exactly-and-trailing-byte", "DECOMPRESSION_FAILED", replace(exactly, data=data + b"\x00"))
    book.fails("gzip/cap-exactly-and-no-end", "DECOMPRESSION_FAILED", replace(exactly, data=data[:-9]))


def _wrong(book: Book, name: str, data: bytes) -> None:
    book.fails(f"gzip/{name}", "DECOMPRESSION_FAILED", gzipped(TEXT, data))


def _wrong_headers(book: Book) -> None:
    good = gzip(TEXT)
    _wrong(book, "no-data", b"")
    _wrong(book, "plain-text", TEXT)
    _wrong(book, "zeros", bytes(32))
    _wrong(book, "first-byte-wrong", b"\x1e" + good[1:])
    _wrong(book, "second-byte-wrong", b"\x1f\x8c" + good[2:])
    _wrong(book, "old-pack-format", b"\x1f\x1e" + good[2:])
    for method in (0, 7, 9, 255):
        _wrong(book, f"method-{method}", gzip(TEXT, method=method))
    for flag in (0x20, 0x40, 0x80, 0xE0):
        _wrong(book, f"reserved-flag-{flag:02x}", gzip(TEXT, flags=flag))
    _wrong(book, "reserved-flag-beside-header-crc", gzip(TEXT, flags=FHCRC | 0x20))
    for size in (1, 2, 3, 4, 8, 9, 10):
        _wrong(book, f"header-cut-after-{size}-bytes", good[:size])
    _wrong(book, "header-crc-wrong", gzip(TEXT, flags=FHCRC, header_crc=b"\x00\x00"))
    right = gzip(TEXT, flags=FHCRC)[10:12]
    _wrong(book, "header-crc-big-endian", gzip(TEXT, flags=FHCRC, header_crc=right[::-1]))
    _wrong(book, "header-crc-low-bit", gzip(TEXT, flags=FHCRC, header_crc=bytes([right[0] ^ 1, right[1]])))
    _wrong(book, "header-crc-high-bit", gzip(TEXT, flags=FHCRC, header_crc=bytes([right[0], right[1] ^ 0x80])))
    every = gzip(TEXT, flags=FHCRC | FEXTRA | FNAME, optional=EXTRA + b"name\x00")
    _wrong(book, "header-crc-over-a-changed-name", every.replace(b"name", b"nama"))
    _wrong(book, "header-crc-over-a-changed-time", every[:4] + b"\x01" + every[5:])
    for size in (11, 12, 15, 18, 20, 22, 23, 24):
        _wrong(book, f"optional-fields-cut-after-{size}-bytes", every[:size])
    _wrong(book, "extra-longer-than-all", gzip(TEXT, flags=FEXTRA, optional=b"\xff\xff" + EXTRA))
    unterminated = good[:3] + bytes([FNAME]) + good[4:10] + b"n" * 20
    _wrong(book, "name-without-end", unterminated)
    _wrong(book, "comment-without-end", good[:3] + bytes([FCOMMENT]) + good[4:10] + b"c" * 20)
    _wrong(book, "zlib-in-place-of-gzip", b"\x78\x01" + stored(TEXT) + b"\x86\x6e\x09\x4d")
    _wrong(book, "deflate-in-place-of-gzip", stored(TEXT))
    _wrong(book, "zstd-in-place-of-gzip", bytes.fromhex("28b52ffd0400") + b"\x09\x00\x00x")


def _wrong_blocks(book: Book) -> None:
    def wrong(name: str, deflated: bytes) -> None:
        _wrong(book, name, gzip(TEXT, deflated))

    full = stored(TEXT)
    wrong("no-block", b"")
    wrong("reserved-block-type", b"\x07")
    wrong("reserved-block-type-after-text", stored(TEXT, final=False) + b"\x07")
    wrong("stored-length-check-wrong", full[:3] + bytes([full[3] ^ 1]) + full[4:])
    wrong("stored-length-longer-than-all", b"\x01\xff\xff\x00\x00" + TEXT)
    wrong("no-final-block", stored(TEXT, final=False))
    wrong("match-before-the-start", FixedBlock().literal(97).match(4, 2).end())
    wrong("match-at-the-start", FixedBlock().match(4, 1).end())
    wrong("literal-symbol-286", FixedBlock().literal(97).raw_symbol(286).end())
    wrong("literal-symbol-287", FixedBlock().literal(97).raw_symbol(287).end())
    wrong("distance-symbol-30", FixedBlock().literal(97).raw_symbol(257).raw_distance(30).end())
    wrong("distance-symbol-31", FixedBlock().literal(97).raw_symbol(257).raw_distance(31).end())
    dynamic = gzip(SKEWED, SKEWED_DYNAMIC)
    for size in (11, 20, 40, 80, len(dynamic) - 9):
        _wrong(book, f"dynamic-cut-after-{size}-bytes", dynamic[:size])
    good = gzip(TEXT)
    for size in (11, 14, 15, 16, 40):
        _wrong(book, f"stored-cut-after-{size}-bytes", good[:size])
    run = gzip(bytes(300), FixedBlock().run(0, 300).unfinished())
    _wrong(book, "fixed-without-end-of-block", run[:-8])


def _wrong_ends(book: Book) -> None:
    good = gzip(TEXT)
    crc, size = gzip_trailer(TEXT)[:4], gzip_trailer(TEXT)[4:]
    for missing in (1, 2, 4, 5, 7, 8):
        _wrong(book, f"trailer-shorter-by-{missing}", good[:-missing])
    for name, trailer in {
        "crc-low-bit": bytes([crc[0] ^ 1]) + crc[1:] + size,
        "crc-high-bit": crc[:3] + bytes([crc[3] ^ 0x80]) + size,
        "crc-zero": bytes(4) + size,
        "crc-big-endian": crc[::-1] + size,
        "crc-of-nothing": gzip_trailer(b"")[:4] + size,
        "size-one-less": crc + (len(TEXT) - 1).to_bytes(4, "little"),
        "size-one-more": crc + (len(TEXT) + 1).to_bytes(4, "little"),
        "size-zero": crc + bytes(4),
        "size-largest": crc + b"\xff\xff\xff\xff",
        "size-big-endian": crc + size[::-1],
        "size-over-the-cap": crc + (CAP + 1).to_bytes(4, "little"),
        "size-before-crc": size + crc,
    }.items():
        _wrong(book, f"trailer-{name}", gzip(TEXT, trailer=trailer))
    for name, after in {
        "zero": b"\x00",
        "zeros": bytes(512),
        "text": b"x",
        "line-end": b"\n",
        "second-member": gzip(TEXT),
        "second-member-empty": gzip(b""),
        "magic-of-a-second-member": b"\x1f\x8b",
        "second-trailer": gzip_trailer(TEXT),
    }.items():
        _wrong(book, f"followed-by-{name}", good + after)
    _wrong(book, "empty-followed-by-member", gzip(b"") + good)
    _wrong(book, "preceded-by-zero", b"\x00" + good)
