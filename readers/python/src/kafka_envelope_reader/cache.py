"""A bounded store of unwrapped DEKs (format section 20, "Caches")."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

DekKey = tuple[str, str, bytes, bytes]
"""Provider, cmkId, canonical context and ciphertext DEK. The rule is implied: each `Opener` has a store of its own."""


class DekCache:
    """The `size` DEKs that were used last; 0 stores none. No age limit. Safe for use by several threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._deks: OrderedDict[DekKey, bytes] = OrderedDict()
        self._lock = Lock()

    def __contains__(self, key: DekKey) -> bool:
        with self._lock:
            return key in self._deks

    def get(self, key: DekKey) -> bytes | None:
        """Return a DEK and mark it as used, or return None."""
        with self._lock:
            if key in self._deks:
                self._deks.move_to_end(key)
            return self._deks.get(key)

    def put(self, key: DekKey, dek: bytes) -> None:
        """Store a DEK; the one that was not used for the longest time gives way."""
        with self._lock:
            self._deks[key] = dek
            self._deks.move_to_end(key)
            if len(self._deks) > self._size:
                self._deks.popitem(last=False)
