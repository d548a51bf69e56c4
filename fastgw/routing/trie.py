"""The paths of one host: a dict of exact ones, and a trie of those with parameters or a last ``*``.

One level of the trie is one segment.  At each level the literal child is tried before the parameter, and the
parameter before the ``*`` that ends here; when a branch fails, by its segments or by the conditions of its rules, the
next one is tried:

    /v1/{model}/predict        v1 ── {} ── predict
    /v1/*                       └─ *

The search keeps no stack: it climbs by the places of the parents, which tell what was tried already.  (Places, not the nodes themselves:
a tree whose nodes knew their parents would be one large cycle, and a table that is let go would stay until the next full collection.)
A trie is a tree, so a node is entered at most once for a request: the work is bounded by the number of nodes and never by the length of
the path, of which no more segments are cut off than the deepest pattern has.  It is fast by nature: one dict look-up a segment, however
many routes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastgw.routing.conditions import Header, Leaf
from fastgw.routing.pattern import Extent
from fastgw.routing.rule import Rule

SLASH = 0x2F  #: "/"


class Node:
    """A place between two slashes."""

    __slots__ = ("is_parameter", "leaf", "literals", "parameter", "parent", "place", "prefix")

    def __init__(self, place: int, parent: int, is_parameter: bool) -> None:
        self.place = place  #: in the nodes of its table
        self.parent = parent  #: place of the node above; -1: there is none
        self.is_parameter = is_parameter
        self.literals: dict[bytes, Node] = {}
        self.parameter: Node | None = None
        self.leaf: Leaf | None = None  #: the rules of paths that end here
        self.prefix: Leaf | None = None  #: the rules of ``/*`` behind this place


class PathTable:
    """All rules of one host pattern, by path."""

    __slots__ = ("depth", "exact", "nodes", "root")

    def __init__(self) -> None:
        self.exact: dict[bytes, Leaf] = {}
        self.nodes: list[Node] = []  #: all of the trie, each at its place
        self.root: Node | None = None  #: None: nothing but exact paths
        self.depth = 0  #: segments of the deepest pattern in the trie

    def add(self, extent: Extent, rules: Sequence[Rule[Any]]) -> None:
        """Enter all rules of one extent."""
        segments, is_prefix = extent
        if not is_prefix and None not in segments:
            self.exact[rules[0].path.encode()] = Leaf(rules)
            return
        if self.root is None:
            self.root = self._make(-1, False)
        node = self.root
        for segment in segments:
            node = self._below(node, segment)
        if is_prefix:
            node.prefix = Leaf(rules)
        else:
            node.leaf = Leaf(rules)
        self.depth = max(self.depth, len(segments))

    def _below(self, node: Node, segment: bytes | None) -> Node:
        """The child of ``node`` for a segment (``None`` = parameter), made if there is none."""
        if segment is None:
            if node.parameter is None:
                node.parameter = self._make(node.place, True)
            return node.parameter
        child = node.literals.get(segment)
        if child is None:
            child = node.literals[segment] = self._make(node.place, False)
        return child

    def _make(self, parent: int, is_parameter: bool) -> Node:
        node = Node(len(self.nodes), parent, is_parameter)
        self.nodes.append(node)
        return node

    def search(self, path: bytes, method: bytes, header: Header) -> Rule[Any] | None:
        """The most specific rule of the trie (exact paths are not in it) that the request meets.  Hot."""
        node = self.root
        if node is None or not path or path[0] != SLASH:
            return None
        # segments[0] is the nothing in front of the first slash; a path deeper than every pattern keeps its rest uncut.
        segments = path.split(b"/", self.depth + 1)
        count = len(segments)
        index = 1
        while True:
            # Go down: the literal, else the parameter.
            leaf = node.leaf
            if index < count:
                leaf = node.prefix
                segment = segments[index]
                child = node.literals.get(segment)
                if child is None and segment:
                    child = node.parameter
                if child is not None:
                    node = child
                    index += 1
                    continue
            if leaf is not None:
                rule = leaf.select(method, header) if leaf.groups else leaf.default
                if rule is not None:
                    return rule
            # Climb to the first place with something left to try.
            while True:
                if node.parent < 0:
                    return None
                parent = self.nodes[node.parent]
                if not node.is_parameter and parent.parameter is not None and segments[index - 1]:
                    node = parent.parameter
                    break
                node = parent
                index -= 1
                leaf = node.prefix
                if leaf is not None:
                    rule = leaf.select(method, header) if leaf.groups else leaf.default
                    if rule is not None:
                        return rule

    def leaves(self, path: bytes) -> list[Leaf]:
        """Every leaf whose pattern matches the path, in no particular order; bounded like ``search``."""
        exact = self.exact.get(path)
        found = [] if exact is None else [exact]
        if self.root is None or not path or path[0] != SLASH:
            return found
        level = [self.root]
        for segment in path.split(b"/", self.depth + 1)[1:]:
            below = []
            for node in level:
                if node.prefix is not None:
                    found.append(node.prefix)
                child = node.literals.get(segment)
                if child is not None:
                    below.append(child)
                if node.parameter is not None and segment:
                    below.append(node.parameter)
            level = below
        found += [node.leaf for node in level if node.leaf is not None]
        return found
