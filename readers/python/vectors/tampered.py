"""Vectors of single changes, and of two faults at once that show the order of checks (format section 13)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations

from kafka_envelope_reader.aad import RecordHeader

from .book import Book, becomes, put
from .encode import array, blob, entry, varint
from .gzipped import at_cap
from .opening import EXAMPLE, GZIP_EXAMPLE
from .plan import Parts, Plan, Record, seal


def add(book: Book) -> None:
    """Add all of them."""
    _unknown_numbers(book)
    _header_fields(book)
    _other_fields(book)
    _records(book)
    _two_faults(book)


def _flip(content: bytes, index: int, mask: int = 0x01) -> bytes:
    changed = bytearray(content)
    changed[index] ^= mask
    return bytes(changed)


def _unknown_numbers(book: Book) -> None:
    """Numbers that are not registered, in an envelope that is sealed by suite 1 otherwise."""
    numbers = {"3": 3, "63": 63, "64": 64, "255": 255, "largest": 2**31 - 1, "minus-1": -1, "least": -(2**31)}
    for name, number in {"0": 0, "2-reserved": 2, **numbers}.items():
        book.fails(f"suite/{name}", "UNKNOWN_SUITE", Plan(suite=varint(number)))
    del numbers["3"]
    for name, number in {"minus-2": -2, "4-reserved": 4, "5": 5, **numbers}.items():
        book.fails(f"compression/{name}", "UNKNOWN_COMPRESSION", Plan(compression=varint(number)))


def _header_fields(book: Book) -> None:
    """Change one field of the worked example's header after sealing."""

    def change(name: str, code: str, changed: Callable[[Parts], Parts]) -> None:
        book.fails(f"changed/{name}", code, EXAMPLE, changed)

    def example(*pairs: tuple[bytes, bytes]) -> bytes:
        return array([entry(*pair) for pair in pairs])

    change("suite-2", "UNKNOWN_SUITE", put(suite=b"\x04"))
    change("suite-minus-1", "UNKNOWN_SUITE", put(suite=b"\x01"))
    change("suite-0", "UNKNOWN_SUITE", put(suite=b"\x00"))
    change("compression-gzip", "AUTHENTICATION_FAILED", put(compression=b"\x02"))
    change("compression-4", "UNKNOWN_COMPRESSION", put(compression=b"\x08"))
    named = blob(bytes(32))
    change("compression-3-and-dictionary", "DICTIONARY_UNKNOWN", put(compression=b"\x06", dictionary=named))
    change("compression-4-and-dictionary", "UNKNOWN_COMPRESSION", put(compression=b"\x08", dictionary=named))
    change("compression-minus-1", "UNKNOWN_COMPRESSION", put(compression=b"\x01"))
    change("key-bound-false", "AUTHENTICATION_FAILED", put(key_bound=b"\x00"))
    for name, names in {
        "none": (),
        "other": (b"schema-ie",),
        "another-case": (b"Schema-id",),
        "shorter": (b"schema-i",),
        "added": (b"schema-id", b"traceparent"),
        "added-absent": (b"a", b"schema-id"),
    }.items():
        bound = array(map(blob, names))
        change(f"names-{name}", "AUTHENTICATION_FAILED", put(bound_headers=bound))
    for topic in (b"orders.eV", b"orders.e", b"orders.eu2", b"Orders.eu", b"o", b"__proto__"):
        name = topic.decode()
        change(f"topic-{name}", "WRONG_TOPIC", put(topic=blob(topic)))
    for name, context in {
        "none": example(),
        "value-changed": example((b"env", b"prod"), (b"tenant", b"acmf")),
        "key-changed": example((b"enw", b"prod"), (b"tenant", b"acme")),
        "entry-removed": example((b"env", b"prod")),
        "entry-added": example((b"env", b"prod"), (b"tenant", b"acme"), (b"z", b"z")),
        "values-swapped": example((b"env", b"acme"), (b"tenant", b"prod")),
    }.items():
        change(f"context-{name}", "AUTHENTICATION_FAILED", put(context=context))
    for index in (0, 7, 15):
        session = _flip(EXAMPLE.session_id or b"", index)
        change(f"session-id-byte-{index}", "COMMITMENT_MISMATCH", put(session_id=session))
    for index in (0, 1, 16, 30, 31):
        for mask in (0x01, 0x80):
            change(
                f"commitment-byte-{index}-bit-{mask:02x}",
                "COMMITMENT_MISMATCH",
                put(commitment=_flip(seal(EXAMPLE).commitment, index, mask)),
            )
    change("commitment-zeros", "COMMITMENT_MISMATCH", put(commitment=bytes(32)))
    other = seal(replace(EXAMPLE, dek=b"\x01" * 32))
    change("commitment-of-another-dek", "COMMITMENT_MISMATCH", put(commitment=other.commitment))
    for name, changed in {
        "compression-none": put(compression=b"\x00"),
        "key-bound-true": put(key_bound=b"\x01"),
    }.items():
        book.fails(f"changed-gzip/{name}", "AUTHENTICATION_FAILED", GZIP_EXAMPLE, changed)


