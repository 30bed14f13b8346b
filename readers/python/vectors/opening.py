"""Vectors that open: every option, and every bound at its limit (format sections 4 to 9, 18 and 19)."""

from __future__ import annotations

import hashlib
import string
from dataclasses import replace

from kafka_envelope_reader.aad import RecordHeader

from .book import Book, put
from .deflate import FixedBlock
from .encode import array, blob, entry, varint, wrapping
from .plan import Plan, Record, seal

DEK = bytes(range(32))

EXAMPLE = Plan(
    record=Record(headers=(("schema-id", b"42"), ("traceparent", b"00-ab"), ("schema-id", None))),
    names=(b"schema-id",),
    dek=DEK,
    wrapped_deks=array(
        [
            wrapping(
                ciphertext_dek=bytes.fromhex(
                    "00000001606162636465666768696a6bac290b06039196a10188733d098b5204"
                    "1f3dfc02032b87191663d1a3b7df19e4093dea3511f101fe2b62075b53c8c249"
                )
            )
        ]
    ),
    context=array([entry(b"env", b"prod"), entry(b"tenant", b"acme")]),
    session_id=bytes(range(0xA0, 0xB0)),
    iv=(7).to_bytes(12, "big"),
)
"""Section 18."""

GZIP_EXAMPLE = Plan(
    record=Record(),
    plaintext=b"a" * 64,
    data=bytes.fromhex("1f8b08000000000002034b4ca40c00005565b48940000000"),
    dek=DEK,
    wrapped_deks=array(
        [
            wrapping(
                ciphertext_dek=bytes.fromhex(
                    "00000001707172737475767778797a7bd3e4b91b9a5de20da356b156b309152e"
                    "d81973820410d42dee948c9e391fcbbebcebbdb227cfd0afc30a7355eb9f3eb5"
                )
            )
        ]
    ),
    compression=varint(1),
    key_bound=b"\x00",
    session_id=bytes(range(0xB0, 0xC0)),
    iv=bytes(12),
)
"""Section 19."""

DICTIONARY = b'{"order":17,"status":"paid"}'

DICTIONARY_EXAMPLE = Plan(
    record=Record(headers=()),
    plaintext=b'{"order":18,"status":"paid"}',
    data=FixedBlock().match(10, 28).literal(0x38).match(10, 28).match(7, 28).end(),
    dictionary=blob(hashlib.sha256(DICTIONARY).digest()),
    dictionaries=(DICTIONARY,),
    dek=DEK,
    wrapped_deks=array(
        [
            wrapping(
                ciphertext_dek=bytes.fromhex(
                    "00000001808182838485868788898a8b2d5fbcc426712c8460639a237eaf9b2de8eddbc15972f003e69762cfcd087f636b29b74c53b254e2b1e49c13d87e6d72"
                )
            )
        ]
    ),
    compression=varint(3),
    session_id=bytes(range(0xC0, 0xD0)),
    iv=bytes(12),
)
"""Section 19.1."""

UNBOUND = Plan(key_bound=b"\x00")

ODD_NAMES = (
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "prototype",
    "toString",
    "valueOf",
    "length",
    "0",
    "10",
    " ",
    "a b",
    "\t",
    "\x00",
    "\x7f",
    '"',
    "\\",
    "é",
    "e\u0301",
    "ß",
    "\ufeffbom",
    "\u07ff",
    "\u0800",
    "\ud7ff",
    "\ue000",
    "\uffff",
    "\U00010000",
    "\U0001f512",
    "\U0010ffff",
    "名前",
)

FULL_CONTEXT = [entry(f"k{index}".encode(), b"v" * 128) for index in range(7)]
"""Seven entries of 133 bytes."""

FULL_HEADER_NAMES = tuple(sorted(f"{index:02}".encode() + b"n" * 125 for index in range(31)))
"""31 names of 127 bytes: 31 * 129 bytes and two for count and end, if nothing else is bound."""


