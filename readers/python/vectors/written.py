"""
Seal values with dictionaries, for readers in other languages: `python -m vectors.written CASES OUT`.

`CASES` is JSON: a list of objects with a `name`, a `dictionary` and a list of `plaintexts`, in hex. `OUT` is a vector
file, with an entry for each plaintext.
"""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path
from typing import Any

from .book import Book
from .deflated import deflated

LEVELS = range(10)
STRATEGIES = (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED)


def written(cases: list[dict[str, Any]]) -> str:
    """Return the vector file; the values take turns with the levels and strategies of zlib."""
    book = Book()
    for case in cases:
        dictionary = bytes.fromhex(case["dictionary"])
        for index, plaintext in enumerate(map(bytes.fromhex, case["plaintexts"])):
            level = LEVELS[index % len(LEVELS)]
            strategy = STRATEGIES[index // len(LEVELS) % len(STRATEGIES)]
            deflater = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, 8, strategy, dictionary)
            data = deflater.compress(plaintext) + deflater.flush()
            book.opens(f"{case['name']}/{index}", deflated(plaintext, data, dictionary))
    return book.text()


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(written(json.loads(Path(sys.argv[1]).read_text("ascii"))), "ascii")
