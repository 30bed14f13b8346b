"""Vectors that do not open, and whose refusal every reader agrees about, strict or lenient."""

import struct
from itertools import combinations

import gz
from avro import blob, number
from opening import BASE, BOUND, HEADERS, MIB
from recipe import PLAIN, PREFIX, drawn, hkdf, make, u32


def flipped(data: bytes, at: int, bit: int = 1) -> bytes:
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


# One fault for each step of section 13 that bytes alone can fail: how it changes the recipe, then the topic read, then the envelope.
FAULTS = [
    ("UNKNOWN_FORMAT", "fingerprint", lambda r: r.writes(prefix=flipped(PREFIX, 9))),
    ("MALFORMED", "body longer than the input", lambda r: r.writes(bodyLength=number(len(r.data) + 1))),
    ("MALFORMED", "header cut", lambda r: r.but(cut_header=1)),
    ("UNKNOWN_SUITE", "suite 3", lambda r: r.but(suite=3)),
    ("UNKNOWN_COMPRESSION", "compression 3", lambda r: r.but(compression=3)),
    ("WRONG_TOPIC", "sealed for another topic", lambda r: r.but(topic="orders.us")),
    ("COMMITMENT_MISMATCH", "commitment", lambda r: r.writes(commitment=drawn("commitment", 32))),
    ("AUTHENTICATION_FAILED", "AAD", lambda r: r.but(aad=lambda aad: aad + b"\0")),
    ("DECOMPRESSION_FAILED", "not gzip", lambda r: r.but(data=PLAIN) if r.compression == 3 else r.but(compression=1)),
]


def in_pairs(add) -> None:
    """`add(name, recipe, code)`: the fault that comes first in the order of checks decides."""
    for (code, first, spoil), (_, second, spoil_too) in combinations(FAULTS, 2):
        add(f"pair/{first} before {second}", spoil_too(spoil(BASE)), code)
    everything = BASE
    for _, _, spoil in reversed(FAULTS):
        everything = spoil(everything)
    add("pair/all at once", everything, "UNKNOWN_FORMAT")
    for code, name, spoil in FAULTS:
        add(f"alone/{name}", spoil(BASE), code)


def numbers(add) -> None:
    for n in (0, 2, 3, -2, 63, 64, -65, 2**28, 2**31 - 1, -(2**31)):
        add(f"suite/{n}", BASE.but(suite=n), "UNKNOWN_SUITE")
    for n in (3, -1, -2, 63, 64, -65, 2**28, 2**31 - 1, -(2**31)):
        add(f"compression/{n}", BASE.but(compression=n), "UNKNOWN_COMPRESSION")


def keys(add) -> None:
    """`add(name, recipe, code, **what the reader sees instead)`."""
    no = "AUTHENTICATION_FAILED"
    for name, key, read in (("another", b"a", b"b"), ("null for empty", b"", None), ("empty for null", None, b""), ("cut", b"ab", b"a"),
                            ("longer", b"a", b"a\0"), ("null for one", b"a", None)):
        add(f"key/{name}", BOUND.but(key=key), no, key=read)
    bound = BASE.but(bound=("a", "b"), headers=HEADERS)
    for name, headers in {
        "one changed": (("a", b"2"),) + HEADERS[1:],
        "one removed": HEADERS[1:],
        "one added": HEADERS + (("a", b"1"),),
        "two swapped": (HEADERS[2], HEADERS[1], HEADERS[0]) + HEADERS[3:],
        "null for empty": HEADERS[:2] + (("a", None),) + HEADERS[3:],
        "moved to the other name": HEADERS[:-2] + (("a", b"2"),) + HEADERS[-1:],
        "all gone": (),
    }.items():
        add(f"bound headers/{name}", bound, no, headers=headers)
    add("bound headers/boundary moved between values", BASE.but(bound=("a",), headers=(("a", b"12"), ("a", b"3"))), no, headers=(("a", b"1"), ("a", b"23")))
    add("bound headers/boundary moved between names", BASE.but(bound=("a", "b"), headers=(("a", b"1"),)), no, headers=(("b", b"1"),))
    add("bound headers/another case", BASE.but(bound=("a",), headers=(("a", b"1"),)), no, headers=(("A", b"1"),))
    add("bound headers/the other normalisation", BASE.but(bound=("\u00e9",), headers=(("\u00e9", b"1"),)), no, headers=(("e\u0301", b"1"),))
    for topic in ("orders.e", "orders.euu", "Orders.eu", "orders_eu", "orders", "orders.us"):
        add(f"topic/read from {topic}", BASE, "WRONG_TOPIC", topic=topic)


