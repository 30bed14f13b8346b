"""Avro binary, written by hand from docs/format.md, section 3. Every function can also be asked for the forms that are forbidden."""


def zigzag(n: int) -> int:
    return 2 * n if n >= 0 else -2 * n - 1


def varint(z: int) -> bytes:
    out = bytearray()
    while z > 0x7F:
        out.append(z & 0x7F | 0x80)
        z >>= 7
    out.append(z)
    return bytes(out)


def number(n: int) -> bytes:
    """An int or a long, in its shortest form."""
    return varint(zigzag(n))


def long_form(n: int, size: int) -> bytes:
    """The same number in `size` bytes, which is longer than it has to be."""
    short = number(n)
    assert size > len(short)
    return short[:-1] + bytes([short[-1] | 0x80]) + b"\x80" * (size - len(short) - 1) + b"\x00"


def overflowing(n: int) -> bytes:
    """The zig-zag of `n` plus 2^64: ten bytes, of which the last one says more than 64 bits hold."""
    z = zigzag(n)
    return bytes((z >> (7 * i)) & 0x7F | 0x80 for i in range(9)) + bytes([z >> 63 | 0x02])


def utf8(text: "str | bytes") -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8")


def blob(content: "str | bytes") -> bytes:
    """bytes, or a string."""
    content = utf8(content)
    return number(len(content)) + content


def block(items: "list[bytes]") -> bytes:
    """An array or a map in the one form allowed."""
    return (number(len(items)) + b"".join(items) if items else b"") + b"\x00"


def sized_block(items: "list[bytes]") -> bytes:
    """A negative count, then the size in bytes: Avro allows it, the format does not."""
    content = b"".join(items)
    return number(-len(items)) + number(len(content)) + content + b"\x00"


def split_blocks(items: "list[bytes]", at: int) -> bytes:
    """Two blocks: Avro allows them, the format does not."""
    return block(items[:at])[:-1] + block(items[at:])


def pairs(entries: "list[tuple[str | bytes, str | bytes]]") -> "list[bytes]":
    return [blob(key) + blob(value) for key, value in entries]
