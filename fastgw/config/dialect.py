"""What the file says of the dialect that a service speaks: the API whose requests it understands.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

from typing import Annotated, Any, Final

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

from fastgw.config.model import Model, alternative, setting
from fastgw.config.types import count, words

SPOKEN: Final = ("openai", "anthropic")


class Dialect(Model):
    """The API of a service; its name alone is short for it with all defaults."""

    name: Annotated[str, words(*SPOKEN)] = setting(..., "The API that it speaks; requests of others are translated.")
    max_tokens: Annotated[int, count(1, 10_000_000)] = setting(
        4096, "Of anthropic: tokens that may be generated where an OpenAI client does not say how many."
    )
    max_tokens_as: Annotated[str, words("max_tokens", "max_completion_tokens")] = setting(
        "max_tokens", "Of openai: the key by which it is told how many may be generated."
    )

    @classmethod
    def long_form(cls, data: Any) -> Any:
        """The name alone."""
        return {"name": data} if isinstance(data, str) else data

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return alternative({"enum": list(SPOKEN)}, schema, handler)
