"""Which models the members of services have: read from the lists that each gives itself, ``GET /v1/models``.

    {"object": "list", "data": [{"id": "llama", "object": "model", ...}, {"id": "lora-sql", "parent": "llama", ...}]}

Ollama's ``/api/tags`` is read too: ``{"models": [{"name": "llama3:8b", ...}]}``.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import orjson

from fastgw.config.spec import ModelListsSpec, ServiceSpec
from fastgw.server.member_pages import MemberPages
from fastgw.wire.inference import MODEL_MAX

MOST: Final = 4096  #: models of one member


class MemberModels(MemberPages[tuple[str, ...]]):
    """All of the configuration in use."""

    accepts: ClassVar[bytes] = b"application/json"
    failed: ClassVar[str] = "a member does not say which models it has"
    works: ClassVar[str] = "a member says which models it has again"

    def terms(self, service: ServiceSpec) -> ModelListsSpec | None:
        """See ``MemberPages``."""
        return service.model_lists

    def read(self, service: ServiceSpec, body: bytes) -> tuple[str, ...]:
        """See ``MemberPages``."""
        return names_in(body)

    def said(self, page: tuple[str, ...]) -> dict[str, Any]:
        """See ``MemberPages``."""
        return {"models": [*page]}


def names_in(body: bytes) -> tuple[str, ...]:
    """The names of the models that a list has, sorted.

    Raises:
        ValueError: it is none, or names too many.
    """
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ValueError("it is no JSON") from None
    for key, name in (("data", "id"), ("models", "name")):
        listed = said.get(key) if isinstance(said, dict) else None
        if isinstance(listed, list):
            found = {one.get(name) for one in listed if isinstance(one, dict)}
            names = sorted(one for one in found if isinstance(one, str) and 0 < len(one.encode()) <= MODEL_MAX)
            if len(names) > MOST:
                raise ValueError(f"it has more than {MOST} models")
            return tuple(names)
    raise ValueError("it has neither data nor models, a list each")
