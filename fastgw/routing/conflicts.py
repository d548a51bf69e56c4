"""Which rules of a table cannot stand beside each other.

Two rules are ambiguous when some request could lead to both and nothing says which: the same host, the same path
(names of parameters do not count), the same rank (see ``rule.rank``), a method in common, and headers that one
request can have together (``x-a: 1`` and ``x-b: 1`` can, ``x-a: 1`` and ``x-a: 2`` cannot).  They are not when a
third rule, one that asks for more, takes every such request: that is how ``x-a: 1`` and ``x-b: 1`` are told apart,
with a rule for both headers.

An unreachable rule needs no search of its own.  A rule that is more specific than another always leaves it something:
a literal the other segments, a parameter the empty segments and the longer paths, a method the other methods, a
header the requests without it.  What is left are rules that nothing can match, which ``rule.rule_problems`` refuses,
and repeated rules, found here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

from fastgw.routing.conditions import kind
from fastgw.routing.rule import Rule, accepted, rank

#: conflicts told for one path; a table with more has one mistake many times
CONFLICTS_MAX = 20

Pair = tuple[Rule[Any], Rule[Any]]


def conflicts(rules: Sequence[Rule[Any]]) -> list[Pair]:
    """The pairs that cannot stand beside each other, among all rules of one host and one path; in table order."""
    place = {id(rule): index for index, rule in enumerate(rules)}
    found: dict[tuple[int, int], Pair] = {}
    for first, second in _clashes(rules):
        low, high = sorted((place[id(first)], place[id(second)]))
        found[low, high] = rules[low], rules[high]
        if len(found) == CONFLICTS_MAX:
            break
    return [found[key] for key in sorted(found)]


def sentence(first: Rule[Any], second: Rule[Any]) -> str:
    """What to tell about a pair of ``conflicts``."""
    if first.methods == second.methods and sorted(first.headers) == sorted(second.headers):
        return f"route {second} repeats route {first}: one of them can never match"
    shared = accepted(first.methods) & accepted(second.methods)
    request = "a request"
    if shared:
        methods = "/".join(sorted(first.methods & second.methods) or sorted(shared))
        request = f"a {methods} request"
    headers = ", ".join(f"{name}: {value}" for name, value in sorted(_together(first, second).items()))
    if headers:
        request += f" with {headers}"
    advice = "give one of them another condition"
    if kind(first) != kind(second):
        advice += ", or add a route that asks for the conditions of both"
    return f"routes {first} and {second} are ambiguous: {request} could go to either; {advice}"


def _clashes(rules: Sequence[Rule[Any]]) -> Iterator[Pair]:
    groups: dict[object, list[Rule[Any]]] = {}
    for rule in rules:
        groups.setdefault(kind(rule), []).append(rule)
    for group in groups.values():
        yield from _clashes_within(group)
    for first, second in combinations(groups.values(), 2):
        if rank(first[0]) == rank(second[0]):
            yield from _clashes_between(first, second, rules)


def _clashes_within(group: list[Rule[Any]]) -> Iterator[Pair]:
    """Rules that ask for the same headers: they clash by equal values and a method both name (implied HEAD yields)."""
    seen: dict[object, Rule[Any]] = {}
    for rule in group:
        values = tuple(sorted(rule.headers))
        for method in rule.methods or ("",):
            other = seen.setdefault((method, values), rule)
            if other is not rule:
                yield other, rule


def _clashes_between(first: list[Rule[Any]], second: list[Rule[Any]], rules: Sequence[Rule[Any]]) -> Iterator[Pair]:
    """Rules of two groups of one rank: they clash where nothing keeps a request from having the headers of both."""
    names = {name for name, value in first[0].headers if value != "*"}
    shared = sorted(name for name, value in second[0].headers if value != "*" and name in names)
    index: dict[object, list[Rule[Any]]] = {}
    for rule in second:
        values = dict(rule.headers)
        for method in accepted(rule.methods) or ("",):
            index.setdefault((method, *(values[name] for name in shared)), []).append(rule)
    for rule in first:
        values = dict(rule.headers)
        for method in accepted(rule.methods) or ("",):
            for other in index.get((method, *(values[name] for name in shared)), ()):
                if not _is_settled(rule, other, method, rules):
                    yield rule, other


def _is_settled(first: Rule[Any], second: Rule[Any], method: str, rules: Sequence[Rule[Any]]) -> bool:
    """Does a rule that asks for more than both take every request that has this method and the headers of both?"""
    headers = _together(first, second)
    least = rank(first)
    for rule in rules:
        if rank(rule) <= least or (rule.methods and method not in accepted(rule.methods)):
            continue
        if all(name in headers and value in ("*", headers[name]) for name, value in rule.headers):
            return True
    return False


def _together(first: Rule[Any], second: Rule[Any]) -> dict[str, str]:
    headers = dict(first.headers)
    for name, value in second.headers:
        if value != "*" or name not in headers:
            headers[name] = value
    return headers
