"""A store of unwrapped DEKs, bounded in number and age (format section 20, "Caches" and "Revocation")."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

DekKey = tuple[str, str, bytes, bytes]
"""Provider, cmkId, canonical context and ciphertext DEK. The rule is implied: each `Opener` has a store of its own."""


class DekCache:
    """
    The `size` most recently used DEKs, each for at most `max_age` seconds after it was stored; 0 stores none.

    `clock` gives seconds and never goes back. Safe for use by several threads.
    """

    def __init__(self, size: int, max_age: float, clock: Callable[[], float]) -> None:
        self._size = size
        self._max_age = max_age
        self._clock = clock
        self._deks: OrderedDict[DekKey, tuple[float, bytes]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._deks)

    def __contains__(self, key: DekKey) -> bool:
        with self._lock:
            return self._fresh(key) is not None

    def get(self, key: DekKey) -> bytes | None:
        """Return a DEK and mark it as used, or return None. Its age does not change."""
        with self._lock:
            dek = self._fresh(key)
            if dek is not None:
                self._deks.move_to_end(key)
            return dek

    def put(self, key: DekKey, dek: bytes) -> None:
        """Store a DEK. DEKs that are too old are dropped first, then the least recently used one."""
        with self._lock:
            self._deks[key] = self._clock(), dek
            self._deks.move_to_end(key)
            for held in list(self._deks):
                self._fresh(held)
            while len(self._deks) > self._size:
                self._deks.popitem(last=False)

    def _fresh(self, key: DekKey) -> bytes | None:
        """Return a DEK that is young enough; drop it if it is not."""
        entry = self._deks.get(key)
        if entry is None:
            return None
        since, dek = entry
        if self._clock() - since < self._max_age:
            return dek
        del self._deks[key]
        return None