def odd_names_in_order() -> tuple[bytes, ...]:
    """Return the names as bytes, ascending."""
    return tuple(sorted(name.encode() for name in ODD_NAMES))


def add(book: Book) -> None:
    """Add all of them."""
    book.opens("example/no-compression", EXAMPLE)
    book.opens("example/gzip", GZIP_EXAMPLE)
    _keys(book)
    _headers(book)
    _contexts(book)
    _topics(book)
    _wrappings(book)
    _sizes(book)
    _plaintexts(book)
    _constants(book)


def _keys(book: Book) -> None:
    keys: dict[str, bytes | None] = {
        "null": None,
        "empty": b"",
        "one-zero-byte": b"\x00",
        "one-byte": b"k",
        "text": "clé".encode(),
        "not-utf-8": b"\xff\xfe\x80",
        "127-bytes": b"k" * 127,
        "128-bytes": b"k" * 128,
        "256-bytes": bytes(range(256)),
        "1000-bytes": b"k" * 1000,
        "like-a-null-part": b"\x01",
        "like-a-length": b"\x00\x00\x00\x00",
    }
    for name, key in keys.items():
        record = Record(key=key)
        book.opens(f"key/bound/{name}", Plan(record=record))
        book.opens(f"key/not-bound/{name}", replace(UNBOUND, record=record))
    for name, key in keys.items():
        book.opens(f"key/not-bound/read-with-{name}", UNBOUND, read=Record(key=key))


def _headers(book: Book) -> None:
    def bound(name: str, names: tuple[bytes, ...], *headers: RecordHeader) -> None:
        book.opens(f"headers/{name}", Plan(record=Record(headers=headers), names=names))

    bound("none-at-all", ())
    bound("none-bound", (), ("a", b"1"), ("b", None))
    bound("absent", (b"a",))
    bound("absent-beside-others", (b"a",), ("b", b"1"), ("A", b"2"), ("aa", b"3"), ("", b"4"))
    bound("one", (b"a",), ("a", b"1"))
    bound("one-null", (b"a",), ("a", None))
    bound("one-empty", (b"a",), ("a", b""))
    bound("two-equal", (b"a",), ("a", b"1"), ("a", b"1"))
    bound("null-then-empty", (b"a",), ("a", None), ("a", b""))
    bound("empty-then-null", (b"a",), ("a", b""), ("a", None))
    bound("many", (b"a",), *[("a", bytes([index])) for index in range(40)])
    bound("many-interleaved", (b"a", b"b"), ("b", b"1"), ("a", b"2"), ("c", b"3"), ("b", b"4"), ("a", None))
    bound("value-like-a-null", (b"a",), ("a", b"\xff\xff\xff\xff"))
    bound("value-not-utf-8", (b"a",), ("a", b"\xff\x00\xc3"))
    bound("value-127-bytes", (b"a",), ("a", b"v" * 127))
    bound("value-128-bytes", (b"a",), ("a", b"v" * 128))
    bound("value-5000-bytes", (b"a",), ("a", b"v" * 5000))
    bound("two-names", (b"a", b"b"), ("a", b"1"), ("b", b"2"))
    bound("two-names-one-absent", (b"a", b"b"), ("b", b"2"))
    bound("one-name-begins-the-other", (b"a", b"aa", b"aaa"), ("aaa", b"3"), ("aa", b"2"), ("a", b"1"))
    bound("names-that-differ-in-case", (b"ID", b"Id", b"iD", b"id"), ("id", b"4"), ("ID", b"1"))
    bound("numbers-as-names", (b"10", b"2", b"9"), ("2", b"2"), ("10", b"10"), ("9", b"9"))
    composed, decomposed = "é".encode(), "e\u0301".encode()
    bound("not-normalised", (decomposed, composed), ("é", b"composed"), ("e\u0301", b"decomposed"))
    bound("order-of-bytes-not-of-utf-16", ("\uffff".encode(), "\U00010000".encode()), ("\U00010000", b"1"))
    bound("name-of-1-byte", (b"n",), ("n", b"1"))
    bound("name-of-63-bytes", (b"n" * 63,), ("n" * 63, b"1"))
    bound("name-of-64-bytes", (b"n" * 64,), ("n" * 64, b"1"))
    bound("name-of-256-bytes", (b"n" * 256,), ("n" * 256, b"1"))
    bound("name-of-256-bytes-in-128-characters", ("é".encode() * 128,), ("é" * 128, b"1"))
    thirty_two = [f"{index:02}" for index in range(32)]
    names = tuple(name.encode() for name in thirty_two)
    bound("32-names", names, *[(name, name.encode()) for name in reversed(thirty_two)])
    bound("32-names-all-absent", names)
    bound("odd-names", odd_names_in_order(), *[(name, name.encode()) for name in ODD_NAMES])
    for index, name in enumerate(ODD_NAMES):
        bound(f"odd-name-{index}", (name.encode(),), (name, b"1"))
        bound(f"odd-name-{index}-absent", (name.encode(),), ("other", b"1"))
    _header_changes_that_do_not_matter(book)


