"""Vectors that only a lenient reader may open: wrong by form or bounds, under a valid tag (sections 3 to 6 and 17)."""

from __future__ import annotations

from dataclasses import replace

from .book import Book, Change, put
from .deflate import stored
from .deflated import deflated
from .encode import array, blob, block, entry, excess, sized_block, varint, wrapping
from .gzipped import gzipped
from .opening import FULL_HEADER_NAMES, context_of_size
from .plan import Plan, Record, seal

NOT_UTF8 = {
    "lone-continuation": b"\x80",
    "lead-alone": b"\xc3",
    "lead-before-ascii": b"\xc3a",
    "overlong-2": b"\xc0\x80",
    "overlong-2-slash": b"\xc0\xaf",
    "overlong-2-last": b"\xc1\xbf",
    "overlong-3": b"\xe0\x80\x80",
    "overlong-3-last": b"\xe0\x9f\xbf",
    "overlong-4": b"\xf0\x80\x80\x80",
    "overlong-4-last": b"\xf0\x8f\xbf\xbf",
    "first-surrogate": b"\xed\xa0\x80",
    "last-surrogate": b"\xed\xbf\xbf",
    "surrogate-pair": b"\xed\xa0\xbd\xed\xb4\x92",
    "above-10ffff": b"\xf4\x90\x80\x80",
    "5-bytes": b"\xf8\x88\x80\x80\x80",
    "6-bytes": b"\xfc\x84\x80\x80\x80\x80",
    "fe-ff": b"\xfe\xff",
    "cut-3": b"\xe2\x82",
    "cut-4": b"\xf0\x9f\x94",
}


def add(book: Book) -> None:
    """Add all of them."""
    _lengths(book)
    _wrapped_deks(book)
    _ends(book)
    _integers(book)
    _dictionary(book)
    _key_bound(book)
    _bound_headers(book)
    _topic(book)
    _context(book)


def _wrong_lengths(number: int) -> dict[str, bytes]:
    """Return encodings that may be read as the length `number`, and negative ones."""
    canonical = len(varint(number))
    return {
        "1-byte-too-long": varint(number, size=canonical + 1),
        "10-bytes-long": varint(number, size=10),
        "11-bytes-long": varint(number, size=11),
        "bit-64": excess(number, 64),
        "bit-69": excess(number, 69),
        "bit-70": excess(number, 70),
        "minus-1": varint(-1),
        "negated": varint(-number),
        "least": varint(-(2**63)),
    }


def _lengths(book: Book) -> None:
    parts = seal(Plan())
    for name, length in _wrong_lengths(len(parts.header())).items():
        book.form(f"header-length-{name}", Plan(), put(header_length=length))
    for name, length in _wrong_lengths(len(parts.body)).items():
        book.form(f"body-length-{name}", Plan(), put(body_length=length))
    for name, length in _wrong_lengths(5).items():
        item = blob(b"local", length=length) + blob(b"a") + blob(bytes(64))
        book.form(f"provider-length-{name}", Plan(wrapped_deks=block([item]) + b"\x00"))
    for name, length in _wrong_lengths(11).items():
        item = blob(b"local") + blob(b"orders-2025", length=length) + blob(bytes(64))
        book.form(f"cmk-id-length-{name}", Plan(wrapped_deks=block([item]) + b"\x00"))
    for name, length in _wrong_lengths(64).items():
        item = blob(b"local") + blob(b"a") + blob(bytes(64), length=length)
        book.form(f"ciphertext-length-{name}", Plan(wrapped_deks=block([item]) + b"\x00"))
    for name, length in _wrong_lengths(9).items():
        book.form(f"topic-length-{name}", Plan(topic=blob(b"orders.eu", length=length)))
        bound = block([blob(b"schema-id", length=length)]) + b"\x00"
        book.form(f"name-length-{name}", Plan(names=(b"schema-id",), bound_headers=bound))
        key = block([blob(b"tenant-id", length=length) + blob(b"acme")]) + b"\x00"
        book.form(f"context-key-length-{name}", Plan(context=key))
        value = block([blob(b"tenant") + blob(b"acme-corp", length=length)]) + b"\x00"
        book.form(f"context-value-length-{name}", Plan(context=value))


