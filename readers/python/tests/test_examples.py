"""Sections 3.1, 7, 9, 10, 15, 18, 19 and 19.1: what the document shows is what this package computes."""

from __future__ import annotations

import hashlib
from functools import partial
from io import BytesIO
from pathlib import Path

import fastavro
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastavro.schema import fingerprint, load_schema, to_parsing_canonical_form

import kafka_envelope_reader
from kafka_envelope_reader.aad import build_aad, canonical_context
from kafka_envelope_reader.avro import Cursor
from kafka_envelope_reader.compression import decompress
from kafka_envelope_reader.keyring import local_wrapping_aad
from kafka_envelope_reader.suite import decrypt, derive_commitment, derive_content_key
from kafka_envelope_reader.wire import PREFIX, Header, Wrapping, parse_envelope, parse_header
from vectors.encode import varint

from . import example
from .example import VALUE, code_of, opens, rule

SCHEMAS = Path(kafka_envelope_reader.__file__).parent / "schemas"
REPOSITORY = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("number", "encoded"),
    [(0, "00"), (-1, "01"), (1, "02"), (63, "7e"), (64, "8001"), (96, "c001"), (1024, "8010"), (4096, "8040")],
)
def test_integers_are_encoded_as_the_table_of_section_3_1_says(number: int, encoded: str) -> None:
    data = bytes.fromhex(encoded)
    assert Cursor(data, 0, len(data)).int64("number") == number
    assert Cursor(data, 0, len(data)).int32("number") == number
    assert varint(number) == data


@pytest.mark.parametrize("number", [2**31 - 1, -(2**31)])
def test_an_int_reaches_to_32_bits(number: int) -> None:
    data = varint(number)
    assert (len(data), data[-1]) == (5, 0x0F)
    assert Cursor(data, 0, 5).int32("number") == number


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63)])
def test_a_long_reaches_to_64_bits(number: int) -> None:
    data = varint(number)
    assert (len(data), data[-1]) == (10, 0x01)
    assert Cursor(data, 0, 10).int64("number") == number


def test_the_wrapping_of_the_first_example_has_the_stated_aad_and_opens_by_it() -> None:
    aad = local_wrapping_aad(example.CMK_ID, canonical_context(example.CONTEXT))
    assert aad == example.WRAPPING_AAD
    assert len(aad) == 68
    wrapped = example.CIPHERTEXT_DEK
    assert AESGCM(example.CMK).decrypt(wrapped[4:16], wrapped[16:], aad) == example.DEK


def test_the_derivation_of_the_first_example_gives_the_stated_keys() -> None:
    assert derive_content_key(example.DEK, example.SESSION_ID) == example.CONTENT_KEY
    assert derive_commitment(example.DEK, example.SESSION_ID) == example.COMMITMENT


def test_the_envelope_of_the_first_example_has_the_stated_parts() -> None:
    envelope = parse_envelope(VALUE)
    assert len(VALUE) == 236
    assert envelope.wrappings == (Wrapping("local", example.CMK_ID, example.CIPHERTEXT_DEK),)
    assert (envelope.header, len(envelope.header)) == (example.HEADER, 97)
    assert (envelope.iv, envelope.tag, envelope.body) == (example.IV, example.TAG, example.BODY)


def test_the_header_of_the_first_example_reads_as_stated() -> None:
    assert parse_header(example.HEADER) == Header(
        suite=1,
        compression=0,
        dictionary=b"",
        key_bound=True,
        bound_headers=("schema-id",),
        topic="orders.eu",
        context=example.CONTEXT,
        session_id=example.SESSION_ID,
        commitment=example.COMMITMENT,
    )


def test_the_aad_of_the_first_example_is_the_stated_one() -> None:
    aad = build_aad(
        example.HEADER, key_bound=True, bound_headers=["schema-id"], key=example.KEY, headers=example.HEADERS
    )
    assert aad == example.AAD
    assert len(aad) == 138


def test_the_body_of_the_first_example_decrypts_to_its_plaintext() -> None:
    data = decrypt(example.CONTENT_KEY, example.IV, example.TAG, example.BODY, example.AAD)
    assert data == example.PLAINTEXT == b'{"order":17}'


def test_the_first_example_opens() -> None:
    assert opens() == example.PLAINTEXT