def _header_changes_that_do_not_matter(book: Book) -> None:
    plan = Plan(record=Record(headers=(("a", b"1"), ("b", b"2"), ("a", b"3"), ("c", b"4"))), names=(b"a", b"b"))
    changes: dict[str, tuple[RecordHeader, ...]] = {
        "order-of-different-names": (("b", b"2"), ("a", b"1"), ("c", b"4"), ("a", b"3")),
        "unlisted-removed": (("a", b"1"), ("b", b"2"), ("a", b"3")),
        "unlisted-changed": (("a", b"1"), ("b", b"2"), ("a", b"3"), ("c", None)),
        "unlisted-added": (("d", b"0"), ("a", b"1"), ("b", b"2"), ("A", b"9"), ("a", b"3"), ("c", b"4"), ("", b"")),
    }
    for name, headers in changes.items():
        book.opens(f"headers/read-with-{name}", plan, read=replace(plan.record, headers=headers))
    book.opens("headers/none-bound-read-with-none", Plan(), read=Record(headers=()))


def _contexts(book: Book) -> None:
    def context(name: str, *entries: tuple[bytes, bytes]) -> None:
        book.opens(f"context/{name}", Plan(context=array([entry(*pair) for pair in entries])))

    context("one-entry", (b"env", b"prod"))
    context("numbers-as-keys", (b"10", b"ten"), (b"9", b"nine"))
    context("numbers-as-keys-2", (b"0", b"a"), (b"00", b"b"), (b"1", b"c"), (b"10", b"d"), (b"2", b"e"))
    context("prototype-members", (b"__proto__", b"__proto__"), (b"constructor", b"x"), (b"toString", b"y"))
    context("one-key-begins-the-other", (b"a", b"1"), (b"aa", b"2"), (b"aaa", b"3"))
    context("keys-that-differ-in-case", (b"ENV", b"1"), (b"Env", b"2"), (b"env", b"3"))
    context("equal-values", (b"a", b"same"), (b"b", b"same"))
    context("key-and-value-of-1-byte", (b"k", b"v"))
    context("key-of-128-bytes", (b"k" * 128, b"v"))
    context("value-of-128-bytes", (b"k", b"v" * 128))
    characters = (string.ascii_letters + string.digits + "._:/@=+-").encode()
    context("all-characters", (characters, characters))
    context("slashes", (b"a/b", b"//c/d="))
    context("64-entries", *[(f"{index:02}".encode(), b"v") for index in range(64)])
    keys = [bytes([first]) for first in sorted(characters)]
    pairs = [bytes([first, second]) for first in sorted(characters) for second in sorted(characters)]
    many = sorted(keys + pairs[:120])
    context("190-entries", *[(key, b"v") for key in many])
    for size in (1023, 1024):
        book.opens(f"context/{size}-bytes", Plan(context=context_of_size(size)))