def sealers(add) -> None:
    """Sealers that got a step wrong: the tag is valid over something else than the specification says."""
    no = "AUTHENTICATION_FAILED"
    for name, aad in {
        "empty": lambda aad: b"",
        "without the prefix": lambda aad: aad[10:],
        "length of the header little-endian": lambda aad: aad[:10] + aad[10:14][::-1] + aad[14:],
        "without the length of the header": lambda aad: aad[:10] + aad[14:],
        "without the key part": lambda aad: aad[:-1],
    }.items():
        add(f"aad/{name}", BASE.but(aad=aad), no)
    add("aad/key part of a null key for one not bound", BASE.but(key_part=b"\x01"), no)
    add("aad/key part of an empty key for null", BOUND.but(key=None, key_part=b"\x02" + u32(0)), no)
    add("aad/key without length", BOUND.but(key_part=b"\x02order-17"), no)
    one = BASE.but(bound=("a",), headers=(("a", b"1"),))
    for name, parts in {"without the number": u32(1) + b"1", "with the name": u32(1) + b"a" + u32(1) + u32(1) + b"1", "left out": b"", "null as empty": u32(1) + u32(0)}.items():
        add(f"aad/header parts {name}", one, no, recipe=one.but(header_parts=parts))
    add("key/content key of another suite", BASE.but(content_info=b"kafka-envelope/v1/content/2"), no)
    add("key/the commitment's", BASE.but(content_info=b"kafka-envelope/v1/commit/1"), no)
    add("commitment/of another suite", BASE.but(commit_info=b"kafka-envelope/v1/commit/2"), "COMMITMENT_MISMATCH")
    add("commitment/is the content key", BASE.but(commit_info=b"kafka-envelope/v1/content/1"), "COMMITMENT_MISMATCH")
    add("commitment/without salt", BASE.but(salt=b""), "COMMITMENT_MISMATCH")
    add("commitment/last byte", BASE.writes(commitment=flipped(hkdf(BASE.dek, BASE.session_id, BASE.commit_info), 31)), "COMMITMENT_MISMATCH")


