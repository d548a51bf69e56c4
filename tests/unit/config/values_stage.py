"""What must be true of every parser of a scalar, whatever it is of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from fastgw.config.values import Expanded

Parse = Callable[[object], Any]
anything = st.one_of(st.none(), st.text(), st.booleans(), st.integers(), st.floats(), st.just([]), st.just({}))
beginnings = st.sampled_from(["", "/", "/{", "1", "unix:"])


def parsers(*rows: tuple[Parse, object, object]) -> st.SearchStrategy[Parse]:
    """Those of some rows, each once."""
    return st.sampled_from(list({id(parse): parse for parse, _, _ in rows}.values()))


def said_of(parse: Parse, value: object) -> str:
    """What is wrong with ``value``, or nothing; any other exception is a bug."""
    try:
        parse(value)
    except ValueError as error:
        return str(error)
    return ""


def is_hidden(parse: Parse, start: str, end: str) -> bool:
    """Is text of the environment, with this around it, not shown?"""
    return "hunter2" not in said_of(parse, Expanded(f"{start}hunter2{end}", "${PASSWORD}"))
