"""What the file says of the metadata of endpoints, and of what requests may ask for of them.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final

from fastgw.config.model import Model, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.spec import SubsetSpec
from fastgw.config.template import template
from fastgw.config.types import NameKey, Parsed, words
from fastgw.config.unsound import is_unsound
from fastgw.config.values import scalar, shown
from fastgw.policy.subsets import MOST_KEYS

_MOST: Final = 16  #: metadata of an endpoint
_LONGEST: Final = 128  #: characters of a value


def _value(value: object) -> str:
    found = scalar(value, "a text")
    if not found or len(found) > _LONGEST or not found.isprintable() or found != found.strip():
        raise ValueError(f"expected a text of 1 to {_LONGEST} characters, without spaces around it, got {shown(value)}")
    return str(found)


Metadata = dict[NameKey, Annotated[str, Parsed(_value, type="string")]]


MatchValue = Annotated[tuple[bytes | str, ...], Parsed(template(is_answer=False), takes_variables=True, type="string")]


class SubsetChoice(Model):
    """Which endpoints a request may go to, by their metadata."""

    match: dict[
        NameKey,
        Annotated[tuple[bytes | str, ...], Parsed(template(is_answer=False), takes_variables=True, type="string")],
    ] = setting(
        ...,
        "By key of the metadata what it must be; may have variables. Where that is empty any will do.",
    )
    otherwise: Annotated[str, words("none", "any")] = setting(
        "none", "Where no endpoint is so. none: 503; any: the others are asked."
    )

    def spec(self) -> SubsetSpec:
        """As the workers get it."""
        return SubsetSpec(tuple(self.match.items()), self.otherwise)


def check_metadata(document: Document, where: TreePath, metadata: Mapping[str, Any]) -> None:
    """Report more than there may be."""
    if not is_unsound(metadata) and len(metadata) > _MOST:
        document.report((*where, "metadata"), f"has {len(metadata)} entries; {_MOST} are the most")


def check_subset(
    document: Document, where: TreePath, subset: SubsetChoice | None, endpoints: Iterable[Mapping[str, Any]]
) -> None:
    """Report what no endpoint is an answer to; ``endpoints``: the metadata of each."""
    if subset is None or is_unsound(subset, subset.match):
        return
    if not subset.match:
        document.report((*where, "match"), "is empty; it needs at least one entry")
    if len(subset.match) > MOST_KEYS:
        document.report((*where, "match"), f"has {len(subset.match)} entries; {MOST_KEYS} are the most")
    known = [one for one in endpoints if not is_unsound(one, *one.values())]
    for key, parts in subset.match.items():
        values = [one[key] for one in known if key in one]
        if not values:
            document.report((*where, "match", key), f"no endpoint has {key!r} among its metadata", at_key=True)
        elif not is_unsound(parts) and (fixed := _fixed(parts)) and fixed not in values:
            there = ", ".join(sorted(set(values))[:10])
            document.report((*where, "match", key), f"no endpoint has {key}: {fixed}; there are {there}")


def _fixed(parts: Sequence[bytes | str]) -> str:
    """The value that is the same for every request; empty: it is not."""
    return "" if any(isinstance(part, str) for part in parts) else b"".join(map(bytes, parts)).decode()  # type: ignore[arg-type]
