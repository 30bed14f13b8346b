"""Suite 1: AES-256-GCM with HKDF-SHA-256 (format section 7)."""

from __future__ import annotations

import hmac
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .errors import EnvelopeError

SUITE: Final = 1
DEK_BYTES: Final = 32


def derive_content_key(dek: bytes, session_id: bytes) -> bytes:
    """Return the 32-byte key that seals the bodies of a session."""
    return _derive(dek, session_id, b"kafka-envelope/v1/content/1")


def derive_commitment(dek: bytes, session_id: bytes) -> bytes:
    """Return the 32 bytes that tie a header to its DEK."""
    return _derive(dek, session_id, b"kafka-envelope/v1/commit/1")


def verified_content_key(dek: bytes, session_id: bytes, commitment: bytes) -> bytes:
    """Return the content key (step 10), or raise `COMMITMENT_MISMATCH` if the DEK is not the header's."""
    if not hmac.compare_digest(derive_commitment(dek, session_id), commitment):
        raise EnvelopeError("COMMITMENT_MISMATCH", "the header's commitment is not that of the DEK")
    return derive_content_key(dek, session_id)


def decrypt(content_key: bytes, iv: bytes, tag: bytes, body: bytes, aad: bytes) -> bytes:
    """Return the data (step 11), or raise `AUTHENTICATION_FAILED`."""
    try:
        return AESGCM(content_key).decrypt(iv, body + tag, aad)
    except InvalidTag:
        raise EnvelopeError("AUTHENTICATION_FAILED", "the tag does not verify over body and AAD") from None


def _derive(dek: bytes, session_id: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=session_id, info=info).derive(dek)
