"""Path templates of ``google.api.http`` (google/api/http.proto): what of a path they match, and which request is whose.

    /v1/{parent=shelves/*}/books/{book}:archive

    Template = "/" Segment { "/" Segment } [ ":" LITERAL ]        Segment = "*" | "**" | LITERAL | "{" FieldPath [ "=" Segments ] "}"

A path is split as it came, escaped, and each segment is decoded by itself: ``%2F`` makes no segment.  What a variable of several segments
has captured keeps its ``%2F``, or nobody could tell them apart.

Where several templates match, the first segment at which they differ decides: a literal before ``*``, ``*`` before ``**``; a verb
before none.  Who has not the method of the request is passed over, so ``GET /v1/{name}`` and ``POST /v1/special`` do not hide each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Generic, NamedTuple, TypeVar
from urllib.parse import unquote_to_bytes

Whose = TypeVar("Whose")

ANY_METHOD: Final = b"*"
ONE: Final = "*"  #: segment
MANY: Final = "**"  #: segments, none perhaps; nothing comes behind

_LITERAL = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()+,;=@:]|%[0-9A-Fa-f]{2})+").fullmatch
_FIELD_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*").fullmatch
_SLASH = re.compile(rb"%2[Ff]")


class TemplateError(ValueError):
    """A template is none; says why."""


class Variable(NamedTuple):
    """What of a path is the value of a field."""

    field: str  #: with dots between
    start: int  #: its first segment
    end: int  #: behind its last; -1: all there are
    is_one: bool  #: of one segment, whatever is in it


class PathTemplate(NamedTuple):
    """One, taken apart."""

    segments: tuple[str, ...]
    verb: str  #: empty: none
    variables: tuple[Variable, ...]

    def captured(self, segments: list[str]) -> list[tuple[str, str]]:
        """The value of each variable in a path that it matches.

        Raises:
            UnicodeDecodeError: what is escaped there is no UTF-8.
        """
        found = []
        for field, start, end, is_one in self.variables:
            value = segments[start] if is_one else "/".join(segments[start : None if end < 0 else end])
            if "%" in value:
                value = unquote_to_bytes(value).decode() if is_one else _decoded(value)
            found.append((field, value))
        return found


def parse(text: str) -> PathTemplate:
    """Take a template apart.

    Raises:
        TemplateError: it is none.
    """
    if not text.startswith("/"):
        raise TemplateError("does not begin with '/'")
    segments: list[str] = []
    variables: list[Variable] = []
    rest, verb = _without_verb(text[1:])
    for part in _parts(rest):
        if not part.startswith("{"):
            segments.append(_segment(part))
            continue
        field, _, pattern = part[1:-1].partition("=")
        if _FIELD_PATH(field) is None:
            raise TemplateError(f"{field!r} is no path of a field")
        if any(one.field == field for one in variables):
            raise TemplateError(f"{field!r} is captured twice")
        start = len(segments)
        segments += map(_segment, (pattern or ONE).split("/"))
        is_many = segments[-1] == MANY
        variables.append(Variable(field, start, -1 if is_many else len(segments), segments[start:] == [ONE]))
    if MANY in segments[:-1]:
        raise TemplateError("has something behind '**'")
    return PathTemplate(tuple(segments), verb, tuple(variables))


def _without_verb(rest: str) -> tuple[str, str]:
    place = rest.rfind(":")
    if place < 0 or place < max(rest.rfind("/"), rest.rfind("}")):
        return rest, ""
    verb = rest[place + 1 :]
    if _LITERAL(verb) is None or ":" in verb:
        raise TemplateError(f"{verb!r} is no verb")
    return rest[:place], verb


def _parts(rest: str) -> Iterator[str]:
    """The segments and variables between slashes."""
    start, is_inside = 0, False
    for place, char in enumerate(rest):
        if char == "{":
            if is_inside or place != start:
                raise TemplateError("has a '{' where none can be")
            is_inside = True
        elif char == "}":
            if not is_inside or rest[place + 1 : place + 2] not in ("", "/"):
                raise TemplateError("has a '}' where none can be")
            is_inside = False
        elif char == "/" and not is_inside:
            yield rest[start:place]
            start = place + 1
    if is_inside:
        raise TemplateError("has a '{' without its '}'")
    yield rest[start:]


def _segment(text: str) -> str:
    if text not in (ONE, MANY) and _LITERAL(text) is None:
        raise TemplateError(f"{text!r} is no segment")
    return text


def _decoded(segments: str) -> str:
    """Without their escapes, but for those of slashes."""
    return "%2F".join(unquote_to_bytes(one).decode() for one in _SLASH.split(segments.encode()))


class _Node(Generic[Whose]):
    """Where templates are that begin in one way."""

    __slots__ = ("literals", "many", "one", "owners")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[Whose]] = {}
        self.one: _Node[Whose] | None = None
        self.many: _Node[Whose] | None = None
        self.owners: dict[tuple[str, bytes], Whose] = {}  #: of those that end here, by verb and method


class TemplateMatch(NamedTuple, Generic[Whose]):
    """What a request is."""

    owner: Whose
    segments: list[str]  #: of its path, without a verb


class PathTemplates(Generic[Whose]):
    """Templates, each with its owner."""

    def __init__(self) -> None:
        self._root: _Node[Whose] = _Node()
        self._verbs: set[str] = set()

    def add(self, template: PathTemplate, method: bytes, owner: Whose) -> Whose | None:
        """Who has requests of ``method`` that match from now on, unless somebody else has exactly those already, who is returned."""
        node = self._root
        for segment in template.segments:
            if segment == ONE:
                node.one = node.one or _Node()
                node = node.one
            elif segment == MANY:
                node.many = node.many or _Node()
                node = node.many
            else:
                node = node.literals.setdefault(segment, _Node())
        if template.verb:
            self._verbs.add(template.verb)
        first = node.owners.setdefault((template.verb, method), owner)
        return None if first is owner else first

    def find(self, method: bytes, path: str) -> TemplateMatch[Whose] | set[bytes]:
        """Whose a request is; or the methods with which it would be somebody's, none perhaps.

        ``path``: in its normal form, and as it came: escaped.
        """
        segments = path[1:].split("/")
        allowed: set[bytes] = set()
        last, colon, verb = segments[-1].rpartition(":")
        if colon and last and verb in self._verbs:
            without = [*segments[:-1], last]
            for node in _matches(self._root, without, 0):
                owner = _owner(node, verb, method, allowed)
                if owner is not None:
                    return TemplateMatch(owner, without)
        first = _first(self._root, segments)  # most often it is that one, at once
        if first is not None:
            owner = first.owners.get(("", method))
            if owner is not None:
                return TemplateMatch(owner, segments)
        for node in _matches(self._root, segments, 0):
            owner = _owner(node, "", method, allowed)
            if owner is not None:
                return TemplateMatch(owner, segments)
        return allowed


def _first(node: _Node[Whose], segments: list[str]) -> _Node[Whose] | None:
    """The end of the closest template, if there it is found without a step back; None: it is not, or there is none."""
    for segment in segments:
        following = node.literals.get(segment)
        if following is None:
            following = node.one if segment else None
            if following is None:
                return None
        node = following
    return node


def _owner(node: _Node[Whose], verb: str, method: bytes, allowed: set[bytes]) -> Whose | None:
    found = node.owners.get((verb, method))
    if found is None:
        found = node.owners.get((verb, ANY_METHOD))
        allowed.update(other for known, other in node.owners if known == verb)
    return found


def _matches(node: _Node[Whose], segments: list[str], place: int) -> Iterator[_Node[Whose]]:
    """The ends of all templates that match, the closest first.  Each node is met once at most: it stands for one depth alone."""
    if place == len(segments):
        if node.owners:
            yield node
    else:
        segment = segments[place]
        literal = node.literals.get(segment)
        if literal is not None:
            yield from _matches(literal, segments, place + 1)
        if node.one is not None and segment:
            yield from _matches(node.one, segments, place + 1)
    if node.many is not None:
        yield node.many
