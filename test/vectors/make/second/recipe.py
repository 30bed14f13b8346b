"""How one vector is made: a recipe, whose every part can be replaced by something wrong, and what it gives."""

import hashlib
import struct
from dataclasses import dataclass, field, replace
from typing import Callable, Optional

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from avro import blob, block, number, pairs, utf8

PREFIX = bytes.fromhex("c3010fea18fa6fe363e8")
PLAIN = b'{"order":17,"note":"canary-5e1f9d"}'
Text = "str | bytes"


def drawn(seed: str, size: int) -> bytes:
    """Bytes that look random and are the same on every run."""
    return hashlib.shake_256(b"kafka-envelope vectors v1 " + seed.encode()).digest(size)


def hkdf(dek: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt, info).derive(dek)


def u32(n: int) -> bytes:
    return struct.pack(">I", n)


def wrapping(provider: Text = "local", cmk_id: Text = "orders", ciphertext_dek: "bytes | None" = None) -> "tuple[Text, Text, bytes]":
    return provider, cmk_id, drawn(f"{provider!r} {cmk_id!r}", 64) if ciphertext_dek is None else ciphertext_dek


def same(x: bytes) -> bytes:
    return x


@dataclass(frozen=True)
class Recipe:
    data: bytes = PLAIN
    """What is encrypted: the plaintext, or the plaintext compressed."""
    topic: Text = "orders.eu"
    key: Optional[bytes] = None
    headers: "tuple[tuple[str, Optional[bytes]], ...]" = ()
    key_bound: bool = False
    bound: "tuple[Text, ...]" = ()
    context: "tuple[tuple[Text, Text], ...]" = ()
    suite: int = 1
    compression: int = 0
    dek: bytes = drawn("dek", 32)
    session_id: bytes = drawn("session", 16)
    counter: int = 0
    iv: Optional[bytes] = None
    wrappings: "tuple[tuple[Text, Text, bytes], ...]" = (wrapping(),)
    written: "dict[str, bytes]" = field(default_factory=dict)
    """Bytes to write in place of a field's right encoding; by the field's name, or `headerLength`, `bodyLength`, `prefix`, `commitment`."""
    header_tail: bytes = b""
    tail: bytes = b""
    content_info: bytes = b"kafka-envelope/v1/content/1"
    commit_info: bytes = b"kafka-envelope/v1/commit/1"
    salt: Optional[bytes] = None
    cut_header: int = 0
    """Bytes to leave out at the end of the header, whose length says so."""
    aad: Callable[[bytes], bytes] = same
    key_part: Optional[bytes] = None
    header_parts: Optional[bytes] = None

    def but(self, **changes: object) -> "Recipe":
        return replace(self, **changes)

    def writes(self, **fields: bytes) -> "Recipe":
        return replace(self, written={**self.written, **fields})


@dataclass(frozen=True)
class Made:
    head: bytes
    """All before the IV."""
    header: bytes
    aad: bytes
    iv: bytes
    tag: bytes
    body_length: bytes
    body: bytes
    tail: bytes
    wrapped: bytes

    @property
    def envelope(self) -> bytes:
        return self.head + self.iv + self.tag + self.body_length + self.body + self.tail


def header_of(r: Recipe) -> bytes:
    salt = r.session_id if r.salt is None else r.salt
    fields = {
        "suite": number(r.suite),
        "compression": number(r.compression),
        "keyBound": bytes([r.key_bound]),
        "boundHeaders": block([blob(name) for name in r.bound]),
        "topic": blob(r.topic),
        "context": block(pairs(list(r.context))),
        "sessionId": r.session_id,
        "commitment": hkdf(r.dek, salt, r.commit_info),
    }
    whole = b"".join(r.written.get(name, value) for name, value in fields.items()) + r.header_tail
    return whole[: len(whole) - r.cut_header]


def aad_of(r: Recipe, header: bytes) -> bytes:
    key_part = b"\x00" if not r.key_bound else b"\x01" if r.key is None else b"\x02" + u32(len(r.key)) + r.key
    header_parts = b""
    for name in r.bound:
        values = [value for other, value in r.headers if other.encode() == utf8(name)]
        header_parts += u32(len(values))
        for value in values:
            header_parts += b"\xff\xff\xff\xff" if value is None else u32(len(value)) + value
    return r.aad(PREFIX + u32(len(header)) + header + (key_part if r.key_part is None else r.key_part)
                 + (header_parts if r.header_parts is None else r.header_parts))


def make(r: Recipe) -> Made:
    header = header_of(r)
    wrapped = r.written.get("wrappedDeks", block([blob(p) + blob(c) + blob(d) for p, c, d in r.wrappings]))
    head = r.written.get("prefix", PREFIX) + wrapped + r.written.get("headerLength", number(len(header))) + header
    aad = aad_of(r, header)
    iv = bytes(4) + struct.pack(">Q", r.counter) if r.iv is None else r.iv
    salt = r.session_id if r.salt is None else r.salt
    sealed = AESGCM(hkdf(r.dek, salt, r.content_info)).encrypt(iv, r.data, aad)
    body, tag = sealed[:-16], sealed[-16:]
    return Made(head, header, aad, iv, tag, r.written.get("bodyLength", number(len(body))), body, r.tail, wrapped)