def _other_fields(book: Book) -> None:
    def change(name: str, changed: Callable[[Parts], Parts]) -> None:
        book.fails(f"changed/{name}", "AUTHENTICATION_FAILED", EXAMPLE, changed)

    good = seal(EXAMPLE)
    for index in (0, 3, 4, 11):
        change(f"iv-byte-{index}", put(iv=_flip(good.iv, index)))
    change("iv-ones", put(iv=b"\xff" * 12))
    for index in (0, 11, 12, 14):
        change(f"tag-byte-{index}", put(tag=_flip(good.tag, index, 0x80)))
    change("tag-last-bit", put(tag=_flip(good.tag, 15)))
    change("tag-zeros", put(tag=bytes(16)))
    change("tag-reversed", put(tag=good.tag[::-1]))
    for index in (0, 5, 11):
        change(f"body-byte-{index}", put(body=_flip(good.body, index)))
    change("body-shorter", put(body=good.body[:-1]))
    change("body-longer", put(body=good.body + b"\x00"))
    change("body-empty", put(body=b""))
    change("body-of-one-byte", put(body=good.body[:1]))
    body_first, tag_first = good.body + good.tag, good.tag + good.iv
    change("tag-behind-the-body", put(tag=body_first[:16], body=body_first[16:]))
    change("iv-and-tag-swapped", put(iv=tag_first[:12], tag=tag_first[12:]))
    empty = Plan(plaintext=b"")
    book.fails("changed/empty-body-tag", "AUTHENTICATION_FAILED", empty, put(tag=bytes(16)))
    book.fails("changed/empty-body-longer", "AUTHENTICATION_FAILED", empty, put(body=b"\x00"))
    first = Plan(dek=bytes(32), session_id=bytes(16), iv=bytes(12))
    second = seal(replace(first, iv=b"\x01" * 12, plaintext=b"another text"))
    exchanged = put(body=second.body, tag=second.tag)
    book.fails("changed/body-and-tag-of-another-record", "AUTHENTICATION_FAILED", first, exchanged)
    other = replace(EXAMPLE, dek=b"\xff" * 32)
    book.fails("changed/dek", "COMMITMENT_MISMATCH", other, becomes(good.value()))


def _records(book: Book) -> None:
    """Read a good envelope with another record around it."""

    def read(name: str, code: str, plan: Plan, record: Record) -> None:
        book.fails(f"record/{name}", code, plan, read=record)

    record = EXAMPLE.record
    near = ("orders", "orders.eu2", "ORDERS.EU", "orders_eu", "orders.e", "rders.eu", " orders.eu", "orders.eu\x00")
    for topic in ("", *near):
        read(f"topic-{topic!a}", "WRONG_TOPIC", EXAMPLE, replace(record, topic=topic))
    keys: dict[str, bytes | None] = {
        "null": None,
        "empty": b"",
        "changed": b"order-18",
        "shorter": b"order-1",
        "longer": b"order-17\x00",
    }
    for name, key in keys.items():
        read(f"key-{name}", "AUTHENTICATION_FAILED", EXAMPLE, replace(record, key=key))
    for sealed, key_sealed, others in (
        ("null", None, {"empty": b"", "01": b"\x01", "zero": b"\x00"}),
        ("empty", b"", {"null": None, "zero": b"\x00"}),
        ("zero", b"\x00", {"null": None, "empty": b""}),
    ):
        for name, key in others.items():
            plan = Plan(record=Record(key=key_sealed))
            read(f"key-{sealed}-read-as-{name}", "AUTHENTICATION_FAILED", plan, Record(key=key))
    changes: dict[str, tuple[RecordHeader, ...]] = {
        "removed": (("traceparent", b"00-ab"),),
        "all-removed": (),
        "first-removed": (("schema-id", None),),
        "second-removed": (("schema-id", b"42"),),
        "added": (("schema-id", b"42"), ("schema-id", None), ("schema-id", b"")),
        "swapped": (("schema-id", None), ("traceparent", b"00-ab"), ("schema-id", b"42")),
        "value-changed": (("schema-id", b"43"), ("schema-id", None)),
        "value-longer": (("schema-id", b"42\x00"), ("schema-id", None)),
        "value-to-empty": (("schema-id", b""), ("schema-id", None)),
        "value-to-null": (("schema-id", None), ("schema-id", None)),
        "null-to-empty": (("schema-id", b"42"), ("schema-id", b"")),
        "null-to-ffffffff": (("schema-id", b"42"), ("schema-id", b"\xff\xff\xff\xff")),
        "another-case": (("Schema-id", b"42"), ("schema-id", None)),
        "renamed": (("schema-ie", b"42"), ("schema-id", None)),
        "doubled": (("schema-id", b"42"), ("schema-id", b"42"), ("schema-id", None)),
    }
    for name, headers in changes.items():
        read(f"header-{name}", "AUTHENTICATION_FAILED", EXAMPLE, replace(record, headers=headers))
    absent = Plan(record=Record(headers=()), names=(b"a",))
    for name, headers in {"null": (("a", None),), "empty": (("a", b""),)}.items():
        read(f"header-absent-read-as-{name}", "AUTHENTICATION_FAILED", absent, Record(headers=headers))
    null = Plan(record=Record(headers=(("a", None),)), names=(b"a",))
    read("header-null-read-as-absent", "AUTHENTICATION_FAILED", null, Record(headers=()))
    two = Plan(record=Record(headers=(("a", b"1"), ("b", b"2"))), names=(b"a", b"b"))
    swapped = Record(headers=(("a", b"2"), ("b", b"1")))
    read("headers-with-values-exchanged", "AUTHENTICATION_FAILED", two, swapped)
    read("headers-both-of-one-name", "AUTHENTICATION_FAILED", two, Record(headers=(("a", b"1"), ("a", b"2"))))
    composed = Plan(record=Record(headers=(("é", b"1"),)), names=("é".encode(),))
    read("header-name-decomposed", "AUTHENTICATION_FAILED", composed, Record(headers=(("e\u0301", b"1"),)))
    prototype = Plan(record=Record(headers=(("__proto__", b"1"),)), names=(b"__proto__",))
    read("header-prototype-member-removed", "AUTHENTICATION_FAILED", prototype, Record(headers=()))
    read("header-prototype-member-changed", "AUTHENTICATION_FAILED", prototype, Record(headers=(("__proto__", b"2"),)))
    shifted = Record(key=b"order-1", headers=(("schema-id", b"742"), ("schema-id", None)))
    read("bytes-moved-from-key-to-header", "AUTHENTICATION_FAILED", EXAMPLE, shifted)


