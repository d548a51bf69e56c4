"""What a prompt begins with, as an engine sees it: what is the same of two prompts it need not compute twice.

An engine keeps what it has computed for the beginning of a prompt (its *prefix*), in blocks of tokens, each of which depends on all
before it.  Here the beginning of a prompt is cut into up to three blocks of bytes, as they stand in the body, and each has a number that
depends on all before it (a chain of CRC-32, which need not resist anybody: who wants two prompts to be alike can send one twice):

    0   the *opening*: tools, and what the system says (``system``, ``instructions``, and messages of role system or developer in front of
        all others), up to ``OPENING_MAX`` bytes of each; where there is none of it, the first ``BLOCK`` bytes of the first message
    1   and up to ``BLOCK`` bytes of the first message
    2   and up to ``MESSAGE_MAX`` bytes of the first message

So all requests of one application have the same first number, and all turns of one conversation the same three: what comes behind its
first message is not looked at, as it grows.  Of a ``prompt`` that is text the first ``BLOCK`` bytes are the opening, and what is behind
them is not looked at, unless all of it is there from the beginning: a text grows at its end.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from zlib import crc32

from fastgw.wire.json_value import ARRAY, STRING

if TYPE_CHECKING:
    from fastgw.wire.json_value import JsonValue

#: Keys of a body in which a prompt stands, in the order in which ``blocks`` wants what a skim has found for them.
PROMPT_KEYS: Final = (b"tools", b"system", b"instructions", b"messages", b"prompt", b"input")
OPENING_MAX: Final = 4096  #: bytes of tools, and of what the system says
BLOCK: Final = 1024  #: bytes of the first message that are one block
MESSAGE_MAX: Final = 8192  #: bytes of it that count at all
LOOKED_AT_MAX: Final = 128 * 1024  #: bytes of messages in which the end of the opening is looked for
_QUOTE, _BACKSLASH, _BRACE = b'"\\{'
_OPENS, _CLOSES = b"{[", b"}]"
_SPACE: Final = re.compile(rb"[\s,]*+").match
#: The role where it is the first key, as most clients have it; and anywhere in a message: what is text in it has its quotes escaped.
_FIRST_ROLE: Final = re.compile(rb'\{\s*"role"\s*:\s*"(system|developer|user|assistant|tool)"').match
_ROLE: Final = re.compile(rb'[{,]\s*"role"\s*:\s*"(system|developer)"').search


def blocks(data: bytes, value: Callable[[int], JsonValue | None], first: int, model: bytes) -> tuple[int, ...]:
    """The numbers of the blocks of a prompt, each in [0, 2**32); empty: there is none, or too little of it.

    Args:
        data: a body that a skim has passed.
        value: of that skim.
        first: the place of ``PROMPT_KEYS[0]`` among its keys; the others follow.
        model: its name, of which all numbers depend, as what is computed does.
    """
    chain = crc32(model)
    has_opening = False
    for place in range(first, first + 3):
        found = value(place)
        if found is not None and found.kind in (STRING, ARRAY) and found.stop - found.start > 2:
            chain = crc32(data[found.start : min(found.stop, found.start + OPENING_MAX)], chain)
            has_opening = True
    for place in range(first + 3, first + 6):
        found = value(place)
        if found is not None and found.kind == ARRAY:
            return _of_messages(data, found.start + 1, found.stop, chain, has_opening)
        if found is not None and found.kind == STRING:
            return _of_text(data, found.start, found.stop, chain, has_opening)
    return (chain,) if has_opening else ()


def _of_text(data: bytes, start: int, stop: int, chain: int, has_opening: bool) -> tuple[int, ...]:
    """Of text that may grow at its end: what is behind its first block it may have had before, or not."""
    if stop - start <= BLOCK:
        return (chain,) if has_opening else ()
    following = crc32(data[start : start + BLOCK], chain)
    return (chain, following) if has_opening else (following,)


def _of_messages(data: bytes, start: int, stop: int, chain: int, has_opening: bool) -> tuple[int, ...]:
    limit = min(stop, start + LOOKED_AT_MAX)
    while True:
        start = _SPACE(data, start, limit).end()  # type: ignore[union-attr]
        if start >= limit or data[start] != _BRACE:
            return (chain,) if has_opening else ()
        if not _is_opening(data, start, limit):
            break
        end = _end(data, start, limit)
        chain = crc32(data[start : min(end, start + OPENING_MAX)], chain)
        has_opening = True
        start = end
    end = _end(data, start, min(limit, start + MESSAGE_MAX))
    first = crc32(data[start : min(end, start + BLOCK)], chain)
    found = (chain, first) if has_opening else (first,)
    return (*found, crc32(data[start + BLOCK : end], first)) if end - start > BLOCK else found


def _is_opening(data: bytes, start: int, limit: int) -> bool:
    """Whether the message that begins at ``start`` is of the system."""
    found = _FIRST_ROLE(data, start, limit) or _ROLE(data, start, _end(data, start, limit))
    return found is not None and found[1] in (b"system", b"developer")


def _end(data: bytes, at: int, limit: int) -> int:
    """Where the object that begins at ``at`` ends; ``limit``: if that is further off."""
    depth = 0
    while at < limit:
        byte = data[at]
        at += 1
        if byte == _QUOTE:
            at = _string_end(data, at, limit)
        elif byte in _OPENS:
            depth += 1
        elif byte in _CLOSES:
            depth -= 1
            if depth == 0:
                return at
    return limit


def _string_end(data: bytes, at: int, limit: int) -> int:
    """Behind the quote that ends the string in which ``at`` is."""
    while True:
        found = data.find(b'"', at, limit)
        if found < 0:
            return limit
        before = found
        while before > at and data[before - 1] == _BACKSLASH:
            before -= 1
        if (found - before) % 2 == 0:
            return found + 1
        at = found + 1