def bytes_changed(raw) -> None:
    """`raw(name, recipe, envelope, code)`."""
    r = BOUND.but(bound=("a",), headers=HEADERS, context=(("env", "prod"),))
    made = make(r)
    value, at = made.envelope, len(made.head)
    for name, where, code in (
        ("session", at - 48, "COMMITMENT_MISMATCH"), ("commitment", at - 32, "COMMITMENT_MISMATCH"), ("iv", at, "AUTHENTICATION_FAILED"),
        ("iv's end", at + 11, "AUTHENTICATION_FAILED"), ("tag", at + 12, "AUTHENTICATION_FAILED"), ("tag's end", at + 27, "AUTHENTICATION_FAILED"),
        ("body", at + 29, "AUTHENTICATION_FAILED"), ("body's end", len(value) - 1, "AUTHENTICATION_FAILED"),
        ("context's value", at - 50, "AUTHENTICATION_FAILED"),
    ):
        for bit in (1, 0x80) if name != "context's value" else (1,):
            raw(f"changed/{name}, bit {bit:02x}", r, flipped(value, where, bit), code)
    ends = {"prefix": 10, "count": 11, "wrappings": 10 + len(made.wrapped), "header": at, "iv": at + 12, "tag": at + 28, "length": at + 29}
    for name, end in ends.items():
        for cut in (end - 1, end, end + 1):
            raw(f"cut/{name} {cut - end:+d}", r, value[:cut], "MALFORMED")
    for size in range(2):
        raw(f"cut/{size} bytes", r, value[:size], "NOT_SEALED")
    for size in range(2, 9):
        raw(f"cut/{size} bytes", r, value[:size], "MALFORMED")
    shorter = make(r.but(data=PLAIN[:-1]))
    raw("mixed/body and its length of another record", r, made.head + made.iv + made.tag + shorter.body_length + shorter.body, "AUTHENTICATION_FAILED")
    raw("mixed/tag of another record", r, made.head + made.iv + shorter.tag + made.body_length + made.body, "AUTHENTICATION_FAILED")
    raw("mixed/header of another topic", r, make(r.but(topic="orders.us")).head + made.envelope[at:], "WRONG_TOPIC")
    raw("mixed/body cut, its length too", r, made.head + made.iv + made.tag + number(len(made.body) - 1) + made.body[:-1], "AUTHENTICATION_FAILED")
    raw("mixed/tag behind the body", r, made.head + made.iv + made.body_length + made.body + made.tag, "MALFORMED")
    item = blob("local") + blob("orders") + blob(b"x")
    for size in (2**31 - 1, 2**31, 2**32, 2**32 + 5, 2**34 - 1, 2**53, 2**63 - 1, -1, -(2**31), -(2**63)):
        bomb = number(size) + b"local" * 3
        raw(f"claimed/{size} wrappings", r, PREFIX + bomb, "MALFORMED")
        raw(f"claimed/provider of {size}", r, PREFIX + number(1) + bomb, "MALFORMED")
        raw(f"claimed/ciphertext DEK of {size}", r, PREFIX + number(1) + blob("local") + blob("orders") + bomb, "MALFORMED")
        raw(f"claimed/header of {size}", r, PREFIX + number(1) + item + b"\0" + bomb, "MALFORMED")
        raw(f"claimed/body of {size}", r, made.head + made.iv + made.tag + number(size) + made.body, "MALFORMED")
    start = number(1) + number(0) + b"\0"
    for size in (2**31, 2**32 + 1, 2**53 + 1, 2**63 - 1):
        for name, header in {"bound headers": start + number(size), "a bound header": start + number(1) + number(size), "topic": start + b"\0" + number(size),
                             "entries": start + b"\0" + blob("orders.eu") + number(size)}.items():
            raw(f"claimed/{name} of {size}", r, PREFIX + made.wrapped + blob(header + b"aaaa") + made.envelope[at:], "MALFORMED")


