"""Which models a request may ask for, as a filter has found that knows who has sent it.

exchange.notes["model_rights"]   a ``ModelRights``; without one all models may be asked for

Rights are about names that stand in ``models`` of the configuration, and what is checked is what will be executed: the one name in a body
that was read whole, the default of one without a name, and each model that would answer in the place of another.  Who may not use a model
is told no more of it than of one that there is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from fastgw.errors import DownstreamError
from fastgw.routing.by_model import DEFAULT, ByModel

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

NOTE_RIGHTS: Final = "model_rights"


class ModelRights:
    """Names of models that may be asked for, and patterns for such."""

    __slots__ = ("_by_name", "names")

    def __init__(self, names: Iterable[str]) -> None:
        """``names``: of models, or with one ``*`` that stands for any text, none included."""
        self.names = tuple(dict.fromkeys(names))
        self._by_name = ByModel(dict.fromkeys(self.names, True))

    def __repr__(self) -> str:
        """The same for the same rights: what a cache keeps of an answer for this one."""
        return f"ModelRights({self.names!r})"

    def may(self, name: str, means: str = "") -> bool:
        """Whether the model may be used that was asked for as ``name``, which is another name of ``means``; empty: of none."""
        return self._by_name.find(name) is not None or (bool(means) and self._by_name.find(means) is not None)

    def seen(self, models: ByModel[Any]) -> tuple[str, ...]:
        """Of ``models``, whose choices say what they are another name of (``means``), the names that may be told: those without a
        pattern, and what is named here and a pattern there takes."""
        found = [one for one in models.names if self.may(one, models.choice(one).means)]
        named = [
            one for one in self._by_name.names if one not in found and one != DEFAULT and models.find(one) is not None
        ]
        return (*found, *named)


def rights_of(exchange: Exchange) -> ModelRights | None:
    """Those of the request; None: it may ask for any model."""
    notes = exchange.notes
    return None if notes is None else notes.get(NOTE_RIGHTS)


def not_found(name: str, models: ByModel[Any], rights: ModelRights | None) -> DownstreamError:
    """What is told of a model that there is not, or not for this client: the same in both cases; and the name most like it, of those that
    may be told."""
    nearest = models.nearest(name, None if rights is None else rights.seen(models))
    meant = f"; did you mean {nearest!r}?" if nearest else ""
    if rights is None:
        return DownstreamError(404, "model_not_found", f"the model {name!r} does not exist here{meant}")
    detail = f"the model {name!r} does not exist here, or this key may not use it{meant}"
    reason = f"the key may not use the model {name!r}" if models.find(name) is not None else ""
    return DownstreamError(404, "model_not_found", detail, reason=reason)
