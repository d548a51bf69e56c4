"""One line of a routing table, what is wrong with it by itself, and the error that tells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from fastgw.errors import ConfigError
from fastgw.routing.pattern import host_problems, parse_path, path_problems

T = TypeVar("T")

_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")


class RoutingError(ConfigError):
    """A table cannot be used; ``problems`` lists every reason as a sentence."""

    def __init__(self, problems: list[str], rules: Sequence[tuple[str, ...]] = ()) -> None:
        super().__init__(problems)
        self.rules = list(rules)  #: the names of the rules each problem is about, in step with ``problems``


@dataclass(frozen=True, slots=True)
class Rule(Generic[T]):
    """A payload and the requests that lead to it.  Checked by the table it is put into, not here."""

    name: str
    path: str  #: ``/a/b``, ``/a/*``, ``/v1/{model}/predict`` or ``*``; see ``pattern``
    host: str  #: "" any; ``api.example``; ``*.edge.example`` (one or more labels in front); letter case does not count
    methods: frozenset[str]  #: empty = any; HEAD is accepted where GET is
    headers: tuple[tuple[str, str], ...]  #: (lower-case name, exact value, or ``*`` = present)
    payload: T = field(compare=False)

    def params(self, path: bytes) -> dict[str, bytes]:
        """The ``{parameters}`` of a normalised path this rule matched, escapes kept; nothing is kept between calls."""
        return parse_path(self.path).params(path)

    def __str__(self) -> str:
        """The rule as a message names it: ``'detect' (POST api.example/detect, x-canary: 1)``."""
        words = [",".join(sorted(self.methods))] if self.methods else []
        words.append(f"{self.host}{self.path}")
        conditions = [f"{name}: {value}" for name, value in self.headers]
        return f"{self.name!r} ({', '.join([' '.join(words), *conditions])})"


#: how much a rule asks beyond host and path: header conditions, a method condition, exact header values; more wins
Rank = tuple[int, bool, int]


def rank(rule: Rule[T]) -> Rank:
    """The precedence of a rule among those of one host and one path: the largest wins."""
    return len(rule.headers), bool(rule.methods), sum(value != "*" for _, value in rule.headers)


def accepted(methods: frozenset[str]) -> frozenset[str]:
    """The methods that a method condition lets through (RFC 9110 section 9.3.2: HEAD is GET without the content)."""
    return methods | {"HEAD"} if "GET" in methods else methods


def rule_problems(rule: Rule[T]) -> list[str]:
    """Everything that is wrong with one rule, whatever else the table holds."""
    problems = [f"the path {rule.path!r} {problem}" for problem in path_problems(rule.path)]
    problems += [f"the host {rule.host!r} {problem}" for problem in host_problems(rule.host)]
    for method in sorted(rule.methods):
        if not _METHOD.fullmatch(method):
            problems.append(f"the method {method!r} is not a method name")
    seen: set[str] = set()
    for name, value in rule.headers:
        if not _HEADER.fullmatch(name):
            problems.append(f"the header {name!r} is not a header name in lower case")
        if name in seen:
            problems.append(f"the header {name!r} is asked for more than once")
        seen.add(name)
        if not value.isprintable() or value != value.strip():
            problems.append(f"the header {name!r} cannot have the value {value!r}: no such value arrives")
    return [f"route {rule}: {problem}" for problem in problems]
