"""Why a request goes where it goes, in words an operator can act on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from fastgw.routing.conditions import Header
from fastgw.routing.pattern import host_matches, host_order, parse_path
from fastgw.routing.rule import Rule, accepted, rank

T = TypeVar("T")

#: near misses told; the nearest come first
NEAR_MISSES_MAX = 10

_HOST_KINDS = ("its host is exact", "its host is a longer wildcard", "it asks for a host")


@dataclass(frozen=True, slots=True)
class NearMiss(Generic[T]):
    """A rule that was not taken."""

    rule: Rule[T]
    failed: str  #: what kept it from being taken


@dataclass(frozen=True, slots=True)
class Explanation(Generic[T]):
    """The answer to 'where does this request go, and why?'"""

    rule: Rule[T] | None  #: the rule taken
    reasons: list[str]
    near_misses: list[NearMiss[T]]

    def __str__(self) -> str:
        """Lines for a terminal."""
        lines = [f"route {self.rule}" if self.rule is not None else "no route"]
        lines += [f"  {reason}" for reason in self.reasons]
        lines += [f"not route {miss.rule}: {miss.failed}" for miss in self.near_misses]
        return "\n".join(lines)


def explain(
    rules: Sequence[Rule[T]], taken: Rule[T] | None, host: bytes, method: bytes, path: bytes, header: Header
) -> Explanation[T]:
    """Compare every rule with a request that leads to ``taken``."""
    name = host.decode("utf-8", "replace").lower()
    verb = method.decode("utf-8", "replace")
    misses: list[tuple[int, NearMiss[T]]] = []
    for rule in rules:
        if rule is taken:
            continue
        failed = [_host_failure(rule, name), _path_failure(rule, path)]
        is_near = not any(failed) or (bool(failed[1]) and _is_alike(rule, path))
        failed = [text for text in (*failed, _method_failure(rule, verb), *_header_failures(rule, header)) if text]
        if taken is not None and not failed:
            misses.append(
                (0, NearMiss(rule, f"it matches too, but {taken.name!r} comes first: {_why_first(taken, rule)}"))
            )
        elif is_near or (len(failed) == 1 and parse_path(rule.path).matches(path)):
            misses.append((len(failed), NearMiss(rule, "; ".join(failed))))
    misses.sort(key=lambda miss: miss[0])
    near = [miss for _, miss in misses[:NEAR_MISSES_MAX]]
    if taken is None:
        return Explanation(None, ["no route matches host, path, method and headers together"], near)
    return Explanation(taken, _reasons(taken, name, verb, path), near)


def _reasons(rule: Rule[T], host: str, method: str, path: bytes) -> list[str]:
    reasons = [f"the host {host!r} matches {rule.host!r}" if rule.host else "any host is taken"]
    pattern = parse_path(rule.path)
    text = path.decode("utf-8", "replace")
    if pattern.is_exact:
        reasons.append(f"the path is {rule.path!r}")
    else:
        values = [f"{name} = {value.decode('utf-8', 'replace')!r}" for name, value in pattern.params(path).items()]
        reasons.append(", ".join([f"the path {text!r} matches {rule.path!r}", *values]))
    if not rule.methods:
        reasons.append("any method is taken")
    elif method in rule.methods:
        reasons.append(f"the method is {method}")
    else:
        reasons.append("HEAD is taken where GET is")
    for name, value in rule.headers:
        reasons.append(f"the header {name!r} is there" if value == "*" else f"the header {name!r} is {value!r}")
    return reasons


def _why_first(first: Rule[T], second: Rule[T]) -> str:
    """What decides between two rules that match one request, the first of which wins."""
    hosts = host_order(first.host), host_order(second.host)
    if hosts[0] != hosts[1]:
        # Among two wildcards length decides; otherwise the winner is exact, or it is a wildcard against any host.
        if hosts[0][0] == 0:
            return _HOST_KINDS[0]
        return _HOST_KINDS[1] if hosts[1][0] == 1 else _HOST_KINDS[2]
    paths = parse_path(first.path).order, parse_path(second.path).order
    if paths[0] != paths[1]:
        place = next(index for index, pair in enumerate(zip(*paths, strict=False)) if pair[0] != pair[1])
        kinds = ("literal", "a parameter", "'*'")
        return f"segment {place + 1} of its path is {kinds[paths[0][place]]}, here {kinds[paths[1][place]]}"
    ranks = rank(first), rank(second)
    if ranks[0][0] != ranks[1][0]:
        return "it asks for more headers"
    if ranks[0][1] != ranks[1][1]:
        return "it asks for a method"
    if ranks[0][2] != ranks[1][2]:
        return "it asks for more exact header values"
    return "it names HEAD"


def _host_failure(rule: Rule[T], host: str) -> str:
    return "" if host_matches(rule.host.lower(), host) else f"the host {host!r} is not {rule.host!r}"


def _path_failure(rule: Rule[T], path: bytes) -> str:
    if parse_path(rule.path).matches(path):
        return ""
    text = path.decode("utf-8", "replace")
    if parse_path(rule.path).matches(path + b"/"):
        return f"the path {text!r} has no slash at its end"
    if parse_path(rule.path).matches(path[:-1]):
        return f"the path {text!r} has one slash too many at its end"
    return f"the path {text!r} does not match {rule.path!r}"


def _is_alike(rule: Rule[T], path: bytes) -> bool:
    """Is the path what someone may have meant: but for a last slash, or for letter case?"""
    pattern = parse_path(rule.path)
    if pattern.matches(path + b"/") or (path.endswith(b"/") and pattern.matches(path[:-1])):
        return True
    return parse_path(rule.path.lower()).matches(path.lower())


def _method_failure(rule: Rule[T], method: str) -> str:
    if not rule.methods or method in accepted(rule.methods):
        return ""
    return f"the method {method} is not among {', '.join(sorted(accepted(rule.methods)))}"


def _header_failures(rule: Rule[T], header: Header) -> list[str]:
    failures = []
    for name, want in rule.headers:
        value = header(name.encode())
        if value is None:
            failures.append(f"the header {name!r} is missing")
        elif want != "*" and value != want.encode():
            failures.append(f"the header {name!r} is {value.decode('utf-8', 'replace')!r}, not {want!r}")
    return failures
