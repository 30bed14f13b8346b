"""Vectors that open."""

import struct

import gz
from avro import block, pairs
from recipe import PLAIN, PREFIX, Recipe, drawn, make, wrapping

MIB = 1 << 20
BASE = Recipe()
BOUND = BASE.but(key=b"order-17", key_bound=True)
HEADERS = (("a", b"1"), ("b", None), ("a", b""), ("other", b"x"), ("b", b"2"), ("a", None))


def context_of(size: int) -> "tuple[tuple[str, str], ...]":
    """A context whose encoding takes that many bytes."""
    entries = [(f"k{i}".ljust(128, "k"), "v" * 128) for i in range(3)]
    rest = size - len(block(pairs(entries))) - 4
    entries.append(("k3".ljust(128, "z"), "w" * (rest - 128)))
    assert len(block(pairs(entries))) == size
    return tuple(entries)


def filling(size: int) -> Recipe:
    """A recipe whose header takes that many bytes."""
    names = [f"{i:02d}".ljust(250, "n") for i in range(15)]
    spare = size - len(make(BASE.but(bound=tuple(names) + ("z",))).header)
    r = BASE.but(bound=tuple(names) + ("z" * (1 + spare - (1 if spare > 62 else 0)),))
    assert len(make(r).header) == size, (size, len(make(r).header))
    return r


