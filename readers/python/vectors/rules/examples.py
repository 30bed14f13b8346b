"""The worked examples with their real wrappings (format sections 18 and 19), and what is no envelope at all."""

from __future__ import annotations

from dataclasses import replace

from kafka_envelope_reader.wire import PREFIX

from ..book import Change, becomes, put
from ..encode import array, entry
from ..gzipped import gzipped
from ..opening import DICTIONARY_EXAMPLE, EXAMPLE, GZIP_EXAMPLE, UNBOUND
from .case import ORDERS, Case, RuleBook, accepting
from .cmks import Aes, flipped

CONTEXT = (("env", "prod"), ("tenant", "acme"))

FIRST = Case(plan=EXAMPLE, context=CONTEXT, wraps=[ORDERS.wrap(iv=bytes(range(0x60, 0x6C)))])
"""Section 18."""

SECOND = Case(
    plan=GZIP_EXAMPLE, wraps=[ORDERS.wrap(iv=bytes(range(0x70, 0x7C)))], rule=accepting(ORDERS, require_key=False)
)
"""Section 19."""

THIRD = Case(plan=DICTIONARY_EXAMPLE, wraps=[ORDERS.wrap(iv=bytes(range(0x80, 0x8C)))])
"""Section 19.1."""

OTHER = Aes(id="orders-2024")


def add(book: RuleBook) -> None:
    """Add all of them."""
    book.opens("example/no-compression", FIRST)
    book.opens("example/gzip", SECOND)
    book.fails("example/gzip-under-defaults", "REQUIREMENT_UNMET", replace(SECOND, rule=accepting(ORDERS)))
    book.fails("example/dictionary-that-the-reader-lacks", "DICTIONARY_UNKNOWN", THIRD)
    _differences(book)
    _no_envelopes(book)


def _differences(book: RuleBook) -> None:
    """Add the table at the end of section 18, but for what is malformed by form."""

    def changed(name: str, code: str, change: Change) -> None:
        book.fails(f"example/{name}", code, replace(FIRST, change=change))

    def read(name: str, code: str | None, **members: object) -> None:
        case = replace(FIRST, read=replace(EXAMPLE.record, **members))  # type: ignore[arg-type]
        if code is None:
            book.opens(f"example/{name}", case)
        else:
            book.fails(f"example/{name}", code, case)

    schema_id, trace, null = EXAMPLE.record.headers
    read("traceparent-removed", None, headers=(schema_id, null))
    read("traceparent-changed", None, headers=(schema_id, ("traceparent", b"01-cd"), null))
    read("schema-ids-swapped", "AUTHENTICATION_FAILED", headers=(null, trace, schema_id))
    read("key-null", "AUTHENTICATION_FAILED", key=None)
    read("key-empty", "AUTHENTICATION_FAILED", key=b"")
    for name, code, rule in (
        ("read-from-orders", "WRONG_TOPIC", accepting(ORDERS, topic="orders")),
        ("header-region-required", "REQUIREMENT_UNMET", accepting(ORDERS, require_headers=("region",))),
        ("context-test-required", "REQUIREMENT_UNMET", accepting(ORDERS, require_context={"env": "test"})),
        ("other-cmk-accepted", "NO_CANDIDATE", accepting(OTHER)),
    ):
        book.fails(f"example/{name}", code, replace(FIRST, keyring=[ORDERS, OTHER], rule=rule))
    acmf = array([entry(b"env", b"prod"), entry(b"tenant", b"acmf")])
    changed("context-acmf", "UNWRAP_FAILED", put(context=acmf))
    changed("session-id", "COMMITMENT_MISMATCH", put(session_id=bytes(range(0xA0, 0xAF)) + b"\xae"))
    changed("suite-2", "UNKNOWN_SUITE", put(suite=b"\x04"))
    changed("compression-4", "UNKNOWN_COMPRESSION", put(compression=b"\x08"))
    changed("tag", "AUTHENTICATION_FAILED", lambda parts: replace(parts, tag=flipped(-1)(parts.tag)))
    changed("fingerprint", "UNKNOWN_FORMAT", becomes(PREFIX[:3] + b"\xeb" + FIRST.value("")[4:]))
    changed("cut-after-9", "MALFORMED", becomes(PREFIX[:9]))
    changed("cut-after-1", "NOT_SEALED", becomes(PREFIX[:1]))
    changed("cut-by-1", "MALFORMED", lambda parts: parts.value()[:-1])


def _no_envelopes(book: RuleBook) -> None:
    """No rule that says nothing of plaintext lets any pass, however little else it demands."""
    lenient = accepting(ORDERS, require_key=False, max_decompressed_bytes=0)
    strict = accepting(
        ORDERS, topic="orders.us", require_headers=("h",), require_context={"a": "b"}, reject_tombstones=True
    )
    for name, value, code in (
        ("json", b'{"order":17}', "NOT_SEALED"),
        ("empty", b"", "NOT_SEALED"),
        ("schema-registry", b"\x00\x00\x00\x00\x07abc", "NOT_SEALED"),
        ("avro-of-another-schema", bytes.fromhex("c3018a8f25cce724dd63") + b"\x00", "UNKNOWN_FORMAT"),
        ("marker-and-7-bytes", bytes.fromhex("c3018a8f25cce724dd"), "MALFORMED"),
        ("prefix-and-plaintext", PREFIX + b'{"order":17}', "MALFORMED"),
    ):
        book.fails(f"plaintext/{name}", code, Case(rule=lenient, change=becomes(value)))
    json = b'{"order":17}'
    book.fails("plaintext/json-under-a-strict-rule", "NOT_SEALED", Case(rule=strict, change=becomes(json)))
    inner = FIRST.value("plaintext/envelope-in-an-envelope")
    book.opens("plaintext/envelope-in-an-envelope", Case(plan=replace(UNBOUND, plaintext=inner), rule=lenient))
    sealed_gzip = gzipped(b"").data
    book.opens("plaintext/gzip-in-an-envelope", Case(plan=replace(UNBOUND, plaintext=sealed_gzip or b""), rule=lenient))
