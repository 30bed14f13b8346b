"""Section 14: codes, kinds, and texts without secrets."""

from __future__ import annotations

import pickle
import re
import traceback

import pytest

from kafka_envelope_reader import EnvelopeError
from kafka_envelope_reader.errors import KINDS, Code
from kafka_envelope_reader.vectors import disagreement, load_vectors

from .example import opens
from .test_vectors import FOLDER, VECTOR_FILES

FORMAT = FOLDER.parents[1] / "docs" / "format.md"

ROW = re.compile(r"^\|[^|]*\|[^|]*\| `([A-Z_]+)` +\| (invalid|unreadable) +\|$", re.MULTILINE)
ROW_OF_14 = re.compile(r"^\| ((?:`[A-Z_]+`(?:, )?)+) +\| _(transient|unreadable)_ +\|", re.MULTILINE)


def test_codes_and_kinds_are_those_of_the_tables_of_sections_13_and_14() -> None:
    text = FORMAT.read_text("utf-8")
    stated = dict(ROW.findall(text))
    for codes, kind in ROW_OF_14.findall(text):
        stated |= dict.fromkeys(re.findall("[A-Z_]+", codes), kind)
    assert len(stated) == 16 + 10
    assert stated == KINDS
    assert {code: EnvelopeError(code, "").kind for code in KINDS} == stated


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
    vectors = [vector for path in VECTOR_FILES for vector in load_vectors(path)]
    for vector in vectors:
        disagreement(vector)
    assert len(vectors) > 1000
    assert len(texts) < 60


def test_a_traceback_shows_no_other_exception() -> None:
    with pytest.raises(EnvelopeError) as caught:
        opens(key=b"other")
    assert "InvalidTag" not in "".join(traceback.format_exception(caught.value))
