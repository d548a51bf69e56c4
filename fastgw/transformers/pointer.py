"""Where in a JSON document something is: JSON Pointers (RFC 6901)."""

from __future__ import annotations

import re
from typing import Any, Final

Tokens = tuple[str, ...]

MISSING: Final = object()  #: what is found where nothing is
STEPS_MAX: Final = 32
EACH: Final = "*"  #: where that is said, each element of a list, or value of an object; else a key as any other
_ESCAPE: Final = re.compile(r"~(?![01])")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")


def parse(text: str) -> Tokens:
    """The keys and indexes that ``text`` is made of; of the empty text none: it is the whole document.

    Raises:
        ValueError: it is no pointer; says why.
    """
    if not text:
        return ()
    if not text.startswith("/"):
        raise ValueError("expected a JSON pointer such as /data/0/name")
    if _ESCAPE.search(text):
        raise ValueError("has a '~' that is no escape: '~0' is a '~', '~1' a '/'")
    tokens = tuple(one.replace("~1", "/").replace("~0", "~") for one in text[1:].split("/"))
    if len(tokens) > STEPS_MAX:
        raise ValueError(f"has more than {STEPS_MAX} steps")
    return tokens


def text_of(tokens: Tokens) -> str:
    """The pointer, for people."""
    return "".join("/" + one.replace("~", "~0").replace("/", "~1") for one in tokens)


def step(value: Any, token: str) -> Any:
    """What is at ``token`` of ``value``, an object or a list; ``MISSING``: nothing."""
    if isinstance(value, dict):
        return value.get(token, MISSING)
    if isinstance(value, list) and _INDEX.fullmatch(token) and int(token) < len(value):
        return value[int(token)]
    return MISSING


def find(value: Any, tokens: Tokens) -> Any:
    """What is at ``tokens`` of ``value``; ``MISSING``: nothing."""
    for token in tokens:
        value = step(value, token)
        if value is MISSING:
            break
    return value
