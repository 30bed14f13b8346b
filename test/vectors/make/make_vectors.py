#!/usr/bin/env python3
"""Makes test vectors of envelope format 1 from docs/format.md alone.

Shares no code with the library: its own Avro writer, AESGCM and HKDF of `cryptography` (pip install cryptography).
Deterministic: the same bytes on each run.   python3 make_vectors.py > ../v1.json
"""

import gzip
import hashlib
import json
import struct
import sys
import zlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PREFIX = bytes.fromhex("c3010fea18fa6fe363e8")


def det(label, n):
    """n bytes that depend on the label alone"""
    out = b""
    i = 0
    while len(out) < n:
        out += hashlib.sha256(f"{label}/{i}".encode()).digest()
        i += 1
    return out[:n]


def varint(n):
    """zig-zag, shortest form"""
    z = (n << 1) ^ (n >> 63) if n < 0 else n << 1
    z &= (1 << 64) - 1
    out = b""
    while True:
        low, z = z & 0x7F, z >> 7
        if z == 0:
            return out + bytes([low])
        out += bytes([low | 0x80])


def long_form(n, size):
    """the same number in more groups than it needs"""
    raw = varint(n)
    out = bytes(b | 0x80 for b in raw)
    out += b"\x80" * (size - len(raw) - 1)
    return out + b"\x00"


def lp(data):
    return varint(len(data)) + data


def block(items):
    return b"\x00" if not items else varint(len(items)) + b"".join(items) + b"\x00"


def u32(n):
    return struct.pack(">I", n)


def gz(data):
    """a gzip member without time stamp"""
    return gzip.compress(data, mtime=0)


def member(data, flags=0, extra=b"", crc=None, size=None, method=8):
    c = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = c.compress(data) + c.flush()
    crc = zlib.crc32(data) if crc is None else crc
    size = len(data) & 0xFFFFFFFF if size is None else size
    head = b"\x1f\x8b" + bytes([method, flags]) + b"\0\0\0\0" + b"\x00\xff" + extra
    if flags & 2 and not extra.endswith(b"BAD!"):
        head += struct.pack("<H", zlib.crc32(head) & 0xFFFF)
    elif flags & 2:
        head = head[:-4] + b"\x12\x34"
    return head + body + struct.pack("<II", crc, size)


class Envelope:
    """All parts of an envelope; whatever is changed before `bytes()` is covered by the tag."""

    def __init__(self, label, plaintext, **over):
        self.dek = over.get("dek", det("dek " + label, 32))
        self.session = det("session " + label, 16)
        self.suite = over.get("suite", 1)
        self.compression = over.get("compression", 0)
        self.key_bound = over.get("key_bound", True)
        self.key = over.get("key", b"key")
        self.bound = over.get("bound", [])
        self.headers = over.get("headers", [])
        self.topic = over.get("topic", "orders")
        self.context = over.get("context", [])
        self.wrappings = over.get("wrappings", [("local", "cmk", det("wrapped " + label, 64))])
        self.counter = over.get("counter", 0)
        self.iv = over.get("iv", b"\0\0\0\0" + struct.pack(">Q", self.counter))
        self.body_plain = over.get("body", plaintext)
        info = str(self.suite).encode()
        self.content_key = self.hkdf(b"kafka-envelope/v1/content/" + info)
        self.commitment = over.get("commitment", self.hkdf(b"kafka-envelope/v1/commit/" + info))
        self.raw = over.get("raw", {})

    def hkdf(self, info):
        return HKDF(algorithm=hashes.SHA256(), length=32, salt=self.session, info=info).derive(self.dek)

    def header(self):
        r = self.raw
        return b"".join(
            [
                r.get("suite", varint(self.suite)),
                r.get("compression", varint(self.compression)),
                r.get("keyBound", b"\x01" if self.key_bound else b"\x00"),
                r.get("boundHeaders", block([lp(self.utf8(n)) for n in self.bound])),
                r.get("topic", lp(self.utf8(self.topic))),
                r.get("context", block([lp(self.utf8(k)) + lp(self.utf8(v)) for k, v in self.context])),
                self.session,
                self.commitment,
                r.get("afterHeader", b""),
            ]
        )

    @staticmethod
    def utf8(text):
        return text if isinstance(text, bytes) else text.encode()

    def aad(self, header):
        if not self.key_bound:
            key = b"\x00"
        elif self.key is None:
            key = b"\x01"
        else:
            key = b"\x02" + u32(len(self.key)) + self.key
        parts = b""
        for name in self.bound:
            values = [v for n, v in self.headers if self.utf8(n) == self.utf8(name)]
            parts += u32(len(values))
            for v in values:
                parts += u32(0xFFFFFFFF) if v is None else u32(len(v)) + v
        return PREFIX + u32(len(header)) + header + key + parts

    def bytes(self):
        r = self.raw
        header = self.header()
        sealed = AESGCM(self.content_key).encrypt(self.iv, self.body_plain, self.aad(header))
        body, tag = sealed[:-16], sealed[-16:]
        deks = [lp(self.utf8(p)) + lp(self.utf8(c)) + lp(d) for p, c, d in self.wrappings]
        return b"".join(
            [
                r.get("prefix", PREFIX),
                r.get("wrappedDeks", block(deks)),
                r.get("headerLength", varint(len(header))),
                header,
                self.iv,
                r.get("tag", tag),
                r.get("bodyLength", varint(len(body))),
                r.get("bodyBytes", body),
                r.get("trailing", b""),
            ]
        )


