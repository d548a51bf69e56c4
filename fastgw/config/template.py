"""Values with variables of a request in them, such as ``${client.address}``: text in, parts out, or what is wrong with them.

A part is literal (bytes) or the name of a variable (text), as ``filters.variables.Template`` takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from fastgw.config.likeness import nearest_word
from fastgw.config.values import Expanded, kind, scalar, shown
from fastgw.filters.variables import MOST_VARIABLES, OF_LOGS, Part, names, problem

LONGEST = 4096  #: characters


def template(
    *, is_answer: bool, more: Collection[str] = (), takes_tabs: bool = False
) -> Callable[[object], tuple[Part, ...]]:
    """Parser of a value of one line; ``is_answer``: variables of the answer are known too, and in any case ``more``."""

    known = _Vocabulary(is_answer=is_answer, more=more)

    def parse(value: object) -> tuple[Part, ...]:
        if value is None:
            raise ValueError("expected a value, got nothing")
        found = scalar(value, "a value")
        if len(found) > LONGEST:
            raise ValueError(f"expected a value of at most {LONGEST} characters, got {kind(value)}")
        parts = tuple(_parts(found.strip(" \t") if not isinstance(found, Expanded) else found, known, takes_tabs))
        if not parts:
            raise ValueError("is empty")
        if sum(isinstance(part, str) for part in parts) > MOST_VARIABLES:
            raise ValueError(f"has more than {MOST_VARIABLES} variables")
        return parts

    return parse


def templates(*, is_answer: bool) -> Callable[[object], tuple[tuple[Part, ...], ...]]:
    """Parser of one value or a list of some."""
    one = template(is_answer=is_answer)

    def parse(value: object) -> tuple[tuple[Part, ...], ...]:
        if isinstance(value, list) and not value:
            raise ValueError("is empty; it needs at least one value")
        return tuple(map(one, value)) if isinstance(value, list) else (one(value),)

    return parse


def varying(value: object) -> tuple[Part, ...]:
    """Parser of a value with a variable in it, so that requests differ by it."""
    found = template(is_answer=False)(value)
    if not any(isinstance(part, str) for part in found):
        raise ValueError(
            f"{shown(value)} is the same for every request; name a variable, such as ${{header.x-session}}"
        )
    return found


class _Vocabulary(NamedTuple):
    """Which variables there are."""

    is_answer: bool
    more: Collection[str]

    def problem(self, name: str) -> str:
        """Why ``name`` is none of them, and which was meant; empty: it is one."""
        reason = problem(name, is_answer=self.is_answer, more=self.more)
        if reason == "is no variable" and name in OF_LOGS:
            return f"${{{name}}} is known in the template of an access log only"
        return reason and f"${{{name}}} {reason}{self._meant(name)}"

    def _meant(self, name: str) -> str:
        """The variable most like ``name``, or all there are; nothing where its own name says what it is."""
        known = names(is_answer=self.is_answer, more=self.more)
        if name in names(is_answer=True) or any(
            name.startswith(one[: -len("NAME")]) for one in known if one.endswith("NAME")
        ):
            return ""
        found = nearest_word(name, known)
        return f"; did you mean ${{{found}}}?" if found else f"; known are {', '.join(known)}"


def _parts(value: str, known: _Vocabulary, takes_tabs: bool) -> list[Part]:
    parts: list[Part] = []
    end = 0
    for begin, after in value.variables if isinstance(value, Expanded) else ():
        parts.append(_literal(value[end:begin], value, takes_tabs))
        name = value[begin + 2 : after - 1]
        reason = known.problem(name)
        if reason:
            raise ValueError(reason)
        parts.append(name)
        end = after
    parts.append(_literal(value[end:], value, takes_tabs))
    return [part for part in parts if part]


def _literal(text: str, value: str, takes_tabs: bool) -> bytes:
    if not (text.replace("\t", "") if takes_tabs else text).isprintable():
        raise ValueError(f"expected a value without control characters, got {shown(value)}")
    return text.encode()
