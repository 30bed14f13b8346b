"""Section 17: this reader agrees with all vectors, and the vectors are as the section says."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastavro import schemaless_reader
from fastavro.schema import load_schema

import kafka_envelope_reader
from kafka_envelope_reader import ConfigurationError, EnvelopeError
from kafka_envelope_reader.aad import build_aad
from kafka_envelope_reader.compression import decompress
from kafka_envelope_reader.suite import decrypt, verified_content_key
from kafka_envelope_reader.vectors import Vector, disagreement, load_vectors
from kafka_envelope_reader.wire import PREFIX
from vectors.make import vectors as made_again

FOLDER = Path(__file__).parents[3] / "test" / "vectors"
RULES = FOLDER / "rules"
VECTOR_FILES = sorted([*FOLDER.glob("*.json"), *RULES.glob("*.json")])
SCHEMAS = Path(kafka_envelope_reader.__file__).parent / "schemas"
OWN = FOLDER / "v1.json"


def test_there_are_vector_files_of_both_kinds() -> None:
    assert {OWN, RULES / "v1.json"} <= set(VECTOR_FILES)


@pytest.mark.parametrize("path", VECTOR_FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_vector_agrees(path: Path) -> None:
    differences = {vector.name: disagreement(vector) for vector in load_vectors(path)}
    assert {name: difference for name, difference in differences.items() if difference} == {}


def own_vectors() -> list[Vector]:
    return [vector for vector in load_vectors(OWN) if isinstance(vector, Vector)]


def test_the_file_is_made_again_byte_for_byte() -> None:
    assert made_again().encode("ascii") == OWN.read_bytes()


def test_the_file_has_vectors_of_every_code_that_occurs() -> None:
    codes = Counter(vector.error for vector in load_vectors(OWN))
    assert set(codes) == {
        None,
        "NOT_SEALED",
        "MALFORMED",
        "UNKNOWN_FORMAT",
        "UNKNOWN_SUITE",
        "UNKNOWN_COMPRESSION",
        "DICTIONARY_UNKNOWN",
        "WRONG_TOPIC",
        "COMMITMENT_MISMATCH",
        "AUTHENTICATION_FAILED",
        "DECOMPRESSION_FAILED",
        "TOO_LARGE",
    }
    assert codes[None] >= 100
    assert codes.total() - codes[None] >= 200


def test_names_are_unique_and_form_vectors_are_malformed() -> None:
    vectors = load_vectors(OWN)
    assert len({vector.name for vector in vectors}) == len(vectors)
    assert all(vector.error == "MALFORMED" for vector in vectors if vector.name.startswith("form/"))


class TestStockDecoder:
    """Section 6.1: a lenient reader on a stock Avro decoder never gets another plaintext, and agrees on the rest."""

    ENVELOPE = load_schema(str(SCHEMAS / "envelope.v1.avsc"))
    HEADER = load_schema(str(SCHEMAS / "header.v1.avsc"))

    def open_leniently(self, vector: Vector) -> bytes:
        """Open with a stock decoder, which checks no bound and no form."""
        if not vector.envelope.startswith(PREFIX[:2]):
            raise EnvelopeError("NOT_SEALED", "")
        if len(vector.envelope) < len(PREFIX):
            raise EnvelopeError("MALFORMED", "")
        if not vector.envelope.startswith(PREFIX):
            raise EnvelopeError("UNKNOWN_FORMAT", "")
        try:
            envelope: Any = schemaless_reader(BytesIO(vector.envelope[len(PREFIX) :]), self.ENVELOPE, None)
            header: Any = schemaless_reader(BytesIO(envelope["header"]), self.HEADER, None)
        except Exception:
            raise EnvelopeError("MALFORMED", "") from None
        if header["suite"] != 1:
            raise EnvelopeError("UNKNOWN_SUITE", "")
        if header["compression"] not in (0, 1, 3):
            raise EnvelopeError("UNKNOWN_COMPRESSION", "")
        dictionaries = {hashlib.sha256(dictionary).digest(): dictionary for dictionary in vector.dictionaries}
        if header["compression"] == 3 and header["dictionary"] not in dictionaries:
            raise EnvelopeError("DICTIONARY_UNKNOWN", "")
        if header["topic"] != vector.topic:
            raise EnvelopeError("WRONG_TOPIC", "")
        if not envelope["wrappedDeks"]:
            raise EnvelopeError("NO_CANDIDATE", "")
        content_key = verified_content_key(vector.dek, header["sessionId"], header["commitment"])
        aad = build_aad(
            envelope["header"],
            key_bound=header["keyBound"],
            bound_headers=header["boundHeaders"],
            key=vector.key,
            headers=vector.headers,
        )
        data = decrypt(content_key, envelope["iv"], envelope["tag"], envelope["body"], aad)
        return decompress(header["compression"], data, 1_048_576, dictionaries.get(header["dictionary"], b""))

    def result(self, vector: Vector) -> bytes | str:
        """Return the plaintext or the code."""
        try:
            return self.open_leniently(vector)
        except EnvelopeError as error:
            return error.code

    def test_it_agrees_on_all_that_is_not_named_form(self) -> None:
        for vector in own_vectors():
            if not vector.name.startswith("form/"):
                assert self.result(vector) == (vector.plaintext if vector.error is None else vector.error), vector.name

    def test_it_gets_what_was_sealed_from_most_form_vectors_and_nothing_else_from_any(self) -> None:
        results = [self.result(vector) for vector in own_vectors() if vector.name.startswith("form/")]
        opened = [result for result in results if isinstance(result, bytes)]
        assert set(opened) == {b'{"order":17}', b""}
        assert len(opened) > len(results) / 2


class TestRunner:
    """A runner that sees no difference where there is one would be of no use."""

    GOOD: dict[str, Any] = json.loads(OWN.read_text("ascii"))[0]

    def loaded(self, folder: Path, **changes: object) -> Vector:
        file = folder / "vectors.json"
        file.write_text(json.dumps([{**self.GOOD, **changes}]))
        (vector,) = load_vectors(file)
        assert isinstance(vector, Vector)
        return vector

    def test_it_agrees_with_a_good_vector_in_upper_case_too(self, tmp_path: Path) -> None:
        assert disagreement(self.loaded(tmp_path, envelope=self.GOOD["envelope"].upper())) is None

    @pytest.mark.parametrize(
        ("changes", "difference"),
        [
            ({"plaintext": "00"}, "it opens with another plaintext"),
            ({"plaintext": None, "error": "MALFORMED"}, "expected: MALFORMED; got: it opens"),
            ({"envelope": ""}, "expected: it opens; got: NOT_SEALED"),
            ({"plaintext": None, "error": "MALFORMED", "topic": "x"}, "expected: MALFORMED; got: WRONG_TOPIC"),
        ],
    )
    def test_it_says_what_differs(self, tmp_path: Path, changes: dict[str, object], difference: str) -> None:
        assert disagreement(self.loaded(tmp_path, **changes)) == difference

    @pytest.mark.parametrize(
        "changes",
        [
            {"other": 1},
            {"name": 1},
            {"dek": None},
            {"dek": "0"},
            {"dictionaries": None},
            {"dictionaries": [None]},
            {"dictionaries": ["0"]},
            {"envelope": "0g"},
            {"envelope": "00 00"},
            {"headers": None},
            {"headers": [["a"]]},
            {"headers": [["a", 1]]},
            {"headers": [[None, "00"]]},
            {"error": "MALFORMED"},
            {"plaintext": None},
        ],
    )
    def test_it_refuses_an_entry_that_is_not_a_vector(self, tmp_path: Path, changes: dict[str, object]) -> None:
        with pytest.raises(ConfigurationError):
            self.loaded(tmp_path, **changes)

    @pytest.mark.parametrize("content", ["", "{}", "[1]", "[{}]"])
    def test_it_refuses_a_file_that_is_not_a_vector_file(self, tmp_path: Path, content: str) -> None:
        file = tmp_path / "vectors.json"
        file.write_text(content)
        with pytest.raises(ConfigurationError):
            load_vectors(file)
