"""Vectors about unwrapping under `local` (format sections 9, 10 and 21)."""

from __future__ import annotations

from dataclasses import replace

from kafka_envelope_reader.aad import u32

from ..book import put
from ..encode import array, entry
from ..opening import FULL_CONTEXT, context_of_size
from .case import ORDERS, Case, RuleBook
from .cmks import Aes, Wrap, flipped, resized
from .examples import CONTEXT

LAST = 2**32 - 1
PREFIX = b"kafka-envelope/local/v1"
CANONICAL = b'{"env":"prod","tenant":"acme"}'
VERSIONED = Aes(id="versioned", versions=(1, 2, LAST))


def add(book: RuleBook) -> None:
    """Add all of them."""
    _versions(book)
    _lengths(book)
    _contexts(book)
    _ids(book)
    _bits(book)
    _disabled(book)


def _case(wrap: Wrap, cmk: Aes = VERSIONED, context: tuple[tuple[str, str], ...] = CONTEXT) -> Case:
    return Case(wraps=[wrap], keyring=[cmk], context=context)


def _versions(book: RuleBook) -> None:
    for version in VERSIONED.versions:
        book.opens(f"local/version-{version}", _case(VERSIONED.wrap(version=version)))
    gap = Aes(id="gap", versions=(7, 2**31))
    for version in gap.versions:
        book.opens(f"local/version-{version}-of-a-gap", _case(gap.wrap(version=version), gap))
    for version in (1, 6, 8, LAST):
        book.fails(f"local/version-{version}-is-not-there", "CMK_NOT_FOUND", _case(gap.wrap(version=version), gap))
    book.fails("local/version-0", "UNWRAP_FAILED", _case(gap.wrap(version=0), gap))
    book.fails("local/version-0-of-a-key-that-fits", "UNWRAP_FAILED", _case(gap.wrap(stated_version=0), gap))
    for used, stated in ((1, 2), (LAST, 1)):
        name = f"local/version-{used}-stated-as-{stated}"
        book.fails(name, "UNWRAP_FAILED", _case(VERSIONED.wrap(version=used, stated_version=stated)))
    little_endian = gap.wrap(change=lambda content: content[3::-1] + content[4:])
    book.fails("local/version-little-endian", "CMK_NOT_FOUND", _case(little_endian, gap))
    missing = gap.wrap(version=8, change=flipped(-1))
    book.fails("local/version-is-looked-for-before-the-tag-is-verified", "CMK_NOT_FOUND", _case(missing, gap))


def _lengths(book: RuleBook) -> None:
    for size in (1, 4, 32, 63, 65, 128, 1024):
        wrap = VERSIONED.wrap(change=resized(size))
        book.fails(f"local/{size}-bytes", "UNWRAP_FAILED", _case(wrap))
    for size in (63, 65):
        without = VERSIONED.wrap(version=9, change=resized(size))
        book.fails(f"local/{size}-bytes-of-a-version-that-is-not-there", "UNWRAP_FAILED", _case(without))
    book.fails("local/wrapping-of-31-bytes", "UNWRAP_FAILED", _case(VERSIONED.wrap(dek=bytes(31))))
    book.fails("local/wrapping-of-33-bytes", "UNWRAP_FAILED", _case(VERSIONED.wrap(dek=bytes(33))))


