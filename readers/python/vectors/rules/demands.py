"""Vectors about what a rule says beside its CMKs: topics, requirements, tombstones and the cap (sections 11 and 13)."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

from ..book import becomes
from ..deflate import FixedBlock, gzip
from ..gzipped import TEXT, gzipped
from ..opening import UNBOUND
from ..plan import Plan, Record
from .case import ORDERS, Case, RuleBook, accepting
from .examples import FIRST, OTHER


def add(book: RuleBook) -> None:
    """Add all of them."""
    _original_topics(book)
    _required_key(book)
    _required_headers(book)
    _required_context(book)
    _tombstones(book)
    _cap(book)
    _together(book)


def _rule(**members: Any) -> Case:  # noqa: ANN401
    return Case(rule=accepting(ORDERS, **members))


def _original_topics(book: RuleBook) -> None:
    """All are sealed for `orders.eu`."""

    def mapped(name: str, *, opens: bool, topic: str = "copies", **members: tuple[str, ...]) -> None:
        case = _rule(topic=topic, **members)
        if opens:
            book.opens(f"sealed-for/{name}", case)
        else:
            book.fails(f"sealed-for/{name}", "WRONG_TOPIC", case)

    mapped("nothing", opens=False)
    mapped("exact", opens=True, original_topics=("orders.eu",))
    mapped("exact-second", opens=True, original_topics=("orders.us", "orders.eu"))
    for topic in ("orders", "orders.", "orders.eu2", "Orders.eu", "orders-eu"):
        mapped(f"exact-{topic}", opens=False, original_topics=(topic,))
    for prefix in ("o", "orders.", "orders.eu"):
        mapped(f"prefix-{prefix}", opens=True, original_prefixes=(prefix,))
    for prefix in ("orders.eu.", "Orders", "rders", "eu", "orders-"):
        mapped(f"prefix-{prefix}", opens=False, original_prefixes=(prefix,))
    mapped("prefix-second", opens=True, original_topics=("copies.eu",), original_prefixes=("mirror.", "orders."))
    mapped("both", opens=True, original_topics=("orders.eu",), original_prefixes=("orders.",))
    mapped("topic-itself-beside-others", opens=True, topic="orders.eu", original_topics=("copies",))
    mapped("topic-in-another-case", opens=False, topic="Orders.eu")
    mapped("topic-that-the-sealed-one-begins-with", opens=False, topic="orders")
    mapped("topic-that-begins-with-the-sealed-one", opens=False, topic="orders.eu.copies")
    tampered = replace(_rule(topic="copies", original_topics=("orders.eu",)), read=Record(key=b"other"))
    book.fails("sealed-for/key-stays-bound", "AUTHENTICATION_FAILED", tampered)
    unbound = replace(_rule(topic="copies", original_prefixes=("orders.",)), plan=UNBOUND)
    book.fails("sealed-for/key-stays-required", "REQUIREMENT_UNMET", unbound)


def _required_key(book: RuleBook) -> None:
    for name, key in {"null": None, "empty": b"", "text": b"k"}.items():
        record = Record(key=key)
        book.opens(f"require/key-{name}", Case(plan=Plan(record=record)))
        book.fails(f"require/key-{name}-not-bound", "REQUIREMENT_UNMET", Case(plan=replace(UNBOUND, record=record)))
    book.opens("require/key-not-required", replace(_rule(require_key=False), plan=UNBOUND))
    book.opens("require/key-not-required-and-bound", _rule(require_key=False))
    wrong = replace(_rule(require_key=False), read=Record(key=None))
    book.fails("require/key-not-required-and-bound-to-another", "AUTHENTICATION_FAILED", wrong)


def _required_headers(book: RuleBook) -> None:
    """Each is sealed with `a` and `toString` bound, of which the record has `a`; `b` is there and not bound."""
    record = Record(headers=(("a", b"1"), ("b", b"2")))
    plan = Plan(record=record, names=(b"a", b"toString"))

    def required(name: str, met: bool, *names: str) -> None:
        case = replace(_rule(require_headers=names), plan=plan)
        if met:
            book.opens(f"require/headers-{name}", case)
        else:
            book.fails(f"require/headers-{name}", "REQUIREMENT_UNMET", case)

    required("bound", True, "a")
    required("bound-and-absent", True, "toString")
    required("both", True, "toString", "a")
    required("there-and-not-bound", False, "b")
    required("one-of-two", False, "a", "b")
    required("in-another-case", False, "A")
    required("prototype-members", False, "constructor")
    required("proto", False, "__proto__")
    unbound = replace(plan, key_bound=b"\x00")
    book.fails(
        "require/headers-bound-and-key-not", "REQUIREMENT_UNMET", replace(_rule(require_headers=("a",)), plan=unbound)
    )
    only_headers = replace(_rule(require_headers=("a",), require_key=False), plan=unbound)
    book.opens("require/headers-alone", only_headers)
    removed = replace(record, headers=(("b", b"2"),))
    book.fails("require/headers-removed", "AUTHENTICATION_FAILED", replace(only_headers, read=removed))
    composed = replace(_rule(require_headers=("e\u0301",)), plan=Plan(names=("\u00e9".encode(),)))
    book.fails("require/headers-are-not-normalised", "REQUIREMENT_UNMET", composed)
    book.opens("require/headers-outside-ascii", replace(composed, rule=accepting(ORDERS, require_headers=("\u00e9",))))


def _required_context(book: RuleBook) -> None:
    sealed = (("__proto__", "x"), ("env", "prod"), ("tenant", "acme"))

    def required(name: str, met: bool, context: tuple[tuple[str, str], ...] = sealed, /, **entries: str) -> None:
        case = replace(_rule(require_context=entries), context=context)
        if met:
            book.opens(f"require/context-{name}", case)
        else:
            book.fails(f"require/context-{name}", "REQUIREMENT_UNMET", case)

    required("one", True, env="prod")
    required("two", True, tenant="acme", env="prod")
    required("another-value", False, env="test")
    required("longer-value", False, env="production")
    required("value-in-another-case", False, env="Prod")
    required("key-in-another-case", False, Env="prod")
    required("another-key", False, region="prod")
    required("one-of-two", False, env="prod", region="eu")
    required("of-an-empty-one", False, (), env="prod")


def _tombstones(book: RuleBook) -> None:
    strict = {"require_headers": ("region",), "require_context": {"env": "prod"}, "topic": "copies"}
    for name, members in {"defaults": {}, "requirements": strict}.items():
        for word, reject in (("pass", False), ("reject", True)):
            code = "TOMBSTONE_REJECTED" if reject else None
            case = _rule(reject_tombstones=reject, **members)
            book.tombstone(f"tombstone/{word}-{name}", code, case)
            if not members:
                null_key = replace(case, read=Record(key=None, headers=()))
                book.tombstone(f"tombstone/{word}-null-key", code, null_key)
                book.fails(f"tombstone/{word}-empty-value", "NOT_SEALED", replace(case, change=becomes(b"")))
                book.opens(f"tombstone/{word}-sealed-empty-value", replace(case, plan=Plan(plaintext=b"")))
    book.opens("tombstone/reject-sealed-null", replace(_rule(reject_tombstones=True), plan=Plan(plaintext=b"null")))


def _cap(book: RuleBook) -> None:
    def cap(size: int) -> Case:
        return _rule(max_decompressed_bytes=size)

    size = len(TEXT)
    text = gzipped(TEXT)
    run = gzipped(b"a" * 5000, gzip(b"a" * 5000, FixedBlock().run(0x61, 5000).end()))
    book.opens("cap/exactly", replace(cap(size), plan=text))
    book.opens("cap/one-more", replace(cap(size + 1), plan=text))
    book.fails("cap/one-less", "TOO_LARGE", replace(cap(size - 1), plan=text))
    book.opens("cap/exactly-a-run", replace(cap(5000), plan=run))
    book.fails("cap/one-less-than-a-run", "TOO_LARGE", replace(cap(4999), plan=run))
    book.fails("cap/0", "TOO_LARGE", replace(cap(0), plan=text))
    book.fails("cap/0-and-one-byte", "TOO_LARGE", replace(cap(0), plan=gzipped(b"x")))
    book.opens("cap/0-and-nothing", replace(cap(0), plan=gzipped(b"")))
    book.opens("cap/0-without-compression", replace(cap(0), plan=Plan(plaintext=TEXT)))
    book.opens("cap/1-without-compression", replace(cap(1), plan=Plan(plaintext=gzip(TEXT))))
    over = (size + 1).to_bytes(4, "little")
    crc = zlib.crc32(TEXT).to_bytes(4, "little")
    for name, trailer in {
        "checksum": bytes(4) + size.to_bytes(4, "little"),
        "size": crc + over,
        "size-of-4-gib": crc + b"\xff" * 4,
    }.items():
        corrupt = gzipped(TEXT, gzip(TEXT, trailer=trailer))
        book.fails(f"cap/exactly-with-a-wrong-{name}", "DECOMPRESSION_FAILED", replace(cap(size), plan=corrupt))
    book.fails("cap/0-and-no-member", "DECOMPRESSION_FAILED", replace(cap(0), plan=gzipped(b"", b"no member")))
    book.fails("cap/0-and-no-data", "DECOMPRESSION_FAILED", replace(cap(0), plan=gzipped(b"", b"")))


def _together(book: RuleBook) -> None:
    """Everything that a rule can say, at once."""
    full = accepting(
        ORDERS,
        topic="mirror.orders.eu",
        accept_public_key_sealing=True,
        original_topics=("orders.us",),
        original_prefixes=("orders.e",),
        require_headers=("schema-id",),
        require_context={"tenant": "acme", "env": "prod"},
        reject_tombstones=True,
        max_decompressed_bytes=0,
    )
    book.opens("together/met", replace(FIRST, rule=full))
    for name, code, rule in (
        ("topic", "WRONG_TOPIC", replace(full, original_prefixes=())),
        ("headers", "REQUIREMENT_UNMET", replace(full, require_headers=("schema-id", "traceparent"))),
        ("context", "REQUIREMENT_UNMET", replace(full, require_context={"tenant": "acme", "env": "prod", "a": "b"})),
        ("cmk", "NO_CANDIDATE", replace(full, cmks=(OTHER.pair,))),
    ):
        book.fails(f"together/{name}", code, replace(FIRST, keyring=[ORDERS, OTHER], rule=rule))
    book.tombstone("together/tombstone", "TOMBSTONE_REJECTED", replace(FIRST, rule=full))
