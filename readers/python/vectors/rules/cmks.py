"""CMKs of a keyring (format section 21), and wrappings under them, right and deliberately wrong (section 10)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kafka_envelope_reader.keyring import local_wrapping_aad
from kafka_envelope_reader.kms import LOCAL, LOCAL_RSA

from .. import encode
from .oaep import oaep
from .rsa_keys import RSA_2048, RsaPair

CREATED_AT = "2025-01-02T03:04:05.678Z"

Bytes = Callable[[bytes], bytes]
"""A change to bytes."""


@dataclass(frozen=True)
class Sealing:
    """What a wrapping is made of: the DEK, the canonical context, and the name of the vector for what is random."""

    dek: bytes
    context: bytes
    name: str

    def random(self, purpose: str) -> bytes:
        """Return 32 bytes that look random and are the same wherever they are made."""
        return hashlib.sha256(f"kafka-envelope rule vectors/{purpose}/{self.name}".encode()).digest()


Wrap = Callable[[Sealing], bytes]
"""Makes one encoded item of `wrappedDeks`."""


def unchanged(content: bytes) -> bytes:
    """Return what it gets."""
    return content


def flipped(index: int, mask: int = 0x01) -> Bytes:
    """Return the change of bits in one byte."""

    def change(content: bytes) -> bytes:
        changed = bytearray(content)
        changed[index] ^= mask
        return bytes(changed)

    return change


def resized(size: int) -> Bytes:
    """Return the change to `size` bytes, by cutting or by repeating."""
    return lambda content: (content * (size // len(content) + 1))[:size]


def foreign(provider: bytes, cmk_id: bytes, ciphertext_dek: bytes = b"\x5a" * 64) -> Wrap:
    """Return a wrapping that no vector can unwrap."""
    return lambda _: encode.wrapping(provider, cmk_id, ciphertext_dek)


@dataclass(frozen=True, kw_only=True)
class Aes:
    """A CMK of type `aes-256`; `keys` has the keys of versions that do not follow from `id` and version."""

    id: str = "orders-2025"
    versions: tuple[int, ...] = (1,)
    keys: Mapping[int, bytes] = field(default_factory=dict, hash=False)
    enabled: bool = True

    @property
    def pair(self) -> tuple[str, str]:
        """Return (provider, cmkId)."""
        return LOCAL, self.id

    def key(self, version: int) -> bytes:
        """Return the key of a version, whether the keyring has that or not."""
        named = hashlib.sha256(f"kafka-envelope rule vectors/cmk/{self.id}/{version}".encode()).digest()
        return self.keys.get(version, named)

    def member(self) -> dict[str, Any]:
        """Return the entry in a keyring file."""
        versions = [
            {"version": number, "createdAt": CREATED_AT, "key": base64.b64encode(self.key(number)).decode("ascii")}
            for number in self.versions
        ]
        return {"id": self.id, "type": "aes-256", "enabled": self.enabled, "versions": versions}

    def wrap(
        self,
        *,
        version: int | None = None,
        stated_version: int | None = None,
        dek: bytes | None = None,
        context: bytes | None = None,
        aad: bytes | None = None,
        iv: bytes | None = None,
        change: Bytes = unchanged,
    ) -> Wrap:
        """Return a wrapping under `version` (if not given, the last) that states `stated_version`; `change` is last."""
        used = self.versions[-1] if version is None else version

        def wrap(sealing: Sealing) -> bytes:
            bound = local_wrapping_aad(self.id, sealing.context if context is None else context)
            nonce = sealing.random(f"iv/{self.id}")[:12] if iv is None else iv
            plain = sealing.dek if dek is None else dek
            sealed = AESGCM(self.key(used)).encrypt(nonce, plain, bound if aad is None else aad)
            stated = used if stated_version is None else stated_version
            return encode.wrapping(b"local", self.id.encode(), change(stated.to_bytes(4, "big") + nonce + sealed))

        return wrap


@dataclass(frozen=True, kw_only=True)
class Rsa:
    """A CMK of type `rsa-oaep-sha256`."""

    id: str = "orders-rsa"
    key: RsaPair = RSA_2048
    public_only: bool = False
    enabled: bool = True

    @property
    def pair(self) -> tuple[str, str]:
        """Return (provider, cmkId)."""
        return LOCAL_RSA, self.id

    def member(self) -> dict[str, Any]:
        """Return the entry in a keyring file."""
        public: dict[str, Any] = {
            "id": self.id,
            "type": "rsa-oaep-sha256",
            "enabled": self.enabled,
            "createdAt": CREATED_AT,
            "publicKey": self.key.public_pem(),
        }
        return public if self.public_only else {**public, "privateKey": self.key.private_pem()}

    def wrap(
        self,
        *,
        dek: Bytes = unchanged,
        seed: bytes | None = None,
        encoded: Callable[[bytes, int, bytes], bytes] = oaep,
        key: RsaPair | None = None,
        change: Bytes = unchanged,
    ) -> Wrap:
        """
        Return a wrapping with the public key of `key`; `change` is done last.

        `encoded` makes the encoded message of what `dek` makes of the DEK, the length of the modulus and a seed.
        """
        used = key or self.key

        def wrap(sealing: Sealing) -> bytes:
            random = sealing.random(f"seed/{self.id}") if seed is None else seed
            ciphertext = used.power(encoded(dek(sealing.dek), used.size, random))
            return encode.wrapping(b"local/rsa-oaep-sha256", self.id.encode(), change(ciphertext))

        return wrap


Cmk = Aes | Rsa