def test_the_second_example_has_the_stated_intermediate_values() -> None:
    envelope = parse_envelope(example.GZIP_VALUE)
    header = parse_header(envelope.header)
    wrapped = envelope.wrappings[0].ciphertext_dek
    wrapping_aad = local_wrapping_aad(example.CMK_ID, canonical_context(header.context))
    assert len(example.GZIP_VALUE) == 215
    assert wrapping_aad == example.GZIP_WRAPPING_AAD
    assert wrapped[4:16].hex() == "707172737475767778797a7b"
    assert AESGCM(example.CMK).decrypt(wrapped[4:16], wrapped[16:], wrapping_aad) == example.DEK
    assert derive_content_key(example.DEK, example.GZIP_SESSION_ID) == example.GZIP_CONTENT_KEY
    assert derive_commitment(example.DEK, example.GZIP_SESSION_ID) == example.GZIP_COMMITMENT
    assert (envelope.header, envelope.iv) == (example.GZIP_HEADER, bytes(12))
    assert (envelope.tag, envelope.body) == (example.GZIP_TAG, example.GZIP_BODY)
    aad = build_aad(envelope.header, key_bound=False, bound_headers=[], key=b"any", headers=[("any", b"")])
    assert aad == example.GZIP_AAD
    data = decrypt(example.GZIP_CONTENT_KEY, envelope.iv, envelope.tag, envelope.body, aad)
    assert data == example.GZIP_DATA
    assert decompress(1, data, 64) == example.GZIP_PLAINTEXT


@pytest.mark.parametrize("key", [None, b"", b"any"])
def test_the_second_example_opens_with_any_key_and_headers(key: bytes | None) -> None:
    unbound = rule(require_key=False)
    assert opens(example.GZIP_VALUE, rule=unbound, key=key, headers=[("any", None)]) == b"a" * 64


def test_the_second_example_does_not_open_if_the_rule_requires_a_bound_key() -> None:
    assert code_of(lambda: opens(example.GZIP_VALUE)) == "REQUIREMENT_UNMET"


def test_the_third_example_has_the_stated_intermediate_values() -> None:
    envelope = parse_envelope(example.DEFLATE_VALUE)
    header = parse_header(envelope.header)
    wrapped = envelope.wrappings[0].ciphertext_dek
    assert len(example.DEFLATE_VALUE) == 231
    assert wrapped[4:16].hex() == "808182838485868788898a8b"
    assert AESGCM(example.CMK).decrypt(wrapped[4:16], wrapped[16:], example.GZIP_WRAPPING_AAD) == example.DEK
    assert derive_content_key(example.DEK, example.DEFLATE_SESSION_ID) == example.DEFLATE_CONTENT_KEY
    assert derive_commitment(example.DEK, example.DEFLATE_SESSION_ID) == example.DEFLATE_COMMITMENT
    assert header.dictionary == hashlib.sha256(example.DICTIONARY).digest()
    assert (envelope.header, len(envelope.header), envelope.iv) == (example.DEFLATE_HEADER, 96, bytes(12))
    assert (envelope.tag, envelope.body) == (example.DEFLATE_TAG, example.DEFLATE_BODY)
    aad = build_aad(envelope.header, key_bound=True, bound_headers=[], key=example.KEY, headers=[])
    assert (aad, len(aad)) == (example.DEFLATE_AAD, 123)
    data = decrypt(example.DEFLATE_CONTENT_KEY, envelope.iv, envelope.tag, envelope.body, aad)
    assert data == example.DEFLATE_DATA
    assert decompress(3, data, 28, example.DICTIONARY) == example.DEFLATE_PLAINTEXT


def test_the_third_example_opens_with_its_dictionary_only() -> None:
    dictionaries = [b"another", example.DICTIONARY]
    assert opens(example.DEFLATE_VALUE, dictionaries=dictionaries) == b'{"order":18,"status":"paid"}'
    for others in ([], [b"another"], [example.DICTIONARY[:-1]]):
        lacking = partial(opens, example.DEFLATE_VALUE, dictionaries=others)
        assert code_of(lacking) == "DICTIONARY_UNKNOWN"


