"""What the registry of transformers knows of each.

Annotations are not postponed here, nor in the files of the transformers (``config.model`` has the reason).
"""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

from fastgw.config.entry import Entry
from fastgw.config.model import alternative
from fastgw.config.source import Document, TreePath

SIDES: Final = ("input", "output")


class TransformerOptions(Entry):
    """The options of one transformer; a subclass is its entry.  A name alone is short for it with all defaults."""

    told_by: ClassVar[str] = "name"
    sides: ClassVar[
        tuple[str, ...]
    ]  #: "input", of requests, "output", of answers; of both it is told which; (): the entry does not know
    takes: ClassVar[tuple[str, ...]]  #: media types of what it is given; (): the entry does not know
    makes: ClassVar[tuple[str, ...]]  #: and of what it makes of that
    gathers: ClassVar[bool] = False  #: does it take bodies whole?
    is_last: ClassVar[bool] = (
        False  #: does it speak for the service, in both directions: behind it stand neither inputs nor outputs?
    )
    name: str

    @classmethod
    def long_form(cls, data: Any) -> Any:
        """A name alone."""
        return {"name": data} if isinstance(data, str) else data

    def given_for(self, side: str) -> dict[str, Any]:
        """The options as they are handed over where it stands on ``side``."""
        return self.given() | ({"side": side} if len(self.sides) > 1 else {})

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return alternative({"const": cls.word()}, schema, handler)


def placed(
    document: Document, where: TreePath, entries: Sequence[TransformerOptions]
) -> Iterator[tuple[TreePath, TransformerOptions]]:
    """``entries``, any of which may be unsound, each with its place: ``where`` itself if there is one without a list."""
    is_list = isinstance(document.at(where), list)
    for number, one in enumerate(entries):
        yield (*where, number) if is_list else where, one


def misfit(first: TransformerOptions, second: TransformerOptions) -> str:
    """Why ``second`` cannot take what ``first`` makes; empty: it can, or nobody knows."""
    if not first.makes or not second.takes or set(first.makes) & set(second.takes):
        return ""
    return f"takes {' or '.join(second.takes)}, and {first.name!r} in front of it makes {' or '.join(first.makes)}"
