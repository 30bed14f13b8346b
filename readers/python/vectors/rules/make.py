"""Write the file of rule vectors: `python -m vectors.rules.make OUT`, run in `readers/python`."""

from __future__ import annotations

import sys
from pathlib import Path

from . import candidates, demands, examples, local, order, rsa
from .case import RuleBook


def rule_vectors() -> str:
    """Return the text of the file; it is the same wherever it is made."""
    book = RuleBook()
    for module in (examples, local, rsa, candidates, demands, order):
        module.add(book)
    return book.text()


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(rule_vectors().encode("ascii"))
