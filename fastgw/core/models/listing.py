"""The list of models, in the shape of each dialect: ``GET /v1/models``, ``GET /v1/models/{id}`` and Ollama's ``GET /api/tags``.

It has the names of the configuration, those that are patterns left out, and what members have said that these stand for; and for who may
not ask for all models those that he may.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import orjson

from fastgw.core.exchange.reply import Reply
from fastgw.core.models.rights import not_found, rights_of
from fastgw.wire.inference import ANTHROPIC, OLLAMA, dialect_of, model_in

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.routing.by_model import ByModel

_OWNER: Final = "fastgw"
_EPOCH: Final = "1970-01-01T00:00:00Z"  #: of models nobody here knows when they were made


class ModelList:
    """Answers for the models of one route; each shape is made when it is first asked for."""

    __slots__ = ("_bodies", "_found", "_told")

    def __init__(self, told: Callable[[], tuple[str, ...]] | None = None) -> None:
        """``told``: returns names beside those of the configuration; the same tuple until there are others.  None: there are never any."""
        self._told = told
        self._found: tuple[str, ...] = ()
        self._bodies: dict[str, bytes] = {}

    def answer(self, exchange: Exchange, models: ByModel[Any]) -> None:
        """Answer a request for the list, or for one model of it."""
        request = exchange.request
        path = request.matched_path
        dialect = dialect_of(path, request.header(b"anthropic-version"))
        name, rights = model_in(path), rights_of(exchange)
        if name:
            found = models.find(name)
            if found is None or (rights is not None and not rights.may(name, found[0].means)):
                exchange.fail(not_found(name, models, rights))
            else:
                exchange.reply(Reply(200, orjson.dumps(_one(dialect, name))))
            return
        more = self._more(models)
        if rights is not None:
            seen = rights.seen(models)
            seen += tuple([one for one in more if one not in seen and rights.may(one)])
            exchange.reply(Reply(200, orjson.dumps(_list(dialect, seen))))
            return
        body = self._bodies.get(dialect)
        if body is None:
            body = self._bodies[dialect] = orjson.dumps(_list(dialect, models.names + more))
        exchange.reply(Reply(200, body))

    def _more(self, models: ByModel[Any]) -> tuple[str, ...]:
        """The names that members have told of, and that requests may have."""
        if self._told is None:
            return ()
        found = self._told()
        if found is not self._found:
            self._found, self._bodies = found, {}
        return tuple([one for one in found if one not in models.names])


def _list(dialect: str, names: tuple[str, ...]) -> dict[str, Any]:
    found = [_one(dialect, name) for name in names]
    if dialect == ANTHROPIC:
        ends = {"first_id": names[0], "last_id": names[-1]} if names else {"first_id": None, "last_id": None}
        return {"data": found, "has_more": False, **ends}
    return {"models": found} if dialect == OLLAMA else {"object": "list", "data": found}


def _one(dialect: str, name: str) -> dict[str, Any]:
    if dialect == ANTHROPIC:
        return {"type": "model", "id": name, "display_name": name, "created_at": _EPOCH}
    if dialect == OLLAMA:
        return {"name": name, "model": name, "modified_at": _EPOCH, "size": 0, "digest": "", "details": {}}
    return {"id": name, "object": "model", "created": 0, "owned_by": _OWNER}
