"""Section 20, "Caches"."""

from __future__ import annotations

from dataclasses import replace

from kafka_envelope_reader import Opener, Rule
from kafka_envelope_reader.cache import DekCache
from vectors.encode import array, entry, wrapping
from vectors.plan import Parts, Plan, seal

from .example import FakeKms, code_of

PLAN = Plan(wrapped_deks=array([wrapping(cmk_id=b"a"), wrapping(cmk_id=b"b")]), dek=bytes(32))
RULE = Rule(topic=PLAN.record.topic, cmks=(("local", "a"), ("local", "b")))


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


def test_a_dek_is_not_kept_before_its_commitment_was_verified() -> None:
    kms = knows()
    used = opener(kms)
    forged = seal(replace(PLAN, commitment=bytes(32)))
    for _ in range(2):
        assert code(used, forged) == "COMMITMENT_MISMATCH"
    assert kms.calls == ["a", "b", "a", "b"]


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
    cache = DekCache(2)
    one, two, three = (("local", name, b"", b"") for name in ("1", "2", "3"))
    cache.put(one, b"1")
    cache.put(two, b"2")
    assert cache.get(one) == b"1"
    cache.put(three, b"3")
    assert [cache.get(key) for key in (one, two, three)] == [b"1", None, b"3"]
