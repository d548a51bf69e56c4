"""Documents of JSON and what is nearly that, and what `orjson` says of them."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from random import Random
from types import ModuleType
from typing import Any

import orjson

from fastgw.wire.json_value import AMBIGUOUS, DEPTH_MAX, KIND_NAMES, TOO_DEEP, JsonError, JsonValue

FORMS: list[ModuleType] = [importlib.import_module("fastgw.wire._json_skim_py")]
if find_spec("fastgw.wire._json_skim") is not None:
    FORMS.append(importlib.import_module("fastgw.wire._json_skim"))

KEYS = (b"model", b"stream", b"max_tokens", b"user")
_NAMES = [
    "model",
    "stream",
    "max_tokens",
    "user",
    "messages",
    "Model",
    "max_to\u212aens",
    "u\u017fer",
    "mode",
    "model ",
    "é",
    "",
]
_SCALARS = [
    "true", "false", "null", "0", "-0", "12", "-1.5e3", "1E+2", "0.0", '""', '"a"', '"gpt-4o"', '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\u00e9"',
    '"\\ud83d\\ude00"', '"é\u20ac\U0001f600"', '"\x7f"', '"' + "x" * 70 + '"', '"model"', '"\\u006dodel\\":"',
]  # fmt: skip
_WRONG = [
    "tru", "nul", "True", "01", "-", "1.", ".5", "1e", "1e+", "+1", "NaN", "Infinity", '"\\x"', '"\\u12g4"', '"\\ud800"', '"\\udc00"',
    '"\\ud800\\u0041"', '"\\ud800x"', '"\t"', '"\x00"', "'a'", "[1,]", "[,1]", '{"a":1,}', '{"a"}', "{a:1}", "[1 2]", "[1}", '{"a":1]',
    "", "1e400", "[[]", "]", "/**/1", "--1", "1.e1", "1ee1", "\ufeff1",
]  # fmt: skip
_WITHIN = [
    *(
        "\\n",
        '\\"',
        "\\\\",
        "\\/",
        "\\u00e9",
        "\\uD83D\\uDE00",
        "é",
        "\u20ac",
        "\U0001f600",
        "\x7f",
        "\\u0000",
        "{",
        ",",
    ),
    *('\\"model\\":', "", "\\\\" * 17, "\\n" * 16, "\\u0041" * 3),
]
_WRONG_WITHIN = ["\x00", "\x1f", "\n", "\\x", "\\ud800", "\\udc00x", "\\ud800\\n", '"', "\\u12", "\\"]
_SPACES = ["", "", "", " ", "\n\t", "\r "]


def document(random: Random, *, is_large: bool = False) -> bytes:
    """An object with some of the keys that are looked for, in any form and order, and sometimes with something wrong.

    ``is_large``: with longer strings, in which what is special stands at any place of a vector of 16 or 32 bytes, and deep nesting."""
    wrong = random.random() < 0.3
    text = _object(random, 3, top=True, wrong=wrong)
    if is_large:
        inner = _nested(random) if random.random() < 0.1 else _long(random)
        text = text[:-1] + ("," if text[1:-1].strip() else "") + f'"long":{inner}}}'
    if random.random() < 0.05:
        text = random.choice(
            [f"[{text}]", text + "{}", text + "x", "\ufeff" + text, "", " ", text[:-1], "1", '"model"']
        )
    data = bytearray((random.choice(_SPACES) + text + random.choice(_SPACES)).encode())
    if data and random.random() < 0.2:
        place = random.randrange(len(data))
        change = random.randrange(3)
        if change == 0:
            data[place] = random.choice(b'\x00\x1f"\\{}[],: \x80\xc3\xe2\xed\xf0\xff19aeu')
        elif change == 1:
            del data[place]
        else:
            data.insert(place, random.choice(b'"\\{}[],:0\x80\xed'))
    return bytes(data)


def _object(random: Random, depth: int, *, top: bool = False, wrong: bool = False) -> str:
    names = [random.choice(_NAMES) for _ in range(random.randrange(6))]
    if top and random.random() < 0.7:  # most of them without a key that stands there twice
        names = [name for name in dict.fromkeys(names) if name.lower() == name and not {"\u212a", "\u017f"} & set(name)]
    pairs = [f"{_key(random, name)}{_space(random)}:{_value(random, depth - 1, wrong)}" for name in names]
    return "{" + f"{_space(random)},".join(_space(random) + pair for pair in pairs) + _space(random) + "}"


def _long(random: Random) -> str:
    """A string of which most is plain."""
    parts = []
    for _ in range(random.randrange(1, 5)):
        parts.append("x" * random.randrange(50))
        parts.append(random.choice(_WITHIN if random.random() < 0.97 else _WRONG_WITHIN))
    return '"' + "".join(parts) + '"'


def _nested(random: Random) -> str:
    """Arrays and objects in each other, about as many as there may be."""
    kinds = [random.choice(("[]", "{}")) for _ in range(random.choice((10, 253, 254, 255, 256, 300)))]
    openings = "".join("[" if kind == "[]" else '{"a":' for kind in kinds)
    return openings + "1" + "".join(kind[1] for kind in reversed(kinds))


def _space(random: Random) -> str:
    return random.choice(_SPACES)


def _key(random: Random, name: str) -> str:
    if random.random() < 0.3:
        name = "".join(f"\\u{ord(one):04x}" if random.random() < 0.5 else one for one in name)
    return f'"{name}"'


def _value(random: Random, depth: int, wrong: bool) -> str:
    kind = random.randrange(8)
    if wrong and random.random() < 0.1:
        text = random.choice(_WRONG)
    elif depth > 0 and kind == 0:
        text = _object(random, depth, wrong=wrong)
    elif depth > 0 and kind == 1:
        text = "[" + ",".join(_value(random, depth - 1, wrong) for _ in range(random.randrange(4))) + "]"
    else:
        text = random.choice(_SCALARS)
    return _space(random) + text + _space(random)


def outcome(form: ModuleType, pieces: list[bytes], keys: tuple[bytes, ...] = KEYS) -> Any:
    """What one form makes of a document in ``pieces``: what was found, or why it is refused and where."""
    skim = form.Skim(keys)
    try:
        for piece in pieces:
            skim.feed(piece)
        skim.finish()
    except JsonError as error:
        return (error.reason, error.offset, error.key, str(error))
    return skim.found


def whole(form: ModuleType, data: bytes, keys: tuple[bytes, ...] = KEYS) -> Any:
    """The same of a document that is read at once; what is found is asked for in the other way, too."""
    skim = form.Skim(keys)
    try:
        skim.read(data)
    except JsonError as error:
        return (error.reason, error.offset, error.key, str(error))
    for place, value in enumerate(skim.found):
        assert (skim.kind(place), skim.raw(place)) == ((value.kind, value.raw) if value is not None else (0, None))
    return skim.found


def judge(data: bytes, told: Any, keys: tuple[bytes, ...] = KEYS) -> None:
    """Whether `orjson` reads ``data`` as ``told``, an ``outcome``, says."""
    try:
        read: Any = orjson.loads(data)
        why = ""
    except orjson.JSONDecodeError as error:
        read, why = None, str(error)
    if isinstance(told, list):
        if "infinity" in why:
            return  # how large a number is nobody judges here
        assert isinstance(read, dict), (data, told, why)
        for key, found in zip(keys, told, strict=True):
            assert (found is None) == (key.decode() not in read), (data, key)
            if found is not None:
                _compare(data, found, read[key.decode()])
        return
    reason, offset, _, _ = told
    assert 0 <= offset <= len(data), (data, told)
    if reason == AMBIGUOUS and not why:
        assert _is_ambiguous(data, keys), (data, told)
    elif reason == TOO_DEEP:
        assert data[: offset + 1].count(b"[") + data[: offset + 1].count(b"{") > DEPTH_MAX, (data, told)
    else:
        assert not isinstance(read, dict), (data, told)


def _compare(data: bytes, found: JsonValue, value: Any) -> None:
    assert found.raw == data[found.start : found.stop], (data, found)
    assert orjson.loads(found.raw) == value, (data, found)
    kinds = {str: "a string", dict: "an object", list: "an array", int: "a number", float: "a number"}
    name = (
        {True: "true", False: "false", None: "null"}[value]
        if value in (True, False, None) and not (isinstance(value, int | float) and not isinstance(value, bool))
        else kinds[type(value)]
    )
    assert KIND_NAMES[found.kind] == name, (data, found)


def _is_ambiguous(data: bytes, keys: tuple[bytes, ...]) -> bool:
    """Whether a key that is looked for stands in the outermost object twice, or in other letters: by `json`, which tells all pairs."""
    import json

    class Pairs(list[Any]):
        """An object."""

    names = [name.casefold() for name, _ in json.loads(data, object_pairs_hook=Pairs)]
    plain = [name for name, _ in json.loads(data, object_pairs_hook=Pairs)]
    return any(names.count(key.decode()) != min(1, plain.count(key.decode())) for key in keys)