def _contexts(book: RuleBook) -> None:
    def opens(name: str, *context: tuple[str, str]) -> None:
        book.opens(f"local/context/{name}", _case(VERSIONED.wrap(), context=context))

    opens("empty")
    opens("slashes", ("a/b", "//c/d="))
    opens("all-signs", ("._:/@=+-", "-+=@/:_."))
    opens("numbers-by-bytes", ("10", "ten"), ("9", "nine"))
    opens("case-by-bytes", ("B", "1"), ("a", "2"))
    opens("prototype-members", ("__proto__", "x"), ("constructor", "y"))
    opens("longest-texts", ("k" * 128, "v" * 128))
    full = tuple((f"k{index}", "v" * 128) for index in range(len(FULL_CONTEXT)))
    rest = (1024 - len(array([entry(key.encode(), text.encode()) for key, text in full]))) - 5
    largest = (*full, ("k7", "v" * rest))
    encoded = array([entry(key.encode(), text.encode()) for key, text in largest])
    if encoded != context_of_size(1024):
        raise ValueError("the context is not the largest one")
    opens("largest", *largest)

    def fails(name: str, bound: bytes, context: tuple[tuple[str, str], ...] = CONTEXT) -> None:
        wrap = VERSIONED.wrap(context=bound)
        book.fails(f"local/context/{name}", "UNWRAP_FAILED", _case(wrap, context=context))

    fails("wrapped-without", b"")
    fails("wrapped-with-another", b'{"env":"prod","tenant":"acmf"}')
    fails("wrapped-with-less", b'{"env":"prod"}')
    fails("wrapped-with-white-space", b'{"env": "prod", "tenant": "acme"}')
    fails("wrapped-in-another-order", b'{"tenant":"acme","env":"prod"}')
    fails("empty-wrapped-as-braces", b"{}", ())
    fails("empty-wrapped-with-one", b'{"env":"prod"}', ())
    fails("numbers-wrapped-by-value", b'{"9":"nine","10":"ten"}', (("10", "ten"), ("9", "nine")))
    fails("slash-wrapped-with-an-escape", b'{"a":"b\\/c"}', (("a", "b/c"),))
    emptied = replace(_case(VERSIONED.wrap()), change=put(context=array([])))
    book.fails("local/context/removed-from-the-header", "UNWRAP_FAILED", emptied)
    added = replace(_case(VERSIONED.wrap(), context=()), change=put(context=array([entry(b"a", b"b")])))
    book.fails("local/context/added-to-the-header", "UNWRAP_FAILED", added)


def _ids(book: RuleBook) -> None:
    for name, cmk_id in {
        "1-character": "!",
        "256-characters": "~" * 256,
        "all-characters": bytes(range(0x21, 0x7F)).decode("ascii"),
        "like-a-path": "../../etc?x=%00#",
    }.items():
        cmk = Aes(id=cmk_id)
        book.opens(f"local/id/{name}", _case(cmk.wrap(), cmk))
    key = bytes(range(0x80, 0xA0))
    twin = Aes(id="orders-twin", keys={1: key})
    cmk = Aes(keys={1: key})
    own_id = cmk.id.encode()
    for what, bound in {
        "of-another-cmk-with-the-same-key": PREFIX + u32(11) + b"orders-twin" + CANONICAL,
        "without-length": PREFIX + own_id + CANONICAL,
        "with-a-little-endian-length": PREFIX + b"\x0b\x00\x00\x00" + own_id + CANONICAL,
        "in-upper-case": PREFIX + u32(11) + own_id.upper() + CANONICAL,
        "behind-the-context": PREFIX + CANONICAL + u32(11) + own_id,
        "behind-another-text": b"kafka-envelope/local/v2" + u32(11) + own_id + CANONICAL,
        "all-missing": b"",
    }.items():
        case = Case(wraps=[cmk.wrap(aad=bound)], keyring=[cmk, twin], context=CONTEXT)
        book.fails(f"local/id/aad-{what}", "UNWRAP_FAILED", case)
    book.opens("local/id/aad-by-hand", _case(cmk.wrap(aad=PREFIX + u32(11) + own_id + CANONICAL), cmk))


def _bits(book: RuleBook) -> None:
    for part, first, last in (("iv", 4, 15), ("ciphertext", 16, 47), ("tag", 48, 63)):
        for where, change in (("first", flipped(first, 0x80)), ("last", flipped(last))):
            book.fails(f"local/{part}-{where}-bit", "UNWRAP_FAILED", _case(VERSIONED.wrap(change=change)))
    change = flipped(0, 0x80)
    book.fails("local/version-first-bit", "CMK_NOT_FOUND", _case(VERSIONED.wrap(version=1, change=change)))
    for name, iv in {"zeros": bytes(12), "ones": b"\xff" * 12}.items():
        book.opens(f"local/iv-{name}", _case(VERSIONED.wrap(iv=iv)))


def _disabled(book: RuleBook) -> None:
    disabled = Aes(id="disabled", versions=(1, 2), enabled=False)
    for name, wrap in {
        "": disabled.wrap(),
        "-and-of-another-length": disabled.wrap(change=resized(63)),
        "-and-of-version-0": disabled.wrap(version=0),
        "-and-of-a-version-that-is-not-there": disabled.wrap(version=3),
        "-and-with-a-wrong-tag": disabled.wrap(change=flipped(-1)),
    }.items():
        book.fails(f"local/disabled{name}", "CMK_DISABLED", _case(wrap, disabled))
    enabled = replace(disabled, enabled=True)
    book.opens("local/enabled-beside-a-disabled-one", Case(wraps=[ORDERS.wrap()], keyring=[disabled, ORDERS]))
    book.opens("local/enabled-again", _case(enabled.wrap(), enabled))