def context_of_size(size: int) -> bytes:
    """Return a canonical context that is encoded in `size` bytes, 1,000 to 1,060."""
    rest = size - len(array([*FULL_CONTEXT, entry(b"k7", b"")]))
    value = rest if rest < 64 else rest - 1
    context = array([*FULL_CONTEXT, entry(b"k7", b"v" * value)])
    assert len(context) == size  # noqa: S101
    return context


def _topics(book: Book) -> None:
    topics = {
        "1-character": "t",
        "249-characters": "t" * 249,
        "63-characters": "t" * 63,
        "64-characters": "t" * 64,
        "all-characters": string.ascii_letters + string.digits + "._-",
        "dot": ".",
        "two-dots": "..",
        "number": "10",
        "prototype-member": "__proto__",
        "begins-like-another": "orders.eu.dead-letter",
    }
    for name, topic in topics.items():
        book.opens(f"topic/{name}", Plan(record=Record(topic=topic)))


def _wrappings(book: Book) -> None:
    def wrapped(name: str, *items: bytes) -> None:
        book.opens(f"wrappings/{name}", Plan(wrapped_deks=array(items)))

    for count in range(2, 6):
        wrapped(f"{count}", *[wrapping(cmk_id=f"cmk-{index}".encode()) for index in range(count)])
    wrapped("not-in-order", wrapping(cmk_id=b"b"), wrapping(cmk_id=b"a"), wrapping(cmk_id=b"c"))
    wrapped("one-cmk-id-of-two-providers", wrapping(b"local"), wrapping(b"local/rsa-oaep-sha256"))
    wrapped("equal-ciphertexts", wrapping(cmk_id=b"a"), wrapping(cmk_id=b"b"))
    wrapped(
        "all-registered-providers",
        wrapping(b"local"),
        wrapping(b"local/rsa-oaep-sha256", b"rsa", bytes(256)),
        wrapping(b"tencent-kms", b"ap-guangzhou/23e80852-1e38-11e9-b129-5cb9019b4b01", b"Y2lwaGVydGV4dA=="),
        wrapping(b"tencent-kms/rsa-oaep-sha256", b"ap-guangzhou/1", bytes(256)),
        wrapping(b"tencent-kms/sm2", b"ap-guangzhou/2", b"\x30\x80"),
    )
    wrapped("unknown-provider", wrapping(b"other-kms", b"key"))
    wrapped("unknown-provider-first", wrapping(b"other-kms/unheard-of", b"key"), wrapping())
    wrapped("provider-of-1-character", wrapping(b"p"))
    wrapped("provider-of-64-characters", wrapping(b"p" * 64))
    wrapped("provider-of-all-characters", wrapping((string.ascii_lowercase + string.digits + "/-").encode()))
    wrapped("provider-of-slashes", wrapping(b"///"))
    wrapped("provider-of-digits", wrapping(b"10"))
    wrapped("cmk-id-of-1-character", wrapping(cmk_id=b"!"))
    wrapped("cmk-id-of-256-characters", wrapping(cmk_id=b"~" * 256))
    wrapped("cmk-id-of-all-characters", wrapping(cmk_id=bytes(range(0x21, 0x7F))))
    wrapped("cmk-id-prototype-member", wrapping(cmk_id=b"__proto__"))
    wrapped("cmk-id-like-a-path", wrapping(cmk_id=b"../../etc?x=%00#"))
    for size in (1, 31, 32, 63, 65, 127, 128, 256, 1023, 1024):
        wrapped(f"ciphertext-of-{size}-bytes", wrapping(ciphertext_dek=b"\xc3" * size))
    wrapped(
        "largest",
        *[wrapping(b"p" * 64, bytes([0x41 + index]) + b"c" * 255, b"\xff" * 1024) for index in range(5)],
    )
    names = (b"after",)
    removed = Plan(names=names, wrapped_deks=array([wrapping(cmk_id=b"a"), wrapping(cmk_id=b"b")]))
    for name, items in {
        "removed": [wrapping(cmk_id=b"b")],
        "added": [wrapping(cmk_id=b"a"), wrapping(cmk_id=b"b"), wrapping(cmk_id=b"c")],
        "reordered": [wrapping(cmk_id=b"b"), wrapping(cmk_id=b"a")],
        "encrypted-again": [wrapping(cmk_id=b"z", ciphertext_dek=b"\x01" * 64)],
    }.items():
        book.opens(f"wrappings/{name}-later", removed, put(wrapped_deks=array(items)))


