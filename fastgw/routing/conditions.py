"""The rules of one host and one path: methods and headers decide among them.

Rules that ask for the same headers, and alike for a method or for none, form a group.  A group is one decision:
nested dicts, the method first, then the value of each header, ending at the rule.  So a thousand rules that differ in
one header's value cost one look-up.  Groups are asked in order of precedence, the rule without conditions is the
default.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastgw.routing.rule import Rule, rank

#: reads one header of the request by its lower-case name; None = absent
Header = Callable[[bytes], "bytes | None"]


class Group:
    """Rules with the same kind of conditions."""

    __slots__ = ("by_method", "exact", "present", "table")

    def __init__(self, by_method: bool, exact: tuple[bytes, ...], present: tuple[bytes, ...]) -> None:
        self.by_method = by_method
        self.exact = exact  #: headers whose value decides, in the order of the nested dicts
        self.present = present  #: headers that must be there
        self.table: Any = {}  #: dict of dict ... of Rule; the rule itself where nothing has to be looked up

    def add(self, rule: Rule[Any]) -> None:
        """Enter a rule; nothing else of the table has its key (see ``conflicts``)."""
        values = dict(rule.headers)
        keys = [values[name.decode()].encode() for name in self.exact]
        if not self.by_method:
            self._enter(keys, rule, False)
            return
        for method in rule.methods:
            self._enter([method.encode(), *keys], rule, False)

    def add_head(self, rule: Rule[Any]) -> None:
        """Let a GET rule take HEAD too, unless a rule names HEAD; so call it after every ``add``."""
        values = dict(rule.headers)
        self._enter([b"HEAD", *(values[name.decode()].encode() for name in self.exact)], rule, True)

    def _enter(self, keys: list[bytes], rule: Rule[Any], is_implied: bool) -> None:
        if not keys:
            self.table = rule
            return
        level = self.table
        for key in keys[:-1]:
            level = level.setdefault(key, {})
        if not is_implied or keys[-1] not in level:
            level[keys[-1]] = rule


class Leaf:
    """Where a path pattern ends: the rules that have it, ready to choose from."""

    __slots__ = ("default", "groups", "rules")

    def __init__(self, rules: Sequence[Rule[Any]]) -> None:
        self.rules = tuple(rules)
        self.default: Rule[Any] | None = None
        groups: dict[tuple[bool, tuple[bytes, ...], tuple[bytes, ...]], Group] = {}
        for rule in sorted(rules, key=rank, reverse=True):
            if not rule.methods and not rule.headers:
                self.default = rule
                continue
            key = kind(rule)
            group = groups.get(key)
            if group is None:
                group = groups[key] = Group(*key)
            group.add(rule)
        for rule in rules:
            if "GET" in rule.methods and "HEAD" not in rule.methods:
                groups[kind(rule)].add_head(rule)
        self.groups = tuple(groups.values())

    def select(self, method: bytes, header: Header) -> Rule[Any] | None:
        """The rule whose conditions the request meets; of several the one that asks most.  Hot."""
        for group in self.groups:
            found = group.table
            if group.by_method:
                found = found.get(method)
                if found is None:
                    continue
            for name in group.exact:
                value = header(name)
                found = None if value is None else found.get(value)
                if found is None:
                    break
            if found is None:
                continue
            for name in group.present:
                if header(name) is None:
                    break
            else:
                rule: Rule[Any] = found
                return rule
        return self.default


def kind(rule: Rule[Any]) -> tuple[bool, tuple[bytes, ...], tuple[bytes, ...]]:
    """What the rules of one group share: asks for a method, headers with a value, headers that must be there."""
    exact = tuple(sorted(name.encode() for name, value in rule.headers if value != "*"))
    present = tuple(sorted(name.encode() for name, value in rule.headers if value == "*"))
    return bool(rule.methods), exact, present