@dataclass(frozen=True)
class _Fault:
    """A fault that a step of section 13 finds: in what is sealed, in the parts, in the value, or in the topic read."""

    code: str
    plan: Callable[[Plan], Plan] = lambda plan: plan
    parts: Callable[[Parts], Parts] = lambda parts: parts
    value: Callable[[bytes], bytes] = lambda value: value
    topic: str | None = None


def _too_large(plan: Plan) -> Plan:
    return replace(plan, compression=varint(1), data=at_cap(1).data)


_FAULTS = {
    "1-not-sealed": _Fault("NOT_SEALED", value=lambda value: b"\xc2" + value[1:]),
    "1-unknown-format": _Fault("UNKNOWN_FORMAT", value=lambda value: _flip(value, 3)),
    "2-envelope-cut": _Fault("MALFORMED", value=lambda value: value[:-1]),
    "3-header-cut": _Fault("MALFORMED", parts=lambda parts: replace(parts, commitment=parts.commitment[:-1])),
    "4-suite": _Fault("UNKNOWN_SUITE", plan=lambda plan: replace(plan, suite=varint(3))),
    "5-compression": _Fault("UNKNOWN_COMPRESSION", plan=lambda plan: replace(plan, compression=varint(4))),
    "5-dictionary": _Fault(
        "DICTIONARY_UNKNOWN", plan=lambda plan: replace(plan, compression=varint(3), dictionary=blob(bytes(32)))
    ),
    "6-topic": _Fault("WRONG_TOPIC", topic="orders.us"),
    "10-commitment": _Fault("COMMITMENT_MISMATCH", plan=lambda plan: replace(plan, commitment=b"\x55" * 32)),
    "11-tag": _Fault("AUTHENTICATION_FAILED", parts=lambda parts: replace(parts, tag=_flip(parts.tag, 0))),
    "12-not-gzip": _Fault(
        "DECOMPRESSION_FAILED", plan=lambda plan: replace(plan, compression=varint(1), data=b"no gzip at all")
    ),
    "12-too-large": _Fault("TOO_LARGE", plan=_too_large),
}
"""In the order of the steps. No decoder overlooks one of the malformations."""


def _two_faults(book: Book) -> None:
    for name, fault in _FAULTS.items():
        _faulty(book, f"{name}-alone", fault)
    for (name, first), (other_name, second) in combinations(_FAULTS.items(), 2):
        if (name, other_name) != ("12-not-gzip", "12-too-large"):
            _faulty(book, f"{name}-before-{other_name}", first, second)
    _faulty(book, "everything", *_FAULTS.values())
    zstd = Plan(suite=varint(3), compression=varint(2))
    book.fails("order/4-suite-before-5-zstd", "UNKNOWN_SUITE", zstd)
    reserved = Plan(suite=varint(2), compression=varint(4))
    book.fails("order/4-reserved-suite-before-5-compression", "UNKNOWN_SUITE", reserved, read=Record(topic="x"))


def _faulty(book: Book, name: str, *faults: _Fault) -> None:
    """Add a vector with all these faults, of which the first one is found."""
    plan = Plan()
    record = plan.record
    for fault in reversed(faults):
        plan = fault.plan(plan)
        record = record if fault.topic is None else replace(record, topic=fault.topic)

    def change(parts: Parts) -> bytes:
        for fault in reversed(faults):
            parts = fault.parts(parts)
        value = parts.value()
        for fault in reversed(faults):
            value = fault.value(value)
        return value

    book.fails(f"order/{name}", faults[0].code, plan, change, record)
