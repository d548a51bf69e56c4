"""What the file says of a filter of type ``cors``."""

import re
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Final, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.http_values import field_name, method
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Boolean, Duration, Parsed
from fastgw.config.unsound import is_unsound
from fastgw.config.values import Expanded, scalar, shown
from fastgw.routing.pattern import host_problems

ANY: Final = "*"
MOST_ORIGINS: Final = 200  #: of one filter

_ORIGIN: Final = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^/?#@:\[\]]+)(?::([0-9]{1,5}))?(/?)")
_PORTS: Final = {"http": "80", "https": "443"}
_TEXTS: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


def _list_of(one: Callable[[object], str]) -> Callable[[object], tuple[str, ...]]:
    """Parser of one text or a list of some."""

    def parse(value: object) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(one, value if isinstance(value, list) else [value])))

    return parse


def _or_any(one: Callable[[object], str]) -> Callable[[object], str]:
    return lambda value: ANY if value == ANY else one(value)


def _origin(value: object) -> str:
    """An origin as browsers write it, so that it can be compared byte by byte."""
    wanted = "an origin such as https://app.example or https://*.app.example"
    found = str(scalar(value, wanted))
    if found == ANY:
        return ANY
    if found.lower() == "null":
        raise ValueError("'null' is the origin of any page in a sandbox, and of files: it is nobody, and never allowed")
    match = _ORIGIN.fullmatch(found.lower())
    problems = host_problems(match[2]) if match else []
    if match is None or problems:
        raise ValueError(f"expected {wanted}, got {shown(value)}" + (f": the host {problems[0]}" if problems else ""))
    scheme, host, port, slash = match.groups()
    meant = f"{scheme}://{host}" + (f":{port}" if port and port != _PORTS.get(scheme) else "")
    if slash or (port and port == _PORTS.get(scheme)):
        told = "" if isinstance(value, Expanded) else f"; write {meant}"
        raise ValueError(f"browsers leave {'the last slash' if slash else 'the usual port'} out{told}")
    return meant


class Cors(FilterOptions):
    """Says which pages of other origins may read the answers, and answers preflights."""

    made_by: ClassVar[str] = "fastgw.filters.cors:Cors"
    type: Literal["cors"] = setting(..., "cors")
    origins: Annotated[tuple[str, ...], Parsed(_list_of(_origin), **_TEXTS)] = setting(
        ...,
        "Origins whose pages may, one or a list: https://app.example, https://*.app.example for all names below, or *.",
    )
    methods: Annotated[tuple[str, ...], Parsed(_list_of(_or_any(method)), **_TEXTS)] = setting(
        ["GET", "HEAD", "POST"], "Methods that they may use, one or a list, or *."
    )
    headers: Annotated[tuple[str, ...], Parsed(_list_of(_or_any(field_name)), **_TEXTS)] = setting(
        [],
        "Fields that they may send beside those that every page may, one or a list, or *, which has no authorization.",
    )
    expose: Annotated[tuple[str, ...], Parsed(_list_of(_or_any(field_name)), **_TEXTS)] = setting(
        [], "Fields of answers that they may read beside those that every page may, one or a list, or *."
    )
    credentials: Boolean = setting(False, "Whether they may send cookies and client certificates; not with *.")
    max_age: Duration = setting("10m", "So long a browser remembers the answer to a preflight; 0: not at all.")
    refuse_others: Boolean = setting(
        False, "Refuse requests of other origins, 403; without, their pages only cannot read the answers."
    )

    def check(self, document: Document, where: TreePath) -> None:
        """There are origins, and * is neither among others nor together with credentials."""
        if not is_unsound(self.origins):
            if not self.origins or len(self.origins) > MOST_ORIGINS:
                document.report((*where, "origins"), f"expected 1 to {MOST_ORIGINS} origins, got {len(self.origins)}")
            if ANY in self.origins and len(self.origins) > 1:
                document.report((*where, "origins"), "has '*', which is every origin, and others; give one of them")
        if not is_unsound(self.methods) and not self.methods:
            document.report((*where, "methods"), "is empty; it needs at least one method")
        for key in ("origins", "methods", "headers", "expose"):
            found = getattr(self, key)
            if is_unsound(found, self.credentials):
                continue
            if ANY in found and self.credentials:
                said = (
                    "any page could act and read as the user" if key == "origins" else "browsers take it literally then"
                )
                document.report((*where, key), f"'*' cannot stand together with credentials: {said}; list them")
            elif ANY in found and len(found) > 1 and key != "origins":
                document.report((*where, key), "has '*', which is all of them, and others; give one of them")