def _sizes(book: Book) -> None:
    for size in (0, 1, 2, 15, 16, 17, 31, 32, 63, 64, 65, 127, 128, 129, 255, 256, 8191, 8192, 8193, 70_000):
        plaintext = (bytes(range(256)) * (size // 256 + 1))[:size]
        book.opens(f"body/{size}-bytes", Plan(plaintext=plaintext))
    for size in (63, 64, 4095, 4096):
        book.opens(f"header/{size}-bytes", header_of_size(size))


def header_of_size(size: int) -> Plan:
    """Return a plan whose header has `size` bytes: 62 and more than that, or between 4,000 and 4,200."""
    if size < 1000:
        topic = "t" * (size - len(seal(Plan(record=Record(topic=""), topic=b"")).header()) - 1)
        plan = Plan(record=Record(topic=topic))
    else:
        plan = Plan(names=FULL_HEADER_NAMES, record=Record(topic="t"))
        plan = replace(plan, record=Record(topic="t" * (1 + size - len(seal(plan).header()))))
    assert len(seal(plan).header()) == size  # noqa: S101
    return plan


def _plaintexts(book: Book) -> None:
    for name, plaintext in {
        "is-an-envelope": seal(EXAMPLE).value(),
        "begins-like-an-envelope": b"\xc3\x01",
        "is-a-prefix": bytes.fromhex("c3010fea18fa6fe363e8"),
        "is-gzip": bytes.fromhex("1f8b08000000000002034b4ca40c00005565b48940000000"),
        "is-json-null": b"null",
        "zeros": bytes(64),
        "not-utf-8": b"\xff\xfe\xfd",
    }.items():
        book.opens(f"plaintext/{name}", Plan(plaintext=plaintext))


def _constants(book: Book) -> None:
    for name, iv in {
        "zeros": bytes(12),
        "ones": b"\xff" * 12,
        "first-byte-not-zero": b"\x01" + bytes(11),
        "first-four-not-zero": b"\xff\xff\xff\xff" + bytes(8),
        "counter-2-to-32": (2**32).to_bytes(12, "big"),
        "counter-2-to-64-minus-1": (2**64 - 1).to_bytes(12, "big"),
        "random": bytes.fromhex("8d9a3f00c17be25504f6a1d2"),
    }.items():
        book.opens(f"iv/{name}", Plan(iv=iv))
    for name, constant in {"zeros": b"\x00", "ones": b"\xff"}.items():
        book.opens(f"session-id/{name}", Plan(session_id=constant * 16))
        book.opens(f"dek/{name}", Plan(dek=constant * 32))
    everything = Plan(
        record=Record(key=None, headers=(("b", None), ("a", b""), ("a", b"1"))),
        names=(b"a", b"b", b"c"),
        wrapped_deks=array([wrapping(cmk_id=b"a"), wrapping(b"other", b"a"), wrapping(cmk_id=b"b")]),
        context=array([entry(b"10", b"a"), entry(b"9", b"b")]),
    )
    book.opens("everything-at-once", everything)
    book.opens("everything-at-once/empty", replace(everything, plaintext=b""))
