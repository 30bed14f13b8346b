"""The provider `vault-transit`: the transit engine of HashiCorp Vault or OpenBao (format section 10)."""

from __future__ import annotations

import base64
import binascii
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

from .errors import Code, ConfigurationError, EnvelopeError

VAULT_TRANSIT: Final = "vault-transit"

_CIPHERTEXT: Final = re.compile(rb"vault:v[1-9][0-9]{0,8}:([A-Za-z0-9+/]+={0,2})")
_KEY: Final = re.compile(r"\w(?:[\w.-]*\w)?", re.ASCII)
_PATH: Final = re.compile(r"(?!\.+(?:/|$))[\w.-]+(?:/(?!\.+(?:/|$))[\w.-]+)*", re.ASCII)
_NAME: Final = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_TOKEN: Final = re.compile(r"[!-~]+")
_LOOPBACK: Final = re.compile(r"127(?:\.\d{1,3}){3}|localhost|::1")
_MAX_BODY_BYTES: Final = 65_536
# The types of keys that can be derived and are as strong as a DEK. The last one is only in OpenBao.
_TYPES_OF_256_BITS: Final = ("aes256-gcm96", "chacha20-poly1305", "xchacha20-poly1305")
# The engine requires a context. No other one has this text.
_EMPTY_CONTEXT: Final = b"{}"

_MEANINGS: Final[tuple[tuple[str, int, str, Code], ...]] = (
    ("", 400, "encryption key not found", "CMK_NOT_FOUND"),
    ("", 404, "no handler for route", "CMK_NOT_FOUND"),
    ("GET", 404, "", "CMK_NOT_FOUND"),
    ("", 400, "soft-deleted key", "CMK_DISABLED"),
    ("", 400, "disallowed by policy (too old)", "CMK_DISABLED"),
    ("POST", 400, "version is too new", "CMK_NOT_FOUND"),
    ("", 400, "not supported for key type", "CMK_UNUSABLE"),
    ("POST", 400, "message authentication failed", "UNWRAP_FAILED"),
    ("POST", 400, "invalid ciphertext", "UNWRAP_FAILED"),
    ("", 400, "missing 'context'", "KMS_REFUSED"),
    ("", 403, "", "KMS_DENIED"),
    ("", 405, "", "KMS_REFUSED"),
    ("", 429, "", "KMS_THROTTLED"),
)
"""Method, status, and part of a text in `errors`, each for any if empty. The first row that matches counts."""


class VaultTransit:
    """
    A `Kms` that asks Vault or OpenBao, with nothing but the standard library.

    `address` is a URL such as `https://vault.example.com:8200`; plain http is only for loopback addresses. `name` is
    the part of the CMKs' ids before the slash. `token` is called for each request. Redirects are not followed, and
    proxies of the environment are not used. `timeout_seconds` is for a whole request; unwrapping makes two. Raises
    `ConfigurationError` if an argument is not valid.
    """

    def __init__(
        self,
        address: str,
        *,
        name: str,
        token: Callable[[], str],
        mount: str = "transit",
        namespace: str | None = None,
        tls: ssl.SSLContext | None = None,
        timeout_seconds: float = 10,
    ) -> None:
        url = urlsplit(address)
        is_plain = url.scheme == "http" and _LOOPBACK.fullmatch(url.hostname or "") is not None
        if not url.hostname or url.username is not None or url.query or url.fragment:
            raise ConfigurationError("the address of Vault is not a URL of a host")
        if url.scheme != "https" and not is_plain:
            raise ConfigurationError("the address of Vault is not https")
        if _NAME.fullmatch(name) is None or _PATH.fullmatch(mount) is None:
            raise ConfigurationError("the name or the mount of the transit engine is not valid")
        if namespace is not None and _PATH.fullmatch(namespace) is None:
            raise ConfigurationError("the namespace is not valid")
        self._host, self._port, self._base = url.hostname, url.port, url.path.rstrip("/")
        self._tls = None if is_plain else (tls or ssl.create_default_context())
        self._prefix, self._token, self._mount = f"{name}/", token, mount
        self._namespace, self._timeout = namespace, timeout_seconds

    def is_asymmetric(self, provider: str) -> bool:
        """Tell that only those who may use the key can wrap."""
        return False

    def unwrap(self, provider: str, cmk_id: str, ciphertext_dek: bytes, canonical_context: bytes) -> bytes:
        """Unwrap, after a look at the key, because one that is not derived would ignore the context."""
        key = cmk_id.removeprefix(self._prefix)
        if provider != VAULT_TRANSIT or not cmk_id.startswith(self._prefix) or _KEY.fullmatch(key) is None:
            raise EnvelopeError("CMK_NOT_FOUND", "the CMK is not one of this transit engine")
        if not _is_canonical(ciphertext_dek):
            raise EnvelopeError("UNWRAP_FAILED", "the ciphertext DEK does not have the form of the transit engine")
        _require_fit(self._call("GET", f"keys/{key}"))
        context = base64.b64encode(canonical_context or _EMPTY_CONTEXT).decode()
        body = {"ciphertext": ciphertext_dek.decode("ascii"), "context": context}
        return _decoded(self._call("POST", f"decrypt/{key}", body).get("plaintext"))

    def _call(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        status, text = self._exchange(method, path, body)
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        answer = answer if isinstance(answer, dict) else {}
        data = answer.get("data")
        if status == 200 and isinstance(data, dict):
            return data
        raise EnvelopeError(_meaning(method, status, answer.get("errors")), f"Vault answered with HTTP status {status}")

    def _exchange(self, method: str, path: str, body: Mapping[str, str] | None) -> tuple[int, bytes]:
        token = self._token()
        if _TOKEN.fullmatch(token) is None:
            raise EnvelopeError("KMS_UNAVAILABLE", "there is no token for Vault")
        headers = {"X-Vault-Token": token, "X-Vault-Request": "true", "Content-Type": "application/json"}
        if self._namespace is not None:
            headers["X-Vault-Namespace"] = self._namespace
        connection = self._connection()
        over = _Over(self._timeout)
        try:
            connection.connect()
            over.ends(connection.sock)
            sent = None if body is None else json.dumps(body)
            connection.request(method, f"{self._base}/v1/{self._mount}/{path}", sent, headers)
            answer = connection.getresponse()
            text = answer.read(_MAX_BODY_BYTES)
        except (OSError, HTTPException) as error:
            if over.came or isinstance(error, TimeoutError):
                raise EnvelopeError("KMS_TIMEOUT", "Vault did not answer in time") from None
            raise EnvelopeError("KMS_UNAVAILABLE", "Vault did not answer") from None
        finally:
            over.cancel()
            connection.close()
        # The end that it puts to a connection may look like the end of the answer.
        over.refuse()
        return answer.status, text

    def _connection(self) -> HTTPConnection:
        if self._tls is None:
            return HTTPConnection(self._host, self._port, timeout=self._timeout)
        return HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._tls)


