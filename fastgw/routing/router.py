"""From a request to its rule: the host, then the path, then method and headers.

Host patterns are resolved before any request: each exact host and each wildcard knows the cascade of tables that apply
to it, its own first, then those of the wildcards above it from long to short, then the one for any host.  A request
takes one look-up for its cascade (none, if no rule has a host), one for an exact path, and the trie if there is none: that is
``matching``, ``trie`` and ``conditions``, which are compiled; the rest of the package prepares them or explains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fastgw.routing.conditions import Header
from fastgw.routing.conflicts import conflicts, sentence
from fastgw.routing.matching import Cascade, Matcher
from fastgw.routing.pattern import Extent, host_matches, host_order, parse_path
from fastgw.routing.rule import RoutingError, Rule, accepted, rule_problems
from fastgw.routing.trie import PathTable
from fastgw.steps import Steps, whole

if TYPE_CHECKING:
    from fastgw.routing.explain import Explanation

T = TypeVar("T")


class Router(Generic[T]):
    """An immutable table of rules.  A payload is never None, for that is the answer when no rule matches.

    Raises:
        RoutingError: malformed, repeated or ambiguous rules, every problem at once.
    """

    __slots__ = ("__weakref__", "matcher", "plain", "rules", "tables")

    def __init__(self, rules: Sequence[Rule[T]]) -> None:
        whole(self._fill(rules))

    @classmethod
    def made(cls, rules: Sequence[Rule[T]]) -> Steps[Router[T]]:
        """A table of ``rules``, made in steps."""
        table = cls.__new__(cls)
        yield from table._fill(rules)
        return table

    def _fill(self, rules: Sequence[Rule[T]]) -> Steps[None]:
        self.rules = tuple(rules)
        tables = yield from _tables(self.rules)
        self.tables = tuple(tables.values())  #: of each host pattern one
        cascades = yield from _cascades(tables)
        self.matcher = Matcher(cascades)  #: the hot part: its ``match`` is what the core calls
        #: Payloads of the exact paths for which nothing but the path matters: ``match`` would say the same, later.
        self.plain: dict[bytes, T] = {} if self.matcher.has_hosts else _plain(cascades[""])

    def match(self, host: bytes, method: bytes, path: bytes, header: Header) -> T | None:
        """The payload of the rule a request belongs to; None if there is none.

        Args:
            host: without port; "" if the request has none.
            path: in normal form, without query; ``*`` for the asterisk form.
            header: reads a header by its lower-case name, repeated fields joined by ", "; asked only where rules have
                header conditions.
        """
        payload: T | None = self.matcher.match(host, method, path, header)
        return payload

    def allowed(self, host: bytes, path: bytes, header: Callable[[bytes], bytes | None] | None = None) -> list[str]:
        """The methods with which a request that matched nothing would have matched, sorted: the Allow of a 405 answer.

        Empty if the path is unknown (404).  Rules whose headers the request does not have are left out: who may not see
        them learns nothing of them.  Without ``header`` that is every rule with header conditions.
        """
        methods: set[str] = set()
        for table in self.matcher.cascade(host):
            for leaf in table.leaves(path):
                for rule in leaf.rules:
                    if _has_headers(rule, header):
                        methods |= accepted(rule.methods)
        return sorted(methods)

    def explain(
        self, host: bytes, method: bytes, path: bytes, header: Callable[[bytes], bytes | None]
    ) -> Explanation[T]:
        """Say which rule ``match`` takes and why, and what kept the others from it.  Slow: for operators."""
        from fastgw.routing.explain import explain  # which a worker does not need

        return explain(self.rules, self._find(host, method, path, header), host, method, path, header)

    def _find(self, host: bytes, method: bytes, path: bytes, header: Header) -> Rule[T] | None:
        """What ``match`` does, for the rule itself."""
        for table in self.matcher.cascade(host):
            leaf = table.exact.get(path)
            rule = None if leaf is None else leaf.select(method, header)
            if rule is None:
                rule = table.search(path, method, header)
            if rule is not None:
                return rule
        return None


def _plain(cascade: Cascade) -> dict[bytes, Any]:
    found: dict[bytes, Any] = {}
    for table in cascade:
        for path, leaf in table.exact.items():
            if not leaf.groups and leaf.default is not None:
                found.setdefault(path, leaf.default.payload)
    return found


def _has_headers(rule: Rule[T], header: Header | None) -> bool:
    for name, want in rule.headers:
        value = header(name.encode()) if header is not None else None
        if value is None or want not in ("*", value.decode("utf-8", "replace")):
            return False
    return True


def _tables(rules: Sequence[Rule[T]]) -> Steps[dict[str, PathTable]]:
    """A table for each host pattern; raises RoutingError."""
    problems: list[str] = []
    names: list[tuple[str, ...]] = []
    hosts: dict[str, dict[Extent, list[Rule[T]]]] = {}
    for rule in rules:
        yield
        found = rule_problems(rule)
        problems += found
        names += [(rule.name,)] * len(found)
        if not found:
            extents = hosts.setdefault(rule.host.lower(), {})
            extents.setdefault(parse_path(rule.path).extent, []).append(rule)
    for extents in hosts.values():
        for alike in extents.values():
            yield
            for first, second in conflicts(alike):
                problems.append(sentence(first, second))
                names.append((first.name, second.name))
    if problems:
        raise RoutingError(problems, names)
    tables = {}
    for host, extents in hosts.items():
        table = tables[host] = PathTable()
        for extent, alike in extents.items():
            yield
            table.add(extent, alike)
    return tables


def _cascades(tables: dict[str, PathTable]) -> Steps[dict[str, Cascade]]:
    """For each host pattern, and for any host (""), the tables that apply, in order of precedence."""
    wide = sorted((host for host in tables if not host or host[0] == "*"), key=host_order)
    cascades: dict[str, Cascade] = {"": (tables[""],) if "" in tables else ()}
    for host, table in tables.items():
        yield
        if host:
            above = [tables[other] for other in wide if other != host and host_matches(other, host)]
            cascades[host] = (table, *above)
    return cascades
