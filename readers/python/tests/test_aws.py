"""Section 10: `aws-kms`, on a client that answers as a test says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from kafka_envelope_reader import AwsKms, EnvelopeError, Opener, Rule
from vectors.encode import array, wrapping
from vectors.plan import Plan, seal

from .example import DEK, HEADERS, KEY, PLAINTEXT, code_of

CMK_ID = "arn:aws:kms:eu-west-1:111122223333:key/5b3c1a9e-1d2f-4c6b-9a0e-7f8d6c5b4a39"
OTHER_ID = "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab"
CONTEXT = b'{"env":"prod","tenant":"acme"}'
CIPHERTEXT = bytes(184)


class ClientError(Exception):
    """As botocore's."""

    def __init__(self, response: object, operation_name: str = "Decrypt") -> None:
        super().__init__("User secret is not authorized")
        self.response, self.operation_name = response, operation_name


class FakeClient:
    """Answers or raises, and records what it was asked."""

    def __init__(self, answer: Mapping[str, Any] | Exception) -> None:
        self.answer = answer
        self.asked: list[Mapping[str, Any]] = []
        self.regions: list[str] = []

    def __call__(self, region: str) -> FakeClient:
        self.regions.append(region)
        return self

    def decrypt(self, **arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401
        self.asked.append(arguments)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def opening(cmk_id: str = CMK_ID) -> FakeClient:
    return FakeClient({"KeyId": cmk_id, "Plaintext": DEK})


def unwrap(
    client: FakeClient, provider: str = "aws-kms", cmk_id: str = CMK_ID, ciphertext_dek: bytes = CIPHERTEXT
) -> str:
    """Return `opens` if the DEK of the worked example comes out, or the code."""

    def action() -> None:
        assert AwsKms(client).unwrap(provider, cmk_id, ciphertext_dek, CONTEXT) == DEK

    return code_of(action)


def test_decrypt_names_the_cmk_and_the_context_and_goes_to_the_region_of_the_arn() -> None:
    client = opening()
    kms = AwsKms(client)
    assert kms.unwrap("aws-kms", CMK_ID, CIPHERTEXT, CONTEXT) == DEK
    assert kms.unwrap("aws-kms", CMK_ID, CIPHERTEXT, b"") == DEK
    assert client.asked == [
        {"KeyId": CMK_ID, "CiphertextBlob": CIPHERTEXT, "EncryptionContext": {"env": "prod", "tenant": "acme"}},
        {"KeyId": CMK_ID, "CiphertextBlob": CIPHERTEXT},
    ]
    assert client.regions == ["eu-west-1"]


def test_an_rsa_cmk_gets_the_algorithm_and_no_context() -> None:
    client = opening()
    assert AwsKms(client).unwrap("aws-kms/rsa-oaep-sha256", CMK_ID, bytes(256), CONTEXT) == DEK
    algorithm = "RSAES_OAEP_SHA_256"
    assert client.asked == [{"KeyId": CMK_ID, "CiphertextBlob": bytes(256), "EncryptionAlgorithm": algorithm}]
    assert unwrap(client, "aws-kms/rsa-oaep-sha256", ciphertext_dek=bytes(255)) == "UNWRAP_FAILED"
    assert len(client.asked) == 1


def test_only_the_rsa_provider_is_asymmetric() -> None:
    kms = AwsKms(opening())
    assert [kms.is_asymmetric(each) for each in ("aws-kms", "aws-kms/rsa-oaep-sha256")] == [False, True]


def test_a_record_opens() -> None:
    wrapped_deks = array([wrapping(b"aws-kms", CMK_ID.encode(), CIPHERTEXT)])
    value = seal(Plan(dek=DEK, wrapped_deks=wrapped_deks)).value()
    rule = Rule(topic="orders.eu", cmks=(("aws-kms", CMK_ID),))
    assert Opener(rule, {"aws-kms": AwsKms(opening())}).open(value, key=KEY, headers=HEADERS) == PLAINTEXT


def test_neither_the_text_of_the_service_nor_its_exception_is_passed_on() -> None:
    client = FakeClient(ClientError({"Error": {"Code": "AccessDeniedException", "Message": "secret"}}))
    with pytest.raises(EnvelopeError) as raised:
        AwsKms(client).unwrap("aws-kms", CMK_ID, CIPHERTEXT, CONTEXT)
    assert raised.value.code == "KMS_DENIED"
    assert "secret" not in str(raised.value)
    assert raised.value.__context__ is None


def test_the_name_of_an_exception_is_no_code_of_the_service() -> None:
    class AccessDeniedException(Exception):  # noqa: N818
        """Of something else."""

    assert unwrap(FakeClient(AccessDeniedException())) == "KMS_UNAVAILABLE"


@pytest.mark.parametrize("response", [None, "text", {}, {"Error": "AccessDeniedException"}, {"Error": {"Code": 7}}])
def test_an_error_without_a_code_is_transient(response: object) -> None:
    assert unwrap(FakeClient(ClientError(response))) == "KMS_UNAVAILABLE"
    assert unwrap(FakeClient(OSError("reset"))) == "KMS_UNAVAILABLE"


def test_the_answer_of_a_service_that_was_asked_for_credentials_says_nothing_about_the_cmk() -> None:
    denied = {"Error": {"Code": "AccessDenied"}}
    assert unwrap(FakeClient(ClientError(denied, "AssumeRole"))) == "KMS_UNAVAILABLE"
    assert unwrap(FakeClient(ClientError(denied))) == "KMS_DENIED"


def test_an_answer_that_names_another_cmk_is_not_believed_and_one_that_names_none_blames_nothing() -> None:
    assert unwrap(opening(OTHER_ID)) == "UNWRAP_FAILED"
    assert unwrap(FakeClient({"Plaintext": DEK})) == "KMS_UNAVAILABLE"


@pytest.mark.parametrize("plaintext", [None, "text", 7])
def test_an_answer_without_a_plaintext_is_transient(plaintext: object) -> None:
    assert unwrap(FakeClient({"KeyId": CMK_ID, "Plaintext": plaintext})) == "KMS_UNAVAILABLE"


@pytest.mark.parametrize(
    "cmk_id",
    [
        "arn:aws:kms:eu-west-1:111122223333:alias/orders",
        "5b3c1a9e-1d2f-4c6b-9a0e-7f8d6c5b4a39",
        "arn:aws:kms:eu-west-1.evil.example:111122223333:key/x",
        CMK_ID + "\n",
    ],
)
def test_only_the_arn_of_a_key_names_a_cmk(cmk_id: str) -> None:
    client = opening(cmk_id)
    assert unwrap(client, cmk_id=cmk_id) == "CMK_NOT_FOUND"
    assert unwrap(client, provider="tencent-kms") == "CMK_NOT_FOUND"
    assert client.regions == []


REPLICA = OTHER_ID.replace("us-east-1", "eu-west-1")


@pytest.mark.parametrize(
    "other",
    [
        OTHER_ID.replace("1111", "4444"),
        OTHER_ID.replace("1234", "5678"),
        OTHER_ID.replace("arn:aws:", "arn:aws-cn:"),
        OTHER_ID.replace(":key/", ":alias/"),
        CMK_ID,
        "mrk-1",
    ],
)
def test_only_replicas_of_one_key_unwrap_for_each_other(other: str) -> None:
    kms = AwsKms(opening())
    assert kms.unwraps_for(REPLICA, OTHER_ID)
    assert not kms.unwraps_for(REPLICA, other)
    assert not kms.unwraps_for(CMK_ID, CMK_ID.replace("eu-west-1", "us-east-1"))


def opened_under_replica(sealed_under: list[str], client: FakeClient) -> str:
    """Return the code, or `opens`, of a reader that accepts REPLICA."""
    wrappings = [wrapping(provider=b"aws-kms", cmk_id=cmk_id.encode()) for cmk_id in sealed_under]
    plan = Plan(wrapped_deks=array(wrappings))
    rule = Rule(topic=plan.record.topic, cmks=(("aws-kms", REPLICA),))
    opener = Opener(rule, {"aws-kms": AwsKms(client)})
    value = seal(plan).value()
    return code_of(lambda: opener.open(value, key=plan.record.key, headers=plan.record.headers))


def test_a_replica_opens_what_another_sealed_in_its_own_region_and_under_its_own_name() -> None:
    client = FakeClient({"KeyId": REPLICA, "Plaintext": Plan().actual_dek()})
    assert opened_under_replica([CMK_ID, OTHER_ID], client) == "opens"
    assert client.regions == ["eu-west-1"]
    assert client.asked[0]["KeyId"] == REPLICA


def test_a_cmk_that_is_no_replica_is_no_candidate() -> None:
    client = opening(REPLICA)
    assert opened_under_replica([CMK_ID], client) == "NO_CANDIDATE"
    assert client.regions == []
