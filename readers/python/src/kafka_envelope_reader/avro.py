"""Bounded decoding of the primitive encodings (format section 3), canonical form only."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .errors import EnvelopeError

Item = TypeVar("Item")


def malformed(what: str) -> EnvelopeError:
    """Return the error for a field that breaks sections 3 to 6; `what` names the field."""
    return EnvelopeError("MALFORMED", f"{what} is malformed")


class Cursor:
    """
    A position in `data`. Reading moves it, but never past `end`.

    Every method takes the name of the field for the error and raises `MALFORMED`. Bounds are inclusive and are
    checked before anything is copied, so that a hostile length costs nothing.
    """

    def __init__(self, data: bytes, position: int, end: int) -> None:
        self._data = data
        self._end = min(end, len(data))
        self.position = position

    @property
    def remaining(self) -> int:
        """Number of bytes that are left."""
        return self._end - self.position

    def int32(self, what: str) -> int:
        """Read an `int`."""
        return self._varint(what, max_bytes=5, max_last=0x0F)

    def int64(self, what: str) -> int:
        """Read a `long`."""
        return self._varint(what, max_bytes=10, max_last=0x01)

    def boolean(self, what: str) -> bool:
        """Read a `boolean`."""
        byte = self.fixed(what, 1)
        if byte not in (b"\x00", b"\x01"):
            raise malformed(what)
        return byte == b"\x01"

    def fixed(self, what: str, size: int) -> bytes:
        """Read `size` bytes."""
        if size > self.remaining:
            raise malformed(what)
        self.position += size
        return self._data[self.position - size : self.position]

    def blob(self, what: str, low: int, high: int) -> bytes:
        """Read `bytes` of `low` to `high` bytes."""
        length = self.int64(what)
        if not low <= length <= high:
            raise malformed(what)
        return self.fixed(what, length)

    def text(self, what: str, low: int, high: int) -> str:
        """Read a `string` of `low` to `high` bytes."""
        try:
            return self.blob(what, low, high).decode("utf-8", "strict")
        except UnicodeDecodeError:
            raise malformed(what) from None

    def array(self, what: str, low: int, high: int, item: Callable[[], Item]) -> tuple[Item, ...]:
        """Read an `array` or `map` of `low` to `high` items, each by a call of `item`."""
        count = self.int64(what)
        if not low <= count <= high:
            raise malformed(what)
        if count == 0:
            return ()
        items = tuple(item() for _ in range(count))
        if self.int64(what) != 0:
            raise malformed(what)
        return items

    def _varint(self, what: str, *, max_bytes: int, max_last: int) -> int:
        """Read a zig-zag varint of at most `max_bytes` bytes, the last possible one being at most `max_last`."""
        unsigned = 0
        for index in range(max_bytes):
            byte = self.fixed(what, 1)[0]
            unsigned |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                if (byte == 0 and index > 0) or (index == max_bytes - 1 and byte > max_last):
                    raise malformed(what)
                return (unsigned >> 1) ^ -(unsigned & 1)
        raise malformed(what)
