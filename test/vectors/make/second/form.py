"""Vectors that are malformed by form or bounds alone: the tag is valid over what a lenient decoder reads."""

from avro import blob, block, long_form, number, overflowing, pairs, sized_block, split_blocks
from opening import BASE, BOUND, HEADERS, context_of, filling
from recipe import drawn, make, wrapping

CONTEXT_OUTSIDE = "\0 !\"#$%&'()*,;<>?[\\]^`{|}~\x7f"
TOPIC_OUTSIDE = "\0 !*+,/:=@[`{\x7f"
PROVIDER_OUTSIDE = "\0 ,.:@AZ_`{\x7f"


def wrappings(add) -> None:
    w = wrapping()
    items = [blob("local") + blob("orders") + blob(w[2]), blob("local") + blob("orders-2") + blob(w[2])]
    for name, written in {
        "size before them": sized_block(items), "two blocks": split_blocks(items, 1), "count in two bytes": long_form(2, 2) + b"".join(items) + b"\0",
        "count in ten bytes": long_form(2, 10) + b"".join(items) + b"\0", "count overflows": overflowing(2) + b"".join(items) + b"\0",
        "end in two bytes": number(2) + b"".join(items) + b"\x80\0",
    }.items():
        add(f"wrappings, {name}", BASE.writes(wrappedDeks=written))
    for size in (2, 3, 10):
        for name, item in {"provider": long_form(5, size) + b"local" + blob("orders") + blob(w[2]), "cmkId": blob("local") + long_form(6, size) + b"orders" + blob(w[2]),
                           "ciphertext DEK": blob("local") + blob("orders") + (long_form(64, size + 1 if size < 10 else 10) + w[2])}.items():
            add(f"length of {name}, {size} bytes", BASE.writes(wrappedDeks=block([item])))
    add("length of provider overflows", BASE.writes(wrappedDeks=block([overflowing(5) + b"local" + blob("orders") + blob(w[2])])))
    for count in (0, 6, 7, 64):
        add(f"{count} wrappings", BASE.but(wrappings=tuple(wrapping("local", f"orders-{i}") for i in range(count))))
    add("the same wrapping twice", BASE.but(wrappings=(w, w)))
    add("two ciphertexts for one CMK", BASE.but(wrappings=(w, wrapping("a"), wrapping("local", "orders", b"x"))))
    for name, changed in {
        "provider empty": ("", "orders", b"x"), "provider of 65": ("p" * 65, "orders", b"x"), "provider of 128": ("p" * 128, "orders", b"x"),
        "cmkId empty": ("local", "", b"x"), "cmkId of 257": ("local", "c" * 257, b"x"), "cmkId with a space": ("local", "or ders", b"x"),
        "cmkId with DEL": ("local", "orders\x7f", b"x"), "cmkId with NUL": ("local", "orders\0", b"x"), "cmkId with a line feed": ("local", "orders\n", b"x"),
        "cmkId not ASCII": ("local", "ordr\u00e9", b"x"), "cmkId whose characters fit as bytes": ("local", b"ord\xc2\xa1", b"x"),
        "ciphertext DEK empty": ("local", "orders", b""), "ciphertext DEK of 1,025": ("local", "orders", drawn("w", 1025)), "ciphertext DEK of 8,192": ("local", "orders", drawn("w", 8192)),
        "provider not UTF-8": (b"loc\xff", "orders", b"x"), "provider not ASCII": ("loc\u00e5l", "orders", b"x"),
    }.items():
        add(name, BASE.but(wrappings=(changed,)))
    for c in PROVIDER_OUTSIDE:
        add(f"provider with {ord(c):02x}", BASE.but(wrappings=(("lo" + c, "orders", b"x"),)))


def envelope(add) -> None:
    made = make(BASE)
    for size in (2, 5, 10):
        add(f"length of the header, {size} bytes", BASE.writes(headerLength=long_form(len(made.header), size)))
        add(f"length of the body, {size} bytes", BASE.writes(bodyLength=long_form(len(made.body), size)))
    add("length of the header overflows", BASE.writes(headerLength=overflowing(len(made.header))))
    add("length of the body overflows", BASE.writes(bodyLength=overflowing(len(made.body))))
    add("length of an empty body, two bytes", BASE.but(data=b"").writes(bodyLength=b"\x80\0"))
    for name, tail in {"a zero byte": b"\0", "1,024 bytes": bytes(1024), "itself": made.envelope}.items():
        add(f"behind the envelope, {name}", BASE.but(tail=tail))
    for size in (1, 48):
        add(f"behind the header, {size} bytes", BASE.but(header_tail=bytes(size)))
    add("header of 4,097 bytes", filling(4097))
    add("header of 4,097 bytes, its end behind the last field", filling(4096).but(header_tail=b"\0"))


def scalars(add) -> None:
    for field, number_of in (("suite", 1), ("compression", 0)):
        for size in (2, 3, 4, 5, 6, 10):
            add(f"{field} in {size} bytes", BASE.writes(**{field: long_form(number_of, size)}))
        for last in (0x10, 0x20, 0x40, 0x7F):
            add(f"{field}, fifth byte {last:02x}", BASE.writes(**{field: bytes([number_of * 2 | 0x80, 0x80, 0x80, 0x80, last])}))
        add(f"{field} overflows 64 bits", BASE.writes(**{field: overflowing(number_of)}))
    for byte in (2, 3, 0x7F, 0x80, 0xFE, 0xFF):
        add(f"keyBound {byte:02x}", BASE.writes(keyBound=bytes([byte])))
        add(f"keyBound {byte:02x}, tag over a bound key", BOUND.writes(keyBound=bytes([byte])))


