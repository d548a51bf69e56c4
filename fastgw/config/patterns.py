"""Regular expressions that cost no more than a path is long.

Python's ``re`` goes back and tries again, and some expressions make it try exponentially often: one request could hold up a worker for
minutes. So a pattern is read here first, and accepted only if there is nothing to try again:

* what is repeated (``*``, ``+``, ``{2,5}``) is one character or class, never a group;
* what follows a repetition is something that it does not take, as in ``[^/]+/``, so that giving back a character never helps.  One without
  bound may be followed by anything where those behind it stop at what follows it (``/(.*)/([^/]+)``: what is tried from one slash ends
  at the next), or cannot fail (a final ``.*``); it counts as ``OPEN_TRIES`` then;
* other choices that overlap (``a?a``, ``(x|xy)``) may double the tries ``MOST_TRIES`` times at most, all together.

A match is then done in steps proportional to the length of the path, times a constant.  What is run is written anew from what was read
(``Expression.text``), so no difference between this reading and Python's can undo that.
"""

from __future__ import annotations

from typing import Final, NamedTuple

LONGEST: Final = 500  #: characters of a pattern
DEEPEST: Final = 10  #: groups within each other
MOST_GROUPS: Final = 9  #: $1 to $9
MOST_TRIES: Final = 64
OPEN_TRIES: Final = 4
MOST_TIMES: Final = 255  #: of {m,n}

_END: Final = 1 << 128  #: beside the bits of characters: the end of the path


def _bits(characters: str) -> int:
    return sum(1 << ord(one) for one in set(characters))


