#!/usr/bin/env python3
"""Opens vectors with a stock Avro library, as section 6.1 of docs/format.md allows, and checks its last claim: a lenient reader
may open what is named form/ (and then gets what the sealer wrote), and agrees on all others.

Needs `cryptography` and `fastavro`.   python3 check_lenient.py ../v1.json ../v1-second.json
"""

import io
import json
import struct
import sys
import zlib
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fastavro import parse_schema, schemaless_reader

SCHEMAS = Path(__file__).resolve().parents[3] / "schemas"
ENVELOPE, HEADER = (parse_schema(json.loads((SCHEMAS / f"{n}.v1.avsc").read_text())) for n in ("envelope", "header"))
PREFIX = bytes.fromhex("c3010fea18fa6fe363e8")
CAP = 1 << 20


class Refused(Exception):
    pass


def avro(schema, data: bytes):
    """What the library makes of the bytes, whatever it throws; it does not care about what follows."""
    try:
        return schemaless_reader(io.BytesIO(data), schema, None)
    except Exception as error:  # noqa: BLE001
        raise Refused("MALFORMED") from error


def gunzip(data: bytes) -> bytes:
    if len(data) > 3 and data[3] & 0xE0:
        raise Refused("DECOMPRESSION_FAILED")
    # zlib does not check the CRC of a header that it is not asked for, so it is asked.
    inflater = zlib.decompressobj(31)
    try:
        plain = inflater.decompress(data, CAP + 1)
    except zlib.error as error:
        raise Refused("DECOMPRESSION_FAILED") from error
    if len(plain) > CAP:
        raise Refused("TOO_LARGE")
    if not inflater.eof or inflater.unused_data or inflater.unconsumed_tail:
        raise Refused("DECOMPRESSION_FAILED")
    return plain


def opened(vector) -> bytes:
    value = bytes.fromhex(vector["envelope"])
    if value[:2] != b"\xc3\x01":
        raise Refused("NOT_SEALED")
    if len(value) < 10:
        raise Refused("MALFORMED")
    if value[:10] != PREFIX:
        raise Refused("UNKNOWN_FORMAT")
    envelope = avro(ENVELOPE, value[10:])
    header = avro(HEADER, envelope["header"])
    if header["suite"] != 1:
        raise Refused("UNKNOWN_SUITE")
    if header["compression"] not in (0, 1):
        raise Refused("UNKNOWN_COMPRESSION")
    if header["topic"] != vector["topic"]:
        raise Refused("WRONG_TOPIC")
    if not envelope["wrappedDeks"]:
        raise Refused("NO_CANDIDATE")
    dek = bytes.fromhex(vector["dek"])
    derive = lambda info: HKDF(hashes.SHA256(), 32, header["sessionId"], info).derive(dek)  # noqa: E731
    if derive(b"kafka-envelope/v1/commit/1") != header["commitment"]:
        raise Refused("COMMITMENT_MISMATCH")
    aad = PREFIX + struct.pack(">I", len(envelope["header"])) + envelope["header"]
    key = vector["key"] and bytes.fromhex(vector["key"])
    aad += b"\0" if not header["keyBound"] else b"\1" if vector["key"] is None else b"\2" + struct.pack(">I", len(key)) + bytes(key or b"")
    for name in header["boundHeaders"]:
        values = [v for n, v in vector["headers"] if n == name]
        aad += struct.pack(">I", len(values))
        for v in values:
            aad += b"\xff" * 4 if v is None else struct.pack(">I", len(v) // 2) + bytes.fromhex(v)
    try:
        data = AESGCM(derive(b"kafka-envelope/v1/content/1")).decrypt(envelope["iv"], envelope["body"] + envelope["tag"], aad)
    except InvalidTag as error:
        raise Refused("AUTHENTICATION_FAILED") from error
    return gunzip(data) if header["compression"] == 1 else data


wrong = forms = forms_opened = 0
for file in sys.argv[1:]:
    for vector in json.loads(Path(file).read_text()):
        try:
            got, code = opened(vector).hex(), None
        except Refused as refusal:
            got, code = None, str(refusal)
        if vector["name"].startswith("form/"):
            forms += 1
            forms_opened += code is None
        elif (got, code) != (vector["plaintext"], vector["error"]):
            wrong += 1
            print(f"{file}: {vector['name']}: {vector['error']}, and {code} from the lenient reader")
print(f"{wrong} disagreements; of {forms} forms it opened {forms_opened}")
sys.exit(wrong > 0)
