"""RSAES-OAEP encoding with a given seed (RFC 8017, section 7.1.1), right and deliberately wrong."""

from __future__ import annotations

import hashlib


def oaep(
    message: bytes,
    size: int,
    seed: bytes,
    *,
    hash_name: str = "sha256",
    mgf_hash_name: str = "sha256",
    label: bytes = b"",
    separator: bytes = b"\x01",
    padding: bytes | None = None,
    first: bytes = b"\x00",
) -> bytes:
    """
    Return the encoded message of `size` bytes for a modulus of as many; `seed` is cut to the length of the hash.

    `separator` stands between padding and message, `padding` is all zero if not given, and `first` is the first byte.
    """
    label_hash = hashlib.new(hash_name, label).digest()
    zeros = bytes(size - len(message) - 2 * len(label_hash) - 2) if padding is None else padding
    block = label_hash + zeros + separator + message
    cut_seed = seed[: len(label_hash)]
    masked_block = _xor(block, mgf1(cut_seed, len(block), mgf_hash_name))
    masked_seed = _xor(cut_seed, mgf1(masked_block, len(cut_seed), mgf_hash_name))
    encoded = first + masked_seed + masked_block
    if len(encoded) != size:
        raise ValueError("the encoded message does not have the length of the modulus")
    return encoded


def mgf1(seed: bytes, size: int, hash_name: str) -> bytes:
    """Return the mask of `size` bytes (appendix B.2.1)."""
    mask = b""
    while len(mask) < size:
        counter = len(mask) // hashlib.new(hash_name).digest_size
        mask += hashlib.new(hash_name, seed + counter.to_bytes(4, "big")).digest()
    return mask[:size]


def pkcs1_v15(message: bytes, size: int, seed: bytes) -> bytes:
    """Return the encoded message of RSAES-PKCS1-v1_5 (section 7.2.1), which the format does not allow."""
    random = mgf1(seed, 2 * size, "sha256").replace(b"\x00", b"")
    return b"\x00\x02" + random[: size - len(message) - 3] + b"\x00" + message


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
