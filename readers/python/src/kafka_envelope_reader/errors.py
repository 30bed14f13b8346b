"""Errors: their codes and kinds (format sections 13 and 14)."""

from __future__ import annotations

from typing import Final, Literal

Kind = Literal["transient", "unreadable", "invalid"]

Code = Literal[
    "TOMBSTONE_REJECTED",
    "NOT_SEALED",
    "MALFORMED",
    "UNKNOWN_FORMAT",
    "UNKNOWN_SUITE",
    "SUITE_NOT_ALLOWED",
    "UNKNOWN_COMPRESSION",
    "DICTIONARY_UNKNOWN",
    "WRONG_TOPIC",
    "REQUIREMENT_UNMET",
    "NO_CANDIDATE",
    "UNWRAP_FAILED",
    "COMMITMENT_MISMATCH",
    "AUTHENTICATION_FAILED",
    "DECOMPRESSION_FAILED",
    "TOO_LARGE",
    "CMK_NOT_FOUND",
    "CMK_DISABLED",
    "CMK_UNUSABLE",
    "KMS_DENIED",
    "KMS_REFUSED",
    "KMS_UNAVAILABLE",
    "KMS_THROTTLED",
    "KMS_TIMEOUT",
    "KMS_RATE_LIMITED",
    "TOPIC_NOT_CONFIGURED",
]

KINDS: Final[dict[Code, Kind]] = {
    "TOMBSTONE_REJECTED": "invalid",
    "NOT_SEALED": "invalid",
    "MALFORMED": "invalid",
    "UNKNOWN_FORMAT": "unreadable",
    "UNKNOWN_SUITE": "unreadable",
    "SUITE_NOT_ALLOWED": "invalid",
    "UNKNOWN_COMPRESSION": "unreadable",
    "DICTIONARY_UNKNOWN": "unreadable",
    "WRONG_TOPIC": "invalid",
    "REQUIREMENT_UNMET": "invalid",
    "NO_CANDIDATE": "unreadable",
    "UNWRAP_FAILED": "invalid",
    "COMMITMENT_MISMATCH": "invalid",
    "AUTHENTICATION_FAILED": "invalid",
    "DECOMPRESSION_FAILED": "invalid",
    "TOO_LARGE": "invalid",
    # Section 14:
    "CMK_NOT_FOUND": "unreadable",
    "CMK_DISABLED": "unreadable",
    "CMK_UNUSABLE": "unreadable",
    "KMS_DENIED": "unreadable",
    "KMS_REFUSED": "unreadable",
    "KMS_UNAVAILABLE": "transient",
    "KMS_THROTTLED": "transient",
    "KMS_TIMEOUT": "transient",
    "KMS_RATE_LIMITED": "transient",
    # For an application that selects an `Opener` by topic and has none:
    "TOPIC_NOT_CONFIGURED": "unreadable",
}


class EnvelopeError(Exception):
    """
    A record value was not opened.

    `code` is stable and decides `kind`. `detail` says what was wrong in fixed words: neither key bytes nor plaintext
    nor anything else of the record is ever part of it.
    """

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(code, detail)
        self.code: Final[Code] = code
        self.kind: Final[Kind] = KINDS[code]
        self.detail: Final[str] = detail

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


class ConfigurationError(ValueError):
    """A rule, keyring, key or vector file is wrong. Never raised while a record is opened. Carries no key bytes."""
