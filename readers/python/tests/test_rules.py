"""Sections 11 to 13: what a rule demands, and in which order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import pytest

from kafka_envelope_reader import ConfigurationError, Opener
from vectors.encode import array, wrapping
from vectors.gzipped import gzipped
from vectors.plan import Plan, Record, seal

from .example import GZIP_VALUE, PLAINTEXT, VALUE, FakeKms, code_of, knows_dek, opens, rule


def refusal(value: bytes, kms: FakeKms | None = None, /, **changes: object) -> str:
    """Return the code under the rule of the examples with changes."""
    return code_of(lambda: opens(value, rule=rule(**changes), kms=kms))


def test_a_tombstone_is_delivered_as_null() -> None:
    assert Opener(rule(), {"local": knows_dek()}).open(None, key=None, headers=[]) is None


def test_a_tombstone_is_rejected_if_the_rule_says_so() -> None:
    opener = Opener(rule(reject_tombstones=True), {"local": knows_dek()})
    assert code_of(lambda: opener.open(None, key=None, headers=[])) == "TOMBSTONE_REJECTED"


def test_an_empty_value_is_no_tombstone() -> None:
    assert code_of(lambda: opens(b"")) == "NOT_SEALED"


def test_sealed_for_maps_exact_names() -> None:
    assert opens(rule=rule(topic="copy", original_topics=("x", "orders.eu"))) == PLAINTEXT
    assert code_of(lambda: opens(rule=rule(topic="copy", original_topics=("orders", "orders.eu2")))) == "WRONG_TOPIC"


def test_sealed_for_maps_prefixes() -> None:
    assert opens(rule=rule(topic="copy", original_prefixes=("x", "orders."))) == PLAINTEXT
    assert opens(rule=rule(topic="copy", original_prefixes=("orders.eu",))) == PLAINTEXT
    assert code_of(lambda: opens(rule=rule(topic="copy", original_prefixes=("rders", "orders.eu2")))) == "WRONG_TOPIC"


def test_the_topic_itself_is_accepted_beside_sealed_for() -> None:
    assert opens(rule=rule(original_topics=("other",))) == PLAINTEXT


def test_a_suite_that_the_rule_does_not_allow_is_refused_and_an_unknown_one_is_unknown_first() -> None:
    assert code_of(lambda: opens(rule=rule(allowed_suites=frozenset({2})))) == "SUITE_NOT_ALLOWED"
    unknown = VALUE.replace(b"\xc2\x01\x02", b"\xc2\x01\x04")
    assert code_of(lambda: opens(unknown, rule=rule(allowed_suites=frozenset({2})))) == "UNKNOWN_SUITE"


def test_a_bound_key_is_required_by_default() -> None:
    assert code_of(lambda: opens(GZIP_VALUE)) == "REQUIREMENT_UNMET"
    assert opens(GZIP_VALUE, rule=rule(require_key=False)) == b"a" * 64


def test_required_headers_and_context_that_are_there_are_met() -> None:
    demanding = rule(require_headers=("schema-id",), require_context={"env": "prod", "tenant": "acme"})
    assert opens(rule=demanding) == PLAINTEXT


@pytest.mark.parametrize("context", [{"env": "prod2"}, {"en": "prod"}, {"env": "prod", "x": "y"}, {"env": ""}])
def test_a_required_context_entry_needs_exactly_that_key_and_value(context: dict[str, str]) -> None:
    assert code_of(lambda: opens(rule=rule(require_context=context))) == "REQUIREMENT_UNMET"


def test_a_required_header_must_be_listed_not_just_be_there() -> None:
    assert code_of(lambda: opens(rule=rule(require_headers=("traceparent",)))) == "REQUIREMENT_UNMET"


def test_a_wrapping_of_another_provider_or_cmk_is_no_candidate() -> None:
    assert code_of(lambda: opens(rule=rule(cmks=()))) == "NO_CANDIDATE"
    assert code_of(lambda: opens(rule=rule(cmks=(("local", "orders-202"),)))) == "NO_CANDIDATE"
    assert code_of(lambda: opens(rule=rule(cmks=(("other", "orders-2025"),)))) == "NO_CANDIDATE"


@pytest.mark.parametrize("provider", ["local/rsa-oaep-sha256", "tencent-kms/rsa-oaep-sha256", "tencent-kms/sm2"])
def test_public_key_sealing_is_accepted_only_if_the_rule_says_so(provider: str) -> None:
    plan = Plan(wrapped_deks=array([wrapping(provider.encode(), b"k")]))
    kms = FakeKms({"k": plan.actual_dek()}, [])
    value, headers = seal(plan).value(), plan.record.headers
    refusing = rule(cmks=((provider, "k"),))
    assert code_of(lambda: opens(value, rule=refusing, kms=kms, headers=headers)) == "NO_CANDIDATE"
    assert kms.calls == []
    accepting = rule(cmks=((provider, "k"),), accept_public_key_sealing=True)
    assert opens(value, rule=accepting, kms=kms, headers=headers) == plan.plaintext


@pytest.mark.parametrize("accept", [False, True])
def test_a_provider_of_another_name_is_asymmetric_if_its_kms_says_so(accept: bool) -> None:
    plan = Plan(wrapped_deks=array([wrapping(b"own-hsm", b"k")]))
    kms = FakeKms({"k": plan.actual_dek()}, [], asymmetric=True)
    accepting = rule(cmks=(("own-hsm", "k"),), accept_public_key_sealing=accept)
    result = code_of(lambda: opens(seal(plan).value(), rule=accepting, kms=kms, headers=plan.record.headers))
    assert (result, kms.calls) == (("opens", ["k"]) if accept else ("NO_CANDIDATE", []))


def test_the_default_cap_is_16_mib() -> None:
    assert rule().max_decompressed_bytes == 16_777_216


def test_a_result_of_exactly_the_cap_is_accepted_and_a_larger_one_is_too_large() -> None:
    unbound = rule(require_key=False, max_decompressed_bytes=64)
    assert opens(GZIP_VALUE, rule=unbound) == b"a" * 64
    for cap in (63, 1, 0):
        assert refusal(GZIP_VALUE, require_key=False, max_decompressed_bytes=cap) == "TOO_LARGE"


def test_an_empty_result_is_within_a_cap_of_zero() -> None:
    plan = gzipped(b"")
    kms = FakeKms({"orders-2025": plan.actual_dek()}, [])
    assert opens(seal(plan).value(), rule=rule(max_decompressed_bytes=0), kms=kms) == b""


def test_the_cap_does_not_apply_without_compression() -> None:
    assert opens(rule=rule(max_decompressed_bytes=0)) == PLAINTEXT


def test_no_kms_is_called_before_all_checks_of_the_header() -> None:
    kms = knows_dek()
    changes: list[dict[str, object]] = [
        {"topic": "x"},
        {"allowed_suites": frozenset()},
        {"require_headers": ("x",)},
        {"require_context": {"x": "y"}},
    ]
    for change in changes:
        assert refusal(VALUE, kms, **change) != "opens"
    assert kms.calls == []


def test_steps_4_to_8_come_in_their_order() -> None:
    """Each rule refuses by a step less than the one before."""
    nothing: dict[str, object] = {
        "allowed_suites": frozenset(),
        "topic": "x",
        "require_headers": ("region",),
        "cmks": (("local", "x"),),
    }
    codes = []
    while nothing:
        codes.append(refusal(VALUE, **nothing))
        nothing.pop(next(iter(nothing)))
    assert codes == ["SUITE_NOT_ALLOWED", "WRONG_TOPIC", "REQUIREMENT_UNMET", "NO_CANDIDATE"]


def test_compression_comes_between_suite_and_topic() -> None:
    value = seal(Plan(compression=b"\x08")).value()
    assert code_of(lambda: opens(value, rule=rule(allowed_suites=frozenset()))) == "SUITE_NOT_ALLOWED"
    assert code_of(lambda: opens(value, rule=rule(topic="x"))) == "UNKNOWN_COMPRESSION"


def test_a_dictionary_is_looked_for_between_suite_and_topic_and_before_any_key() -> None:
    value = seal(Plan(compression=b"\x06", dictionary=b"\x40" + bytes(32))).value()
    kms = knows_dek()
    assert code_of(lambda: opens(value, rule=rule(allowed_suites=frozenset()))) == "SUITE_NOT_ALLOWED"
    assert code_of(lambda: opens(value, rule=rule(topic="x"), kms=kms)) == "DICTIONARY_UNKNOWN"
    assert kms.calls == []


@pytest.mark.parametrize("size", [0, 32_769, 100_000])
def test_a_dictionary_without_bytes_or_with_too_many_is_a_configuration_error(size: int) -> None:
    with pytest.raises(ConfigurationError):
        Opener(rule(), {"local": knows_dek()}, dictionaries=[b"a", bytes(size)])


@pytest.mark.parametrize("dictionaries", [b"ab", "ab", [7], ["ab"], {"orders": b"ab"}, [b"a", None]])
def test_dictionaries_that_are_not_a_list_of_bytes_are_a_configuration_error(dictionaries: object) -> None:
    with pytest.raises(ConfigurationError):
        Opener(rule(), {"local": knows_dek()}, dictionaries=cast("Iterable[bytes]", dictionaries))


def test_zstd_is_unknown_to_this_reader() -> None:
    assert code_of(lambda: opens(seal(Plan(compression=b"\x04")).value())) == "UNKNOWN_COMPRESSION"


def test_an_envelope_in_an_envelope_is_delivered_unchanged() -> None:
    plan = Plan(plaintext=VALUE, record=Record(headers=()))
    kms = FakeKms({"orders-2025": plan.actual_dek()}, [])
    assert opens(seal(plan).value(), kms=kms, headers=()) == VALUE


@pytest.mark.parametrize(
    "changes",
    [
        {"cmks": (("local", "a"), ("local", "a"))},
        {"original_topics": "orders"},
        {"original_prefixes": "orders"},
        {"original_prefixes": ("",)},
        {"require_headers": "schema-id"},
        {"max_decompressed_bytes": -1},
        {"max_decompressed_bytes": 2**63},
    ],
)
def test_a_rule_that_makes_no_sense_is_a_configuration_error(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        rule(**changes)


def test_a_rule_that_names_a_provider_without_a_kms_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError):
        Opener(rule(cmks=(("local", "a"), ("tencent-kms", "b"))), {"local": knows_dek()})