class _Over:
    """
    Ends a connection when the time for a request is over.

    The time-out of a socket is for each piece of an answer, so an answer in small pieces could take for ever.
    """

    def __init__(self, seconds: float) -> None:
        self.came = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    def ends(self, connected: socket.socket) -> None:
        """Set the socket. An `HTTPConnection` forgets its own as soon as the answer begins, if that is the last one."""
        self._socket = connected
        self.refuse()

    def refuse(self) -> None:
        """Raise if it came."""
        if self.came:
            raise EnvelopeError("KMS_TIMEOUT", "Vault did not answer in time")

    def cancel(self) -> None:
        """Return when it cannot end the socket any more, whose number may soon be that of another one."""
        self._timer.cancel()
        self._timer.join()

    def _end(self) -> None:
        self.came = True
        if self._socket is not None:
            with suppress(OSError):
                # Not the method of an SSL socket, which another thread may be reading.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _is_canonical(ciphertext_dek: bytes) -> bool:
    """Tell whether this is the one form that the format allows; the engine itself opens several."""
    match = _CIPHERTEXT.fullmatch(ciphertext_dek)
    if match is None:
        return False
    try:
        return base64.b64encode(base64.b64decode(match[1], validate=True)) == match[1]
    except binascii.Error:
        return False


def _require_fit(key: Mapping[str, Any]) -> None:
    """Refuse a key that would not bind the context, or that this library never wraps with."""
    fit, convergent = (key.get("derived"), key.get("supports_encryption")), key.get("convergent_encryption", False)
    # Absent in Vault, which cannot delete softly.
    deleted = key.get("soft_deleted", False)
    key_type = key.get("type")
    if not all(isinstance(each, bool) for each in (*fit, convergent, deleted)) or not isinstance(key_type, str):
        raise EnvelopeError("KMS_UNAVAILABLE", "Vault answered without the properties of the key")
    if not all(fit) or convergent:
        raise EnvelopeError("CMK_UNUSABLE", "the key is not derived, is convergent, or cannot encrypt")
    if key_type not in _TYPES_OF_256_BITS:
        raise EnvelopeError("CMK_UNUSABLE", "the key is not of a type with 256 bits, so it is weaker than a DEK")
    if deleted:
        raise EnvelopeError("CMK_DISABLED", "the key was soft-deleted")


def _meaning(method: str, status: int, errors: object) -> Code:
    """
    Return the code for an answer that is not a success. Its text is compared, and never repeated.

    Only Vault itself says `errors`. An answer of something else, or one that is unknown, is not taken for a refusal.
    """
    if not isinstance(errors, list) or not all(isinstance(each, str) for each in errors):
        return "KMS_THROTTLED" if status == 429 else "KMS_UNAVAILABLE"
    for row_method, row_status, part, code in _MEANINGS:
        if row_method in ("", method) and row_status == status and (not part or any(part in each for each in errors)):
            return code
    return "KMS_UNAVAILABLE"


def _decoded(plaintext: object) -> bytes:
    """Return the bytes, of any length but 0: the caller checks that."""
    try:
        return base64.b64decode(plaintext if isinstance(plaintext, str) and plaintext else "?", validate=True)
    except binascii.Error:
        raise EnvelopeError("KMS_UNAVAILABLE", "Vault answered without a plaintext") from None
