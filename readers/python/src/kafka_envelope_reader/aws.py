"""The providers `aws-kms` and `aws-kms/rsa-oaep-sha256` (format section 10), over a client of boto3."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from .errors import Code, EnvelopeError

AWS_KMS: Final = "aws-kms"
AWS_KMS_RSA: Final = "aws-kms/rsa-oaep-sha256"

_ARN: Final = re.compile(
    r"(arn:aws(?:-[a-z]{1,16}){0,3}:kms:)([a-z]{2,8}(?:-[a-z]{1,16}){1,3}-[0-9]{1,2})"
    r"(:[0-9]{12}:key/([A-Za-z0-9-]{1,128}))"
)
_MODULUS_BYTES: Final = (256, 384, 512)

_NAMES: Final[dict[Code, str]] = {
    "UNWRAP_FAILED": "InvalidCiphertextException IncorrectKeyException",
    "CMK_NOT_FOUND": "NotFoundException InvalidArnException",
    "CMK_DISABLED": "DisabledException KMSInvalidStateException",
    "CMK_UNUSABLE": "InvalidKeyUsageException UnsupportedOperationException",
    "KMS_DENIED": "AccessDeniedException AccessDenied NotAuthorized UnauthorizedOperation InvalidGrantTokenException"
    " OptInRequired UnrecognizedClientException InvalidClientTokenId InvalidSignatureException SignatureDoesNotMatch"
    " IncompleteSignature IncompleteSignatureException MissingAuthenticationToken MissingAuthenticationTokenException"
    " ExpiredTokenException ExpiredToken RequestExpired",
    "KMS_REFUSED": "ValidationException ValidationError SerializationException UnknownOperationException InvalidAction"
    " InvalidParameterValue InvalidParameterCombination MissingParameter MissingAction DryRunOperationException",
    # botocore gives the HTTP status where an answer has no code.
    "KMS_THROTTLED": "ThrottlingException Throttling TooManyRequestsException RequestLimitExceeded"
    " LimitExceededException 429",
}
"""The codes of the service. One that is not listed is not taken for a refusal: it is `KMS_UNAVAILABLE`."""

_MEANINGS: Final[dict[str, Code]] = {name: code for code, names in _NAMES.items() for name in names.split()}
_TIMEOUTS: Final = ("ReadTimeoutError", "ConnectTimeoutError")
"""Classes of botocore, by name, since it is not imported here."""


class AwsKmsClient(Protocol):
    """The part of `boto3.client("kms")` that is used."""

    def decrypt(self, **arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401
        """Call `Decrypt`."""
        ...


class AwsKms:
    """
    A `Kms` that asks AWS KMS.

    `client` returns a client for a region, such as `lambda region: boto3.client("kms", region_name=region)`. It is
    called once for each region that a rule names. Time-outs, retries and credentials are the client's. The
    replicas of a multi-region key unwrap for each other: only the region of the replica in the rule is asked.
    """

    def __init__(self, client: Callable[[str], AwsKmsClient]) -> None:
        self._make = client
        self._clients: dict[str, AwsKmsClient] = {}

    def is_asymmetric(self, provider: str) -> bool:
        """Tell that anyone who has the public key of an RSA CMK can wrap."""
        return provider == AWS_KMS_RSA

    def unwraps_for(self, cmk_id: str, other_cmk_id: str) -> bool:
        """Tell whether both are replicas of one multi-region key: their ARNs differ in nothing but the region."""
        arn, other = _ARN.fullmatch(cmk_id), _ARN.fullmatch(other_cmk_id)
        if arn is None or other is None or not arn[4].startswith("mrk-"):
            return False
        return (arn[1], arn[3]) == (other[1], other[3])

    def unwrap(self, provider: str, cmk_id: str, ciphertext_dek: bytes, canonical_context: bytes) -> bytes:
        """Unwrap under this CMK, and no other that the caller may use."""
        arn = _ARN.fullmatch(cmk_id)
        if provider not in (AWS_KMS, AWS_KMS_RSA) or arn is None:
            raise EnvelopeError("CMK_NOT_FOUND", "the CMK is not named by the ARN of a key of AWS KMS")
        arguments: dict[str, Any] = {"KeyId": cmk_id, "CiphertextBlob": ciphertext_dek}
        if provider == AWS_KMS_RSA:
            if len(ciphertext_dek) not in _MODULUS_BYTES:
                raise EnvelopeError("UNWRAP_FAILED", "the ciphertext DEK does not have the length of a modulus")
            arguments["EncryptionAlgorithm"] = "RSAES_OAEP_SHA_256"
        elif canonical_context:
            arguments["EncryptionContext"] = json.loads(canonical_context)
        answer = self._decrypt(arn[2], arguments)
        used = answer.get("KeyId")
        if used != cmk_id:
            # Only a ciphertext DEK can have selected another CMK, and it cannot select a replica of the one asked.
            blames = isinstance(used, str) and _ARN.fullmatch(used) and not self.unwraps_for(cmk_id, used)
            raise EnvelopeError("UNWRAP_FAILED" if blames else "KMS_UNAVAILABLE", "AWS KMS named another CMK")
        plaintext = answer.get("Plaintext")
        if not isinstance(plaintext, bytes) or not plaintext:
            raise EnvelopeError("KMS_UNAVAILABLE", "AWS KMS answered without a plaintext")
        return plaintext

    def _decrypt(self, region: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            if region not in self._clients:
                self._clients[region] = self._make(region)
            return self._clients[region].decrypt(**arguments)
        except Exception as error:
            # Its text may quote identities, so neither it nor the exception is passed on.
            meaning = _meaning(error)
        raise EnvelopeError(meaning, "AWS KMS did not unwrap the ciphertext DEK")


def _meaning(error: Exception) -> Code:
    """Return the code for an error of boto3."""
    if type(error).__name__ in _TIMEOUTS:
        return "KMS_TIMEOUT"
    if getattr(error, "operation_name", "Decrypt") != "Decrypt":
        # The answer of another service, such as STS, is about credentials, and says nothing about the CMK.
        return "KMS_UNAVAILABLE"
    response = getattr(error, "response", None)
    details = response.get("Error") if isinstance(response, dict) else None
    code = details.get("Code") if isinstance(details, dict) else None
    return _MEANINGS.get(code, "KMS_UNAVAILABLE") if isinstance(code, str) else "KMS_UNAVAILABLE"
