"""Sealing for vectors: a plan of what is sealed, and the parts that come of it (format sections 4, 5, 7 and 9)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kafka_envelope_reader.aad import RecordHeader, build_aad
from kafka_envelope_reader.suite import derive_commitment, derive_content_key
from kafka_envelope_reader.wire import PREFIX

from .encode import array, blob, varint, wrapping


@dataclass(frozen=True)
class Record:
    """What stands beside the value."""

    topic: str = "orders.eu"
    key: bytes | None = b"order-17"
    headers: tuple[RecordHeader, ...] = (("schema-id", b"42"), ("traceparent", b"00-ab"))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """
    A record and how it is sealed. What is None follows from the rest, in canonical form.

    Fields of the envelope and header are in encoded form, so that any of them can be wrong.
    """

    seed: str = ""
    record: Record = Record()
    plaintext: bytes = b'{"order":17}'
    data: bytes | None = None
    """The plaintext after compression."""
    names: tuple[bytes, ...] = ()
    """Names of bound headers in the order in which they stand."""

    dek: bytes | None = None
    wrapped_deks: bytes = array([wrapping()])
    suite: bytes = varint(1)
    compression: bytes = varint(0)
    dictionary: bytes = blob(b"")
    """The field of the header."""

    dictionaries: tuple[bytes, ...] = ()
    """Those that the reader has."""

    key_bound: bytes = b"\x01"
    bound_headers: bytes | None = None
    topic: bytes | None = None
    context: bytes = array([])
    session_id: bytes | None = None
    commitment: bytes | None = None
    after_header: bytes = b""
    iv: bytes | None = None

    def random(self, purpose: str) -> bytes:
        """Return 32 bytes that look random and are the same wherever they are made."""
        return hashlib.sha256(f"kafka-envelope vectors/{purpose}/{self.seed}".encode()).digest()

    def actual_dek(self) -> bytes:
        """Return the DEK."""
        return self.random("dek") if self.dek is None else self.dek


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts of a record value; `header_length` and `body_length` follow from the rest if they are None."""

    prefix: bytes = PREFIX
    wrapped_deks: bytes
    header_length: bytes | None = None
    suite: bytes
    compression: bytes
    dictionary: bytes
    key_bound: bytes
    bound_headers: bytes
    topic: bytes
    context: bytes
    session_id: bytes
    commitment: bytes
    after_header: bytes
    iv: bytes
    tag: bytes = b""
    body_length: bytes | None = None
    body: bytes = b""
    after: bytes = b""

    def header(self) -> bytes:
        """Return the content of the `header` field."""
        return b"".join(self.header_pieces())

    def header_pieces(self) -> tuple[bytes, ...]:
        """Return the header's fields, encoded, in order."""
        return (
            self.suite,
            self.compression,
            self.dictionary,
            self.key_bound,
            self.bound_headers,
            self.topic,
            self.context,
            self.session_id,
            self.commitment,
            self.after_header,
        )

    def value(self) -> bytes:
        """Return the record value."""
        head = self.prefix + self.wrapped_deks + blob(self.header(), length=self.header_length)
        return head + self.iv + self.tag + blob(self.body, length=self.body_length) + self.after


def seal(plan: Plan) -> Parts:
    """Seal. The tag is valid over the header as it stands, whatever its form, and names in the order of the plan."""
    dek = plan.actual_dek()
    session_id = plan.random("session")[:16] if plan.session_id is None else plan.session_id
    commitment = derive_commitment(dek, session_id) if plan.commitment is None else plan.commitment
    parts = Parts(
        wrapped_deks=plan.wrapped_deks,
        suite=plan.suite,
        compression=plan.compression,
        dictionary=plan.dictionary,
        key_bound=plan.key_bound,
        bound_headers=array(map(blob, plan.names)) if plan.bound_headers is None else plan.bound_headers,
        topic=blob(plan.record.topic.encode()) if plan.topic is None else plan.topic,
        context=plan.context,
        session_id=session_id,
        commitment=commitment,
        after_header=plan.after_header,
        iv=bytes(8) + plan.random("counter")[:4] if plan.iv is None else plan.iv,
    )
    aad = build_aad(
        parts.header(),
        key_bound=plan.key_bound != b"\x00",
        bound_headers=[name.decode("utf-8", "replace") for name in plan.names],
        key=plan.record.key,
        headers=plan.record.headers,
    )
    data = plan.plaintext if plan.data is None else plan.data
    sealed = AESGCM(derive_content_key(dek, session_id)).encrypt(parts.iv, data, aad)
    return replace(parts, body=sealed[:-16], tag=sealed[-16:])
