"""What the registry of transformers knows of each.

Annotations are not postponed here, nor in the files of the transformers (``config.model`` has the reason).
"""

from typing import Any, ClassVar

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

from fastgw.config.entry import Entry
from fastgw.config.model import alternative


class TransformerOptions(Entry):
    """The options of one transformer; a subclass is its entry.  A name alone is short for it with all defaults."""

    told_by: ClassVar[str] = "name"
    side: ClassVar[str]  #: "input", of requests, or "output", of answers; empty: the entry does not know
    takes: ClassVar[tuple[str, ...]]  #: media types of what it is given
    makes: ClassVar[tuple[str, ...]]  #: and of what it makes of that
    name: str

    @classmethod
    def long_form(cls, data: Any) -> Any:
        """A name alone."""
        return {"name": data} if isinstance(data, str) else data

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return alternative({"const": cls.word()}, schema, handler)
