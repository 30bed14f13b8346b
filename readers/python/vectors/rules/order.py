"""Vectors with two faults at once, which show the order of checks under a rule (format section 13)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations

from ..encode import blob, varint
from ..gzipped import gzipped
from .candidates import with_wrong_tag
from .case import ORDERS, Case, RuleBook
from .cmks import flipped
from .examples import OTHER

MakeCase = Callable[[Case], Case]


@dataclass(frozen=True)
class Fault:
    """What makes a case that opens fail at one step."""

    name: str
    code: str
    put: MakeCase


def _plan(**members: object) -> MakeCase:
    return lambda case: replace(case, plan=replace(case.plan, **members))  # type: ignore[arg-type]


def _rule(**members: object) -> MakeCase:
    return lambda case: replace(case, rule=replace(case.actual_rule(), **members))  # type: ignore[arg-type]


def _not_a_member(case: Case) -> Case:
    corrupt = gzipped(case.plan.plaintext, b"no member")
    return replace(case, plan=replace(case.plan, data=corrupt.data, compression=corrupt.compression))


FAULTS = (
    Fault("suite", "UNKNOWN_SUITE", _plan(suite=varint(2))),
    Fault("compression", "UNKNOWN_COMPRESSION", _plan(compression=varint(4))),
    Fault("dictionary", "DICTIONARY_UNKNOWN", _plan(compression=varint(3), dictionary=blob(bytes(32)))),
    Fault("topic", "WRONG_TOPIC", _rule(topic="orders.us")),
    Fault("requirement", "REQUIREMENT_UNMET", _rule(require_headers=("region",), require_context={"env": "test"})),
    Fault("candidate", "NO_CANDIDATE", _rule(cmks=(OTHER.pair,))),
    Fault("unwrapping", "UNWRAP_FAILED", lambda case: replace(case, wraps=[ORDERS.wrap(change=flipped(-1))])),
    Fault("commitment", "COMMITMENT_MISMATCH", _plan(commitment=bytes(32))),
    Fault("tag", "AUTHENTICATION_FAILED", lambda case: replace(case, change=with_wrong_tag)),
    Fault("decompression", "DECOMPRESSION_FAILED", _not_a_member),
)
"""In the order of the steps."""


def add(book: RuleBook) -> None:
    """Add each pair of faults of steps 5 to 12, which fails as the first of them does; the second is made first."""
    sound = Case(keyring=[ORDERS, OTHER], wraps=[ORDERS.wrap()])
    book.opens("order/no-fault", sound)
    for first, second in combinations(FAULTS[2:], 2):
        book.fails(f"order/{first.name}-before-{second.name}", first.code, first.put(second.put(sound)))
    all_faults = sound
    for fault in reversed(FAULTS):
        all_faults = fault.put(all_faults)
        book.fails(f"order/all-from-{fault.name}", fault.code, all_faults)
