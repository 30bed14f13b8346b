"""Rule vectors: a keyring, a rule and a record (format section 17)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from .aad import RecordHeader
from .errors import ConfigurationError
from .keyring import Keyring
from .kms import LOCAL, LOCAL_RSA
from .opener import Opener
from .rule import Rule, exact_and_prefixes
from .vector_json import boolean, headers, items, members, octets_or_none, text, text_or_none, texts

MEMBERS: Final = {"name", "keyring", "rule", "topic", "key", "headers", "envelope", "plaintext", "error"}
_RULE: Final = {"cmks", "acceptPublicKeySealing", "originalTopics", "require", "tombstones", "maxDecompressedBytes"}
_REQUIRE: Final = {"keyBound", "headers", "context"}


@dataclass(frozen=True)
class RuleVector:
    """One entry; a null `envelope` is a tombstone, and one that passes has neither `plaintext` nor `error`."""

    name: str
    keyring: Keyring
    rule: Rule
    key: bytes | None
    headers: tuple[RecordHeader, ...]
    envelope: bytes | None
    plaintext: bytes | None
    error: str | None

    def open(self) -> bytes | None:
        """Open under the rule with the keyring."""
        opener = Opener(self.rule, {LOCAL: self.keyring, LOCAL_RSA: self.keyring})
        return opener.open(self.envelope, key=self.key, headers=self.headers)

    @staticmethod
    def parse(entry: dict[str, object]) -> RuleVector:
        """Read an entry with the right members. Raises `TypeError`, `ValueError` or `ConfigurationError`."""
        keyring = Keyring(json.dumps(entry["keyring"]).encode())
        rule = _rule(entry["rule"], text(entry["topic"]))
        if not set(rule.cmks) <= set(keyring.cmks):
            raise ConfigurationError("the rule of a vector names a CMK that its keyring lacks")
        vector = RuleVector(
            name=text(entry["name"]),
            keyring=keyring,
            rule=rule,
            key=octets_or_none(entry["key"]),
            headers=headers(entry["headers"]),
            envelope=octets_or_none(entry["envelope"]),
            plaintext=octets_or_none(entry["plaintext"]),
            error=text_or_none(entry["error"]),
        )
        results = (vector.plaintext is not None) + (vector.error is not None)
        passes = vector.envelope is None and vector.error is None
        if results != (0 if passes else 1):
            raise ValueError
        return vector


def _rule(value: object, topic: str) -> Rule:
    member = members(value, _RULE)
    require = members(member["require"], _REQUIRE)
    original_topics, original_prefixes = exact_and_prefixes(texts(member["originalTopics"]))
    context = require["context"]
    tombstones = text(member["tombstones"])
    cap = member["maxDecompressedBytes"]
    if not isinstance(context, dict) or tombstones not in ("pass", "reject") or type(cap) is not int:
        raise TypeError
    return Rule(
        topic=topic,
        cmks=tuple(_pair(pair) for pair in items(member["cmks"])),
        accept_public_key_sealing=boolean(member["acceptPublicKeySealing"]),
        require_key=boolean(require["keyBound"]),
        require_headers=texts(require["headers"]),
        require_context={key: text(entry) for key, entry in context.items()},
        original_topics=original_topics,
        original_prefixes=original_prefixes,
        max_decompressed_bytes=cap,
        reject_tombstones=tombstones == "reject",
    )


def _pair(value: object) -> tuple[str, str]:
    provider, cmk_id = texts(value)
    return provider, cmk_id
