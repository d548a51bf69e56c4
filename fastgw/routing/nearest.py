"""Which rules a request that matches none was probably meant for: those of its host that share the most segments with its path.

Used where something has to be said in the way that the client of those rules understands; never to decide who may do what.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from fastgw.routing.pattern import parse_path
from fastgw.steps import Steps, whole

Segments = tuple[bytes, ...]


class Nearest:
    """A word for every path, from the words that the rules have; immutable."""

    __slots__ = ("_depth", "_hosts")

    def __init__(self, rules: Iterable[tuple[str, str, str]]) -> None:
        """``rules``: host and path patterns without problems, and a word; at least one."""
        whole(self._fill(rules))

    @classmethod
    def made(cls, rules: Iterable[tuple[str, str, str]]) -> Steps[Nearest]:
        """The same, made in steps."""
        found = cls.__new__(cls)
        yield from found._fill(rules)
        return found

    def _fill(self, rules: Iterable[tuple[str, str, str]]) -> Steps[None]:
        votes: dict[str, dict[Segments, Counter[str]]] = {}
        for host, path, word in rules:
            yield
            for prefix in _prefixes(path):
                for place in {host.lower(), _ALL}:
                    votes.setdefault(place, {}).setdefault(prefix, Counter())[word] += 1
        self._hosts: dict[str, dict[Segments, str]] = {}
        for host, prefixes in votes.items():
            self._hosts[host] = {}
            for prefix, found in prefixes.items():
                yield
                self._hosts[host][prefix] = _winner(found)
        self._depth = max(len(prefix) for prefix in votes[_ALL])

    def find(self, host: bytes, path: bytes) -> str:
        """The word of most of the rules that share the longest beginning with ``path`` (normalised), in whole segments, among those whose
        host takes ``host``; among all if none does.  Of words that are as frequent the last in the alphabet is taken."""
        segments = tuple(path.split(b"/", self._depth + 1)[1 : self._depth + 1])
        name = host.decode("latin-1").lower()
        best: tuple[int, str] = (-1, "")
        for place in (name, *_wildcards(name), ""):
            prefixes = self._hosts.get(place)
            if prefixes is not None:
                length = _longest(prefixes, segments)
                if length > best[0]:
                    best = (length, prefixes[segments[:length]])
        if best[0] < 0:
            prefixes = self._hosts[_ALL]
            return prefixes[segments[: _longest(prefixes, segments)]]
        return best[1]


_ALL = "*"  #: the place of every rule; no host pattern is written like this


def _prefixes(path: str) -> Iterable[Segments]:
    segments = parse_path(path).segments
    literal = segments.index(None) if None in segments else len(segments)
    return [tuple(one for one in segments[:length] if one is not None) for length in range(literal + 1)]


def _winner(votes: Counter[str]) -> str:
    return max(votes, key=lambda word: (votes[word], word))


def _wildcards(host: str) -> Iterable[str]:
    dot = host.find(".", 1)
    while dot >= 0:
        yield "*" + host[dot:]
        dot = host.find(".", dot + 1)


def _longest(prefixes: dict[Segments, str], segments: Segments) -> int:
    """How many of ``segments`` begin a rule; every prefix of a prefix is there, the empty one always."""
    length = 0
    while length < len(segments) and segments[: length + 1] in prefixes:
        length += 1
    return length
