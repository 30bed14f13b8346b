"""No input makes the reader raise anything but its own error, take long, or allocate what a length asks for."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kafka_envelope_reader import EnvelopeError, Keyring, Opener
from kafka_envelope_reader.compression import decompress
from kafka_envelope_reader.errors import ConfigurationError
from kafka_envelope_reader.wire import PREFIX, parse_header
from vectors.deflate import FixedBlock, gzip
from vectors.encode import array, block, varint, wrapping
from vectors.plan import Plan, seal

from .example import (
    DEFLATE_DATA,
    DICTIONARY,
    GZIP_DATA,
    GZIP_PLAINTEXT,
    GZIP_VALUE,
    HEADER,
    HEADERS,
    KEY,
    PLAINTEXT,
    VALUE,
    knows_dek,
    rule,
)
from .test_keyring import content
from .test_wrappings import aes_cmk

OPENER = Opener(rule(require_key=False), {"local": knows_dek()})

mutations = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 300), st.binary(max_size=8)), min_size=1, max_size=4)


def mutated(data: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    """Replace, insert, remove or cut."""
    for action, position, other in changes:
        at = position % (len(data) + 1)
        if action == 0:
            data = data[:at] + other + data[at + len(other) :]
        elif action == 1:
            data = data[:at] + other + data[at:]
        elif action == 2:
            data = data[:at] + data[at + len(other) :]
        else:
            data = data[:at]
    return data


def result(value: bytes) -> bytes | None:
    try:
        return OPENER.open(value, key=KEY, headers=HEADERS)
    except EnvelopeError:
        return None


@given(st.binary(max_size=400))
@settings(deadline=1000)
def test_random_bytes_do_not_open(value: bytes) -> None:
    assert result(value) is None
    assert result(PREFIX + value) is None


@given(st.sampled_from([(VALUE, PLAINTEXT), (GZIP_VALUE, GZIP_PLAINTEXT)]), mutations)
@settings(max_examples=500, deadline=1000)
def test_a_mutated_envelope_does_not_open_with_another_plaintext(
    good: tuple[bytes, bytes], changes: list[tuple[int, int, bytes]]
) -> None:
    value, plaintext = good
    assert result(mutated(value, changes)) in (None, plaintext)


@given(mutations)
@settings(max_examples=500, deadline=1000)
def test_a_mutated_header_is_parsed_or_malformed(changes: list[tuple[int, int, bytes]]) -> None:
    try:
        parse_header(mutated(HEADER, changes))
    except EnvelopeError as error:
        assert error.code == "MALFORMED"


@given(mutations)
@settings(max_examples=500, deadline=1000)
def test_mutated_gzip_data_is_decompressed_within_the_cap_or_refused(changes: list[tuple[int, int, bytes]]) -> None:
    try:
        assert len(decompress(1, mutated(GZIP_DATA, changes), 100)) <= 100
    except EnvelopeError as error:
        assert error.code in ("DECOMPRESSION_FAILED", "TOO_LARGE")


@given(mutations)
@settings(max_examples=500, deadline=1000)
def test_mutated_deflated_data_is_decompressed_within_the_cap_or_refused(changes: list[tuple[int, int, bytes]]) -> None:
    try:
        assert len(decompress(3, mutated(DEFLATE_DATA, changes), 100, DICTIONARY)) <= 100
    except EnvelopeError as error:
        assert error.code in ("DECOMPRESSION_FAILED", "TOO_LARGE")


@given(mutations)
@settings(max_examples=300, deadline=1000)
def test_a_mutated_keyring_is_taken_or_a_configuration_error(changes: list[tuple[int, int, bytes]]) -> None:
    try:
        Keyring(mutated(content(aes_cmk(1, 2)), changes))
    except ConfigurationError as error:
        assert str(error)


@pytest.mark.parametrize("index", range(len(VALUE) * 8))
def test_every_bit_counts_but_those_of_the_ciphertext_dek(index: int) -> None:
    changed = bytearray(VALUE)
    changed[index // 8] ^= 1 << index % 8
    assert result(bytes(changed)) is None or 31 <= index // 8 < 95


def test_a_hostile_length_allocates_nothing() -> None:
    tracemalloc.start()
    try:
        for length in (2**20, 2**31, 2**40, 2**62):
            count = block([wrapping()], count=varint(length)) + b"\x00"
            names = block([b"\x02a"], count=varint(length)) + b"\x00"
            for plan in (Plan(wrapped_deks=count), Plan(bound_headers=names), Plan(context=names)):
                assert result(seal(plan).value()) is None
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_bomb_allocates_little_more_than_the_cap() -> None:
    block = FixedBlock().run(0, 50_000_000 // 8).end()
    bomb = gzip(b"", block)
    tracemalloc.start()
    try:
        with pytest.raises(EnvelopeError, match="TOO_LARGE"):
            decompress(1, bomb, 100_000)
        with pytest.raises(EnvelopeError, match="TOO_LARGE"):
            decompress(3, block, 100_000, DICTIONARY)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_the_largest_head_and_many_headers_take_no_time() -> None:
    items = [wrapping(b"p" * 64, bytes([0x41 + index]) + b"c" * 255, b"\xff" * 1024) for index in range(5)]
    names = tuple(f"{index:02}".encode() + b"n" * 100 for index in range(32))
    value = seal(Plan(wrapped_deks=array(items), names=names)).value()
    headers = [(f"{index % 32:02}" + "n" * 100, b"v") for index in range(100_000)]
    start = time.process_time()
    with pytest.raises(EnvelopeError):
        OPENER.open(value, key=KEY, headers=headers)
    with pytest.raises(EnvelopeError):
        OPENER.open(PREFIX + b"\xff" * 10_000_000, key=KEY, headers=headers)
    assert time.process_time() - start < 2
