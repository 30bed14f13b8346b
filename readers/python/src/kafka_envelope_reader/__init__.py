"""Opens Kafka record values in envelope format version 1."""

from .aad import RecordHeader
from .aws import AwsKms, AwsKmsClient
from .errors import Code, ConfigurationError, EnvelopeError, Kind
from .keyring import Keyring
from .kms import Kms, ReplicatedKms
from .opener import Opener
from .rsa import RsaPrivateKeys
from .rule import Rule
from .vault import VaultTransit

__all__ = [
    "AwsKms",
    "AwsKmsClient",
    "Code",
    "ConfigurationError",
    "EnvelopeError",
    "Keyring",
    "Kind",
    "Kms",
    "Opener",
    "RecordHeader",
    "ReplicatedKms",
    "RsaPrivateKeys",
    "Rule",
    "VaultTransit",
]
