"""The part of a router that every request takes: host -> tables of paths -> rule.  Compiled, so it knows nothing of configuration."""

from __future__ import annotations

from typing import Any

from fastgw.routing.conditions import Header
from fastgw.routing.trie import PathTable

Chain = tuple[PathTable, ...]


class Matcher:
    """The tables of a router by host; ``chains`` has one for each host pattern, and for any host ("")."""

    __slots__ = ("_any", "_hosts", "_longest", "_suffixes", "has_hosts")

    def __init__(self, chains: dict[str, Chain]) -> None:
        self._any = chains[""]
        self._hosts = {host.encode(): chain for host, chain in chains.items() if host and host[0] != "*"}
        self._suffixes = {host[1:].encode(): chain for host, chain in chains.items() if host[:1] == "*"}
        self._longest = max(map(len, self._suffixes), default=0)
        self.has_hosts = len(chains) > 1  #: whether any rule asks for a host

    def match(self, host: bytes, method: bytes, path: bytes, header: Header) -> Any:
        """The payload of the rule a request belongs to; None if there is none.  See ``Router.match``."""
        for table in self.chain(host):
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

    def chain(self, host: bytes) -> Chain:
        """The tables that apply to a host, in order of precedence."""
        if not self.has_hosts:
            return self._any
        found = self._hosts.get(host)
        return self._resolve(host) if found is None else found

    def _resolve(self, host: bytes) -> Chain:
        """The chain of a host that no rule names as it is written: other letter case, a wildcard, or any host."""
        host = host.lower()
        chain = self._hosts.get(host)
        if chain is not None:
            return chain
        # A wildcard takes one label or more, so a dot in front is none; a tail longer than every wildcard is not tried.
        dot = host.find(b".", max(1, len(host) - self._longest))
        while dot >= 0:
            chain = self._suffixes.get(host[dot:])
            if chain is not None:
                return chain
            dot = host.find(b".", dot + 1)
        return self._any