VECTORS = []


def add(name, envelope, plaintext=None, error=None, read=None, key=..., data=None):
    assert (plaintext is None) != (error is None), name
    assert all(v["name"] != name for v in VECTORS), name
    key = envelope.key if key is ... else key
    VECTORS.append(
        {
            "name": name,
            "dek": envelope.dek.hex(),
            "topic": read or (envelope.topic if isinstance(envelope.topic, str) else "orders"),
            "key": None if key is None else key.hex(),
            "headers": [[n, None if v is None else v.hex()] for n, v in envelope.headers],
            "envelope": (envelope.bytes() if data is None else data).hex(),
            "plaintext": None if plaintext is None else plaintext.hex(),
            "error": error,
        }
    )


def opens(name, plaintext=b"a plaintext", read=None, **over):
    e = Envelope(name, plaintext, **over)
    add(name, e, plaintext=plaintext, read=read)
    return e


def fails(name, error, plaintext=b"a plaintext", read=None, **over):
    e = Envelope(name, plaintext, **over)
    add(name, e, error=error, read=read)
    return e


MIB = 1 << 20
TOPIC_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
CONTEXT_CHARS = TOPIC_CHARS + ":/@=+"
CMK_CHARS = "".join(chr(c) for c in range(0x21, 0x7F))


