"""A collection of vectors, each with the result that follows from how it was made (format section 17)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from .plan import Parts, Plan, Record, seal

Change = Callable[[Parts], "Parts | bytes"]
"""What is done to a sealed value before it is read: to its parts, or to all of its bytes."""


def unchanged(parts: Parts) -> Parts:
    """Return what was sealed."""
    return parts


def put(**fields: bytes) -> Callable[[Parts], Parts]:
    """Return the change that puts other content into fields."""
    return lambda parts: replace(parts, **fields)


def becomes(value: bytes) -> Change:
    """Return the change to a value that does not depend on what was sealed."""
    return lambda _: value


class Book:
    """
    Collects vectors.

    `change` is what happened to the value after sealing; `read` is the record that it is read with, if not the sealed.
    """

    def __init__(self) -> None:
        self._lines: dict[str, str] = {}

    def opens(self, name: str, plan: Plan, change: Change = unchanged, read: Record | None = None) -> None:
        """Add a vector that opens and gives the plan's plaintext."""
        self._add(name, plan, change, read, plaintext=plan.plaintext, error=None)

    def fails(self, name: str, code: str, plan: Plan, change: Change = unchanged, read: Record | None = None) -> None:
        """Add a vector that fails with `code`."""
        self._add(name, plan, change, read, plaintext=None, error=code)

    def form(self, name: str, plan: Plan, change: Change = unchanged) -> None:
        """Add a vector that is malformed by form or bounds alone."""
        self.fails(f"form/{name}", "MALFORMED", plan, change)

    def text(self) -> str:
        """Return the vector file: ASCII, one vector per line."""
        return "[\n" + ",\n".join(self._lines.values()) + "\n]\n"

    def _add(
        self, name: str, plan: Plan, change: Change, read: Record | None, *, plaintext: bytes | None, error: str | None
    ) -> None:
        if name in self._lines:
            raise ValueError(f"there are two vectors of the name {name}")
        plan = replace(plan, seed=name)
        changed = change(seal(plan))
        record = read or plan.record
        self._lines[name] = json.dumps(
            {
                "name": name,
                "dek": plan.actual_dek().hex(),
                "dictionaries": [dictionary.hex() for dictionary in plan.dictionaries],
                "topic": record.topic,
                "key": _hex(record.key),
                "headers": [[header, _hex(value)] for header, value in record.headers],
                "envelope": (changed.value() if isinstance(changed, Parts) else changed).hex(),
                "plaintext": _hex(plaintext),
                "error": error,
            }
        )


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()
