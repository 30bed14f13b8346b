"""Vectors that no reader opens: other values, cut ones, and lengths beyond the input (steps 1 to 3 of section 13)."""

from __future__ import annotations

from dataclasses import replace

from kafka_envelope_reader.wire import PREFIX

from .book import Book, becomes, put
from .encode import blob, block, entry, varint, wrapping
from .opening import EXAMPLE
from .plan import Parts, Plan, seal

BEYOND = {
    "2-to-31-minus-1": 2**31 - 1,
    "2-to-31": 2**31,
    "2-to-32": 2**32,
    "2-to-53": 2**53,
    "2-to-53-plus-1": 2**53 + 1,
    "2-to-62": 2**62,
    "2-to-63-minus-1": 2**63 - 1,
}
"""Lengths that no input has; `_beyond` adds some that look right if only their lower bits are taken."""

_FAR_IV = b"\xfe\xff\xff\xff\x0f" + bytes(7)
_FAR_SESSION_ID = b"\x7e" * 16
"""Read as a length, either is beyond the input, so that a decoder that reads on to there finds the field cut short."""


def add(book: Book) -> None:
    """Add all of them."""
    _not_sealed(book)
    _unknown_format(book)
    _cut(book)
    _cut_with_right_lengths(book)
    _beyond_the_input(book)
    _ends_of_arrays(book)
    _varints_without_end(book)


def _not_sealed(book: Book) -> None:
    for name, value in {
        "empty": b"",
        "one-byte": b"\xc3",
        "c3-only-then-other": b"\xc3\x02" + seal(Plan()).value()[2:],
        "c3-00": b"\xc3\x00",
        "c2-01": b"\xc2\x01" + seal(Plan()).value()[2:],
        "01-c3": b"\x01\xc3" + PREFIX[2:],
        "json": b'{"order":17}',
        "text": "Ã".encode() + b"\x01",
        "zeros": bytes(300),
        "zero-before": b"\x00" + seal(Plan()).value(),
        "without-marker": seal(Plan()).value()[2:],
        "schema-registry": b"\x00\x00\x00\x00\x07abc",
        "avro-file": b"Obj\x01",
        "hex-of-an-envelope": b"c3010fea18fa6fe363e8",
    }.items():
        book.fails(f"not-sealed/{name}", "NOT_SEALED", Plan(), becomes(value))
    for size in range(2, 10):
        book.fails(f"prefix/cut-after-{size}", "MALFORMED", Plan(), becomes(PREFIX[:size]))
    book.fails("prefix/cut-and-another-fingerprint", "MALFORMED", Plan(), becomes(b"\xc3\x01" + bytes(7)))
    book.fails("prefix/marker-and-text", "MALFORMED", Plan(), becomes(b"\xc3\x01text"))


def _unknown_format(book: Book) -> None:
    def unknown(name: str, prefix: bytes) -> None:
        book.fails(f"unknown-format/{name}", "UNKNOWN_FORMAT", Plan(), put(prefix=prefix))

    for index in range(2, 10):
        changed = bytearray(PREFIX)
        changed[index] ^= 0x01
        unknown(f"byte-{index}", bytes(changed))
    unknown("fingerprint-of-the-header", bytes.fromhex("c3017e01b7a267487823"))
    unknown("fingerprint-of-null", bytes.fromhex("c3018a8f25cce724dd63"))
    unknown("fingerprint-reversed", PREFIX[:2] + PREFIX[:1:-1])
    unknown("fingerprint-zero", PREFIX[:2] + bytes(8))
    book.fails("unknown-format/nothing-behind", "UNKNOWN_FORMAT", Plan(), becomes(PREFIX[:9] + b"\x00"))


