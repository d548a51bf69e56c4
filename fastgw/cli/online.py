"""``fastgw check --online``: what comes of a try of each reference, as problems with their places, lines and records."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from fastgw.cli.references import references
from fastgw.cli.tries import FAILED, FINE, LONGEST, Referred, Tried, try_all
from fastgw.config.source import Document, Problem, TreePath, render
from fastgw.config.spec import GatewaySpec


class Online(NamedTuple):
    """All that was found."""

    problems: list[Problem]  #: what cannot be used
    warnings: list[Problem]
    fine: list[str]  #: a line for each reference that can be used
    records: list[dict[str, object]]  #: of all of them, for tools
    tried: list[Tried]


def look(
    spec: GatewaySpec,
    document: Document,
    find: Callable[[GatewaySpec], Sequence[Referred]] = references,
    longest: float = LONGEST,
) -> Online:
    """Try everything that ``spec`` refers to; ``document``: what it was read from; ``longest``: seconds of all of it."""
    tried = asyncio.run(try_all(find(spec), longest=longest))
    found = Online([], [], [], [], tried)
    for one in tried:
        found.problems.extend(_failure(document, one))
        found.warnings.extend(_place(document, one, warning) for warning in one.warnings)
        if one.state == FINE:
            found.fine.append(_line(document, one))
        found.records.append(_record(document, one))
    return found


def _failure(document: Document, tried: Tried) -> Iterator[Problem]:
    if tried.state == FAILED:
        yield document.problem(
            tried.reference.paths[0], f"{tried.said} ({tried.cause}){_others(tried.reference.paths)}"
        )


def _place(document: Document, tried: Tried, warning: str) -> Problem:
    told = f"{tried.reference.place}: {warning}{_others(tried.reference.paths)}"
    return document.problem(tried.reference.paths[0], told)


def _others(paths: Sequence[TreePath]) -> str:
    """Where else the file says the same."""
    return f"; so it is for {len(paths) - 1} more, such as {render(paths[1])}" if len(paths) > 1 else ""


def _line(document: Document, tried: Tried) -> str:
    at = document.problem(tried.reference.paths[0], f"{tried.reference.place}: {tried.said}, in {_span(tried.seconds)}")
    return str(at._replace(path=f"{FINE}: {at.path}"))


def _span(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _record(document: Document, tried: Tried) -> dict[str, object]:
    reference = tried.reference
    at = document.problem(reference.paths[0], tried.said)
    return {
        "kind": reference.kind,
        "place": reference.place,
        "paths": [render(one) for one in reference.paths],
        "line": at.line,
        "state": tried.state,
        "cause": tried.cause or None,
        "said": at.message,
        "warnings": [document.problem(reference.paths[0], one).message for one in tried.warnings],
        "seconds": round(tried.seconds, 3),
        **tried.facts,
    }
