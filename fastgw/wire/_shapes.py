"""Heads of a known shape: the names of their lines, each in its spelling, known beforehand.

Clients and services send the same names over and over, only values vary.  For a shape met before there is one regular expression
that says, in a single call, that a head has exactly these lines, and returns the values of the few that matter and the others in one
piece.  Only the plain scan uses it: in Python a look at every line costs more than all else.

Making an expression takes about half a millisecond, so few are made: ``SHAPES_MAX`` for each number of lines.  Whoever sends endless
shapes gets the line by line reading, which is always there, and after ``PATIENCE`` heads of no known shape the places of that
number of lines are given away anew, so that no early comer keeps them for ever.
"""

from __future__ import annotations

import re

from fastgw.wire.fields import CONTENT_LENGTH, DATE, DROP, HOST, KEEP, FieldTable

LINES_MAX = 24  #: lines of a head that may have a shape
NAMES_SIZE_MAX = 512  #: bytes of all its names
SHAPES_MAX = 4  #: shapes remembered for one number of lines: so many are tried in vain at most
PATIENCE = 20_000  #: heads of no known shape before those remembered are forgotten


#: Values by kind.  What has no place here is for the reading line by line, which says what is wrong with it.
_VALUES = {
    KEEP: rb"[^\r]*+",
    DROP: rb"[^\r]*+",
    DATE: rb"[^\r]*+",
    HOST: rb"[ \t]*+([^\r \t]*+)[ \t]*+",
    CONTENT_LENGTH: rb"[ \t]*+([0-9]{1,18}+)[ \t]*+",
}
_OTHER = rb"([^\r]*+)"


class Shape:
    """What a head with just these names is made of."""

    __slots__ = ("has_date", "kept", "match", "values", "whole")

    def __init__(self, names: list[bytes], kinds: list[int]) -> None:
        pattern = []
        kept = []
        values = []
        groups = 0
        is_keeping = False
        for name, kind in zip(names, kinds, strict=True):
            is_kept = kind in (KEEP, CONTENT_LENGTH, DATE)
            if is_kept and not is_keeping:
                groups += 1
                kept.append(groups)
                pattern.append(b"(")
            elif is_keeping and not is_kept:
                pattern.append(b")")
            is_keeping = is_kept
            pattern.append(re.escape(name) + b":" + _VALUES.get(kind, _OTHER) + rb"\r\n")
            if kind not in (KEEP, DROP, DATE):
                groups += 1
                values.append((kind, groups))
        pattern.append(rb")\r\n" if is_keeping else rb"\r\n" if kept else rb"()\r\n")
        self.match = re.compile(b"".join(pattern)).fullmatch  #: of a head, from its first field line on
        self.values = tuple(values)  #: kind and group of every line whose value matters, in their order
        self.kept = tuple(kept) or (groups + 1,)  #: groups that together are the relayed lines
        self.whole = self.kept[0] if len(self.kept) == 1 else 0  #: the group, if it is one
        self.has_date = DATE in kinds


class Shapes:
    """The shapes of one number of lines."""

    __slots__ = ("known", "misses")

    def __init__(self) -> None:
        self.known: list[Shape] = []
        self.misses = 0


def learn(table: FieldTable, head: bytes, lines: list[bytes]) -> None:
    """Remember the shape of a head whose field lines were read one by one without a complaint, if there is room."""
    breaks = len(lines) + 2
    shapes: Shapes | None = table.shapes.get(breaks)
    if shapes is not None and len(shapes.known) >= SHAPES_MAX:
        shapes.misses += 1
        if shapes.misses < PATIENCE:
            return
        shapes.misses = 0
        shapes.known.clear()
    if not 0 < len(lines) <= LINES_MAX or head.count(b"\n") != breaks:
        return
    if shapes is None:
        shapes = table.shapes[breaks] = Shapes()
    names = [line.partition(b":")[0] for line in lines]
    if sum(map(len, names)) <= NAMES_SIZE_MAX:
        shapes.known.append(Shape(names, [table.learn(name) for name in names]))
