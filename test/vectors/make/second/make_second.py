#!/usr/bin/env python3
"""A second set of test vectors of envelope format 1, made from docs/format.md alone.

Shares no code with the library, nor with make_vectors.py: where two readings of the specification agree with a third,
it says what it means. Compressed data is written by hand, so no version of zlib changes a byte. Needs `cryptography`.
python3 make_second.py > ../../v1-second.json
"""

import json
import sys
from typing import Optional

import form
import opening
import refused
from recipe import Recipe, make

SAME = object()
vectors: "list[dict[str, object]]" = []
names: "set[str]" = set()


def put(name: str, r: Recipe, envelope: bytes, plaintext: Optional[bytes], code: Optional[str], *, topic: "str | object" = SAME,
        key: object = SAME, headers: object = SAME) -> None:
    assert name not in names, name
    assert (plaintext is None) != (code is None), name
    names.add(name)
    key, headers = (r.key if key is SAME else key), (r.headers if headers is SAME else headers)
    vectors.append({
        "name": name,
        "dek": r.dek.hex(),
        "topic": topic,
        "key": None if key is None else key.hex(),
        "headers": [[n, None if v is None else v.hex()] for n, v in headers],
        "envelope": envelope.hex(),
        "plaintext": None if plaintext is None else plaintext.hex(),
        "error": code,
    })


def opens(name: str, r: Recipe) -> None:
    put(f"opens/{name}", r, make(r).envelope, r.data, None, topic=r.topic)


def opens_compressed(name: str, plaintext: bytes, member: bytes) -> None:
    r = opening.BASE.but(data=member, compression=1)
    put(f"opens/{name}", r, make(r).envelope, plaintext, None, topic=r.topic)


def refuses(name: str, r: Recipe, code: str, recipe: Optional[Recipe] = None, topic: str = "orders.eu", **seen: object) -> None:
    put(f"refused/{name}", r, make(recipe or r).envelope, None, code, topic=topic, **seen)


def refuses_bytes(name: str, r: Recipe, envelope: bytes, code: str) -> None:
    put(f"refused/{name}", r, envelope, None, code, topic=r.topic)


def refuses_compressed(name: str, member: bytes, code: str) -> None:
    refuses(name, opening.BASE.but(data=member, compression=1), code)


def refuses_form(name: str, r: Recipe, topic: Optional[str] = None) -> None:
    put(f"form/{name}", r, make(r).envelope, None, "MALFORMED", topic=r.topic if topic is None else topic)


example = opening.example()
assert make(example).envelope.hex() == (
    "c3010fea18fa6fe363e8020a6c6f63616c166f72646572732d32303235800100000001606162636465666768696a6bac290b06039196a10188733d098b52041f"
    "3dfc02032b87191663d1a3b7df19e4093dea3511f101fe2b62075b53c8c24900c0010200010212736368656d612d696400126f72646572732e65750406656e76"
    "0870726f640c74656e616e740861636d6500a0a1a2a3a4a5a6a7a8a9aaabacadaeaf2ea7625e1fc1f8bae2cbff0798f3b5440b277db7c9b7e82888977ce60705"
    "da0e0000000000000000000000074ebddc0f3730e2ef9a75c20f0a9b8d21183da9aa0e498c0ac34ef29126"
), "section 18"
opens("section 18", example)
opening.sealed(opens)
opening.compressed(opens_compressed)
refused.in_pairs(refuses)
refused.numbers(refuses)
refused.keys(refuses)
refused.sealers(refuses)
refused.bytes_changed(refuses_bytes)
refused.compressed(refuses_compressed)
refused.not_sealed(refuses_bytes)
form.all_of(refuses_form)

opened = sum(v["error"] is None for v in vectors)
print(f"{opened} open, {len(vectors) - opened} do not", file=sys.stderr)
print("[\n" + ",\n".join(json.dumps(v, ensure_ascii=False) for v in vectors) + "\n]")
