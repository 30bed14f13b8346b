"""Section 20, "Caches"."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from kafka_envelope_reader import ConfigurationError, EnvelopeError, Opener, Rule
from kafka_envelope_reader.cache import DekCache
from vectors.encode import array, entry, wrapping
from vectors.plan import Parts, Plan, seal

from .example import FakeKms, code_of

PLAN = Plan(wrapped_deks=array([wrapping(cmk_id=b"a"), wrapping(cmk_id=b"b")]), dek=bytes(32))
RULE = Rule(topic=PLAN.record.topic, cmks=(("local", "a"), ("local", "b")))


HOUR = 3600.0


class Clock:
    """Seconds that pass when the test says so."""

    now = 1e6

    def __call__(self) -> float:
        return self.now


def opener(kms: FakeKms, cache_size: int = 4) -> Opener:
    return Opener(RULE, {"local": kms}, cache_size=cache_size)


def knows() -> FakeKms:
    return FakeKms({"a": bytes(32), "b": bytes(32)}, [])


def code(opener: Opener, parts: Parts) -> str:
    return code_of(lambda: opener.open(parts.value(), key=PLAN.record.key, headers=PLAN.record.headers))


def test_a_dek_is_unwrapped_once_also_for_another_session() -> None:
    kms = knows()
    used = opener(kms)
    for seed in ("one", "one", "two"):
        assert code(used, seal(replace(PLAN, seed=seed))) == "opens"
    assert kms.calls == ["a"]


def test_a_cache_of_size_zero_keeps_nothing() -> None:
    kms = knows()
    used = opener(kms, cache_size=0)
    for _ in range(2):
        assert code(used, seal(PLAN)) == "opens"
    assert kms.calls == ["a", "a"]


def test_a_dek_is_found_only_under_its_cmk_context_and_ciphertext() -> None:
    kms = knows()
    used = opener(kms)
    plans = [
        PLAN,
        replace(PLAN, wrapped_deks=array([wrapping(cmk_id=b"b")])),
        replace(PLAN, context=array([entry(b"env", b"prod")])),
        replace(PLAN, wrapped_deks=array([wrapping(cmk_id=b"a", ciphertext_dek=b"other")])),
    ]
    for plan in plans:
        assert code(used, seal(plan)) == "opens"
    assert kms.calls == ["a", "b", "a", "a"]


def test_a_dek_is_kept_as_soon_as_it_is_unwrapped_so_that_a_flood_of_forged_headers_costs_no_calls() -> None:
    kms = knows()
    used = opener(kms)
    for index in range(5):
        assert code(used, seal(replace(PLAN, commitment=bytes([index]) * 32))) == "COMMITMENT_MISMATCH"
    assert kms.calls == ["a", "b"]
    assert code(used, seal(PLAN)) == "opens"


def test_a_failure_is_not_kept() -> None:
    answers: dict[str, object] = {"a": EnvelopeError("KMS_TIMEOUT", ""), "b": EnvelopeError("KMS_DENIED", "")}
    kms = FakeKms(answers, [])
    used = opener(kms)
    assert code(used, seal(PLAN)) == "KMS_TIMEOUT"
    answers["a"] = bytes(32)
    assert code(used, seal(PLAN)) == "opens"
    assert kms.calls == ["a", "b", "a"]


@pytest.mark.parametrize(("options", "age"), [({}, HOUR), ({"cache_max_age_seconds": 60.0}, 60.0)])
def test_a_dek_is_kept_for_an_hour_or_as_long_as_configured(options: dict[str, float], age: float) -> None:
    kms, clock = knows(), Clock()
    used = Opener(RULE, {"local": kms}, clock=clock, **options)  # type: ignore[arg-type]
    for seconds, calls in ((0.0, 1), (age / 2, 1), (age - 1, 1), (age, 2), (age + 1, 2), (2 * age, 3)):
        clock.now = Clock.now + seconds
        assert code(used, seal(PLAN)) == "opens"
        assert len(kms.calls) == calls


def test_a_revoked_cmk_opens_nothing_once_the_age_is_reached() -> None:
    answers: dict[str, object] = {"a": bytes(32), "b": bytes(32)}
    clock = Clock()
    used = Opener(RULE, {"local": FakeKms(answers, [])}, clock=clock)
    assert code(used, seal(PLAN)) == "opens"
    answers["a"] = answers["b"] = EnvelopeError("CMK_DISABLED", "")
    assert code(used, seal(PLAN)) == "opens"
    clock.now += HOUR
    assert code(used, seal(PLAN)) == "CMK_DISABLED"


def test_an_age_of_zero_keeps_nothing() -> None:
    kms = knows()
    used = Opener(RULE, {"local": kms}, cache_max_age_seconds=0)
    for _ in range(2):
        assert code(used, seal(PLAN)) == "opens"
    assert kms.calls == ["a", "a"]


@pytest.mark.parametrize(
    "options",
    [{"cache_size": -1}, *({"cache_max_age_seconds": age} for age in (-1, math.inf, math.nan))],
)
def test_a_cache_without_bounds_is_a_configuration_error(options: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        Opener(RULE, {"local": knows()}, **options)  # type: ignore[arg-type]


def test_what_is_too_old_leaves_the_memory_when_another_dek_comes() -> None:
    clock = Clock()
    cache = DekCache(9, HOUR, clock)
    for name in "123":
        cache.put(("local", name, b"", b""), b"dek")
    clock.now += HOUR
    cache.put(("local", "4", b"", b""), b"dek")
    assert len(cache) == 1


def test_the_commitment_is_verified_for_a_kept_dek_too() -> None:
    used = opener(knows())
    assert code(used, seal(PLAN)) == "opens"
    assert code(used, seal(replace(PLAN, commitment=bytes(32)))) == "COMMITMENT_MISMATCH"


def test_a_candidate_whose_dek_is_kept_comes_first() -> None:
    kms = knows()
    used = opener(kms)
    assert code(used, seal(replace(PLAN, wrapped_deks=array([wrapping(cmk_id=b"b")])))) == "opens"
    assert code(used, seal(PLAN)) == "opens"
    assert kms.calls == ["b"]


def test_the_entry_that_was_not_used_for_the_longest_time_gives_way() -> None:
    cache = DekCache(2, HOUR, Clock())
    one, two, three = (("local", name, b"", b"") for name in ("1", "2", "3"))
    cache.put(one, b"1")
    cache.put(two, b"2")
    assert cache.get(one) == b"1"
    cache.put(three, b"3")
    assert [cache.get(key) for key in (one, two, three)] == [b"1", None, b"3"]
