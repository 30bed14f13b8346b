"""Write the vector file: `python -m vectors.make OUT`, run in `readers/python`."""

from __future__ import annotations

import sys
from pathlib import Path

from . import broken, deflated, form, gzipped, opening, tampered
from .book import Book


def vectors() -> str:
    """Return the text of the vector file; it is the same wherever it is made."""
    book = Book()
    for module in (opening, gzipped, deflated, broken, tampered, form):
        module.add(book)
    return book.text()


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(vectors().encode("ascii"))