def _cut(book: Book) -> None:
    """Cut the worked example at the border of every field and inside it."""
    parts = seal(EXAMPLE)
    position = len(PREFIX)
    head = len(parts.wrapped_deks)
    marks = {position: "after-prefix", position + 1: "after-count"}
    names = ["wrapped-deks", "header-length", *_HEADER_FIELDS, "iv", "tag", "body-length", "body"]
    pieces = [parts.wrapped_deks, varint(len(parts.header())), *parts.header_pieces()[:-1], parts.iv, parts.tag]
    pieces += [varint(len(parts.body)), parts.body]
    for name, piece in zip(names, pieces, strict=True):
        if len(piece) > 1:
            marks.setdefault(position + 1, f"after-1-byte-of-{name}")
            marks.setdefault(position + len(piece) // 2, f"amid-{name}")
            marks.setdefault(position + len(piece) - 1, f"1-byte-before-the-end-of-{name}")
        position += len(piece)
        marks.setdefault(position, f"after-{name}")
    for offset, name in {2: "amid-provider", 7: "after-provider", 9: "amid-cmk-id", 19: "after-cmk-id"}.items():
        marks.setdefault(len(PREFIX) + offset, name)
    marks.setdefault(len(PREFIX) + head - 1, "before-end-of-wrapped-deks")
    whole = len(parts.value())
    for size in sorted(marks):
        if size < whole:
            book.fails(f"cut/{size}-{marks[size]}", "MALFORMED", EXAMPLE, becomes(parts.value()[:size]))
    empty = replace(EXAMPLE, plaintext=b"")
    book.fails("cut/empty-body-without-length", "MALFORMED", empty, lambda p: p.value()[:-1])


_HEADER_FIELDS = (
    "suite",
    "compression",
    "dictionary",
    "key-bound",
    "bound-headers",
    "topic",
    "context",
    "session-id",
    "commitment",
)


def _cut_with_right_lengths(book: Book) -> None:
    """Cut the header, under a length of the field that is right, and fields whose length says otherwise."""
    header = seal(EXAMPLE).header()
    for size in (0, 1, 2, 3, 4, 5, 14, 15, 16, 20, 25, 26, 30, 45, 47, 48, 50, 63, 64, 80, 95, 96):

        def cut(parts: Parts, size: int = size) -> bytes:
            before = parts.prefix + parts.wrapped_deks
            return before + blob(header[:size]) + parts.iv + parts.tag + blob(parts.body)

        book.fails(f"cut-header/{size}-bytes", "MALFORMED", EXAMPLE, cut)
    size = len(seal(Plan()).body)
    for name, change in {
        "body-length-1-more": put(body_length=varint(size + 1)),
        "body-length-64-more": put(body_length=varint(size + 64)),
        "body-length-8192": put(body_length=varint(8192)),
        "header-length-4096": put(header_length=varint(4096)),
        "header-length-4097": put(header_length=varint(4097)),
        "no-iv-and-tag": put(iv=b"", tag=b""),
    }.items():
        book.fails(f"beyond/{name}", "MALFORMED", Plan(), change)
    one_of_two = block([wrapping()], count=varint(2)) + b"\x00"
    book.fails("beyond/wrappings-count-1-more", "MALFORMED", Plan(iv=_FAR_IV, wrapped_deks=one_of_two))
    item = blob(b"local") + blob(b"a") + blob(b"c" * 8, length=varint(1024))
    book.fails("beyond/ciphertext-length-1024", "MALFORMED", Plan(wrapped_deks=block([item]) + b"\x00"))
    item = blob(b"local") + blob(b"a") + blob(b"c" * 8, length=varint(1025))
    book.fails("beyond/ciphertext-length-1025", "MALFORMED", Plan(wrapped_deks=block([item]) + b"\x00"))
    book.fails("beyond/topic-length-249", "MALFORMED", Plan(topic=blob(b"orders.eu", length=varint(249))))
    book.fails("beyond/name-length-256", "MALFORMED", Plan(bound_headers=block([blob(b"a", length=varint(256))])))


def _beyond(number: int) -> dict[str, bytes]:
    """Return encoded lengths beyond any input, for a field of `number` bytes."""
    return {
        **{name: varint(length) for name, length in BEYOND.items()},
        "right-in-32-bits": varint(2**32 + number),
        "right-in-53-bits": varint(2**53 + number),
    }


def _beyond_the_input(book: Book) -> None:
    parts = seal(Plan())
    for name, length in _beyond(len(parts.header())).items():
        book.fails(f"beyond/header-length-{name}", "MALFORMED", Plan(), put(header_length=length))
    for name, length in _beyond(len(parts.body)).items():
        book.fails(f"beyond/body-length-{name}", "MALFORMED", Plan(), put(body_length=length))
    for name, length in _beyond(5).items():
        item = blob(b"local", length=length) + blob(b"a") + blob(bytes(64))
        book.fails(f"beyond/provider-length-{name}", "MALFORMED", Plan(wrapped_deks=block([item]) + b"\x00"))
    for name, length in _beyond(1).items():
        item = blob(b"local") + blob(b"a", length=length) + blob(bytes(64))
        book.fails(f"beyond/cmk-id-length-{name}", "MALFORMED", Plan(wrapped_deks=block([item]) + b"\x00"))
        key = block([blob(b"k", length=length) + blob(b"v")]) + b"\x00"
        book.fails(f"beyond/context-key-length-{name}", "MALFORMED", Plan(context=key))
        value = block([blob(b"k") + blob(b"v", length=length)]) + b"\x00"
        book.fails(f"beyond/context-value-length-{name}", "MALFORMED", Plan(context=value))
    for name, length in _beyond(64).items():
        item = blob(b"local") + blob(b"a") + blob(bytes(64), length=length)
        book.fails(f"beyond/ciphertext-length-{name}", "MALFORMED", Plan(wrapped_deks=block([item]) + b"\x00"))
    for name, length in _beyond(9).items():
        book.fails(f"beyond/topic-length-{name}", "MALFORMED", Plan(topic=blob(b"orders.eu", length=length)))
        bound = block([blob(b"schema-id", length=length)]) + b"\x00"
        book.fails(f"beyond/name-length-{name}", "MALFORMED", Plan(bound_headers=bound))
    for name, length in _beyond(32).items():
        named = blob(bytes(32), length=length)
        book.fails(f"beyond/dictionary-length-{name}", "MALFORMED", Plan(compression=varint(3), dictionary=named))
    for name, count in {**BEYOND, "1000000": 1_000_000}.items():
        number = varint(count)
        wrapped = block([wrapping()], count=number) + b"\x00"
        book.fails(f"beyond/wrappings-count-{name}", "MALFORMED", Plan(wrapped_deks=wrapped, iv=_FAR_IV))
        bound = block([blob(b"a")], count=number) + b"\x00"
        book.fails(f"beyond/names-count-{name}", "MALFORMED", Plan(bound_headers=bound, session_id=_FAR_SESSION_ID))
        context = block([entry(b"k", b"v")], count=number) + b"\x00"
        book.fails(f"beyond/context-count-{name}", "MALFORMED", Plan(context=context, session_id=_FAR_SESSION_ID))


def _ends_of_arrays(book: Book) -> None:
    """Announce another block of one item where the end should be; what follows is cut short if read as that item."""
    one_more = varint(1)
    wrapped = block([wrapping()]) + one_more
    book.fails("beyond/wrappings-end-1", "MALFORMED", Plan(wrapped_deks=wrapped, iv=_FAR_IV))
    bound = block([blob(b"schema-id")]) + one_more
    names = (b"schema-id",)
    plan = Plan(names=names, bound_headers=bound, session_id=_FAR_SESSION_ID)
    book.fails("beyond/names-end-1", "MALFORMED", plan)
    context = block([entry(b"env", b"prod")]) + one_more
    book.fails("beyond/context-end-1", "MALFORMED", Plan(context=context, session_id=_FAR_SESSION_ID))


def _varints_without_end(book: Book) -> None:
    for size in (9, 10, 11, 200):
        value = PREFIX + b"\xff" * size
        book.fails(f"varint-without-end/count-{size}-bytes", "MALFORMED", Plan(), becomes(value))
        book.fails(
            f"varint-without-end/body-length-{size}-bytes",
            "MALFORMED",
            Plan(plaintext=b""),
            put(body_length=b"\x80" * size),
        )