def opening():
    for n in (0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000, 8191, 8192, 8193, 65536):
        opens(f"body of {n} bytes", det("body", n))
    for c in (0, 1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**63, 2**64 - 1):
        opens(f"counter {c}", counter=c)
    opens("any IV: all ones", iv=b"\xff" * 12)
    opens("any IV: random", iv=det("iv", 12))
    opens("key: null, bound", key=None)
    opens("key: empty, bound", key=b"")
    opens("key: 1 byte", key=b"\x00")
    opens("key: 255 bytes", key=det("key", 255))
    opens("key: 70,000 bytes", key=det("key", 70000))
    for key in (None, b"", b"any"):
        e = Envelope(f"key unbound: {key!r}", b"a plaintext", key_bound=False)
        add(f"key unbound: {key!r}", e, plaintext=b"a plaintext", key=key)
    h = [("a", b"1"), ("b", b""), ("a", b"2"), ("c", None), ("unbound", b"x")]
    opens("bound header: absent", bound=["absent"])
    opens("bound header: one value", bound=["b"], headers=h)
    opens("bound header: two values", bound=["a"], headers=h)
    opens("bound header: null", bound=["c"], headers=h)
    opens("bound headers: several", bound=["a", "absent", "b", "c"], headers=h)
    opens("bound header: null among values", bound=["n"], headers=[("n", None), ("n", b""), ("n", None)])
    opens("bound headers: order of values counts", bound=["a"], headers=[("a", b"2"), ("a", b"1")])
    opens("bound headers: ascending by UTF-8, not UTF-16", bound=["\uffee", "\U00010000"])
    opens("bound header: name of 256 bytes", bound=["é" * 128])
    opens("bound header: name with BOM and NUL", bound=["\x00", "\ufeffa"])
    opens("bound headers: 32", bound=[f"h{i:02d}" for i in range(32)])
    opens("bound header: named __proto__ and constructor, absent", bound=["__proto__", "constructor"])
    opens("bound headers: a prefix sorts first", bound=["a", "aa", "aaa"])
    opens("header: changed, but not bound", bound=[], headers=[("x", b"y")])
    for n in (1, 2, 248, 249):
        opens(f"topic of {n} characters", topic=("t" * n))
    opens("topic: every character", topic=TOPIC_CHARS)
    opens("context: one", context=[("a", "b")])
    opens("context: integer-like keys in byte order", context=[("10", "x"), ("9", "y")])
    opens("context: upper before lower case", context=[("B", "1"), ("a", "2")])
    opens("context: every character", context=[(CONTEXT_CHARS, CONTEXT_CHARS)])
    opens("context: 128 characters each", context=[("k" * 128, "v" * 128)])
    opens("context: __proto__", context=[("__proto__", "x")])
    # 1 + 7 * (2 + 128 + 1 + n) + 1
    ctx = [(f"{i}" * 128, "v" * 14) for i in range(7)]
    assert len(block([lp(k.encode()) + lp(v.encode()) for k, v in ctx])) <= 1024
    opens("context: close to 1,024 bytes", context=ctx)
    exact = context_of(1024)
    opens("context: exactly 1,024 bytes", context=exact)
    opens("context: 64 entries", context=[(f"{i:02d}", "v") for i in range(64)])
    for n in (1, 2, 5):
        opens(f"wrappings: {n}", wrappings=[("local", f"cmk{i}", det(f"w{i}", 64)) for i in range(n)])
    opens("wrapping: same CMK id under two providers", wrappings=[("a", "cmk", b"1"), ("b", "cmk", b"2")])
    opens("wrapping: same provider, two CMK ids", wrappings=[("a", "cmk1", b"1"), ("a", "cmk2", b"1")])
    opens("wrapping: provider of 1 character", wrappings=[("a", "cmk", b"x")])
    opens("wrapping: provider of 64 characters", wrappings=[("p" * 64, "cmk", b"x")])
    opens("wrapping: every character of a provider", wrappings=[("abcdefghijklmnopqrstuvwxyz0123456789/-", "cmk", b"x")])
    opens("wrapping: cmkId of 1 character", wrappings=[("local", "!", b"x")])
    opens("wrapping: cmkId of 256 characters", wrappings=[("local", "~" * 256, b"x")])
    opens("wrapping: every character of a cmkId", wrappings=[("local", CMK_CHARS, b"x")])
    for n in (1, 63, 64, 1023, 1024):
        opens(f"wrapping: ciphertext DEK of {n} bytes", wrappings=[("local", "cmk", det("ct", n))])
    opens("wrapping: unknown provider name", wrappings=[("nobody/knows", "cmk", b"x")])
    base = dict(topic="t" * 249, context=exact)
    room = 4096 - len(Envelope("x", b"", **base).header())
    names = names_of(room)
    e = opens("header: exactly 4,096 bytes", bound=names, **base)
    assert len(e.header()) == 4096, len(e.header())
    for n in (0, 1, 100, 100000):
        text = b"z" * n
        opens(f"gzip: {n} bytes", text, compression=1, body=gz(text))
    opens("gzip: incompressible", det("gz", 1000), compression=1, body=gz(det("gz", 1000)))
    opens("gzip: exactly 1 MiB", b"\0" * MIB, compression=1, body=gz(b"\0" * MIB))
    opens("gzip: stored blocks", b"abc", compression=1, body=stored(b"abc"))
    opens("gzip: FEXTRA", b"abc", compression=1, body=member(b"abc", 4, struct.pack("<H", 3) + b"xyz"))
    opens("gzip: FEXTRA, empty", b"abc", compression=1, body=member(b"abc", 4, struct.pack("<H", 0)))
    opens("gzip: FNAME", b"abc", compression=1, body=member(b"abc", 8, b"name\0"))
    opens("gzip: FCOMMENT", b"abc", compression=1, body=member(b"abc", 16, b"comment\0"))
    opens("gzip: FHCRC", b"abc", compression=1, body=member(b"abc", 2))
    opens("gzip: FTEXT", b"abc", compression=1, body=member(b"abc", 1))
    opens("gzip: all flags", b"abc", compression=1, body=member(b"abc", 31, struct.pack("<H", 1) + b"x" + b"n\0" + b"c\0"))
    opens("DEK: all zeros", dek=bytes(32))
    opens("plaintext that is an envelope is opened once", Envelope("inner", b"x").bytes())
    opens("plaintext that is gzip is not decompressed", gz(b"abc"))


