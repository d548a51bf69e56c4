"""The part of a router that every request takes: host -> tables of paths -> rule.  Compiled, so it knows nothing of configuration."""

from __future__ import annotations

from typing import Any

from fastgw.routing.conditions import Header
from fastgw.routing.trie import PathTable

Cascade = tuple[PathTable, ...]


class Matcher:
    """The tables of a router by host; ``cascades`` has one for each host pattern, and for any host ("")."""

    __slots__ = ("_any", "_hosts", "_longest", "_suffixes", "has_hosts")

    def __init__(self, cascades: dict[str, Cascade]) -> None:
        self._any = cascades[""]
        self._hosts = {host.encode(): cascade for host, cascade in cascades.items() if host and host[0] != "*"}
        self._suffixes = {host[1:].encode(): cascade for host, cascade in cascades.items() if host[:1] == "*"}
        self._longest = max(map(len, self._suffixes), default=0)
        self.has_hosts = len(cascades) > 1  #: whether any rule asks for a host

    def match(self, host: bytes, method: bytes, path: bytes, header: Header) -> Any:
        """The payload of the rule a request belongs to; None if there is none.  See ``Router.match``."""
        for table in self.cascade(host):
            leaf = table.exact.get(path)
            if leaf is not None:
                rule = leaf.select(method, header) if leaf.groups else leaf.default
                if rule is not None:
                    return rule.payload
            if table.root is not None:
                rule = table.search(path, method, header)
                if rule is not None:
                    return rule.payload
        return None

    def cascade(self, host: bytes) -> Cascade:
        """The tables that apply to a host, in order of precedence."""
        if not self.has_hosts:
            return self._any
        found = self._hosts.get(host)
        return self._resolve(host) if found is None else found

    def _resolve(self, host: bytes) -> Cascade:
        """The cascade of a host that no rule names as it is written: other letter case, a wildcard, or any host."""
        host = host.lower()
        cascade = self._hosts.get(host)
        if cascade is not None:
            return cascade
        # A wildcard takes one label or more, so a dot in front is none; a tail longer than every wildcard is not tried.
        dot = host.find(b".", max(1, len(host) - self._longest))
        while dot >= 0:
            cascade = self._suffixes.get(host[dot:])
            if cascade is not None:
                return cascade
            dot = host.find(b".", dot + 1)
        return self._any
