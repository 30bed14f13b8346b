"""Vectors about unwrapping under `local/rsa-oaep-sha256`, and whether it is accepted (sections 10, 13 and 21)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from ..book import put
from ..encode import array, entry
from ..plan import Plan
from .candidates import with_wrong_tag
from .case import ORDERS, Case, RuleBook, accepting
from .cmks import Aes, Bytes, Cmk, Rsa, Wrap, flipped, foreign, resized
from .oaep import oaep, pkcs1_v15
from .rsa_keys import RSA_2048, RSA_2048_OTHER, RSA_2050, RSA_3072, RSA_4096, RSA_8192, RsaPair

CMK = Rsa()
DEK = bytes(range(32))

WRONG_ENCODINGS: dict[str, Callable[[bytes, int, bytes], bytes]] = {
    "mgf1-with-sha-1": partial(oaep, mgf_hash_name="sha1"),
    "hash-sha-1": partial(oaep, hash_name="sha1"),
    "sha-1-in-both": partial(oaep, hash_name="sha1", mgf_hash_name="sha1"),
    "sha-512-in-both": lambda dek, size, seed: oaep(dek, size, seed * 2, hash_name="sha512", mgf_hash_name="sha512"),
    "pkcs1-v1.5": pkcs1_v15,
    "label": partial(oaep, label=b"kafka-envelope"),
    "label-of-one-zero-byte": partial(oaep, label=b"\x00"),
    "first-byte-1": partial(oaep, first=b"\x01"),
    "separator-2": partial(oaep, separator=b"\x02"),
    "padding-not-zero": lambda dek, size, seed: oaep(dek, size, seed, padding=b"\xff" * (size - 98)),
    "no-padding-at-all": lambda dek, size, _: dek.rjust(size, b"\x00"),
}
"""Encodings that RFC 8017 tells from the one of the format; those of `oaep` with `size` 256 leave 158 zero bytes."""


def add(book: RuleBook) -> None:
    """Add all of them."""
    _opens(book)
    _encodings(book)
    _ciphertexts(book)
    _cmks(book)
    _accepted(book)


def _case(wrap: Wrap, cmk: Rsa = CMK) -> Case:
    return Case(wraps=[wrap], keyring=[cmk], rule=accepting(cmk, accept_public_key_sealing=True))


def _with_dek(dek: bytes, wrap: Wrap) -> Case:
    return replace(_case(wrap), plan=Plan(dek=dek))


def _opens(book: RuleBook) -> None:
    pairs: dict[int, RsaPair] = {2048: RSA_2048, 2050: RSA_2050, 3072: RSA_3072, 4096: RSA_4096}
    for bits, pair in pairs.items():
        cmk = Rsa(id=f"rsa-{bits}", key=pair)
        book.opens(f"rsa/{bits}-bits", _case(cmk.wrap(), cmk))
    book.opens("rsa/example", _with_dek(DEK, CMK.wrap(seed=bytes(range(0x60, 0x80)))))
    for name, seed in {"zeros": bytes(32), "ones": b"\xff" * 32}.items():
        book.opens(f"rsa/seed-{name}", _case(CMK.wrap(seed=seed)))
    for name, dek in {"zeros": bytes(32), "ones": b"\xff" * 32}.items():
        book.opens(f"rsa/dek-{name}", _with_dek(dek, CMK.wrap()))
    case = replace(_case(CMK.wrap()), context=(("env", "prod"), ("tenant", "acme")))
    book.opens("rsa/context", case)
    other = put(context=array([entry(b"env", b"prod"), entry(b"tenant", b"acmf")]))
    book.fails("rsa/context-is-bound-by-the-body-alone", "AUTHENTICATION_FAILED", replace(case, change=other))


def _of_size(size: int) -> Bytes:
    return lambda dek: (dek * 6)[:size]


def _encodings(book: RuleBook) -> None:
    for name, encoded in WRONG_ENCODINGS.items():
        book.fails(f"rsa/{name}", "UNWRAP_FAILED", _case(CMK.wrap(encoded=encoded)))
    for size in (0, 16, 31, 33, 190):
        book.fails(f"rsa/{size}-bytes-inside", "UNWRAP_FAILED", _case(CMK.wrap(dek=_of_size(size))))
    book.fails("rsa/dek-in-hex-inside", "UNWRAP_FAILED", _case(CMK.wrap(dek=lambda dek: dek.hex().encode())))
    book.fails("rsa/another-dek-inside", "COMMITMENT_MISMATCH", _case(CMK.wrap(dek=flipped(0))))


def _ciphertexts(book: RuleBook) -> None:
    for size in (1, 32, 255, 257, 1024):
        book.fails(f"rsa/ciphertext-of-{size}-bytes", "UNWRAP_FAILED", _case(CMK.wrap(change=resized(size))))
    book.fails("rsa/zero-in-front", "UNWRAP_FAILED", _case(CMK.wrap(change=lambda content: b"\x00" + content)))
    zero_first = _seed_of_ciphertext_below(2**2040)
    book.opens("rsa/first-byte-zero", _with_dek(DEK, CMK.wrap(seed=zero_first)))
    cut = CMK.wrap(seed=zero_first, change=lambda content: content[1:])
    book.fails("rsa/first-byte-zero-left-out", "UNWRAP_FAILED", _with_dek(DEK, cut))
    modulus = CMK.key.modulus
    for name, number in {"zero": 0, "one": 1, "modulus": modulus, "largest": 2**2048 - 1}.items():
        fixed = foreign(b"local/rsa-oaep-sha256", CMK.id.encode(), number.to_bytes(256, "big"))
        book.fails(f"rsa/ciphertext-is-{name}", "UNWRAP_FAILED", _case(fixed))

    def modulus_added(content: bytes) -> bytes:
        return (int.from_bytes(content, "big") + modulus).to_bytes(256, "big")

    beyond = CMK.wrap(seed=_seed_of_ciphertext_below(2**2048 - modulus), change=modulus_added)
    book.fails("rsa/ciphertext-beyond-the-modulus", "UNWRAP_FAILED", _with_dek(DEK, beyond))
    for name, change in {"first-bit": flipped(0, 0x80), "last-bit": flipped(-1)}.items():
        book.fails(f"rsa/ciphertext-{name}", "UNWRAP_FAILED", _case(CMK.wrap(change=change)))
    book.fails("rsa/under-another-key", "UNWRAP_FAILED", _case(CMK.wrap(key=RSA_2048_OTHER)))
    book.fails("rsa/under-a-longer-key", "UNWRAP_FAILED", _case(CMK.wrap(key=RSA_3072)))


def _seed_of_ciphertext_below(bound: int) -> bytes:
    """Return the first seed under which `DEK` has a ciphertext that small."""
    return next(
        seed
        for seed in (counter.to_bytes(32, "big") for counter in range(100_000))
        if int.from_bytes(CMK.key.power(oaep(DEK, CMK.key.size, seed)), "big") < bound
    )


def _cmks(book: RuleBook) -> None:
    for name, code, cmk in (
        ("disabled", "CMK_DISABLED", Rsa(enabled=False)),
        ("public-key-alone", "CMK_UNUSABLE", Rsa(public_only=True)),
        ("public-key-alone-of-8192-bits", "CMK_UNUSABLE", Rsa(id="rsa-8192", key=RSA_8192, public_only=True)),
        ("public-key-alone-and-disabled", "CMK_DISABLED", Rsa(public_only=True, enabled=False)),
    ):
        book.fails(f"rsa/{name}", code, _case(cmk.wrap(), cmk))
        if cmk.key is RSA_2048:
            book.fails(f"rsa/{name}-and-of-another-length", code, _case(cmk.wrap(change=resized(64)), cmk))


def _accepted(book: RuleBook) -> None:
    """With and without `acceptPublicKeySealing`."""
    other = Rsa(id="other-rsa", key=RSA_2048_OTHER)
    disabled, public = Rsa(id="off", enabled=False), Rsa(id="public", public_only=True)
    broken = Aes(id="broken")

    def case(cmks: Sequence[Cmk], *wraps: Wrap, accept: bool) -> Case:
        rule = accepting(*cmks, accept_public_key_sealing=accept)
        return Case(wraps=wraps, keyring=cmks, rule=rule)

    good, wrong = CMK.wrap(), CMK.wrap(key=RSA_2048_OTHER)
    refused = case([CMK], good, accept=False)
    book.fails("accepted/not", "NO_CANDIDATE", refused)
    book.fails("accepted/not-and-tampered-with", "NO_CANDIDATE", replace(refused, change=with_wrong_tag))
    for name, cmk in (("disabled", disabled), ("public-key-alone", public)):
        book.fails(f"accepted/not-and-{name}", "NO_CANDIDATE", case([cmk], cmk.wrap(), accept=False))
    book.opens("accepted/and-only-symmetric-ones", case([ORDERS], ORDERS.wrap(), accept=True))
    mixed: list[Cmk] = [CMK, ORDERS]
    book.opens("accepted/mixed", case(mixed, good, ORDERS.wrap(), accept=True))
    book.opens("accepted/mixed-not", case(mixed, good, ORDERS.wrap(), accept=False))
    book.opens("accepted/mixed-not-and-wrong", case(mixed, wrong, ORDERS.wrap(), accept=False))
    book.opens("accepted/mixed-and-wrong", case(mixed, wrong, ORDERS.wrap(), accept=True))
    book.opens("accepted/mixed-and-unusable", case([public, ORDERS], public.wrap(), ORDERS.wrap(), accept=True))
    bad = broken.wrap(change=flipped(-1))
    asymmetric_first: list[Cmk] = [other, CMK, broken, ORDERS]
    wraps = (other.wrap(key=RSA_2048), wrong, bad, ORDERS.wrap())
    book.opens("accepted/refused-ones-do-not-count", case(asymmetric_first, *wraps, accept=False))
    book.fails("accepted/accepted-ones-count", "UNWRAP_FAILED", case(asymmetric_first, *wraps, accept=True))
    falls_back = case([ORDERS, CMK], ORDERS.wrap(change=flipped(-1)), good, accept=True)
    book.opens("accepted/asymmetric-one-behind-one-that-fails", falls_back)
    without = case([ORDERS, CMK], ORDERS.wrap(change=flipped(-1)), good, accept=False)
    book.fails("accepted/not-even-behind-one-that-fails", "UNWRAP_FAILED", without)
