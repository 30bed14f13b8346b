"""The worked examples of sections 18 to 19.1, copied from the document."""

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
    "020000010212736368656d612d696400126f72646572732e65750406656e760870726f640c74656e616e740861636d6500a0a1a2a3a4a5a6a7a8a9aaabacadae"
    "af2ea7625e1fc1f8bae2cbff0798f3b5440b277db7c9b7e82888977ce60705da0e"
)
AAD = bytes.fromhex(
    "c3010fea18fa6fe363e800000061020000010212736368656d612d696400126f72646572732e65750406656e760870726f640c74656e616e740861636d6500a0"
    "a1a2a3a4a5a6a7a8a9aaabacadaeaf2ea7625e1fc1f8bae2cbff0798f3b5440b277db7c9b7e82888977ce60705da0e02000000086f726465722d313700000002"
    "000000023432ffffffff"
)
IV = bytes.fromhex("000000000000000000000007")
BODY = bytes.fromhex("3da9aa0e498c0ac34ef29126")
TAG = bytes.fromhex("1e6eb77d8b837529adf421e1f1e445c7")
VALUE = bytes.fromhex(
    "c3010fea18fa6fe363e8020a6c6f63616c166f72646572732d32303235800100000001606162636465666768696a6bac290b06039196a10188733d098b52041f"
    "3dfc02032b87191663d1a3b7df19e4093dea3511f101fe2b62075b53c8c24900c201020000010212736368656d612d696400126f72646572732e65750406656e"
    "760870726f640c74656e616e740861636d6500a0a1a2a3a4a5a6a7a8a9aaabacadaeaf2ea7625e1fc1f8bae2cbff0798f3b5440b277db7c9b7e82888977ce607"
    "05da0e0000000000000000000000071e6eb77d8b837529adf421e1f1e445c7183da9aa0e498c0ac34ef29126"
)

GZIP_SESSION_ID = bytes.fromhex("b0b1b2b3b4b5b6b7b8b9babbbcbdbebf")
GZIP_CONTENT_KEY = bytes.fromhex("3b28db70bd329fec6aed015de9ec3269346f4ea380531cb3c95e2defc9fcb6b2")
GZIP_COMMITMENT = bytes.fromhex("70274468a8ae4ef3d1b9a0b655b6c72d24cbb505a70b63b6cfb37221d21bc4ee")
GZIP_WRAPPING_AAD = bytes.fromhex("6b61666b612d656e76656c6f70652f6c6f63616c2f76310000000b6f72646572732d32303235")
GZIP_DATA = bytes.fromhex("1f8b08000000000002034b4ca40c00005565b48940000000")
GZIP_HEADER = bytes.fromhex(
    "0202000000126f72646572732e657500b0b1b2b3b4b5b6b7b8b9babbbcbdbebf70274468a8ae4ef3d1b9a0b655b6c72d24cbb505a70b63b6cfb37221d21bc4ee"
)
GZIP_AAD = bytes.fromhex(
    "c3010fea18fa6fe363e8000000400202000000126f72646572732e657500b0b1b2b3b4b5b6b7b8b9babbbcbdbebf70274468a8ae4ef3d1b9a0b655b6c72d24cb"
    "b505a70b63b6cfb37221d21bc4ee00"
)
GZIP_TAG = bytes.fromhex("6dd537d1c3b1baec1d0fee54fba5562b")
GZIP_BODY = bytes.fromhex("8fd626e0399ce12949ad0e7abb31ef906cec8cd1e1184345")
GZIP_VALUE = bytes.fromhex(
    "c3010fea18fa6fe363e8020a6c6f63616c166f72646572732d32303235800100000001707172737475767778797a7bd3e4b91b9a5de20da356b156b309152ed8"
    "1973820410d42dee948c9e391fcbbebcebbdb227cfd0afc30a7355eb9f3eb50080010202000000126f72646572732e657500b0b1b2b3b4b5b6b7b8b9babbbcbd"
    "bebf70274468a8ae4ef3d1b9a0b655b6c72d24cbb505a70b63b6cfb37221d21bc4ee0000000000000000000000006dd537d1c3b1baec1d0fee54fba5562b308f"
    "d626e0399ce12949ad0e7abb31ef906cec8cd1e1184345"
)
GZIP_PLAINTEXT = b"a" * 64

DICTIONARY = bytes.fromhex("7b226f72646572223a31372c22737461747573223a2270616964227d")
DEFLATE_PLAINTEXT = bytes.fromhex("7b226f72646572223a31382c22737461747573223a2270616964227d")
DEFLATE_DATA = bytes.fromhex("43c85920e4a07200")
DEFLATE_SESSION_ID = bytes.fromhex("c0c1c2c3c4c5c6c7c8c9cacbcccdcecf")
DEFLATE_CONTENT_KEY = bytes.fromhex("ea99e32fe45ae37083128b6d7f1a7931eb7c00e782fff01d2f5fe697468b8e4d")
DEFLATE_COMMITMENT = bytes.fromhex("45459bf8e981a802410e88ccb54d09a0cae2e04335ba934961af24c80c884f9c")
DEFLATE_HEADER = bytes.fromhex(
    "020640589985ace74759b6592e92607addcfa5cc8303b777c73e7fa7bde4fbe9ceaa250100126f72646572732e657500c0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
    "45459bf8e981a802410e88ccb54d09a0cae2e04335ba934961af24c80c884f9c"
)
DEFLATE_AAD = bytes.fromhex(
    "c3010fea18fa6fe363e800000060020640589985ace74759b6592e92607addcfa5cc8303b777c73e7fa7bde4fbe9ceaa250100126f72646572732e657500c0c1"
    "c2c3c4c5c6c7c8c9cacbcccdcecf45459bf8e981a802410e88ccb54d09a0cae2e04335ba934961af24c80c884f9c02000000086f726465722d3137"
)
DEFLATE_TAG = bytes.fromhex("26d82029738400719cdfef06424bdc53")
DEFLATE_BODY = bytes.fromhex("3b95587e65a85cd6")
DEFLATE_VALUE = bytes.fromhex(
    "c3010fea18fa6fe363e8020a6c6f63616c166f72646572732d32303235800100000001808182838485868788898a8b2d5fbcc426712c8460639a237eaf9b2de8"
    "eddbc15972f003e69762cfcd087f636b29b74c53b254e2b1e49c13d87e6d7200c001020640589985ace74759b6592e92607addcfa5cc8303b777c73e7fa7bde4"
    "fbe9ceaa250100126f72646572732e657500c0c1c2c3c4c5c6c7c8c9cacbcccdcecf45459bf8e981a802410e88ccb54d09a0cae2e04335ba934961af24c80c88"
    "4f9c00000000000000000000000026d82029738400719cdfef06424bdc53103b95587e65a85cd6"
)

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
    dictionaries: Sequence[bytes] = (),
) -> bytes:
    """Open, by default the first example as its DEK is given."""
    used = kms or knows_dek(*[cmk_id for _, cmk_id in rule.cmks])
    opener = Opener(rule, {provider: used for provider, _ in rule.cmks}, dictionaries=dictionaries)
    return opener.open(value, key=key, headers=headers)


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
