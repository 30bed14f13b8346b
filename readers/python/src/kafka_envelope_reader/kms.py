"""What unwraps a ciphertext DEK (format section 10; step 9 of section 13)."""

from __future__ import annotations

from typing import Final, Protocol

LOCAL: Final = "local"
LOCAL_RSA: Final = "local/rsa-oaep-sha256"

_ASYMMETRIC_ALGORITHMS: Final = ("/rsa-oaep-sha256", "/sm2")


class Kms(Protocol):
    """
    A key management service, local or remote. One object may serve several providers.

    `unwrap` either returns the 32 bytes of the DEK, or raises `EnvelopeError` with one of these codes:

    - `KMS_UNAVAILABLE` (transient): unreachable, throttled, timed out, or a budget is spent; a retry may succeed.
    - `KMS_DENIED`, `CMK_NOT_FOUND`, `CMK_DISABLED`, `CMK_UNUSABLE` (unreadable): access is denied, or the CMK is gone,
      disabled, or of no use for unwrapping. Another reader may succeed.
    - `UNWRAP_FAILED` (invalid): the KMS has the CMK, and the ciphertext is not one of it under that context; also if
      the KMS names another CMK than `cmk_id` as the one that it used.

    Any other exception is a fault of the KMS object: it passes through `Opener.open` unchanged, and the
    record counts as neither opened nor refused.
    """

    def unwrap(self, provider: str, cmk_id: str, ciphertext_dek: bytes, canonical_context: bytes) -> bytes:
        """
        Unwrap one ciphertext DEK.

        `provider` and `cmk_id` are a pair that the rule accepts. `ciphertext_dek` is 1 to 1,024 bytes. An empty
        `canonical_context` means no encryption context at all; asymmetric providers ignore it.
        """
        ...


def is_asymmetric(provider: str) -> bool:
    """Tell whether everyone who has a public key can wrap for `provider`."""
    return provider.endswith(_ASYMMETRIC_ALGORITHMS)
