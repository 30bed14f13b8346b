"""The worked examples of sections 18 and 19, copied from the document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from kafka_envelope_reader import EnvelopeError, Opener, RecordHeader, Rule

DEK = bytes.fromhex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
CMK_ID = "orders-2025"
CMK = bytes.fromhex("404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f")
TOPIC = "orders.eu"
KEY = bytes.fromhex("6f726465722d3137")
HEADERS: tuple[RecordHeader, ...] = (("schema-id", b"42"), ("traceparent", b"00-ab"), ("schema-id", None))
PLAINTEXT = bytes.fromhex("7b226f72646572223a31377d")

SESSION_ID = bytes.fromhex("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf")
CONTENT_KEY = bytes.fromhex("cd573bfd6fc270c770306f90883513bb517f659299501aad65ba01261d7f2106")
COMMITMENT = bytes.fromhex("2ea7625e1fc1f8bae2cbff0798f3b5440b277db7c9b7e82888977ce60705da0e")
CONTEXT = (("env", "prod"), ("tenant", "acme"))
WRAPPING_AAD = bytes.fromhex(
    "6b61666b612d656e76656c6f70652f6c6f63616c2f76310000000b6f72646572732d323032357b22656e76223a2270726f64222c2274656e616e74223a226163"
    "6d65227d"
)
CIPHERTEXT_DEK = bytes.fromhex(
    "00000001"
    "606162636465666768696a6b"
    "ac290b06039196a10188733d098b52041f3dfc02032b87191663d1a3b7df19e4"
    "093dea3511f101fe2b62075b53c8c249"
)
HEADER = bytes.fromhex(
    "0200010212736368656d612d696400126f72646572732e65750406656e760870726f640c74656e616e740861636d6500a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
    "2ea7625e1fc1f8bae2cbff0798f3b5440b277db7c9b7e82888977ce60705da0e"
)
AAD = bytes.fromhex(
    "c3010fea18fa6fe363e8000000600200010212736368656d612d696400126f72646572732e65750406656e760870726f640c74656e616e740861636d6500a0a1"
    "a2a3a4a5a6a7a8a9aaabacadaeaf2ea7625e1fc1f8bae2cbff0798f3b5440b277db7c9b7e82888977ce60705da0e02000000086f726465722d31370000000200"
    "0000023432ffffffff"
)
IV = bytes.fromhex("000000000000000000000007")
BODY = bytes.fromhex("3da9aa0e498c0ac34ef29126")
TAG = bytes.fromhex("4ebddc0f3730e2ef9a75c20f0a9b8d21")
VALUE = bytes.fromhex(
    "c3010fea18fa6fe363e8020a6c6f63616c166f72646572732d32303235800100000001606162636465666768696a6bac290b06039196a10188733d098b52041f"
    "3dfc02032b87191663d1a3b7df19e4093dea3511f101fe2b62075b53c8c24900c0010200010212736368656d612d696400126f72646572732e65750406656e76"
    "0870726f640c74656e616e740861636d6500a0a1a2a3a4a5a6a7a8a9aaabacadaeaf2ea7625e1fc1f8bae2cbff0798f3b5440b277db7c9b7e82888977ce60705"
    "da0e0000000000000000000000074ebddc0f3730e2ef9a75c20f0a9b8d21183da9aa0e498c0ac34ef29126"
)

GZIP_SESSION_ID = bytes.fromhex("b0b1b2b3b4b5b6b7b8b9babbbcbdbebf")
GZIP_CONTENT_KEY = bytes.fromhex("3b28db70bd329fec6aed015de9ec3269346f4ea380531cb3c95e2defc9fcb6b2")
GZIP_COMMITMENT = bytes.fromhex("70274468a8ae4ef3d1b9a0b655b6c72d24cbb505a70b63b6cfb37221d21bc4ee")
GZIP_WRAPPING_AAD = bytes.fromhex("6b61666b612d656e76656c6f70652f6c6f63616c2f76310000000b6f72646572732d32303235")
GZIP_DATA = bytes.fromhex("1f8b08000000000002034b4ca40c00005565b48940000000")
GZIP_HEADER = bytes.fromhex(
    "02020000126f72646572732e657500b0b1b2b3b4b5b6b7b8b9babbbcbdbebf70274468a8ae4ef3d1b9a0b655b6c72d24cbb505a70b63b6cfb37221d21bc4ee"
)
GZIP_AAD = bytes.fromhex(
    "c3010fea18fa6fe363e80000003f02020000126f72646572732e657500b0b1b2b3b4b5b6b7b8b9babbbcbdbebf70274468a8ae4ef3d1b9a0b655b6c72d24cbb5"
    "05a70b63b6cfb37221d21bc4ee00"
)
GZIP_TAG = bytes.fromhex("01a2dd8a5724b108f7eef5ecee7b336b")
GZIP_BODY = bytes.fromhex("8fd626e0399ce12949ad0e7abb31ef906cec8cd1e1184345")
GZIP_VALUE = bytes.fromhex(
    "c3010fea18fa6fe363e8020a6c6f63616c166f72646572732d32303235800100000001707172737475767778797a7bd3e4b91b9a5de20da356b156b309152ed8"
    "1973820410d42dee948c9e391fcbbebcebbdb227cfd0afc30a7355eb9f3eb5007e02020000126f72646572732e657500b0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
    "70274468a8ae4ef3d1b9a0b655b6c72d24cbb505a70b63b6cfb37221d21bc4ee00000000000000000000000001a2dd8a5724b108f7eef5ecee7b336b308fd626"
    "e0399ce12949ad0e7abb31ef906cec8cd1e1184345"
)
GZIP_PLAINTEXT = b"a" * 64

RULE = Rule(topic=TOPIC, cmks=(("local", CMK_ID),))


@dataclass
class FakeKms:
    """A `Kms` that does what it is told for each cmkId: returns a DEK, or raises. It counts its calls."""

    answers: Mapping[str, object]
    calls: list[str]
    asymmetric: bool = False

    def unwrap(self, provider: str, cmk_id: str, ciphertext_dek: bytes, canonical_context: bytes) -> bytes:
        """Unwrap."""
        self.calls.append(cmk_id)
        answer = self.answers[cmk_id]
        if isinstance(answer, BaseException):
            raise answer
        return answer  # type: ignore[return-value]

    def is_asymmetric(self, provider: str) -> bool:
        """Tell what it was told."""
        return self.asymmetric


def knows_dek(*cmk_ids: str) -> FakeKms:
    """Return a `Kms` that has the DEK of the examples under these CMKs."""
    return FakeKms(dict.fromkeys(cmk_ids or (CMK_ID,), DEK), [])


def opens(
    value: bytes = VALUE,
    *,
    rule: Rule = RULE,
    kms: FakeKms | None = None,
    key: bytes | None = KEY,
    headers: Sequence[RecordHeader] = HEADERS,
) -> bytes:
    """Open, by default the first example as its DEK is given."""
    used = kms or knows_dek(*[cmk_id for _, cmk_id in rule.cmks])
    return Opener(rule, {provider: used for provider, _ in rule.cmks}).open(value, key=key, headers=headers)


def code_of(action: Callable[[], object]) -> str:
    """Return the code of the error that `action` raises, or `opens` if it raises none."""
    try:
        action()
    except EnvelopeError as error:
        return error.code
    return "opens"


def rule(**changes: object) -> Rule:
    """Return the rule of the examples with changes."""
    return replace(RULE, **changes)  # type: ignore[arg-type]