def stored(data):
    block_ = b"\x01" + struct.pack("<HH", len(data), len(data) ^ 0xFFFF) + data
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + block_ + struct.pack("<II", zlib.crc32(data), len(data))


def context_of(total):
    """a context that takes exactly `total` bytes as encoded"""
    entries = [(f"{i}" * 100, "v" * 100) for i in range(4)]
    size = len(block([lp(k.encode()) + lp(v.encode()) for k, v in entries]))
    rest = total - size
    # one more entry: two lengths of two bytes (64 and more) and their texts
    text = rest - 4
    entries.append(("4" * (text // 2), "w" * (text - text // 2)))
    assert len(block([lp(k.encode()) + lp(v.encode()) for k, v in entries])) == total
    return entries


def names_of(room):
    """names of bound headers that add exactly `room` bytes to an empty list"""
    names, used, i = [], 1, 0
    while room - used > 258 + 70:
        names.append(f"{i:02d}" + "n" * 198)
        used += 202
        i += 1
    left = room - used
    while left > 258:
        names.append(f"{i:02d}" + "n" * 98)
        left -= 102
        i += 1
    names.append(f"{i:02d}" + "n" * (left - 2 - 2))
    assert len(block([lp(n.encode()) for n in names])) == room + 1, (len(block([lp(n.encode()) for n in names])), room)
    return names


def failing():
    good = Envelope("good", b"a plaintext")
    data = good.bytes()
    for name, value in {
        "empty": b"",
        "one byte C3": b"\xc3",
        "text": b"hello",
        "JSON": b'{"a":1}',
        "C3 00": b"\xc3\x00" + data[2:],
        "01 C3": b"\x01\xc3" + data[2:],
        "zeros": bytes(100),
        "Confluent magic byte": b"\0\0\0\0\x01" + data,
    }.items():
        add(f"not sealed: {name}", good, error="NOT_SEALED", data=value)
    for n in range(2, 10):
        add(f"prefix cut to {n} bytes", good, error="MALFORMED", data=data[:n])
    for i in range(2, 10):
        changed = bytearray(data)
        changed[i] ^= 1
        add(f"fingerprint: byte {i} changed", good, error="UNKNOWN_FORMAT", data=bytes(changed))
    add("fingerprint: big-endian", good, error="UNKNOWN_FORMAT", data=data[:2] + data[2:10][::-1] + data[10:])
    add("fingerprint: unknown, and nothing behind it", good, error="UNKNOWN_FORMAT", data=b"\xc3\x01" + bytes(8))
    for n in range(10, len(data), 7):
        add(f"cut to {n} bytes", good, error="MALFORMED", data=data[:n])
    add("cut by one byte", good, error="MALFORMED", data=data[:-1])

    authenticated(data, good)
    structure()
    headers_and_order()
    compression()


def authenticated(data, good):
    header = good.header()
    at = data.index(header) + len(header)
    for i in range(12):
        flip(good, data, at + i, f"IV: byte {i} changed", "AUTHENTICATION_FAILED")
    for i in range(16):
        flip(good, data, at + 12 + i, f"tag: byte {i} changed", "AUTHENTICATION_FAILED")
    for i in range(11):
        flip(good, data, at + 29 + i, f"body: byte {i} changed", "AUTHENTICATION_FAILED")
    commitment_at = at - 32
    for i in (0, 15, 31):
        flip(good, data, commitment_at + i, f"commitment: byte {i} changed", "COMMITMENT_MISMATCH")
    for i in (0, 15):
        flip(good, data, commitment_at - 16 + i, f"session id: byte {i} changed", "COMMITMENT_MISMATCH")
    fails("commitment: zeros, under a valid tag", "COMMITMENT_MISMATCH", commitment=bytes(32))
    fails("commitment: that of another DEK", "COMMITMENT_MISMATCH", commitment=det("other", 32))
    fails("DEK: another", "COMMITMENT_MISMATCH", dek=det("another", 32))
    VECTORS[-1]["dek"] = det("not it", 32).hex()
    for name, key in (("another", b"kez"), ("longer", b"key\0"), ("empty", b""), ("null", None)):
        fails(f"key: {name}", "AUTHENTICATION_FAILED", key=b"key")
        VECTORS[-1]["key"] = None if key is None else key.hex()
    fails("key: empty was bound, null is there", "AUTHENTICATION_FAILED", key=b"")
    VECTORS[-1]["key"] = None
    fails("key: null was bound, empty is there", "AUTHENTICATION_FAILED", key=None)
    VECTORS[-1]["key"] = ""
    one = dict(bound=["h"], headers=[("h", b"1"), ("h", b"2")])
    for name, headers in {
        "value changed": [("h", b"1"), ("h", b"3")],
        "values swapped": [("h", b"2"), ("h", b"1")],
        "a value removed": [("h", b"1")],
        "a value added": [("h", b"1"), ("h", b"2"), ("h", b"")],
        "all removed": [],
        "joined": [("h", b"12")],
        "null for a value": [("h", b"1"), ("h", None)],
        "name in another case": [("H", b"1"), ("H", b"2")],
    }.items():
        fails(f"bound header: {name}", "AUTHENTICATION_FAILED", **one)
        VECTORS[-1]["headers"] = [[n, None if v is None else v.hex()] for n, v in headers]
    fails("bound header: empty was bound, null is there", "AUTHENTICATION_FAILED", bound=["h"], headers=[("h", b"")])
    VECTORS[-1]["headers"] = [["h", None]]
    fails("bound header: absent was bound, empty is there", "AUTHENTICATION_FAILED", bound=["h"])
    VECTORS[-1]["headers"] = [["h", ""]]
    # A name in another Unicode normalisation is another name.
    fails("bound header: another normalisation", "AUTHENTICATION_FAILED", bound=["é"], headers=[("é", b"1")])
    VECTORS[-1]["headers"] = [["e\u0301", "31"]]
    fails("key: moved into a bound header", "AUTHENTICATION_FAILED", key=b"a", bound=["h"], headers=[("h", b"b")])
    VECTORS[-1].update(key=b"ab".hex(), headers=[["h", ""]])
    # What is not authenticated may change.
    e = Envelope("re-wrapped", b"a plaintext")
    before = e.bytes()
    e.wrappings = [("tencent-kms", "ap-x/other", det("re-wrapped", 210)), ("local", "cmk", b"x")]
    assert before != e.bytes()
    add("wrappings replaced without touching the body", e, plaintext=b"a plaintext")


def flip(envelope, data, at, name, error):
    changed = bytearray(data)
    changed[at] ^= 0x01
    add(name, envelope, error=error, data=bytes(changed))


def structure():
    w = ("local", "cmk", b"x")
    many = [("local", f"cmk{i}", b"x") for i in range(6)]
    form = lambda name, **over: fails(f"form/{name}", "MALFORMED", **over)
    form("wrappings: none", wrappings=[])
    form("wrappings: 6", wrappings=many)
    form("wrappings: the same twice", wrappings=[w, ("local", "cmk", b"y")])
    form("provider: empty", wrappings=[("", "cmk", b"x")])
    form("provider: 65 characters", wrappings=[("p" * 65, "cmk", b"x")])
    for c in ("A", "_", " ", ".", "\x00", "é"):
        form(f"provider: has {c!r}", wrappings=[("a" + c, "cmk", b"x")])
    form("provider: ends in a line feed", wrappings=[("local\n", "cmk", b"x")])
    form("cmkId: empty", wrappings=[("local", "", b"x")])
    form("cmkId: 257 characters", wrappings=[("local", "c" * 257, b"x")])
    for c in (" ", "\x7f", "\x00", "é", "\n"):
        form(f"cmkId: has {c!r}", wrappings=[("local", "c" + c, b"x")])
    form("cmkId: not UTF-8", wrappings=[("local", b"\xff\xfe", b"x")])
    form("ciphertext DEK: empty", wrappings=[("local", "cmk", b"")])
    form("ciphertext DEK: 1,025 bytes", wrappings=[("local", "cmk", bytes(1025))])
    item = lp(b"local") + lp(b"cmk") + lp(b"x")
    two = lp(b"local") + lp(b"cmk2") + lp(b"x")
    form("wrappings: negative count with a size", raw={"wrappedDeks": varint(-1) + varint(len(item)) + item + b"\0"})
    form("wrappings: two blocks", raw={"wrappedDeks": varint(1) + item + varint(1) + two + b"\0"})
    form("wrappings: no end", raw={"wrappedDeks": varint(1) + item})
    form("wrappings: count in long form", raw={"wrappedDeks": long_form(1, 2) + item + b"\0"})
    form("wrappings: end in long form", raw={"wrappedDeks": varint(1) + item + b"\x80\x00"})
    form("provider: length in long form", raw={"wrappedDeks": varint(1) + long_form(5, 3) + b"local" + lp(b"cmk") + lp(b"x") + b"\0"})
    form("ciphertext DEK: length in ten groups", raw={"wrappedDeks": varint(1) + lp(b"local") + lp(b"cmk") + long_form(1, 10) + b"x\0"})
    header_length = len(Envelope("form/header: length in long form", b"").header())
    form("header: length in long form", raw={"headerLength": long_form(header_length, 3)})
    form("body: length in long form", raw={"bodyLength": long_form(11, 2)})
    form("body: length in ten groups", raw={"bodyLength": long_form(11, 10)})
    form("trailing byte", raw={"trailing": b"\0"})
    form("trailing envelope", raw={"trailing": Envelope("t", b"x").bytes()})
    form("header: trailing byte", raw={"afterHeader": b"\0"})
    form("header: empty bound headers with a negative zero block", raw={"boundHeaders": b"\x80\x00"})
    n = lp(b"a")
    for name, raw in {
        "negative count": varint(-1) + varint(len(n)) + n + b"\0",
        "two blocks": varint(1) + n + varint(1) + lp(b"b") + b"\0",
        "count in long form": long_form(1, 2) + n + b"\0",
    }.items():
        form(f"boundHeaders: {name}", raw={"boundHeaders": raw}, bound=["a"] + (["b"] if name == "two blocks" else []))
    form("boundHeaders: descending", bound=["b", "a"])
    form("boundHeaders: equal", bound=["a", "a"])
    form("boundHeaders: ascending by UTF-16 only", bound=["\U00010000", "\uffee"])
    form("boundHeaders: 33", bound=[f"h{i:02d}" for i in range(33)])
    form("boundHeaders: empty name", bound=[""])
    form("boundHeaders: name of 257 bytes", bound=["n" * 257])
    for name, raw in {
        "lone surrogate": b"\xed\xa0\x80",
        "overlong": b"\xc0\xaf",
        "cut": b"\xe2\x82",
        "beyond Unicode": b"\xf4\x90\x80\x80",
        "stray continuation": b"a\x80",
    }.items():
        form(f"boundHeaders: name not UTF-8: {name}", bound=[raw])
    for b in (2, 3, 0x80, 0xFF):
        form(f"keyBound: {b}", raw={"keyBound": bytes([b])})
    form("suite: long form", raw={"suite": long_form(1, 2)})
    form("suite: six groups", raw={"suite": b"\x82\x80\x80\x80\x80\x00"})
    form("suite: excess bits in the fifth group", raw={"suite": b"\x82\x80\x80\x80\x10"})
    form("compression: long form", raw={"compression": long_form(0, 2)})
    form("topic: length in long form", raw={"topic": long_form(6, 2) + b"orders"})
    for name, topic in {"empty": "", "250 characters": "t" * 250, "a space": "a b", "a slash": "a/b", "a star": "a*", "NUL": "a\0", "non-ASCII": "é", "a line feed": "a\n"}.items():
        form(f"topic: {name}", topic=topic, read="orders")
    for name, context in {
        "descending": [("b", "1"), ("a", "2")],
        "the same key twice": [("a", "1"), ("a", "2")],
        "numeric order": [("9", "x"), ("10", "y")],
        "empty key": [("", "x")],
        "empty value": [("a", "")],
        "key of 129": [("k" * 129, "v")],
        "value of 129": [("k", "v" * 129)],
        "a quote": [("a", 'x"')],
        "a space in a key": [("a b", "x")],
        "non-ASCII": [("a", "é")],
        "a backslash": [("a", "\\")],
        "value ends in a line feed": [("a", "b\n")],
    }.items():
        form(f"context: {name}", context=context)
    form("context: 1,025 bytes", context=[*context_of(1024)[:-1], (context_of(1024)[-1][0] + "4", context_of(1024)[-1][1])])
    entry = lp(b"a") + lp(b"b")
    form("context: negative count", raw={"context": varint(-1) + varint(len(entry)) + entry + b"\0"}, context=[("a", "b")])
    form("context: two blocks", raw={"context": varint(1) + entry + varint(1) + lp(b"c") + lp(b"d") + b"\0"})
    base = dict(topic="t" * 249, context=context_of(1024))
    names = names_of(4097 - len(Envelope("x", b"", **base).header()))
    e = form("header: 4,097 bytes", bound=names, **base)
    assert len(e.header()) == 4097
    # Lengths that claim more than there is, or more than may be.
    good = Envelope("bombs", b"a plaintext")
    huge = varint(2**34)
    for name, raw in {
        "count of wrappings": PREFIX + huge,
        "count of wrappings, most negative": PREFIX + varint(-(2**63)),
        "count of wrappings, largest": PREFIX + varint(2**63 - 1),
        "provider": PREFIX + varint(1) + huge,
        "cmkId": PREFIX + varint(1) + lp(b"a") + huge,
        "ciphertext DEK": PREFIX + varint(1) + lp(b"a") + lp(b"b") + huge,
        "header": PREFIX + varint(1) + item + b"\0" + huge,
        "varint without end": PREFIX + b"\xff" * 20,
        "eleven groups": PREFIX + b"\x82" + b"\x80" * 9 + b"\x00",
    }.items():
        add(f"length bomb: {name}", good, error="MALFORMED", data=raw)
    fails("length bomb: body", "MALFORMED", raw={"bodyLength": huge})
    fails("body: length one too large", "MALFORMED", raw={"bodyLength": varint(12)})
    fails("body: negative length", "MALFORMED", raw={"bodyLength": varint(-11)})


def headers_and_order():
    for suite in (0, 2, 3, 127, 128, -1, 2**31 - 1, -(2**31)):
        fails(f"suite {suite}", "UNKNOWN_SUITE", suite=suite)
    for number in (3, 4, 64, -1, 2**31 - 1, -(2**31)):
        fails(f"compression {number}", "UNKNOWN_COMPRESSION", compression=number)
    for read in ("Orders", "order", "orders2", "copy.orders"):
        fails(f"read from {read}", "WRONG_TOPIC", read=read)
    # Pairs of faults: the first in the order of checks is reported.
    fails("order: suite before compression", "UNKNOWN_SUITE", suite=9, compression=9)
    fails("order: suite before topic", "UNKNOWN_SUITE", suite=9, read="other")
    fails("order: compression before topic", "UNKNOWN_COMPRESSION", compression=9, read="other")
    fails("order: topic before commitment", "WRONG_TOPIC", commitment=bytes(32), read="other")
    fails("order: topic before authentication", "WRONG_TOPIC", raw={"tag": bytes(16)}, read="other")
    fails("order: commitment before authentication", "COMMITMENT_MISMATCH", commitment=bytes(32), raw={"tag": bytes(16)})
    fails("order: authentication before decompression", "AUTHENTICATION_FAILED", compression=1, raw={"tag": bytes(16)})
    fails("order: unknown format before anything behind it", "UNKNOWN_FORMAT", raw={"prefix": b"\xc3\x01" + b"\x11" * 8, "trailing": b"\0"})
    fails("order: body length before suite", "MALFORMED", suite=9, raw={"bodyLength": varint(99)})
    # The header's claims are authenticated: a known one in place of another fails later, never opens.
    claims = Envelope("claims", b"a plaintext")
    sealed = claims.bytes()
    header = claims.header()
    for name, old, new, error in (
        ("compression", b"\x02\x00\x01", b"\x02\x02\x01", "AUTHENTICATION_FAILED"),
        ("keyBound", b"\x02\x00\x01", b"\x02\x00\x00", "AUTHENTICATION_FAILED"),
    ):
        assert header.startswith(old)
        add(f"header: {name} changed", claims, error=error, data=sealed.replace(header, new + header[len(old) :]))
    add(
        "header: topic changed to the one it is read from",
        claims,
        error="AUTHENTICATION_FAILED",
        data=sealed.replace(lp(b"orders"), lp(b"ORDERS")),
        read="ORDERS",
    )
    ctx = Envelope("context changed", b"a plaintext", context=[("a", "b")])
    add("header: context changed", ctx, error="AUTHENTICATION_FAILED", data=ctx.bytes().replace(lp(b"a") + lp(b"b"), lp(b"a") + lp(b"c")))


def compression():
    def bad(name, body, error="DECOMPRESSION_FAILED"):
        fails(f"gzip: {name}", error, compression=1, body=body)

    good = gz(b"abc")
    bad("empty body", b"")
    bad("plain text", b"not gzip at all, but long enough")
    bad("zlib instead", zlib.compress(b"abc" * 20))
    bad("raw deflate", zlib.compress(b"abc" * 20)[2:-4])
    bad("cut", good[:-1])
    bad("no trailer", good[:-8])
    bad("only a header", good[:10])
    bad("trailing byte", good + b"\0")
    bad("trailing zeros", good + bytes(8))
    bad("two members", good + gz(b"def"))
    bad("two members, the second empty", good + gz(b""))
    bad("leading byte", b"\0" + good)
    bad("wrong CRC", member(b"abc", crc=1))
    bad("wrong size", member(b"abc", size=4))
    bad("size zero", member(b"abc", size=0))
    bad("wrong method", member(b"abc", method=7))
    for flag in (0x20, 0x40, 0x80):
        bad(f"reserved flag {flag:#x}", member(b"abc", flag))
    bad("FHCRC wrong", member(b"abc", 2, b"BAD!"))
    bad("FEXTRA beyond the end", member(b"abc", 4, struct.pack("<H", 60000)))
    bad("FNAME without end", b"\x1f\x8b\x08\x08\0\0\0\0\0\xff" + b"n" * 30)
    bad("reserved block type", b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\x07" + bytes(12))
    bad("1 MiB and a byte", gz(bytes(MIB + 1)), "TOO_LARGE")
    bad("bomb of 64 MiB", gz(bytes(64 * MIB)), "TOO_LARGE")


opening()
failing()
good_count = sum(v["error"] is None for v in VECTORS)
print(f"{good_count} open, {len(VECTORS) - good_count} do not", file=sys.stderr)
print("[\n" + ",\n".join(json.dumps(v, ensure_ascii=False) for v in VECTORS) + "\n]")
