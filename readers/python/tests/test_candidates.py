"""Steps 8 to 11 of section 13: several wrappings, and what is reported when none serves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kafka_envelope_reader import Code, EnvelopeError, Opener, Rule
from vectors.encode import array, wrapping
from vectors.plan import Plan, seal

from .example import FakeKms, code_of

PLAN = Plan(wrapped_deks=array([wrapping(cmk_id=cmk_id) for cmk_id in (b"a", b"b", b"c", b"d", b"e")]))
VALUE = seal(PLAN).value()
DEK = PLAN.actual_dek()
OTHER_DEK = bytes(32)


def failure(code: Code) -> EnvelopeError:
    return EnvelopeError(code, "told so")


TRANSIENT, UNREADABLE, INVALID = failure("KMS_UNAVAILABLE"), failure("CMK_DISABLED"), failure("UNWRAP_FAILED")


def result(order: str, **answers: object) -> tuple[str, str]:
    """Return the code, or `opens`, and the CMKs that were asked, for a rule that names CMKs in `order`."""
    kms = FakeKms(answers, [])
    rule = Rule(topic=PLAN.record.topic, cmks=tuple(("local", cmk_id) for cmk_id in order))
    opener = Opener(rule, {"local": kms})
    code = code_of(lambda: opener.open(VALUE, key=PLAN.record.key, headers=PLAN.record.headers))
    return code, "".join(kms.calls)


def test_candidates_are_tried_in_the_order_of_the_rule_not_of_the_envelope() -> None:
    assert result("cab", a=DEK, b=DEK, c=DEK) == ("opens", "c")


@pytest.mark.parametrize("first", [TRANSIENT, UNREADABLE, INVALID, OTHER_DEK, b"", bytes(31), bytes(33)])
def test_after_a_candidate_fails_in_step_9_or_10_the_next_is_tried(first: bytes | EnvelopeError) -> None:
    assert result("ab", a=first, b=DEK) == ("opens", "ab")


def test_at_most_two_may_fail_because_the_envelope_is_to_blame() -> None:
    assert result("abc", a=INVALID, b=INVALID, c=DEK) == ("UNWRAP_FAILED", "ab")
    assert result("abc", a=OTHER_DEK, b=OTHER_DEK, c=DEK) == ("COMMITMENT_MISMATCH", "ab")


def test_a_kms_that_is_unavailable_or_denies_is_not_counted() -> None:
    assert result("abcde", a=TRANSIENT, b=UNREADABLE, c=INVALID, d=UNREADABLE, e=DEK) == ("opens", "abcde")


def test_an_invalid_failure_is_reported_before_all_others() -> None:
    assert result("abc", a=TRANSIENT, b=UNREADABLE, c=INVALID)[0] == "UNWRAP_FAILED"


def test_a_transient_failure_is_reported_before_an_unreadable_one() -> None:
    assert result("ab", a=UNREADABLE, b=TRANSIENT)[0] == "KMS_UNAVAILABLE"


def test_the_first_failure_is_reported_among_invalid_ones() -> None:
    assert result("ab", a=OTHER_DEK, b=INVALID)[0] == "COMMITMENT_MISMATCH"
    assert result("ab", a=INVALID, b=OTHER_DEK)[0] == "UNWRAP_FAILED"


def test_a_result_that_is_not_32_bytes_is_a_failed_unwrapping() -> None:
    for size in (0, 16, 31, 33, 64):
        assert result("a", a=bytes(size))[0] == "UNWRAP_FAILED"


def test_a_failure_of_step_11_is_final() -> None:
    kms = FakeKms({"a": DEK, "b": DEK}, [])
    opener = Opener(Rule(topic=PLAN.record.topic, cmks=(("local", "a"), ("local", "b"))), {"local": kms})
    forged = replace(seal(PLAN), tag=bytes(16)).value()
    assert code_of(lambda: opener.open(forged, key=PLAN.record.key, headers=[])) == "AUTHENTICATION_FAILED"
    assert kms.calls == ["a"]


@pytest.mark.parametrize("size", [None, "text", bytearray(31), list(DEK)])
def test_a_result_that_is_not_bytes_is_a_failed_unwrapping(size: object) -> None:
    assert result("a", a=size)[0] == "UNWRAP_FAILED"


def test_a_kms_that_wipes_its_buffer_harms_nothing() -> None:
    buffer = bytearray(DEK)
    opener = Opener(Rule(topic=PLAN.record.topic, cmks=(("local", "a"),)), {"local": FakeKms({"a": buffer}, [])})
    for _ in range(2):
        assert opener.open(VALUE, key=PLAN.record.key, headers=PLAN.record.headers) == PLAN.plaintext
        buffer[:] = bytes(32)


@pytest.mark.parametrize("exception", [KeyError("a"), TypeError(), OSError(), TimeoutError(), failure("MALFORMED")])
def test_any_other_exception_of_a_kms_is_a_transient_failure_with_that_cause(exception: Exception) -> None:
    opener = Opener(Rule(topic=PLAN.record.topic, cmks=(("local", "a"),)), {"local": FakeKms({"a": exception}, [])})
    with pytest.raises(EnvelopeError) as caught:
        opener.open(VALUE, key=PLAN.record.key, headers=PLAN.record.headers)
    assert (caught.value.code, caught.value.kind) == ("KMS_UNAVAILABLE", "transient")
    assert caught.value.__cause__ is exception
    assert result("ab", a=exception, b=DEK) == ("opens", "ab")


@pytest.mark.parametrize("code", ["KMS_THROTTLED", "KMS_TIMEOUT", "KMS_RATE_LIMITED", "KMS_DENIED", "CMK_UNUSABLE"])
def test_a_code_of_a_kms_is_passed_on(code: Code) -> None:
    assert result("a", a=failure(code))[0] == code


def test_an_exception_that_ends_the_process_is_not_a_failure_of_a_kms() -> None:
    with pytest.raises(KeyboardInterrupt):
        result("a", a=KeyboardInterrupt())


def test_exceptions_of_anything_but_the_kms_are_not_hidden() -> None:
    opener = Opener(Rule(topic=PLAN.record.topic, cmks=(("local", "a"),)), {"local": FakeKms({"a": DEK}, [])})
    with pytest.raises(TypeError):
        opener.open(VALUE, key="text", headers=[])  # type: ignore[call-overload]
