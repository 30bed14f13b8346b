"""Section 14: codes, kinds, and texts without secrets."""

from __future__ import annotations

import pickle
import traceback

import pytest

from kafka_envelope_reader import EnvelopeError
from kafka_envelope_reader.errors import KINDS, Code
from kafka_envelope_reader.vectors import Vector, disagreement, load_vectors

from .example import opens
from .test_vectors import VECTOR_FILES

UNREADABLE = {"UNKNOWN_FORMAT", "UNKNOWN_SUITE", "UNKNOWN_COMPRESSION", "NO_CANDIDATE"}
OF_KMS = {"CMK_NOT_FOUND", "CMK_DISABLED", "CMK_UNUSABLE", "KMS_DENIED"}


@pytest.mark.parametrize("code", KINDS)
def test_the_code_decides_the_kind_by_the_table_of_section_13(code: Code) -> None:
    if code == "KMS_UNAVAILABLE":
        expected = "transient"
    else:
        expected = "unreadable" if code in UNREADABLE | OF_KMS else "invalid"
    assert EnvelopeError(code, "").kind == expected


def test_an_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(EnvelopeError("MALFORMED", "body is malformed")))  # noqa: S301
    assert (error.code, error.kind, str(error)) == ("MALFORMED", "invalid", "MALFORMED: body is malformed")


def test_an_error_says_its_code_first() -> None:
    with pytest.raises(EnvelopeError, match=r"^NOT_SEALED: "):
        opens(b"")


def test_the_texts_of_errors_are_few_and_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """If every text is one of few, none can have anything of a record. All vectors give their errors here."""
    texts: set[str] = set()
    construct = EnvelopeError.__init__

    def recording(self: EnvelopeError, code: Code, detail: str) -> None:
        construct(self, code, detail)
        texts.add(str(self))

    monkeypatch.setattr(EnvelopeError, "__init__", recording)
    vectors: list[Vector] = [vector for path in VECTOR_FILES for vector in load_vectors(path)]
    for vector in vectors:
        disagreement(vector)
    assert len(vectors) > 1000
    assert len(texts) < 40


def test_a_traceback_shows_no_other_exception() -> None:
    with pytest.raises(EnvelopeError) as caught:
        opens(key=b"other")
    assert "InvalidTag" not in "".join(traceback.format_exception(caught.value))
