"""``${NAME}`` in the scalars of a configuration: what the environment has, or a default, as in shells.

${NAME}              its value; a variable that is not set is a mistake
${NAME:-default}     the default when it is not set or empty; the default may have ``${...}`` in it
$${                  a literal ``${``

``${client.address}``, with a dot in it, is no variable of the environment but one of a request: it is left for the value that takes such
(``config.template``); what a variable of the environment held is never taken for one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Final

from fastgw.config.values import Expanded, shown

LARGEST_EXPANSION: Final = 4 * 1024 * 1024  #: characters that come from the environment, in a whole file
DEEPEST: Final = 10  #: defaults within defaults
SHORTEST_SECRET: Final = 8  #: characters: what is shorter cannot be told from other text in a message

_BEGIN: Final = re.compile(r"(\$?)\$\{")
_MARK: Final = re.compile(r"\$?\$\{|\}")
_OF_REQUEST: Final = re.compile(r"[a-z]+\.[^\s{}]+").fullmatch
_NAME: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(:-)?")


class _OfRequest(str):
    """A part that stays as it is: a variable of a request."""

    __slots__ = ()


class ExpansionError(Exception):
    """The environment would fill the memory."""


class Environment:
    """The variables of one load of a file."""

    def __init__(self, environ: Mapping[str, str], against: Callable[[str], str] | None = None) -> None:
        """``against``: says why a variable may not be read, empty if it may; None: all may."""
        self._environ = environ
        self._against = against
        self._given: dict[str, str] = {}  # what the environment gave -> ${NAME}, for ``redact``
        self._expanded = 0

    def expand(self, text: str) -> tuple[Expanded, list[str]]:
        """``text`` with its variables replaced, and what is wrong with them; raises ExpansionError."""
        problems: list[str] = []
        parts = self._expand(text, problems, 0)
        value = "".join(parts)
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            problems.append("the environment variable is not UTF-8 text")
        ends = list(accumulate(map(len, parts)))
        spans = [(end - len(part), end) for part, end in zip(parts, ends, strict=True) if isinstance(part, _OfRequest)]
        return Expanded(value, text, tuple(spans)), problems

    def redact(self, message: str) -> str:
        """``message`` with what came from the environment replaced by the ``${NAME}`` it came from."""
        for value, source in self._given.items():
            message = message.replace(value, source)
        return message

    def _expand(self, text: str, problems: list[str], depth: int) -> list[str]:
        parts: list[str] = []
        end = 0
        while begin := _BEGIN.search(text, end):
            parts.append(text[end : begin.start()])
            if begin[1]:
                parts.append("${")
                end = begin.end()
                continue
            close = _close(text, begin.end())
            inside = text[begin.end() : close]
            end = len(text) if close < 0 else close + 1
            name = _NAME.match(inside)
            if close >= 0 and _OF_REQUEST(inside):
                parts.append(_OfRequest(text[begin.start() : end]))
            elif close < 0 or name is None or (not name[2] and name.end() < len(inside)):
                bad = text[begin.start() : end]
                problems.append(f"{shown(bad)} is neither ${{NAME}} nor ${{NAME:-default}} ($${{ is a literal ${{)")
            elif depth == DEEPEST:
                problems.append(f"more than {DEEPEST} defaults stand within each other")
            else:
                parts.extend(self._value(name[1], inside[name.end() :] if name[2] else None, problems, depth))
        parts.append(text[end:])
        return parts

    def _value(self, name: str, default: str | None, problems: list[str], depth: int) -> list[str]:
        if self._against is not None and (reason := self._against(name)):
            problems.append(reason)
            return []
        value = self._environ.get(name)
        if default is not None and not value:
            return self._expand(default, problems, depth + 1)
        if value is None:
            problems.append(f"the environment variable {name} is not set; ${{{name}:-default}} has a default")
            return []
        self._expanded += len(value)
        if self._expanded > LARGEST_EXPANSION:
            raise ExpansionError("what comes from the environment is too large")
        if len(value) >= SHORTEST_SECRET and value != default:
            self._given[value] = self._given[repr(value)[1:-1]] = f"${{{name}}}"
        return [value]


def _close(text: str, begin: int) -> int:
    """Where the ``}`` of a ``${`` is whose inside starts at ``begin``, or -1; only ``${`` opens another one, as in shells."""
    depth = 1
    for mark in _MARK.finditer(text, begin):
        if mark[0] == "}":
            depth -= 1
            if not depth:
                return mark.start()
        elif not mark[0].startswith("$$"):
            depth += 1
    return -1
