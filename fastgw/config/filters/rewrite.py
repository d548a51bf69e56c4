"""What the file says of a filter of type ``rewrite``."""

import re
from typing import Annotated, Any, ClassVar, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.model import setting
from fastgw.config.patterns import Expression, read
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Parsed
from fastgw.config.unsound import is_unsound
from fastgw.config.values import Expanded, shown, text
from fastgw.wire.errors import WireError
from fastgw.wire.target import normalise_path

_GROUP = re.compile(r"\$([0-9])")
_LONGEST = 2048  #: characters of a path


def _path(value: object) -> str:
    """A path in its normal form."""
    found = text("a path such as /v2", longest=_LONGEST)(value)
    if "?" in found:
        raise ValueError(f"{shown(value)} has a query: the one of the request stays, and is not rewritten")
    _refuse(found, value)
    return found


def _prefix(value: object) -> str:
    """The beginning of a path: whole segments."""
    found = _path(value)
    if found.endswith(("/", "/*")):
        meant = found.rstrip("*").rstrip("/")
        said = f"; did you mean {meant!r}?" if meant and not isinstance(value, Expanded) else ""
        raise ValueError(f"expected a prefix such as /v2, without what comes behind it, got {shown(value)}{said}")
    return found


def _pattern(value: object) -> Expression:
    """A pattern that takes no longer than a path is long."""
    found = text("a pattern")(value)
    if not found:
        raise ValueError("is empty")
    try:
        return read(found)
    except ValueError as error:
        # It quotes the pattern, which is nobody's business when it came from the environment.
        reason = "is no pattern that can be used" if isinstance(value, Expanded) else str(error)
        raise ValueError(f"{shown(value)}: {reason}") from None


def _replacement(value: object) -> tuple[str | int, ...]:
    """Text and numbers of groups; a path whatever the groups are, as far as that can be known without the pattern."""
    found = text("a path such as /v2/$1", longest=_LONGEST)(value)
    if "?" in found:
        raise ValueError(f"{shown(value)} has a query: the one of the request stays, and is not rewritten")
    pieces = _GROUP.split(found)
    parts = tuple(int(piece) if place % 2 else piece for place, piece in enumerate(pieces) if piece)
    if not parts or not (isinstance(parts[0], int) or parts[0].startswith("/")):
        raise ValueError(f"expected a path such as /v2/$1, got {shown(value)}")
    sample = "".join("x" if isinstance(part, int) else part for part in parts)
    _refuse(sample if sample.startswith("/") else "/" + sample, value)
    return parts


def _refuse(path: str, value: object) -> None:
    """Raise ValueError if ``path``, which ``value`` says, is none, or is not written as it would be sent."""
    try:
        if path.startswith("/") and normalise_path(path.encode()) == path.encode():
            return
        reason = "" if path.startswith("/") else ": it does not begin with '/'"
    except WireError as error:
        reason = (
            "" if isinstance(value, Expanded) else ": " + str(error).replace("the path of the request target", "it")
        )
    raise ValueError(f"expected a path in its normal form, got {shown(value)}{reason}")


_TEXT = {"type": "string"}
Path = Annotated[str, Parsed(_path, **_TEXT, examples=["/v2/predict"])]
Prefix = Annotated[str, Parsed(_prefix, **_TEXT, examples=["/v2"])]
Matching = Annotated[Expression, Parsed(_pattern, **_TEXT, examples=["/models/([^/]+)/(.*)"])]
Replacement = Annotated[tuple[str | int, ...], Parsed(_replacement, **_TEXT, examples=["/v2/$1/$2"])]


class Rewrite(FilterOptions):
    """Asks the service for another path; the query stays.  Before routing it is the path that routes match."""

    made_by: ClassVar[str] = "fastgw.filters.rewrite:Rewrite"
    runs_before_routing: ClassVar[bool] = True
    type: Literal["rewrite"] = setting(..., "rewrite")
    strip_prefix: Prefix | None = setting(None, "Taken from the beginning of paths that have it, as whole segments.")
    add_prefix: Prefix | None = setting(None, "Put in front of paths; beside strip_prefix only of those that had it.")
    path: Path | None = setting(None, "The whole path, whatever it was.")
    pattern: Matching | None = setting(None, "Regular expression of a whole path; one that differs stays as it is.")
    to: Replacement | None = setting(None, "What it becomes then; $1 to $9 are groups of the pattern.")

    def given(self) -> dict[str, Any]:
        """The pattern as it is run."""
        return super().given() | {"pattern": self.pattern and self.pattern.text}

    def does(self) -> str:
        """Which path becomes which."""
        if self.path is not None:
            return f"asks for {self.path}"
        if self.pattern is not None and self.to is not None:
            to = "".join(f"${part}" if isinstance(part, int) else part for part in self.to)
            return f"asks for {to} where the pattern matches"
        stripped = f"{self.strip_prefix}/..." if self.strip_prefix else "/..."
        return f"asks for {self.add_prefix or ''}/... where the path is {stripped}"

    def check(self, document: Document, where: TreePath) -> None:
        """One way is given, and it always makes a path."""
        ways = {
            "strip_prefix": ("strip_prefix", "add_prefix"),
            "path": ("path",),
            "pattern": ("pattern", "to"),
        }
        given = [way for way, keys in ways.items() if any(getattr(self, key) is not None for key in keys)]
        if not given:
            document.report(where, "changes nothing: give it strip_prefix, add_prefix, path, or pattern and to")
        for way in given[1:]:
            key = next(key for key in ways[way] if getattr(self, key) is not None)
            document.report((*where, key), f"stands beside {given[0]}; one filter rewrites in one way", at_key=True)
        if (self.pattern is None) != (self.to is None):
            key, other = ("to", "pattern") if self.pattern is None else ("pattern", "to")
            document.report((*where, key), f"needs {other} beside it", at_key=True)
        if self.pattern is not None and self.to is not None and not is_unsound(self.pattern, self.to):
            _groups(document, (*where, "to"), self.pattern, self.to)


def _groups(document: Document, where: TreePath, pattern: Expression, to: tuple[str | int, ...]) -> None:
    for part in to:
        if isinstance(part, int) and not 1 <= part <= pattern.groups:
            there = f"the pattern has {pattern.groups or 'none'}" if part else "groups begin with $1"
            document.report(where, f"there is no group ${part}: {there}")
            return
    first = to[0]
    if isinstance(first, int) and not pattern.leading[first]:
        document.report(
            where, f"need not be a path: ${first} can begin with something else than '/'; write '/${first}'"
        )