def sealed(add) -> None:
    """`add(name, recipe)`: the data is the plaintext."""
    add("plain", BASE)
    add("plain/key and headers bound", BOUND.but(bound=("a", "b"), headers=HEADERS))
    add("plain/all bytes", BOUND.but(data=bytes(range(256))))
    add("plain/an envelope of its own", BASE.but(data=make(BOUND).envelope))
    add("plain/the prefix alone", BASE.but(data=PREFIX))
    add("plain/a gzip member that is not said to be one", BASE.but(data=gz.member(PLAIN)))
    for size in (0, 1, 63, 64, 8191, 8192):
        add(f"body/{size} bytes", BASE.but(data=drawn(f"body {size}", size)))
    for name, key in {"null": None, "empty": b"", "one zero byte": b"\0", "4 bytes ff": b"\xff" * 4, "300 bytes": drawn("key", 300)}.items():
        add(f"key/bound, {name}", BOUND.but(key=key))
        add(f"key/not bound, {name}", BOUND.but(key=key, key_bound=False))
    for i in (0, 1, 255, 2**32 - 1, 2**32, 2**40, 2**53 + 1, 2**64 - 1):
        add(f"iv/counter {i}", BASE.but(counter=i))
    add("iv/no counter at all", BASE.but(iv=drawn("iv", 12)))
    add("iv/all ff", BASE.but(iv=b"\xff" * 12))

    for name, values in {"absent": [], "one": [b"1"], "empty": [b""], "null": [None], "two": [b"1", b"2"], "null, empty, null": [None, b"", None],
                         "17 of them": [b"%d" % i for i in range(17)]}.items():
        add(f"bound header/{name}", BASE.but(bound=("a",), headers=tuple(("a", v) for v in values)))
    add("bound header/another case does not count", BASE.but(bound=("a",), headers=(("A", b"1"),)))
    add("bound headers/interleaved with others", BASE.but(bound=("a", "b", "c"), headers=HEADERS))
    for name, bound in {
        "bytes, not UTF-16": ("\uff61", "\ufffd", "\U0001f600", "\U0010ffff"),
        "bytes, not numbers": ("1", "10", "2", "9"),
        "upper case first": ("A", "B", "a"),
        "the shorter first": ("a", "a\0", "aa", "ab"),
        "two normalisations": ("e\u0301", "\u00e9"),
        "edges of UTF-8": ("\0", "\x7f", "\x80", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\U00010000"),
        "byte order mark is content": ("a", "\ufeffa"),
        "names that objects have": ("__proto__", "constructor", "hasOwnProperty", "toString"),
    }.items():
        add(f"bound headers/{name}", BASE.but(bound=bound, headers=tuple((n, n.encode()) for n in reversed(bound))))
        add(f"bound headers/{name}, absent", BASE.but(bound=bound))
    add("bound headers/32", BASE.but(bound=tuple(f"h{i:02d}" for i in range(32))))
    add("bound headers/name of 256 bytes", BASE.but(bound=("\U0001f511" * 64,), headers=(("\U0001f511" * 64, b"1"),)))

    for topic in ("t", "t" * 249, ".", "..", "-", "__proto__", "A.z_0-9"):
        add(f"topic/{topic[:9]}, {len(topic)}", BASE.but(topic=topic))
    for name, context in {
        "one character each": (("k", "v"),),
        "128 each": (("k" * 128, "v" * 128),),
        "bytes, not numbers": (("10", "a"), ("9", "b"), ("90", "c")),
        "bytes, not letters": (("+", "1"), ("-", "2"), (".", "3"), ("/", "4"), ("0", "5"), (":", "6"), ("=", "7"), ("@", "8"), ("A", "9"), ("_", "a"), ("a", "b")),
        "keys that objects have": (("__proto__", "x"), ("constructor", "y")),
        "200 entries": tuple((f"{i:02x}", "v") for i in range(200)),
        "1,023 bytes": context_of(1023),
        "1,024 bytes": context_of(1024),
    }.items():
        add(f"context/{name}", BASE.but(context=context))
    for size in (64, 4095, 4096):
        add(f"header/{size} bytes", filling(size) if size > 64 else BASE.but(topic="t" * 11))
    add("header/4,096 bytes and all else at its bound", filling(4096).but(
        key=b"k", key_bound=True, wrappings=tuple(wrapping("p" * 64, f"{i}".ljust(256, "~"), drawn(f"w{i}", 1024)) for i in range(5))))

    for n in range(1, 6):
        add(f"wrappings/{n}", BASE.but(wrappings=tuple(wrapping("local", f"orders-{i}") for i in range(n))))
    add("wrappings/every provider", BASE.but(wrappings=tuple(
        wrapping(p, "ap-guangzhou/6a1c", drawn(p, 256))
        for p in ("local", "local/rsa-oaep-sha256", "tencent-kms", "tencent-kms/rsa-oaep-sha256", "tencent-kms/sm2"))))
    add("wrappings/not in order", BASE.but(wrappings=(wrapping("z", "b"), wrapping("a", "b"), wrapping("a", "a"))))
    add("wrappings/of one ciphertext", BASE.but(wrappings=(wrapping("a", "1", b"same"), wrapping("a", "2", b"same"))))
    add("wrappings/boundary moved between provider and id", BASE.but(wrappings=(wrapping("a/b", "c"), wrapping("a", "b/c"))))
    for size in (1, 1024):
        add(f"wrappings/ciphertext DEK of {size}", BASE.but(wrappings=(wrapping("local", "orders", drawn("w", size)),)))


def compressed(add) -> None:
    """`add(name, plaintext, member)`."""
    add("gzip/nothing", b"", gz.member(b""))
    add("gzip/fixed codes", PLAIN, gz.member(PLAIN))
    add("gzip/stored", PLAIN, gz.member(PLAIN, deflated=gz.stored(PLAIN)))
    add("gzip/stored, three blocks, one empty", PLAIN, gz.member(PLAIN, deflated=gz.stored(PLAIN[:7], b"", PLAIN[7:])))
    mixed = b"\x00" + struct.pack("<HH", 3, 3 ^ 0xFFFF) + b"abc"
    add("gzip/stored, then fixed codes", b"abc" + PLAIN, gz.member(b"abc" + PLAIN, deflated=mixed + gz.fixed(PLAIN)))
    for flags in (*range(1, 32),):
        add(f"gzip/flags {flags:05b}", PLAIN, gz.member(PLAIN, head=gz.header(flags)))
    add("gzip/empty extra, name, comment", PLAIN, gz.member(PLAIN, head=gz.header(gz.FEXTRA | gz.FNAME | gz.FCOMMENT | gz.FHCRC, extra=b"", name=b"", comment=b"")))
    add("gzip/extra with zero bytes before the name", PLAIN, gz.member(PLAIN, head=gz.header(gz.FEXTRA | gz.FNAME, extra=bytes(40))))
    add("gzip/long name", PLAIN, gz.member(PLAIN, head=gz.header(gz.FNAME, name=b"n" * 3000)))
    add("gzip/time, level and system of any value", PLAIN, gz.member(PLAIN, head=gz.header(mtime=0xFFFFFFFF, xfl=0xAB, os=0xCD)))
    inner = gz.member(PLAIN)
    add("gzip/of gzip, taken off once", inner, gz.member(inner, deflated=gz.stored(inner)))
    add("gzip/1 MiB less a byte", bytes(MIB - 1), gz.member(bytes(MIB - 1), deflated=gz.zeros(MIB - 1)))


def example() -> Recipe:
    """Section 18 of the specification."""
    dek = bytes(range(32))
    ciphertext = bytes.fromhex("00000001606162636465666768696a6bac290b06039196a10188733d098b52041f3dfc02032b87191663d1a3b7df19e4093dea3511f101fe2b62075b53c8c249")
    return Recipe(data=b'{"order":17}', topic="orders.eu", key=b"order-17", key_bound=True, bound=("schema-id",), dek=dek, counter=7,
                  headers=(("schema-id", b"42"), ("traceparent", b"00-ab"), ("schema-id", None)), context=(("env", "prod"), ("tenant", "acme")),
                  session_id=bytes(range(0xA0, 0xB0)), wrappings=(wrapping("local", "orders-2025", ciphertext),))