def _blocks(items: list[bytes]) -> dict[str, bytes]:
    """Return encodings of an array or map of two or more items that are not one block with a positive count."""
    first, rest = items[:1], items[1:]
    count = len(items)
    return {
        "two-blocks": block(first) + block(rest) + b"\x00",
        "sized-block": sized_block(items) + b"\x00",
        "sized-block-then-block": sized_block(first) + block(rest) + b"\x00",
        "block-then-sized-block": block(first) + sized_block(rest) + b"\x00",
        "count-1-byte-too-long": block(items, count=varint(count, size=2)) + b"\x00",
        "count-10-bytes-long": block(items, count=varint(count, size=10)) + b"\x00",
        "count-bit-64": block(items, count=excess(count, 64)) + b"\x00",
        "end-2-bytes-long": block(items) + b"\x80\x00",
        "end-10-bytes-long": block(items) + varint(0, size=10),
    }


def _wrapped_deks(book: Book) -> None:
    def wrong(name: str, *items: bytes) -> None:
        book.form(f"wrappings-{name}", Plan(wrapped_deks=array(items)))

    a, b, c = (wrapping(cmk_id=cmk_id) for cmk_id in (b"a", b"b", b"c"))
    for name, encoded in _blocks([a, b]).items():
        book.form(f"wrappings-{name}", Plan(wrapped_deks=encoded))
    wrong("none")
    book.form("wrappings-none-2-bytes-long", Plan(wrapped_deks=b"\x80\x00"))
    wrong("6", *[wrapping(cmk_id=f"cmk-{index}".encode()) for index in range(6)])
    wrong("64", *[wrapping(cmk_id=f"cmk-{index}".encode()) for index in range(64)])
    wrong("same-twice", a, a)
    wrong("same-twice-apart", a, b, c, a)
    wrong("same-cmk-other-ciphertext", a, wrapping(cmk_id=b"a", ciphertext_dek=b"\x01" * 64))
    for name, provider in {
        "empty": b"",
        "65-characters": b"p" * 65,
        "128-characters": b"p" * 128,
        "upper-case": b"Local",
        "underscore": b"local_kms",
        "dot": b"local.kms",
        "space": b"local ",
        "colon": b"local:1",
        "line-end": b"local\n",
        "zero": b"local\x00",
        "before-slash": b"local.",
        "after-9": b"local:",
        "before-a": b"local`",
        "after-z": b"local{",
        "not-ascii": "löcal".encode(),
    }.items():
        wrong(f"provider-{name}", wrapping(provider))
    for name, cmk_id in {
        "empty": b"",
        "257-characters": b"c" * 257,
        "space": b"orders 2025",
        "space-first": b" orders",
        "delete": b"orders\x7f",
        "tab": b"orders\t",
        "line-end": b"orders\n",
        "zero": b"orders\x00",
        "not-ascii": "örders".encode(),
    }.items():
        wrong(f"cmk-id-{name}", wrapping(cmk_id=cmk_id))
    for name in ("lone-continuation", "first-surrogate", "overlong-2", "above-10ffff", "lead-alone"):
        wrong(f"provider-{name}", wrapping(b"local" + NOT_UTF8[name]))
        wrong(f"cmk-id-{name}", wrapping(cmk_id=b"orders" + NOT_UTF8[name]))
    wrong("ciphertext-empty", wrapping(ciphertext_dek=b""))
    wrong("ciphertext-1025-bytes", wrapping(ciphertext_dek=bytes(1025)))
    wrong("ciphertext-5000-bytes", wrapping(ciphertext_dek=bytes(5000)))
    wrong("second-one-wrong", a, wrapping(b"LOCAL", b"b"))
    wrong("last-of-five-wrong", a, b, c, wrapping(cmk_id=b"d"), wrapping(cmk_id=b" "))


