"""One thing to ask at the admin address and at the admin socket: how, who may, and what is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from fastgw.server.status import JSON, Content

Order = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]  #: carries out what is asked, and answers


class PageRequest(NamedTuple):
    """One request, as far as an page wants to know it."""

    accept: str = ""  #: of the field Accept
    query: str = ""  #: without its ``?``
    body: Mapping[str, Any] = {}
    client: str = ""  #: for the log


class Page(NamedTuple):
    """One thing to ask."""

    method: str  #: GET, which answers HEAD too, or POST
    path: str
    right: str  #: who may: one of those of ``server.guard``
    says: str  #: one sentence for ``/openapi.json``
    answer: Callable[[PageRequest], Awaitable[Content]]
    answers: Mapping[int, str]  #: what it answers beside what all do: status -> when
    kinds: tuple[str, ...] = (JSON,)  #: media types of a good answer
    query: tuple[tuple[str, str], ...] = ()  #: its parameters, each of which may be repeated, and what they mean
    keys: tuple[str, ...] = ()  #: of the body
    members: tuple[str, ...] = ()  #: of the object that a good answer is
    choices: tuple[str, ...] = ()  #: all that a parameter may be; empty: whatever looks like a name


PageTable = Mapping[str, Mapping[str, Page]]  #: path -> method -> page


def table(pages: Sequence[Page]) -> PageTable:
    """``pages`` by what is asked for."""
    found: dict[str, dict[str, Page]] = {}
    for one in pages:
        found.setdefault(one.path, {})[one.method] = one
    return found
