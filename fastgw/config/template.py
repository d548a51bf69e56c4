"""Values with variables of a request in them, such as ``${client.address}``: text in, parts out, or what is wrong with them.

A part is literal (bytes) or the name of a variable (text), as ``filters.variables.Template`` takes them.
"""

from __future__ import annotations

from collections.abc import Callable

from fastgw.config.likeness import nearest_word
from fastgw.config.values import Expanded, kind, scalar, shown
from fastgw.filters.variables import MOST_VARIABLES, Part, names, problem

LONGEST = 4096  #: characters


def template(*, is_answer: bool) -> Callable[[object], tuple[Part, ...]]:
    """Parser of a value of one line; ``is_answer``: variables of the answer are known too."""

    def parse(value: object) -> tuple[Part, ...]:
        if value is None:
            raise ValueError("expected a value, got nothing")
        found = scalar(value, "a value")
        if len(found) > LONGEST:
            raise ValueError(f"expected a value of at most {LONGEST} characters, got {kind(value)}")
        parts = tuple(_parts(found.strip(" \t") if not isinstance(found, Expanded) else found, is_answer=is_answer))
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


def _parts(value: str, *, is_answer: bool) -> list[Part]:
    parts: list[Part] = []
    end = 0
    for begin, after in value.variables if isinstance(value, Expanded) else ():
        parts.append(_literal(value[end:begin], value))
        name = value[begin + 2 : after - 1]
        reason = problem(name, is_answer=is_answer)
        if reason:
            raise ValueError(f"${{{name}}} {reason}{_meant(name, is_answer=is_answer)}")
        parts.append(name)
        end = after
    parts.append(_literal(value[end:], value))
    return [part for part in parts if part]


def _literal(text: str, value: str) -> bytes:
    if not text.isprintable():
        raise ValueError(f"expected a value without control characters, got {shown(value)}")
    return text.encode()


def _meant(name: str, *, is_answer: bool) -> str:
    """The variable most like ``name``, or all there are; nothing where its own name says what it is."""
    known = names(is_answer=is_answer)
    if name in names(is_answer=True) or any(
        name.startswith(one[: -len("NAME")]) for one in known if one.endswith("NAME")
    ):
        return ""
    found = nearest_word(name, known)
    return f"; did you mean ${{{found}}}?" if found else f"; known are {', '.join(known)}"