def _ends(book: Book) -> None:
    def after(name: str, change: Change) -> None:
        book.form(f"followed-by-{name}", Plan(), change)

    after("zero", put(after=b"\x00"))
    after("ff", put(after=b"\xff"))
    after("1000-bytes", put(after=bytes(1000)))
    after("itself", lambda p: replace(p, after=p.value()))
    after("a-tag", lambda p: replace(p, after=p.tag))
    book.form("followed-by-zero-and-empty-body", Plan(plaintext=b""), put(after=b"\x00"))
    book.form("header-followed-by-zero", Plan(after_header=b"\x00"))
    book.form("header-followed-by-ff", Plan(after_header=b"\xff"))
    book.form("header-followed-by-100-bytes", Plan(after_header=bytes(100)))
    header = len(seal(Plan()).header())
    book.form("header-followed-by-bytes-up-to-4096", Plan(after_header=bytes(4096 - header)))
    book.form("header-followed-by-bytes-up-to-4097", Plan(after_header=bytes(4097 - header)))
    book.form("header-followed-by-bytes-up-to-20000", Plan(after_header=bytes(20_000 - header)))
    plan = Plan(names=FULL_HEADER_NAMES, record=Record(topic="t"))
    missing = 4097 - len(seal(plan).header())
    book.form("header-of-4097-bytes", replace(plan, record=Record(topic="t" * (1 + missing))))


def _integers(book: Book) -> None:
    for field, number in {"suite": 1, "compression": 0}.items():
        for name, encoded in {
            "2-bytes-long": varint(number, size=2),
            "5-bytes-long": varint(number, size=5),
            "6-bytes-long": varint(number, size=6),
            "10-bytes-long": varint(number, size=10),
            "11-bytes-long": varint(number, size=11),
            "bit-32": excess(number, 32),
            "bit-34": excess(number, 34),
            "bit-35": excess(number, 35),
            "bit-63": excess(number, 63),
            "bit-64": excess(number, 64),
        }.items():
            plan = Plan(suite=encoded) if field == "suite" else Plan(compression=encoded)
            book.form(f"{field}-{name}", plan)


def _dictionary(book: Book) -> None:
    plaintext = Plan().plaintext
    sound = deflated(plaintext, stored(plaintext))
    for name, length in _wrong_lengths(32).items():
        content = sound.dictionary[1:]
        book.form(f"dictionary-length-{name}", replace(sound, dictionary=blob(content, length=length)))
    for size in (0, 1, 31, 33, 64, 1000):
        book.form(f"dictionary-{size}-bytes-and-deflate", replace(sound, dictionary=blob(bytes(size))))
    for size in (1, 31, 32, 33, 64, 1000):
        named = blob(bytes(size))
        book.form(f"dictionary-{size}-bytes-and-no-compression", Plan(dictionary=named))
        book.form(f"dictionary-{size}-bytes-and-gzip", replace(gzipped(plaintext), dictionary=named))
    for size in (1, 32):
        book.form(f"dictionary-{size}-bytes-and-zstd", Plan(compression=varint(2), dictionary=blob(bytes(size))))
    for size in (1, 31, 33, 64):
        book.form(f"dictionary-{size}-bytes-and-reserved", Plan(compression=varint(4), dictionary=blob(bytes(size))))
    book.form("dictionary-none-2-bytes-long", Plan(dictionary=b"\x80\x00"))
    book.form("dictionary-none-10-bytes-long", Plan(dictionary=varint(0, size=10)))


def _key_bound(book: Book) -> None:
    for byte in (2, 3, 0x10, 0x7E, 0x7F, 0x80, 0x81, 0xFE, 0xFF):
        book.form(f"key-bound-{byte:02x}", Plan(key_bound=bytes([byte])))


def _bound_headers(book: Book) -> None:
    def wrong(name: str, *names: bytes) -> None:
        book.form(f"names-{name}", Plan(names=names))

    pair = (b"a", b"b")
    for name, encoded in _blocks([blob(item) for item in pair]).items():
        book.form(f"names-{name}", Plan(names=pair, bound_headers=encoded))
    book.form("names-none-2-bytes-long", Plan(bound_headers=b"\x80\x00"))
    book.form("names-none-10-bytes-long", Plan(bound_headers=varint(0, size=10)))
    wrong("not-in-order", b"b", b"a")
    wrong("not-in-order-at-the-end", b"a", b"b", b"d", b"c")
    wrong("longer-before-shorter", b"aa", b"a")
    wrong("numbers-by-value", b"9", b"10")
    wrong("lower-before-upper", b"a", b"A")
    wrong("order-of-utf-16", "\U00010000".encode(), "\uffff".encode())
    wrong("signed-bytes", "é".encode(), b"z")
    wrong("same-twice", b"a", b"a")
    wrong("same-twice-apart", b"a", b"b", b"a")
    wrong("empty", b"")
    wrong("empty-and-another", b"", b"a")
    wrong("257-bytes", b"n" * 257)
    wrong("257-bytes-in-129-characters", b"n" + "é".encode() * 128)
    wrong("33", *[f"{index:02}".encode() for index in range(33)])
    wrong("64", *[f"{index:02}".encode() for index in range(64)])
    for name, content in NOT_UTF8.items():
        wrong(name, b"a" + content)


