"""RSA-OAEP with SHA-256, the providers `…/rsa-oaep-sha256` (format section 10)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from .errors import ConfigurationError, EnvelopeError

MIN_BITS: Final = 2_048
MAX_BITS: Final = 8_192

_BASE64_LINES: Final = re.compile(rb"\s[A-Za-z0-9+/=\s]+")


class RsaPrivateKeys:
    """
    A `Kms` with RSA private keys that the reader holds itself.

    `keys` maps (provider, cmkId), such as `("tencent-kms/rsa-oaep-sha256", "region/key")`, to an unencrypted PKCS #8
    key in PEM of 2,048 to 8,192 bits. Raises `ConfigurationError` if one is not.
    """

    def __init__(self, keys: Mapping[tuple[str, str], bytes]) -> None:
        self._keys = {pair: load_private_key(pem) for pair, pem in keys.items()}

    def is_asymmetric(self, provider: str) -> bool:
        """Tell that anyone who has a public key can wrap."""
        return True

    def unwrap(self, provider: str, cmk_id: str, ciphertext_dek: bytes, canonical_context: bytes) -> bytes:
        """Unwrap. Such a wrapping does not bind the context. Raises `CMK_NOT_FOUND` or `UNWRAP_FAILED`."""
        key = self._keys.get((provider, cmk_id))
        if key is None:
            raise EnvelopeError("CMK_NOT_FOUND", "there is no private key for this CMK")
        return decrypt_oaep(key, ciphertext_dek)


def decrypt_oaep(key: RSAPrivateKey, ciphertext: bytes) -> bytes:
    """Return what was encrypted, of any length, or raise `UNWRAP_FAILED`."""
    try:
        return key.decrypt(ciphertext, OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None))
    except ValueError:
        raise EnvelopeError("UNWRAP_FAILED", "the ciphertext DEK is not one of this RSA key") from None


def _only_block(pem: bytes, label: bytes) -> bytes:
    """Return the one PEM block with that label; only white space may surround it (RFC 7468)."""
    block = pem.strip()
    begin, end = (b"-----%b %b-----" % (word, label) for word in (b"BEGIN", b"END"))
    inner = block[len(begin) : -len(end)]
    if not block.startswith(begin) or not block.endswith(end) or not _BASE64_LINES.fullmatch(inner):
        raise ConfigurationError("a key is not exactly one PEM block with the label that it must have")
    return block + b"\n"


def load_private_key(pem: bytes) -> RSAPrivateKey:
    """Load an unencrypted PKCS #8 key, or raise `ConfigurationError`."""
    try:
        key = load_pem_private_key(_only_block(pem, b"PRIVATE KEY"), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigurationError("a private key cannot be read") from None
    if not isinstance(key, RSAPrivateKey) or not MIN_BITS <= key.key_size <= MAX_BITS:
        raise ConfigurationError("a private key is not an RSA key of 2,048 to 8,192 bits")
    return key


def load_public_key(pem: bytes) -> RSAPublicKey:
    """Load a SubjectPublicKeyInfo, or raise `ConfigurationError`."""
    try:
        key = load_pem_public_key(_only_block(pem, b"PUBLIC KEY"))
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigurationError("a public key cannot be read") from None
    if not isinstance(key, RSAPublicKey) or not MIN_BITS <= key.key_size <= MAX_BITS:
        raise ConfigurationError("a public key is not an RSA key of 2,048 to 8,192 bits")
    return key
