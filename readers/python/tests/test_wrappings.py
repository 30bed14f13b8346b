"""Section 10: `local` and `…/rsa-oaep-sha256`."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, AsymmetricPadding, PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from kafka_envelope_reader import ConfigurationError, Keyring, Opener, RsaPrivateKeys, Rule
from vectors.encode import array, wrapping
from vectors.plan import Plan, seal

from .example import CIPHERTEXT_DEK, CMK, CMK_ID, DEK, HEADERS, KEY, PLAINTEXT, RULE, VALUE, code_of

CONTEXT = b'{"env":"prod","tenant":"acme"}'
SHA256_OAEP = OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None)


def aes_cmk(*versions: int, cmk_id: str = CMK_ID, enabled: bool = True) -> dict[str, object]:
    """Return a CMK all versions of which have the key of the worked example."""
    key = base64.b64encode(CMK).decode()
    entries = [{"version": number, "createdAt": "2025-01-02T03:04:05Z", "key": key} for number in versions]
    return {"id": cmk_id, "type": "aes-256", "enabled": enabled, "versions": entries}


def keyring(*cmks: dict[str, object]) -> Keyring:
    return Keyring(json.dumps({"schemaVersion": 1, "cmks": cmks}).encode())


def unwrap(
    ciphertext_dek: bytes, *, context: bytes = CONTEXT, cmk_id: str = CMK_ID, ring: Keyring | None = None
) -> str:
    """Return `opens` if the DEK of the worked example comes out, or the code."""

    def action() -> None:
        used = ring or keyring(aes_cmk(1))
        assert used.unwrap("local", cmk_id, ciphertext_dek, context) == DEK

    return code_of(action)


def test_the_wrapping_of_the_worked_example_unwraps() -> None:
    assert unwrap(CIPHERTEXT_DEK) == "opens"


def test_the_worked_example_opens_with_a_keyring() -> None:
    assert Opener(RULE, {"local": keyring(aes_cmk(1))}).open(VALUE, key=KEY, headers=HEADERS) == PLAINTEXT


def test_a_changed_context_does_not_unwrap() -> None:
    opener = Opener(RULE, {"local": keyring(aes_cmk(1))})
    changed = VALUE.replace(b"acme", b"acmf")
    assert code_of(lambda: opener.open(changed, key=KEY, headers=HEADERS)) == "UNWRAP_FAILED"


@pytest.mark.parametrize("context", [b"", b"{}", CONTEXT[:-1], CONTEXT + b" "])
def test_a_local_wrapping_is_bound_to_its_context(context: bytes) -> None:
    assert unwrap(CIPHERTEXT_DEK, context=context) == "UNWRAP_FAILED"


def test_a_local_wrapping_is_bound_to_its_cmk_id() -> None:
    assert unwrap(CIPHERTEXT_DEK, cmk_id="other", ring=keyring(aes_cmk(1, cmk_id="other"))) == "UNWRAP_FAILED"


@pytest.mark.parametrize("size", [0, 1, 4, 16, 63, 65, 128])
def test_a_local_wrapping_of_another_length_does_not_unwrap(size: int) -> None:
    assert unwrap((CIPHERTEXT_DEK * 2)[:size]) == "UNWRAP_FAILED"


@pytest.mark.parametrize("index", range(4, 64))
def test_every_byte_of_a_local_wrapping_counts(index: int) -> None:
    changed = bytearray(CIPHERTEXT_DEK)
    changed[index] ^= 1
    assert unwrap(bytes(changed)) == "UNWRAP_FAILED"


def test_version_zero_does_not_unwrap() -> None:
    assert unwrap(bytes(4) + CIPHERTEXT_DEK[4:]) == "UNWRAP_FAILED"


@pytest.mark.parametrize("version", [2, 256, 2**32 - 1])
def test_a_version_that_the_keyring_lacks_is_not_found(version: int) -> None:
    assert unwrap(version.to_bytes(4, "big") + CIPHERTEXT_DEK[4:]) == "CMK_NOT_FOUND"


@pytest.mark.parametrize("version", [3, 2**32 - 1])
def test_any_version_of_the_keyring_unwraps(version: int) -> None:
    aad = b"kafka-envelope/local/v1\x00\x00\x00\x0borders-2025" + CONTEXT
    wrapped = version.to_bytes(4, "big") + bytes(12) + AESGCM(CMK).encrypt(bytes(12), DEK, aad)
    assert unwrap(wrapped, ring=keyring(aes_cmk(1, 3, 2**32 - 1))) == "opens"


def test_a_cmk_that_is_not_in_the_keyring_is_not_found() -> None:
    assert unwrap(CIPHERTEXT_DEK, ring=keyring(aes_cmk(1, cmk_id="other"))) == "CMK_NOT_FOUND"
    ring = keyring(aes_cmk(1))
    assert code_of(lambda: ring.unwrap("local/rsa-oaep-sha256", CMK_ID, bytes(256), b"")) == "CMK_NOT_FOUND"


def test_a_disabled_cmk_does_not_unwrap() -> None:
    assert unwrap(CIPHERTEXT_DEK, ring=keyring(aes_cmk(1, enabled=False))) == "CMK_DISABLED"


@pytest.fixture(scope="session")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def private_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def rsa_cmk(key: rsa.RSAPrivateKey, *, private: bool = True, enabled: bool = True) -> dict[str, object]:
    cmk: dict[str, object] = {
        "id": "rsa-1",
        "type": "rsa-oaep-sha256",
        "enabled": enabled,
        "createdAt": "2025-01-02T03:04:05.678Z",
        "publicKey": public_pem(key).decode(),
    }
    return {**cmk, "privateKey": private_pem(key).decode()} if private else cmk


def test_an_rsa_cmk_of_a_keyring_unwraps(private_key: rsa.RSAPrivateKey) -> None:
    wrapped = private_key.public_key().encrypt(DEK, SHA256_OAEP)
    ring = keyring(rsa_cmk(private_key))
    assert ring.unwrap("local/rsa-oaep-sha256", "rsa-1", wrapped, CONTEXT) == DEK


def test_an_rsa_cmk_without_private_key_is_unusable(private_key: rsa.RSAPrivateKey) -> None:
    ring = keyring(rsa_cmk(private_key, private=False))
    assert code_of(lambda: ring.unwrap("local/rsa-oaep-sha256", "rsa-1", bytes(256), b"")) == "CMK_UNUSABLE"


def test_a_disabled_rsa_cmk_is_disabled_first(private_key: rsa.RSAPrivateKey) -> None:
    ring = keyring(rsa_cmk(private_key, private=False, enabled=False))
    assert code_of(lambda: ring.unwrap("local/rsa-oaep-sha256", "rsa-1", bytes(256), b"")) == "CMK_DISABLED"


def test_a_private_key_in_pem_opens_what_was_sealed_for_a_cloud_kms(private_key: rsa.RSAPrivateKey) -> None:
    provider, cmk_id = "tencent-kms/rsa-oaep-sha256", "ap-guangzhou/1"
    plan = Plan()
    wrapped = private_key.public_key().encrypt(plan.actual_dek(), SHA256_OAEP)
    value = seal(Plan(wrapped_deks=array([wrapping(provider.encode(), cmk_id.encode(), wrapped)]))).value()
    rule = Rule(topic=plan.record.topic, cmks=((provider, cmk_id),), accept_public_key_sealing=True)
    opener = Opener(rule, {provider: RsaPrivateKeys({(provider, cmk_id): private_pem(private_key)})})
    assert opener.open(value, key=plan.record.key, headers=[]) == plan.plaintext


@pytest.mark.parametrize(
    "padding",
    [
        PKCS1v15(),
        OAEP(mgf=MGF1(SHA1()), algorithm=SHA1(), label=None),  # noqa: S303
        OAEP(mgf=MGF1(SHA1()), algorithm=SHA256(), label=None),  # noqa: S303
        OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=b"label"),
    ],
)
def test_other_paddings_hashes_and_labels_do_not_unwrap(
    private_key: rsa.RSAPrivateKey, padding: AsymmetricPadding
) -> None:
    keys = RsaPrivateKeys({("p", "k"): private_pem(private_key)})
    wrapped = private_key.public_key().encrypt(DEK, padding)
    assert code_of(lambda: keys.unwrap("p", "k", wrapped, b"")) == "UNWRAP_FAILED"


@pytest.mark.parametrize("size", [1, 255, 257, 1024])
def test_an_rsa_ciphertext_is_as_long_as_the_modulus(private_key: rsa.RSAPrivateKey, size: int) -> None:
    keys = RsaPrivateKeys({("p", "k"): private_pem(private_key)})
    assert code_of(lambda: keys.unwrap("p", "k", b"\x01" * size, b"")) == "UNWRAP_FAILED"


def test_an_rsa_ciphertext_that_exceeds_the_modulus_does_not_unwrap(private_key: rsa.RSAPrivateKey) -> None:
    keys = RsaPrivateKeys({("p", "k"): private_pem(private_key)})
    assert code_of(lambda: keys.unwrap("p", "k", b"\xff" * 256, b"")) == "UNWRAP_FAILED"


def test_a_pair_without_private_key_is_not_found(private_key: rsa.RSAPrivateKey) -> None:
    keys = RsaPrivateKeys({("p", "k"): private_pem(private_key)})
    assert code_of(lambda: keys.unwrap("p", "other", bytes(256), b"")) == "CMK_NOT_FOUND"


def test_private_keys_of_other_kinds_and_forms_are_refused(private_key: rsa.RSAPrivateKey) -> None:
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505
    wrong = [
        b"",
        b"no key",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        public_pem(private_key),
        private_pem(small),
        private_pem(ec.generate_private_key(ec.SECP256R1())),
        private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
        private_key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
    ]
    for pem in wrong:
        with pytest.raises(ConfigurationError):
            RsaPrivateKeys({("p", "k"): pem})