_ALL: Final = _END - 1
_DIGITS: Final = _bits("0123456789")
_LOWER: Final = _bits("abcdefghijklmnopqrstuvwxyz")
_UPPER: Final = _bits("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_WORD: Final = _DIGITS | _LOWER | _UPPER | _bits("_")
_SHORT: Final = {"d": _DIGITS, "w": _WORD, "D": _ALL & ~_DIGITS, "W": _ALL & ~_WORD}
_SPECIAL: Final = frozenset("\\^$.|?*+()[]{}")


class Expression(NamedTuple):
    """A pattern that was accepted."""

    text: str  #: for ``re.fullmatch``
    groups: int
    leading: tuple[
        bool, ...
    ]  #: of each group, and of the whole as [0]: does it begin with a slash whatever the path is?


class _Item(NamedTuple):
    """One character of a set, or several."""

    bits: int
    least: int = 1
    most: int | None = 1  #: None: no bound
    is_lazy: bool = False


class _Group(NamedTuple):
    """Alternatives; ``number`` 0: it is not captured."""

    number: int
    alternatives: list[list[_Item | _Group]]
    is_optional: bool = False
    is_lazy: bool = False


_Sequence = list[_Item | _Group]


def read(text: str) -> Expression:
    """The pattern of ``text``, of whole paths; raises ValueError with what is wrong, and where."""
    if len(text) > LONGEST:
        raise ValueError(f"is longer than {LONGEST} characters")
    reader = _Reader(text.removeprefix("^"), 1 if text.startswith("^") else 0)
    whole = _Group(0, reader.alternatives(0))
    if reader.place < len(reader.text):
        raise reader.wrong("this ')' closes nothing")
    _Judge().first(whole, _END, 0)
    leading = [False] * (reader.groups + 1)
    _mark_leading(whole, leading)
    return Expression(_written(whole), reader.groups, tuple(leading))


class _Reader:
    """Goes through the text once."""

    def __init__(self, text: str, offset: int) -> None:
        """``offset``: characters in front of ``text`` that were read already."""
        self.text = text[:-1] if text.endswith("$") and not text.endswith("\\$") else text
        self.place = 0
        self.groups = 0
        self._offset = offset

    def wrong(self, reason: str, place: int | None = None) -> ValueError:
        """The error that ``reason`` is, at ``place`` or here."""
        return ValueError(f"{reason} (character {(self.place if place is None else place) + self._offset + 1})")

    def _next(self) -> str:
        return self.text[self.place : self.place + 1]

    def _take(self, text: str) -> bool:
        if self.text.startswith(text, self.place):
            self.place += len(text)
            return True
        return False

    def alternatives(self, depth: int) -> list[_Sequence]:
        """What stands between ``|``, up to ``)`` or the end."""
        if depth > DEEPEST:
            raise self.wrong(f"more than {DEEPEST} groups stand within each other")
        found: list[_Sequence] = [[]]
        while self._next() not in ("", ")"):
            if self._take("|"):
                found.append([])
            else:
                found[-1].append(self._repeated(self._group(depth) if self._next() == "(" else self._item()))
        return found

    def _group(self, depth: int) -> _Group:
        begin = self.place
        self.place += 1
        number = 0
        if self._take("?"):
            if not self._take(":"):
                raise self.wrong("groups are (...) and (?:...); others are not taken", begin)
        else:
            self.groups += 1
            number = self.groups
            if number > MOST_GROUPS:
                raise self.wrong(f"more than {MOST_GROUPS} groups; (?:...) is none that is counted", begin)
        alternatives = self.alternatives(depth + 1)
        if not self._take(")"):
            raise self.wrong("this '(' is not closed", begin)
        return _Group(number, alternatives)

    def _item(self) -> _Item:
        character = self._next()
        if character == "[":
            return _Item(self._class())
        if character == "\\":
            return _Item(self._escape())
        if character == ".":
            self.place += 1
            return _Item(_ALL)
        if character in _SPECIAL:
            reason = "has nothing to repeat" if character in "?*+" else "is special here"
            raise self.wrong(f"{character!r} {reason}; '\\{character}' is the character itself")
        return _Item(self._literal())

    def _literal(self) -> int:
        character = self._next()
        if not character.isascii() or not character.isprintable() or character == " ":
            raise self.wrong(f"{character!r} is in no path; it is escaped there, as %XX")
        self.place += 1
        return 1 << ord(character)

    def _escape(self) -> int:
        self.place += 1
        character = self._next()
        if character in _SHORT:
            self.place += 1
            return _SHORT[character]
        if not character or character.isalnum() or not character.isascii():
            raise self.wrong("escapes are \\d, \\w, \\D, \\W and those of special characters", self.place - 1)
        return self._literal()

    def _class(self) -> int:
        begin = self.place
        self.place += 1
        is_negated = self._take("^")
        bits = 0
        while not self._take("]"):
            if not self._next():
                raise self.wrong("this '[' is not closed", begin)
            start = self._member()
            if self._next() == "-" and self.text[self.place + 1 : self.place + 2] not in ("]", ""):
                self.place += 1
                end = self._member()
                if start.bit_count() != 1 or end.bit_count() != 1 or end < start:
                    raise self.wrong("is no range of characters", begin)
                start = (end << 1) - start
            bits |= start
        if is_negated:
            bits = _ALL & ~bits
        if not bits:
            raise self.wrong("this class takes nothing", begin)
        return bits

    def _member(self) -> int:
        if self._next() == "\\":
            return self._escape()
        if self._next() == "[":
            raise self.wrong("'[' is special here; '\\[' is the character itself")
        return self._literal()

    def _repeated(self, one: _Item | _Group) -> _Item | _Group:
        begin = self.place
        if self._take("?"):
            least, most = 0, 1
        elif self._take("*"):
            least, most = 0, -1
        elif self._take("+"):
            least, most = 1, -1
        elif self._take("{"):
            least, most = self._times(begin)
        else:
            return one
        is_lazy = self._take("?")
        if self._next() in ("*", "+", "{", "?") and self._next():
            raise self.wrong("a repetition is not repeated")
        if isinstance(one, _Item):
            return one._replace(least=least, most=None if most < 0 else most, is_lazy=is_lazy)
        if (least, most) != (0, 1):
            raise self.wrong("a group is not repeated, but for (...)?: what is in it could be cut in many ways", begin)
        return one._replace(is_optional=True, is_lazy=is_lazy)

    def _times(self, begin: int) -> tuple[int, int]:
        close = self.text.find("}", self.place)
        low, comma, high = self.text[self.place : max(close, self.place)].partition(",")
        if close < 0 or not low.isdecimal() or (high and not high.isdecimal()) or len(low + high) > 6:
            raise self.wrong("expected {2}, {2,} or {2,5}", begin)
        least, most = int(low), int(high) if high else -1 if comma else int(low)
        if max(least, most) > MOST_TIMES or 0 <= most < least:
            raise self.wrong(f"expected at most {MOST_TIMES} times, and the smaller number first", begin)
        self.place = close + 1
        return least, most


class _Judge:
    """Goes through a pattern from its end and counts what could be tried again."""

    def __init__(self) -> None:
        self._tries = 1

    def first(self, one: _Item | _Group, after: int, behind: int) -> tuple[int, int]:
        """What ``one`` can begin with, ``after`` included where it can be nothing; and ``behind`` with its own repetitions.

        ``after``: what can follow it.  ``behind``: all that is taken by the repetitions without bound behind it, but for those that cannot
        fail.  Raises ValueError.
        """
        if isinstance(one, _Group):
            return self._first_of_group(one, after, behind)
        if one.most != one.least and one.bits & after:
            if one.most is not None:
                self._try(one.most - one.least + 1)
            elif behind & after:
                raise ValueError(
                    "could be matched in too many ways: what follows a repetition must be something that it does not take, as in [^/]+/, "
                    "or that the later ones do not take, as in .*/[^/]+"
                )
            elif behind:
                self._try(OPEN_TRIES)
        cannot_fail = one.bits == _ALL and after == _END
        if one.most is None and not cannot_fail:
            behind |= one.bits
        begins = one.bits if one.most != 0 else 0
        return begins | after if one.least == 0 else begins, behind

    def _first_of_group(self, group: _Group, after: int, behind: int) -> tuple[int, int]:
        begins, found = 0, behind
        for sequence in group.alternatives:
            follows, later = after, behind
            for one in reversed(sequence):
                follows, later = self.first(one, follows, later)
            if begins & follows:
                self._try(2)
            begins |= follows
            found |= later
        if group.is_optional:
            if begins & after:
                self._try(2)
            begins |= after
        return begins, found

    def _try(self, times: int) -> None:
        self._tries *= times
        if self._tries > MOST_TRIES:
            raise ValueError(f"could be matched in too many ways: its choices overlap more than {MOST_TRIES} times")


def _mark_leading(group: _Group, leading: list[bool]) -> None:
    leading[group.number] = not group.is_optional and all(map(_begins_with_slash, group.alternatives))
    for sequence in group.alternatives:
        for one in sequence:
            if isinstance(one, _Group):
                if one.number:
                    _mark_leading(one, leading)
                else:
                    whole = leading[0]
                    _mark_leading(one, leading)
                    leading[0] = whole


def _begins_with_slash(sequence: _Sequence) -> bool:
    if not sequence:
        return False
    first = sequence[0]
    if isinstance(first, _Item):
        return first.bits == 1 << ord("/") and first.least > 0
    return not first.is_optional and all(map(_begins_with_slash, first.alternatives))


def _written(one: _Item | _Group) -> str:
    lazy = "?" if one.is_lazy else ""
    if isinstance(one, _Item):
        most = "" if one.most is None else one.most
        times = "" if (one.least, one.most) == (1, 1) else f"{{{one.least},{most}}}{lazy}"
        codes = (code for code in range(128) if one.bits >> code & 1)
        return "[" + "".join(map("\\x{:02x}".format, codes)) + "]" + times
    inside = "|".join("".join(map(_written, sequence)) for sequence in one.alternatives)
    return f"({'' if one.number else '?:'}{inside}){'?' if one.is_optional else ''}{lazy}"
