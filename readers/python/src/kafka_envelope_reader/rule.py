"""The rule that a reader applies to a topic (format sections 11 to 13)."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from .errors import ConfigurationError
from .suite import SUITE

DEFAULT_MAX_DECOMPRESSED_BYTES: Final = 16_777_216


@dataclass(frozen=True, kw_only=True)
class Rule:
    """
    The requirements for the records of one topic. Raises `ConfigurationError` for a rule that makes no sense.

    - `topic`: the topic that is read.
    - `cmks`: the accepted (provider, cmkId) pairs, the nearest first; nothing else is ever unwrapped.
    - `accept_public_key_sealing`: whether a pair of an asymmetric provider may be a candidate.
    - `require_key`, `require_headers`, `require_context`: data that has to be bound (step 7).
    - `allowed_suites`: suites that are accepted (step 4).
    - `original_topics`, `original_prefixes`: other topics, and beginnings of topics, whose records are accepted here.
    - `max_decompressed_bytes`: cap on the result of decompression; it does not apply to values that are not compressed.
    - `reject_tombstones`: whether a null value is `TOMBSTONE_REJECTED` instead of delivered as null.
    """

    topic: str
    cmks: tuple[tuple[str, str], ...]
    accept_public_key_sealing: bool = False
    require_key: bool = True
    require_headers: tuple[str, ...] = ()
    require_context: Mapping[str, str] = field(default_factory=dict)
    allowed_suites: frozenset[int] = frozenset({SUITE})
    original_topics: tuple[str, ...] = ()
    original_prefixes: tuple[str, ...] = ()
    max_decompressed_bytes: int = DEFAULT_MAX_DECOMPRESSED_BYTES
    reject_tombstones: bool = False

    def __post_init__(self) -> None:
        tuples = (self.require_headers, self.original_topics, self.original_prefixes)
        if any(isinstance(texts, str) for texts in tuples):
            raise ConfigurationError("a text stands in the place of a tuple of texts")
        if len(set(self.cmks)) < len(self.cmks):
            raise ConfigurationError("a CMK occurs twice in the rule")
        if "" in self.original_prefixes:
            raise ConfigurationError("an empty prefix accepts the records of every topic")
        if not 0 <= self.max_decompressed_bytes < sys.maxsize:
            raise ConfigurationError("max_decompressed_bytes is out of range")

    def accepts_topic(self, sealed: str) -> bool:
        """Tell whether a record that was sealed for the topic `sealed` may be in this one (step 6)."""
        accepted = (self.topic, *self.original_topics)
        return sealed in accepted or sealed.startswith(tuple(self.original_prefixes))


def exact_and_prefixes(topics: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return `original_topics` and `original_prefixes` from one list in which prefixes are written `prefix*`."""
    listed = tuple(topics)
    exact = tuple(topic for topic in listed if not topic.endswith("*"))
    return exact, tuple(topic[:-1] for topic in listed if topic.endswith("*"))