def compressed(add) -> None:
    """`add(name, member, code)`."""
    whole, head, packed, tail = gz.member(PLAIN), gz.header(), gz.fixed(PLAIN), gz.trailer(PLAIN)
    bad = "DECOMPRESSION_FAILED"
    for size in (*range(0, 12), len(whole) - 9, len(whole) - 8, len(whole) - 4, len(whole) - 1):
        add(f"gzip/cut after {size}", whole[:size], bad)
    for name, data in {
        "second member": whole + whole, "empty second member": whole + gz.member(b""), "zero byte behind": whole + b"\0", "zero bytes behind": whole + bytes(512),
        "header behind": whole + head, "byte in front": b"\0" + whole, "wrong first byte": flipped(whole, 0), "wrong second byte": flipped(whole, 1),
        "CRC": gz.member(PLAIN, tail=gz.trailer(PLAIN, crc_xor=1 << 31)), "size one more": gz.member(PLAIN, tail=gz.trailer(PLAIN, size=len(PLAIN) + 1)),
        "size claims 4 GiB": gz.member(PLAIN, tail=gz.trailer(PLAIN, size=0xFFFFFFFF)), "trailer big-endian": head + packed + struct.pack(">I", gz.zlib.crc32(PLAIN)) + tail[4:],
        "no trailer and a member": head + packed + whole, "length of a stored block": gz.member(PLAIN, deflated=flipped(gz.stored(PLAIN), 3)),
        "no last block": gz.member(PLAIN, deflated=b"\0" + gz.stored(PLAIN)[1:]), "reserved block": gz.member(PLAIN, deflated=b"\x07"),
        "copy from before the beginning": gz.member(PLAIN, deflated=gz.too_far_back()), "the plaintext": PLAIN, "raw deflate": packed,
        "extra beyond the end": gz.header(gz.FEXTRA)[:10] + b"\xff\xff" + packed + tail, "name without end": gz.header(gz.FNAME)[:10] + b"n" * 40,
        "comment without end": gz.header(gz.FCOMMENT)[:10] + b"n" * 40, "a flag and its field missing": head[:3] + bytes([gz.FNAME]) + head[4:] + b"\x01" * 20,
    }.items():
        add(f"gzip/{name}", data, bad)
    for flag in (0x20, 0x40, 0x80, 0xE0):
        add(f"gzip/reserved flags {flag:02x}", gz.member(PLAIN, head=head[:3] + bytes([flag]) + head[4:]), bad)
    for method in (0, 7, 9):
        add(f"gzip/method {method}", gz.member(PLAIN, head=gz.header(method=method)), bad)
    for flags in (gz.FHCRC, gz.FHCRC | gz.FNAME, gz.FHCRC | gz.FEXTRA | gz.FNAME | gz.FCOMMENT):
        add(f"gzip/CRC of a header with flags {flags:05b}", gz.member(PLAIN, head=gz.header(flags, hcrc_xor=0x0100)), bad)
    full, over = bytes(MIB), bytes(MIB + 1)
    add("gzip/1 MiB with a wrong CRC", gz.member(full, deflated=gz.zeros(MIB), tail=gz.trailer(full, crc_xor=1)), bad)
    add("gzip/1 MiB and a byte behind", gz.member(full, deflated=gz.zeros(MIB)) + b"\0", bad)
    add("gzip/1 MiB and a byte", gz.member(over, deflated=gz.zeros(MIB + 1)), "TOO_LARGE")
    add("gzip/8 MiB", gz.member(bytes(8 * MIB), deflated=gz.zeros(8 * MIB)), "TOO_LARGE")
    add("gzip/1 MiB and a byte, wrong CRC of the header first", gz.member(over, head=gz.header(gz.FHCRC, hcrc_xor=1), deflated=gz.zeros(MIB + 1)), bad)
    add("gzip/1 MiB and a byte, reserved flag first", gz.member(over, head=head[:3] + b"\x80" + head[4:], deflated=gz.zeros(MIB + 1)), bad)


def not_sealed(raw) -> None:
    for name, value in {"space": b" ", "C3": b"\xc3", "C3 02": b"\xc3\x02" + PREFIX[2:], "C2 01": b"\xc2" + PREFIX[1:], "JSON": PLAIN, "zero bytes": bytes(10),
                        "UTF-8 that starts with C3": "é".encode(), "prefix from its second byte": make(BASE).envelope[1:]}.items():
        raw(f"not sealed/{name}", BASE, value, "NOT_SEALED")
    for name, value in {"reversed": PREFIX[:2] + PREFIX[:1:-1], "of the header": PREFIX[:2] + bytes.fromhex("41c5970602d76d0c"),
                        "of \"null\"": PREFIX[:2] + bytes.fromhex("8a8f25cce724dd63")}.items():
        raw(f"fingerprint/{name}", BASE, value + make(BASE).envelope[10:], "UNKNOWN_FORMAT")
        raw(f"fingerprint/{name}, nothing behind", BASE, value, "UNKNOWN_FORMAT")