def bound_headers(add) -> None:
    r = BASE.but(bound=("a", "b"), headers=HEADERS)
    items = [blob("a"), blob("b")]
    for name, written in {
        "size before them": sized_block(items), "two blocks": split_blocks(items, 1), "count in two bytes": long_form(2, 2) + b"".join(items) + b"\0",
        "count overflows": overflowing(2) + b"".join(items) + b"\0", "end in two bytes": number(2) + b"".join(items) + b"\x80\0",
        "length of a name in two bytes": block([long_form(1, 2) + b"a", blob("b")]), "length of a name overflows": block([overflowing(1) + b"a", blob("b")]),
    }.items():
        add(f"bound headers, {name}", r.writes(boundHeaders=written))
    add("no bound headers in two bytes", BASE.writes(boundHeaders=b"\x80\0"))
    for name, bound in {
        "descending": ("b", "a"), "equal": ("a", "a"), "equal and apart": ("a", "b", "a"), "UTF-16 order": ("\U0001f600", "\uff61"), "numeric order": ("2", "10"),
        "order of letters": ("a", "B"), "the longer first": ("ab", "a"), "33": tuple(f"h{i:02d}" for i in range(33)), "one empty": ("",), "empty and others": ("", "a"),
        "name of 257": ("n" * 257,), "name of 129 characters, 258 bytes": ("\u00e9" * 129,), "last of three out of order": ("a", "c", "b"),
    }.items():
        add(f"bound headers, {name}", BASE.but(bound=bound, headers=HEADERS))
    for name, text in {
        "lone byte": b"\x80", "ff": b"\xff", "overlong slash": b"\xc0\xaf", "overlong NUL": b"\xc0\x80", "overlong in three": b"\xe0\x80\xaf", "overlong in four": b"\xf0\x80\x80\xaf",
        "high surrogate": b"\xed\xa0\x80", "low surrogate": b"\xed\xbf\xbf", "pair of surrogates": b"\xed\xa0\xbd\xed\xb8\x80", "above U+10FFFF": b"\xf4\x90\x80\x80", "five bytes": b"\xf8\x88\x80\x80\x80",
        "cut in two": b"a\xc3", "cut in three": b"\xe2\x82", "cut in four": b"\xf0\x9f\x98", "Latin-1": b"caf\xe9",
    }.items():
        add(f"bound headers, not UTF-8: {name}", BASE.but(bound=(text,)))


def topics(add) -> None:
    for name, written in {"two": long_form(9, 2), "ten": long_form(9, 10)}.items():
        add(f"length of the topic in {name} bytes", BASE.writes(topic=written + b"orders.eu"))
    add("length of the topic overflows", BASE.writes(topic=overflowing(9) + b"orders.eu"))
    for topic in ("", "t" * 250, "t" * 300, "orders\n", "ord\u00e9rs", "\ufefforders"):
        add(f"topic {ascii(topic[:8])} of {len(topic)}", BASE.but(topic=topic), topic=topic)
    for c in TOPIC_OUTSIDE:
        add(f"topic with {ord(c):02x}", BASE.but(topic="or" + c), topic="or" + c)


def contexts(add) -> None:
    entries = [("a", "b"), ("c", "d")]
    items = pairs(entries)
    r = BASE.but(context=tuple(entries))
    for name, written in {
        "size before it": sized_block(items), "two blocks": split_blocks(items, 1), "count in two bytes": long_form(2, 2) + b"".join(items) + b"\0",
        "count overflows": overflowing(2) + b"".join(items) + b"\0", "end in two bytes": number(2) + b"".join(items) + b"\x80\0",
        "length of a key in two bytes": block([long_form(1, 2) + b"a" + blob("b"), items[1]]), "length of a value in two bytes": block([blob("a") + long_form(1, 2) + b"b", items[1]]),
        "empty, in two bytes": b"\x80\0",
    }.items():
        add(f"context, {name}", r.writes(context=written))
    for name, context in {
        "descending": (("b", "1"), ("a", "2")), "equal keys": (("a", "1"), ("a", "1")), "equal keys, two values": (("a", "1"), ("a", "2")), "equal keys apart": (("a", "1"), ("b", "1"), ("a", "2")),
        "numeric order": (("9", "1"), ("10", "2")), "order of letters": (("a", "1"), ("B", "2")), "the longer first": (("ab", "1"), ("a", "2")), "last of three": (("a", "1"), ("c", "2"), ("b", "3")),
        "key empty": (("", "v"),), "value empty": (("k", ""),), "key of 129": (("k" * 129, "v"),), "value of 129": (("k", "v" * 129),), "value not UTF-8": (("k", b"\xff"),),
        "key not ASCII": (("\u00e9", "v"),), "value ends in a line feed": (("k", "v\n"),), "1,025 bytes": context_of(1025), "1,027 bytes": context_of(1027),
        "512 entries": tuple((f"{i:03x}", "v") for i in range(512)),
    }.items():
        add(f"context, {name}", BASE.but(context=context))
    for c in CONTEXT_OUTSIDE:
        add(f"context, value with {ord(c):02x}", BASE.but(context=(("k", "v" + c),)))
    for c in "\0 \"\\{,;":
        add(f"context, key with {ord(c):02x}", BASE.but(context=(("k" + c, "v"),)))


def all_of(add) -> None:
    for part in (wrappings, envelope, scalars, bound_headers, topics, contexts):
        part(add)

