"""A rule vector before it is written: a record sealed under CMKs, and the rule that it is read under."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from kafka_envelope_reader.aad import canonical_context
from kafka_envelope_reader.rule import Rule

from ..book import Change
from ..book import unchanged as as_sealed
from ..encode import array, entry
from ..plan import Parts, Plan, Record, seal
from .cmks import Aes, Cmk, Sealing, Wrap

ORDERS = Aes(keys={1: bytes(range(0x40, 0x60))})
"""The CMK of the worked examples."""

PLAN = Plan()


def accepting(*cmks: Cmk, topic: str = Record().topic, **members: Any) -> Rule:  # noqa: ANN401
    """Return the rule that accepts CMKs in this order, for records of `topic`."""
    return Rule(topic=topic, cmks=tuple(cmk.pair for cmk in cmks), **members)


@dataclass(frozen=True, kw_only=True)
class Case:
    """
    What is sealed and read.

    `plan` says how the value is sealed, its wrappings and context apart: these are `wraps` and `context`. `rule`
    accepts all CMKs of the keyring if not given, in their order. `change` is what happens to the value after sealing.
    `read` is the record that it is read with, if not the sealed one; the topic read is always that of the rule.
    """

    plan: Plan = PLAN
    context: tuple[tuple[str, str], ...] = ()
    wraps: Sequence[Wrap] = (ORDERS.wrap(),)
    keyring: Sequence[Cmk] = (ORDERS,)
    rule: Rule | None = None
    change: Change = as_sealed
    read: Record | None = None

    def actual_rule(self) -> Rule:
        """Return the rule."""
        return self.rule or accepting(*self.keyring)

    def value(self, name: str) -> bytes:
        """Return the record value; `name` decides what is random."""
        plan = replace(self.plan, seed=f"rules/{name}")
        sealing = Sealing(plan.actual_dek(), canonical_context(self.context), name)
        plan = replace(
            plan,
            wrapped_deks=array([wrap(sealing) for wrap in self.wraps]),
            context=array([entry(key.encode(), text.encode()) for key, text in self.context]),
        )
        changed = self.change(seal(plan))
        return changed.value() if isinstance(changed, Parts) else changed


class RuleBook:
    """Collects rule vectors, each with the result that follows from how it was made."""

    def __init__(self) -> None:
        self._lines: dict[str, str] = {}

    def opens(self, name: str, case: Case) -> None:
        """Add a vector that opens and gives the plan's plaintext."""
        self._add(name, case, envelope=case.value(name).hex(), plaintext=case.plan.plaintext.hex(), error=None)

    def fails(self, name: str, code: str, case: Case) -> None:
        """Add a vector that fails with `code`."""
        self._add(name, case, envelope=case.value(name).hex(), plaintext=None, error=code)

    def tombstone(self, name: str, code: str | None, case: Case) -> None:
        """Add a vector whose value is null: it passes, or fails with `code`."""
        self._add(name, case, envelope=None, plaintext=None, error=code)

    def text(self) -> str:
        """Return the vector file: ASCII, one vector per line."""
        return "[\n" + ",\n".join(self._lines.values()) + "\n]\n"

    def _add(self, name: str, case: Case, **result: str | None) -> None:
        if name in self._lines:
            raise ValueError(f"there are two vectors of the name {name}")
        rule = case.actual_rule()
        if not set(rule.cmks) <= {cmk.pair for cmk in case.keyring}:
            raise ValueError(f"{name}: a CMK of the rule is not in the keyring")
        record = case.read or case.plan.record
        self._lines[name] = json.dumps(
            {
                "name": name,
                "keyring": {"schemaVersion": 1, "cmks": [cmk.member() for cmk in case.keyring]},
                "rule": _members(rule),
                "topic": rule.topic,
                "key": _hex(record.key),
                "headers": [[header, _hex(value)] for header, value in record.headers],
                **result,
            }
        )


def _members(rule: Rule) -> dict[str, Any]:
    return {
        "cmks": [list(pair) for pair in rule.cmks],
        "acceptPublicKeySealing": rule.accept_public_key_sealing,
        "originalTopics": [*rule.original_topics, *(f"{prefix}*" for prefix in rule.original_prefixes)],
        "require": {
            "keyBound": rule.require_key,
            "headers": list(rule.require_headers),
            "context": dict(rule.require_context),
        },
        "tombstones": "reject" if rule.reject_tombstones else "pass",
        "maxDecompressedBytes": rule.max_decompressed_bytes,
    }


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()