class TestDifferencesOfSection18:
    """The table at the end of section 18, row by row."""

    def test_an_unlisted_header_may_be_removed_or_changed(self) -> None:
        assert opens(headers=[("schema-id", b"42"), ("schema-id", None)]) == example.PLAINTEXT
        changed = [("schema-id", b"42"), ("traceparent", b"x"), ("schema-id", None)]
        assert opens(headers=changed) == example.PLAINTEXT

    def test_another_topic_is_wrong(self) -> None:
        assert code_of(lambda: opens(rule=rule(topic="orders"))) == "WRONG_TOPIC"

    @pytest.mark.parametrize("key", [None, b""])
    def test_a_null_or_empty_key_does_not_authenticate(self, key: bytes | None) -> None:
        assert code_of(lambda: opens(key=key)) == "AUTHENTICATION_FAILED"

    def test_swapped_headers_of_one_name_do_not_authenticate(self) -> None:
        swapped = [("schema-id", None), ("traceparent", b"00-ab"), ("schema-id", b"42")]
        assert code_of(lambda: opens(headers=swapped)) == "AUTHENTICATION_FAILED"

    def test_the_last_bit_of_the_tag_counts(self) -> None:
        tag = example.TAG[:-1] + bytes([example.TAG[-1] ^ 1])
        assert code_of(lambda: opens(VALUE.replace(example.TAG, tag))) == "AUTHENTICATION_FAILED"

    def test_a_required_header_or_context_entry_that_is_not_there_is_an_unmet_requirement(self) -> None:
        assert code_of(lambda: opens(rule=rule(require_headers=("region",)))) == "REQUIREMENT_UNMET"
        assert code_of(lambda: opens(rule=rule(require_context={"env": "test"}))) == "REQUIREMENT_UNMET"

    def test_a_rule_of_another_cmk_leaves_no_candidate(self) -> None:
        assert code_of(lambda: opens(rule=rule(cmks=(("local", "orders-2024"),)))) == "NO_CANDIDATE"

    def test_a_changed_context_does_not_authenticate_if_the_dek_is_given(self) -> None:
        assert code_of(lambda: opens(VALUE.replace(b"acme", b"acmf"))) == "AUTHENTICATION_FAILED"

    def test_a_changed_session_id_does_not_match_the_commitment(self) -> None:
        session_id = example.SESSION_ID[:-1] + b"\xae"
        assert code_of(lambda: opens(VALUE.replace(example.SESSION_ID, session_id))) == "COMMITMENT_MISMATCH"

    @pytest.mark.parametrize(
        ("before", "after", "code"),
        [
            ("c20102000001", "c20104000001", "UNKNOWN_SUITE"),
            ("c20102000001", "c20101000001", "UNKNOWN_SUITE"),
            ("c20102000001", "c20102080001", "UNKNOWN_COMPRESSION"),
            ("c20102000001", "c20102060001", "MALFORMED"),
            ("c20102000001", "c20102000002", "MALFORMED"),
            ("166f72646572732d", "96006f72646572732d", "MALFORMED"),
            ("c3010fea", "c3010feb", "UNKNOWN_FORMAT"),
        ],
    )
    def test_a_changed_byte_has_the_stated_code(self, before: str, after: str, code: str) -> None:
        changed = VALUE.replace(bytes.fromhex(before), bytes.fromhex(after))
        assert changed != VALUE
        assert code_of(lambda: opens(changed)) == code

    def test_an_appended_byte_is_malformed(self) -> None:
        assert code_of(lambda: opens(VALUE + b"\x00")) == "MALFORMED"

    def test_what_is_cut_after_9_bytes_is_malformed_and_after_1_byte_not_sealed(self) -> None:
        assert code_of(lambda: opens(VALUE[:9])) == "MALFORMED"
        assert code_of(lambda: opens(VALUE[:1])) == "NOT_SEALED"


class TestSchemas:
    """Section 15. The literals are checked against another implementation."""

    def test_the_installed_schemas_are_those_of_the_repository(self) -> None:
        names = {path.name for path in SCHEMAS.iterdir()}
        assert names == {path.name for path in (REPOSITORY / "schemas").glob("*.avsc")}
        for name in names:
            assert (SCHEMAS / name).read_bytes() == (REPOSITORY / "schemas" / name).read_bytes()

    @pytest.mark.parametrize(("name", "literal"), [("envelope", "0fea18fa6fe363e8"), ("header", "7e01b7a267487823")])
    def test_a_fingerprint_follows_from_its_schema(self, name: str, literal: str) -> None:
        canonical = to_parsing_canonical_form(load_schema(str(SCHEMAS / f"{name}.v1.avsc")))
        assert fingerprint(canonical, "CRC-64-AVRO") == literal
        document = (REPOSITORY / "docs" / "format.md").read_text("utf-8")
        assert canonical in document

    def test_the_prefix_is_marker_and_fingerprint(self) -> None:
        assert PREFIX.hex() == "c301" + "0fea18fa6fe363e8"

    def test_a_stock_encoder_gives_the_bytes_of_the_first_example(self) -> None:
        header_out, out = BytesIO(), BytesIO()
        header = {
            **vars(parse_header(example.HEADER)),
            "keyBound": True,
            "boundHeaders": ["schema-id"],
            "context": dict(example.CONTEXT),
            "sessionId": example.SESSION_ID,
        }
        fastavro.schemaless_writer(header_out, load_schema(str(SCHEMAS / "header.v1.avsc")), header)
        assert header_out.getvalue() == example.HEADER
        envelope = {
            "wrappedDeks": [
                {"provider": "local", "cmkId": example.CMK_ID, "ciphertextDek": example.CIPHERTEXT_DEK},
            ],
            "header": example.HEADER,
            "iv": example.IV,
            "tag": example.TAG,
            "body": example.BODY,
        }
        fastavro.schemaless_writer(out, load_schema(str(SCHEMAS / "envelope.v1.avsc")), envelope)
        assert PREFIX + out.getvalue() == VALUE
