"""Services that unwrap a ciphertext DEK (format section 10; step 9 of section 13)."""

from __future__ import annotations

from typing import Final, Protocol, runtime_checkable

from .errors import Code, EnvelopeError
from .suite import DEK_BYTES

LOCAL: Final = "local"
LOCAL_RSA: Final = "local/rsa-oaep-sha256"

_ASYMMETRIC_ALGORITHMS: Final = ("/rsa-oaep-sha256", "/sm2")

_CODES: Final[frozenset[Code]] = frozenset(
    {
        "UNWRAP_FAILED",
        "CMK_NOT_FOUND",
        "CMK_DISABLED",
        "CMK_UNUSABLE",
        "KMS_DENIED",
        "KMS_REFUSED",
        "KMS_UNAVAILABLE",
        "KMS_THROTTLED",
        "KMS_TIMEOUT",
        "KMS_RATE_LIMITED",
    }
)
"""The codes that a `Kms` may raise. Of the invalid codes, only the one about the ciphertext DEK is among them."""


class Kms(Protocol):
    """
    A key management service, local or remote. One object may serve several providers.

    `unwrap` either returns the 32 bytes of the DEK, or raises `EnvelopeError` with one of these codes:

    - `KMS_UNAVAILABLE`, `KMS_THROTTLED`, `KMS_TIMEOUT`, `KMS_RATE_LIMITED` (transient): the KMS cannot answer now, or
      the object's own limit on calls is reached; a retry may succeed.
    - `KMS_DENIED`, `KMS_REFUSED`, `CMK_NOT_FOUND`, `CMK_DISABLED`, `CMK_UNUSABLE` (unreadable): access is denied, the
      KMS refuses the call for another reason, or the CMK is deleted, disabled, or cannot unwrap. Another reader may
      succeed.
    - `UNWRAP_FAILED` (invalid): the KMS has the CMK, but the ciphertext was not made with it under that context; also
      if the KMS says that it used a CMK other than `cmk_id`.

    Any other exception, and any other code, is reported as `KMS_UNAVAILABLE` with the exception as its cause. So the
    text of an exception must contain neither key bytes nor any part of the record. A result that is not 32 bytes counts
    as `UNWRAP_FAILED`.
    """

    def is_asymmetric(self, provider: str) -> bool:
        """Tell whether everyone who has the public key of a CMK can wrap for `provider`."""
        ...

    def unwrap(self, provider: str, cmk_id: str, ciphertext_dek: bytes, canonical_context: bytes) -> bytes:
        """
        Unwrap one ciphertext DEK.

        `provider` and `cmk_id` are a pair that the rule accepts. `ciphertext_dek` is 1 to 1,024 bytes. An empty
        `canonical_context` means no encryption context at all; asymmetric providers ignore it.
        """
        ...


@runtime_checkable
class ReplicatedKms(Kms, Protocol):
    """A `Kms` in which a CMK may unwrap what another one wrapped, as replicas of one key do for each other."""

    def unwraps_for(self, cmk_id: str, other_cmk_id: str) -> bool:
        """
        Tell whether `cmk_id`, which the rule accepts, unwraps for `other_cmk_id`. `unwrap` then gets the former.

        `other_cmk_id` is from an envelope and not authenticated: decide by the two ids alone.
        """
        ...


def unwraps_for(kms: Kms, cmk_id: str, other_cmk_id: str) -> bool:
    """Tell whether `kms` says so. By default a CMK unwraps only under its own id."""
    return isinstance(kms, ReplicatedKms) and kms.unwraps_for(cmk_id, other_cmk_id)


def is_asymmetric(provider: str, kms: Kms) -> bool:
    """Tell whether `provider` is asymmetric: because its name says so, or else because `kms` does."""
    return provider.endswith(_ASYMMETRIC_ALGORITHMS) or kms.is_asymmetric(provider)


def unwrap(kms: Kms, provider: str, cmk_id: str, ciphertext_dek: bytes, canonical_context: bytes) -> bytes:
    """Return the 32 bytes that `kms` unwraps, or raise `EnvelopeError` with a code that a `Kms` may give."""
    try:
        dek = kms.unwrap(provider, cmk_id, ciphertext_dek, canonical_context)
    except Exception as error:
        if isinstance(error, EnvelopeError) and error.code in _CODES:
            raise
        raise EnvelopeError("KMS_UNAVAILABLE", "the KMS object failed in a way that has no code") from error
    if not isinstance(dek, (bytes, bytearray)) or len(dek) != DEK_BYTES:
        raise EnvelopeError("UNWRAP_FAILED", "what was unwrapped is not 32 bytes")
    return bytes(dek)
