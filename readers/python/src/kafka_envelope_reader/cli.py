"""The command `kafka-envelope-open`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .aad import RecordHeader
from .errors import ConfigurationError, EnvelopeError, Kind
from .keyring import Keyring
from .kms import LOCAL, LOCAL_RSA, Kms
from .opener import Opener
from .rsa import RsaPrivateKeys
from .rule import DEFAULT_MAX_DECOMPRESSED_BYTES, Rule, exact_and_prefixes
from .vectors import disagreement, load_vectors

EXIT_DISAGREEMENT: Final = 1
EXIT_USAGE: Final = 2
EXIT_BY_KIND: Final[dict[Kind, int]] = {"invalid": 3, "unreadable": 4, "transient": 5}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; plaintext goes to standard output only after all of it was verified."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        if options.vectors is not None:
            return _run_vectors(options.vectors)
        if options.topic is None or (options.keyring is None and not options.private_key):
            parser.error("--topic and one of --keyring and --private-key are required")
        plaintext = _opener(options).open(sys.stdin.buffer.read(), key=options.key, headers=options.headers)
    except ConfigurationError as error:
        print(f"kafka-envelope-open: {error}", file=sys.stderr)
        return EXIT_USAGE
    except EnvelopeError as error:
        print(f"{error.code} ({error.kind}): {error.detail}", file=sys.stderr)
        return EXIT_BY_KIND[error.kind]
    sys.stdout.buffer.write(plaintext)
    sys.stdout.buffer.flush()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kafka-envelope-open",
        description="Open one sealed record value from standard input, or run vector files.",
        epilog="Exit codes: 0 opened, 1 a vector disagrees, 2 usage or configuration, "
        "3 invalid, 4 unreadable, 5 transient. The code of an error is the first word on standard error.",
    )
    parser.add_argument("--vectors", nargs="+", metavar="FILE", help="run these vector files and nothing else")
    parser.add_argument("--topic", help="topic that the record was read from")
    parser.add_argument("--keyring", metavar="FILE", help="keyring file; all of its CMKs are accepted")
    parser.add_argument(
        "--private-key",
        action="append",
        nargs=3,
        default=[],
        metavar=("PROVIDER", "CMKID", "FILE"),
        help="RSA private key in PEM for a provider that ends in /rsa-oaep-sha256",
    )
    parser.add_argument(
        "--dictionary",
        dest="dictionaries",
        action="append",
        default=[],
        metavar="FILE",
        help="dictionary that the value may be compressed with; repeat it for several",
    )
    parser.add_argument("--accept-public-key-sealing", action="store_true", help="accept asymmetric wrappings")
    key = parser.add_mutually_exclusive_group()
    key.add_argument("--key", type=bytes.fromhex, metavar="HEX", help="record key (a null key if there is none)")
    key.add_argument("--key-utf8", dest="key", type=lambda text: text.encode("utf-8"), metavar="TEXT", help="the same")
    parser.add_argument(
        "--header",
        dest="headers",
        action="append",
        type=_header,
        default=[],
        metavar="NAME=HEX",
        help="record header; repeat it in record order",
    )
    parser.add_argument(
        "--null-header",
        dest="headers",
        action="append",
        type=lambda name: (name, None),
        metavar="NAME",
        help="record header with a null value",
    )
    parser.add_argument("--unbound", action="store_true", help="do not require that the key is bound")
    parser.add_argument(
        "--original-topics",
        action="append",
        default=[],
        metavar="TOPIC",
        help="accept records of this topic as well, or of all topics that begin so: PREFIX*",
    )
    parser.add_argument(
        "--max-decompressed-bytes",
        type=int,
        default=DEFAULT_MAX_DECOMPRESSED_BYTES,
        metavar="N",
        help="cap on the result of decompression (default: %(default)s)",
    )
    return parser


def _header(text: str) -> RecordHeader:
    name, separator, value = text.rpartition("=")
    if not separator:
        raise ValueError("NAME=HEX")
    return name, bytes.fromhex(value)


def _opener(options: argparse.Namespace) -> Opener:
    cmks: list[tuple[str, str]] = []
    kms: dict[str, Kms] = {}
    if options.keyring is not None:
        keyring = Keyring.from_file(options.keyring)
        cmks += keyring.cmks
        kms |= {LOCAL: keyring, LOCAL_RSA: keyring}
    if options.private_key:
        pairs = [(provider, cmk_id) for provider, cmk_id, _ in options.private_key]
        providers = {provider for provider, _ in pairs}
        if providers & kms.keys() or not all(provider.endswith("/rsa-oaep-sha256") for provider in providers):
            raise ConfigurationError("--private-key is of no use for this provider")
        cmks += pairs
        keys = RsaPrivateKeys(
            {(provider, cmk_id): _read(file, "a private key file") for provider, cmk_id, file in options.private_key}
        )
        kms |= dict.fromkeys(providers, keys)
    original_topics, original_prefixes = exact_and_prefixes(options.original_topics)
    return Opener(
        Rule(
            topic=options.topic,
            cmks=tuple(cmks),
            accept_public_key_sealing=options.accept_public_key_sealing,
            require_key=not options.unbound,
            original_topics=original_topics,
            original_prefixes=original_prefixes,
            max_decompressed_bytes=options.max_decompressed_bytes,
        ),
        kms,
        dictionaries=[_read(file, "a dictionary file") for file in options.dictionaries],
    )


def _read(file: str, what: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{what} cannot be read: {error.strerror}") from None


def _run_vectors(files: Sequence[str]) -> int:
    """Print a line for each vector that disagrees, then a count."""
    count = disagreements = 0
    for file in files:
        for vector in load_vectors(file):
            count += 1
            difference = disagreement(vector)
            if difference is not None:
                disagreements += 1
                print(f"{vector.name}: {difference}")
    print(f"{count} vectors, {disagreements} disagreements")
    return EXIT_DISAGREEMENT if disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
