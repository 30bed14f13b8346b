"""Opening a record value: the order of checks (format section 13)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, overload

from .aad import RecordHeader, build_aad, canonical_context
from .cache import DekCache, DekKey
from .compression import decompress, dictionaries_by_name, require_known
from .errors import ConfigurationError, EnvelopeError
from .kms import Kms, is_asymmetric, unwrap, unwraps_for
from .rule import Rule
from .suite import SUITE, decrypt, verified_content_key
from .wire import Header, Wrapping, parse_envelope, parse_header

_MAX_FAILURES: Final = 2
"""How many candidates may fail because the envelope is to blame."""


class Opener:
    """Opens the record values of one topic under one rule. Safe for use by several threads if each `Kms` is."""

    def __init__(
        self,
        rule: Rule,
        kms: Mapping[str, Kms],
        *,
        dictionaries: Iterable[bytes] = (),
        cache_size: int = 256,
        cache_max_age_seconds: float = 3600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Take a rule and, for each provider that it names, a `Kms`; otherwise `ConfigurationError`.

        `dictionaries` are those that values may be compressed with, 1 to 32,768 bytes each.

        At most `cache_size` unwrapped DEKs are kept, each for less than `cache_max_age_seconds` after it was unwrapped.
        For that time, records still open after their CMK was disabled. `clock` is for tests: seconds that never go
        back.
        """
        if any(provider not in kms for provider, _ in rule.cmks):
            raise ConfigurationError("the rule names a provider for which there is no KMS")
        if cache_size < 0 or not 0 <= cache_max_age_seconds < math.inf:
            raise ConfigurationError("a bound of the cache is negative or not finite")
        self._rule = rule
        self._kms = dict(kms)
        self._dictionaries = dictionaries_by_name(dictionaries)
        asymmetric = frozenset(provider for provider, _ in rule.cmks if is_asymmetric(provider, kms[provider]))
        self._ignored = frozenset[str]() if rule.accept_public_key_sealing else asymmetric
        self._cache = DekCache(cache_size, cache_max_age_seconds, clock)

    @overload
    def open(self, value: bytes, *, key: bytes | None, headers: Iterable[RecordHeader]) -> bytes: ...
    @overload
    def open(self, value: None, *, key: bytes | None, headers: Iterable[RecordHeader]) -> None: ...
    @overload
    def open(self, value: bytes | None, *, key: bytes | None, headers: Iterable[RecordHeader]) -> bytes | None: ...
    def open(self, value: bytes | None, *, key: bytes | None, headers: Iterable[RecordHeader]) -> bytes | None:
        """
        Return the plaintext of a record value, or None for a tombstone. Raises `EnvelopeError`.

        `key` and `headers` are the record's; headers are (name, value) in record order, and a value may be None.
        """
        rule = self._rule
        if value is None:
            if rule.reject_tombstones:
                raise EnvelopeError("TOMBSTONE_REJECTED", "the rule rejects tombstones")
            return None
        envelope = parse_envelope(value)
        header = parse_header(envelope.header)
        _check_header(header, rule, self._dictionaries)
        content_key = self._content_key(envelope.wrappings, header)
        aad = build_aad(
            envelope.header,
            key_bound=header.key_bound,
            bound_headers=header.bound_headers,
            key=key,
            headers=headers,
        )
        data = decrypt(content_key, envelope.iv, envelope.tag, envelope.body, aad)
        dictionary = self._dictionaries.get(header.dictionary, b"")
        return decompress(header.compression, data, rule.max_decompressed_bytes, dictionary)

    def _content_key(self, wrappings: Iterable[Wrapping], header: Header) -> bytes:
        """Try the candidates in turn (steps 8 to 10)."""
        context = canonical_context(header.context)
        candidates = self._candidates(wrappings, context)
        if not candidates:
            raise EnvelopeError("NO_CANDIDATE", "the rule accepts none of the wrappings")
        failures: list[EnvelopeError] = []
        for candidate in candidates:
            try:
                return self._try(candidate, header)
            except EnvelopeError as failure:
                failures.append(failure)
            if sum(failure.kind == "invalid" for failure in failures) == _MAX_FAILURES:
                break
        raise _reported(failures)

    def _candidates(self, wrappings: Iterable[Wrapping], context: bytes) -> list[DekKey]:
        """Return the accepted wrappings in the order of the rule, but those with a cached DEK first."""
        by_cmk = {(wrapping.provider, wrapping.cmk_id): wrapping for wrapping in wrappings}
        candidates = [
            (provider, cmk_id, context, wrapping.ciphertext_dek)
            for provider, cmk_id in self._rule.cmks
            if provider not in self._ignored
            if (wrapping := self._wrapping_for(provider, cmk_id, by_cmk)) is not None
        ]
        return sorted(candidates, key=lambda candidate: candidate not in self._cache)

    def _wrapping_for(
        self, provider: str, cmk_id: str, by_cmk: Mapping[tuple[str, str], Wrapping]
    ) -> Wrapping | None:
        """Return the wrapping under the CMK itself, or else the first one that it unwraps for another CMK."""
        own = by_cmk.get((provider, cmk_id))
        if own is not None:
            return own
        kms = self._kms[provider]
        others = (
            wrapping
            for wrapping in by_cmk.values()
            if wrapping.provider == provider and unwraps_for(kms, cmk_id, wrapping.cmk_id)
        )
        return next(others, None)

    def _try(self, candidate: DekKey, header: Header) -> bytes:
        """Return the content key by one candidate (steps 9 and 10)."""
        dek = self._cache.get(candidate)
        if dek is None:
            provider, cmk_id, context, ciphertext_dek = candidate
            dek = unwrap(self._kms[provider], provider, cmk_id, ciphertext_dek, context)
            self._cache.put(candidate, dek)
        return verified_content_key(dek, header.session_id, header.commitment)


def _check_header(header: Header, rule: Rule, dictionaries: Mapping[bytes, bytes]) -> None:
    """Make the checks that need neither a KMS nor the body (steps 4 to 7)."""
    if header.suite != SUITE:
        raise EnvelopeError("UNKNOWN_SUITE", "this reader does not know the suite")
    if header.suite not in rule.allowed_suites:
        raise EnvelopeError("SUITE_NOT_ALLOWED", "the rule does not allow the suite")
    require_known(header.compression, header.dictionary, dictionaries)
    if not rule.accepts_topic(header.topic):
        raise EnvelopeError("WRONG_TOPIC", "the record was sealed for another topic")
    if rule.require_key and not header.key_bound:
        raise EnvelopeError("REQUIREMENT_UNMET", "the rule requires a bound key")
    if not set(rule.require_headers) <= set(header.bound_headers):
        raise EnvelopeError("REQUIREMENT_UNMET", "the rule requires a bound header")
    if not rule.require_context.items() <= dict(header.context).items():
        raise EnvelopeError("REQUIREMENT_UNMET", "the rule requires a context entry")


def _reported(failures: list[EnvelopeError]) -> EnvelopeError:
    """Return the failure to report: an invalid one, which no intact envelope causes, else a transient one."""
    for kind in ("invalid", "transient"):
        for failure in failures:
            if failure.kind == kind:
                return failure
    return failures[0]
