"""Vectors about candidates: which wrappings are tried, in which order, and what is reported (steps 8 to 11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

from ..encode import varint
from ..gzipped import gzipped
from ..plan import Parts
from .case import ORDERS, Case, RuleBook, accepting
from .cmks import Aes, Cmk, Rsa, Wrap, flipped, foreign

A, B, C, D, E = (Aes(id=f"cmk-{letter}") for letter in "abcde")
WRONG_DEK = bytes(32)

KINDS = {
    "unwrap": "UNWRAP_FAILED",
    "mismatch": "COMMITMENT_MISMATCH",
    "disabled": "CMK_DISABLED",
    "not-found": "CMK_NOT_FOUND",
    "unusable": "CMK_UNUSABLE",
}
"""Ways to fail in step 9 or 10. None is transient: those do not occur without a KMS that is called."""

UNREADABLE = ("disabled", "not-found", "unusable")


def add(book: RuleBook) -> None:
    """Add all of them."""
    _order(book)
    _failures(book)
    _ignored(book)
    _final(book)
    _counts(book)


def failing(how: str, place: int) -> tuple[Cmk, Wrap]:
    """Return a CMK and a wrapping under it that fails in that way; CMKs of different places are different."""
    cmk = Aes(id=f"{how}-{place}", enabled=how != "disabled")
    if how == "unusable":
        rsa = Rsa(id=f"{how}-{place}", public_only=True)
        return rsa, rsa.wrap()
    wraps = {
        "unwrap": cmk.wrap(change=flipped(-1)),
        "mismatch": cmk.wrap(dek=WRONG_DEK),
        "disabled": cmk.wrap(),
        "not-found": cmk.wrap(version=2),
    }
    return cmk, wraps[how]


def in_turn(*steps: str, envelope: Sequence[int] | None = None) -> Case:
    """Return a case whose rule has CMKs that fail as `steps` say, or `good` ones; `envelope` is the order there."""
    pairs = [
        (cmk := Aes(id=f"good-{place}"), cmk.wrap()) if how == "good" else failing(how, place)
        for place, how in enumerate(steps)
    ]
    cmks = [cmk for cmk, _ in pairs]
    places = range(len(pairs)) if envelope is None else envelope
    rule = accepting(*cmks, accept_public_key_sealing=True)
    return Case(keyring=cmks, wraps=[pairs[place][1] for place in places], rule=rule)


def reported(*steps: str) -> str:
    """Return the code by the words of section 13, for candidates that all fail: none of them transiently."""
    return KINDS[next((how for how in steps if how not in UNREADABLE), steps[0])]


def _order(book: RuleBook) -> None:
    for place in (0, 3):
        rule = accepting(*[A, B, C, D, E][place:], *[A, B, C, D, E][:place])
        wraps = [cmk.wrap() for cmk in (C, A, E, B, D)]
        book.opens(f"candidates/five-from-{place}", Case(keyring=[A, B, C, D, E], wraps=wraps, rule=rule))
    for envelope in ((0, 1, 2), (1, 0, 2), (2, 1, 0)):
        name = "".join(map(str, envelope))
        case = in_turn("mismatch", "unwrap", "good", envelope=envelope)
        book.fails(f"candidates/order-is-the-rule-s/envelope-{name}", "COMMITMENT_MISMATCH", case)
    case = in_turn("unwrap", "good", "unwrap", "disabled", envelope=(3, 2, 0, 1))
    book.opens("candidates/order-is-the-rule-s/good-comes-second", case)


def _failures(book: RuleBook) -> None:
    for how, code in KINDS.items():
        book.fails(f"candidates/{how}", code, in_turn(how))
        book.opens(f"candidates/{how}-gives-way", in_turn(how, "good"))
    for one, other in permutations(KINDS, 2):
        if "mismatch" in (one, other) and {one, other} & set(UNREADABLE[1:]):
            continue  # enough of these: the kind is what matters
        book.fails(f"candidates/{one}-and-{other}", reported(one, other), in_turn(one, other))
        if {one, other} & set(UNREADABLE):
            book.opens(f"candidates/{one}-and-{other}-give-way", in_turn(one, other, "good"))
        else:
            name = f"candidates/{one}-and-{other}-hide-a-good-one"
            book.fails(name, reported(one, other), in_turn(one, other, "good"))
    for last in UNREADABLE:
        name = f"candidates/two-that-are-invalid-hide-{last}"
        book.fails(name, "UNWRAP_FAILED", in_turn("unwrap", "mismatch", last))


def _ignored(book: RuleBook) -> None:
    keyring = [ORDERS, A, B]

    def opens(name: str, *wraps: Wrap) -> None:
        book.opens(f"ignored/{name}", Case(keyring=keyring, wraps=wraps, rule=accepting(ORDERS)))

    def fails(name: str, *wraps: Wrap) -> None:
        book.fails(f"ignored/{name}", "NO_CANDIDATE", Case(keyring=keyring, wraps=wraps, rule=accepting(ORDERS)))

    broken = (A.wrap(change=flipped(-1)), B.wrap(dek=WRONG_DEK))
    opens("two-that-would-fail-of-cmks-that-the-rule-lacks", *broken, ORDERS.wrap())
    opens(
        "foreign-providers",
        foreign(b"tencent-kms", b"ap-guangzhou/1"),
        foreign(b"tencent-kms/sm2", b"ap-guangzhou/2"),
        foreign(b"other-kms/unheard-of", b"orders-2025"),
        ORDERS.wrap(),
    )
    opens("asymmetric-ones-of-the-same-id", foreign(b"local/rsa-oaep-sha256", b"orders-2025"), ORDERS.wrap())
    opens("longer-provider", foreign(b"local/", b"orders-2025"), foreign(b"local2", b"orders-2025"), ORDERS.wrap())
    opens("id-in-another-case", foreign(b"local", b"ORDERS-2025"), foreign(b"local", b"Orders-2025"), ORDERS.wrap())
    fails("only-a-cmk-that-the-rule-lacks", A.wrap())
    fails("only-foreign-providers", foreign(b"tencent-kms", b"orders-2025"), foreign(b"x", b"orders-2025"))
    fails("only-an-id-that-begins-so", foreign(b"local", b"orders-20251"), foreign(b"local", b"orders-202"))
    fails("only-an-id-in-another-case", foreign(b"local", b"ORDERS-2025"))
    fails("only-an-asymmetric-one-of-the-same-id", foreign(b"local/rsa-oaep-sha256", b"orders-2025"))
    fails(
        "only-a-foreign-one-with-a-good-ciphertext",
        lambda sealing: ORDERS.wrap()(sealing).replace(b"local", b"other", 1),
    )
    missing = Case(keyring=[A, B, C], wraps=[B.wrap()], rule=accepting(A, C, B))
    book.opens("ignored/cmks-of-the-rule-that-the-envelope-lacks", missing)
    wraps = [A.wrap(change=flipped(-1)), foreign(b"local", b"x"), foreign(b"y", b"z"), B.wrap()]
    book.opens("ignored/foreign-ones-do-not-count-as-failures", Case(keyring=[A, B], wraps=wraps))


def with_wrong_tag(parts: Parts) -> Parts:
    """Return what was sealed with another tag."""
    return replace(parts, tag=flipped(-1)(parts.tag))


def _final(book: RuleBook) -> None:
    def tampered(name: str, case: Case) -> None:
        book.fails(f"final/{name}", "AUTHENTICATION_FAILED", replace(case, change=with_wrong_tag))

    tampered("two-good-ones", in_turn("good", "good"))
    for how in KINDS:
        tampered(f"{how}-then-a-good-one", in_turn(how, "good"))
    tampered("good-one-then-disabled", in_turn("good", "disabled"))
    corrupt = gzipped(b"text", b"no member")
    book.fails(
        "final/decompression", "DECOMPRESSION_FAILED", replace(in_turn("disabled", "good", "good"), plan=corrupt)
    )
    unknown = replace(in_turn("disabled").plan, compression=varint(4))
    book.fails("final/header-before-candidates", "UNKNOWN_COMPRESSION", replace(in_turn("disabled"), plan=unknown))


def _counts(book: RuleBook) -> None:
    """Five wrappings, one or two of which fail, and those of an envelope that was wrapped again under another CMK."""
    book.opens("candidates/five-the-second-good", in_turn("unwrap", "good", "unwrap", "mismatch", "disabled"))
    book.opens("candidates/five-the-third-good", in_turn("disabled", "unwrap", "good", "good", "good"))
    book.opens("candidates/five-the-last-good", in_turn("disabled", "not-found", "unwrap", "unusable", "good"))
    book.fails("candidates/five-the-last-to-blame", "UNWRAP_FAILED", in_turn(*["disabled"] * 4, "unwrap"))
    book.fails("candidates/five-that-fail", "UNWRAP_FAILED", in_turn(*["unwrap"] * 5))
    book.fails("candidates/two-that-fail", "COMMITMENT_MISMATCH", in_turn("mismatch", "not-found"))
    again = Aes(id="orders-2026", versions=(3,))
    book.opens("candidates/wrapped-again-under-a-later-cmk", Case(keyring=[again, ORDERS], wraps=[again.wrap()]))