def _topic(book: Book) -> None:
    for name, text in {
        "empty": "",
        "250-characters": "t" * 250,
        "space": "orders eu",
        "slash": "orders/eu",
        "colon": "orders:eu",
        "zero": "orders\x00",
        "line-end": "orders\n",
        "at": "@orders",
        "brackets": "[orders]",
        "backquote": "`orders",
        "brace": "orders{",
        "comma": "orders,eu",
        "not-ascii": "örders",
        "bom": "\ufefforders",
        "full-width": "\uff4frders",
    }.items():
        book.form(f"topic-{name}", Plan(record=Record(topic=text)))
    for name, content in NOT_UTF8.items():
        topic = b"orders" + content
        read = Record(topic=topic.decode("utf-8", "replace"))
        book.form(f"topic-{name}", Plan(topic=blob(topic), record=read))


def _context(book: Book) -> None:
    def wrong(name: str, *entries: tuple[bytes, bytes]) -> None:
        book.form(f"context-{name}", Plan(context=array([entry(*pair) for pair in entries])))

    for name, encoded in _blocks([entry(b"env", b"prod"), entry(b"tenant", b"acme")]).items():
        book.form(f"context-{name}", Plan(context=encoded))
    book.form("context-none-2-bytes-long", Plan(context=b"\x80\x00"))
    wrong("not-in-order", (b"tenant", b"acme"), (b"env", b"prod"))
    wrong("numbers-by-value", (b"9", b"a"), (b"10", b"b"))
    wrong("longer-before-shorter", (b"aa", b"1"), (b"a", b"2"))
    wrong("lower-before-upper", (b"env", b"1"), (b"ENV", b"2"))
    wrong("same-key-twice", (b"env", b"prod"), (b"env", b"test"))
    wrong("same-entry-twice", (b"env", b"prod"), (b"env", b"prod"))
    wrong("same-key-twice-apart", (b"a", b"1"), (b"b", b"2"), (b"a", b"1"))
    wrong("key-empty", (b"", b"v"))
    wrong("value-empty", (b"k", b""))
    wrong("key-129-bytes", (b"k" * 129, b"v"))
    wrong("value-129-bytes", (b"k", b"v" * 129))
    for name, character in {
        "space": b" ",
        "quote": b'"',
        "backslash": b"\\",
        "comma": b",",
        "brace": b"{",
        "tilde": b"~",
        "hash": b"#",
        "zero": b"\x00",
        "line-end": b"\n",
        "delete": b"\x7f",
        "not-ascii": "é".encode(),
        "lone-continuation": b"\x80",
        "first-surrogate": b"\xed\xa0\x80",
        "overlong-2": b"\xc0\xaf",
        "above-10ffff": b"\xf4\x90\x80\x80",
    }.items():
        wrong(f"key-with-{name}", (b"k" + character, b"v"))
        wrong(f"value-with-{name}", (b"k", b"v" + character))
    for size in (1025, 1026, 1060):
        book.form(f"context-{size}-bytes", Plan(context=context_of_size(size)))
    letters = b"abcdefghijklmnopqrstuvwxyz"
    keys = sorted(bytes([first, second]) for first in letters for second in letters)
    for count in (255, 256, 300):
        wrong(f"{count}-entries", *[(key, b"v") for key in keys[:count]])
    full = context_of_size(1024)
    book.form("context-1024-bytes-and-long-end", Plan(context=full[:-1] + b"\x80\x00"))
