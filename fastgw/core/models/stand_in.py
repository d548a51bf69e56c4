"""A model that answers in the place of another, whose service cannot: the same request, with the name that this one has there."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from fastgw.core.exchange.beginnings import hold
from fastgw.core.exchange.fallback import SERVICE, StandIn
from fastgw.core.models.asked import NOTE
from fastgw.core.models.body import rename
from fastgw.core.models.rights import rights_of
from fastgw.errors import GatewayError

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.snapshot.snapshot import Service


AGAIN: Final = "translate_again"  #: the note of who translates (``transformers.dialects``), if what stands in may speak another dialect


class ModelStandIn(StandIn):
    """One model of a fallback, and those behind it."""

    __slots__ = ("_means", "_model", "_sent_as")

    def __init__(
        self,
        service: Service,
        model: str,
        means: str,
        sent_as: str,
        on: Collection[str],
        statuses: Collection[int],
        then: StandIn | None = None,
    ) -> None:
        """``service``: the model's, standing in with ``then``; ``model``: its name here, and the one that this ``means``, or nothing;
        ``sent_as``: the name that it has there; else as ``StandIn``."""
        StandIn.__init__(self, SERVICE, service, on, statuses, then)
        self._model = model
        self._means = means
        self._sent_as = sent_as

    @property
    def minds_answers(self) -> bool:
        """See ``StandIn``: streams are, until they have content."""
        return True

    def takes_answer(self, exchange: Exchange) -> bool:
        """See ``StandIn``."""
        return StandIn.takes_answer(self, exchange) or hold(exchange)

    def awaits_content(self, exchange: Exchange) -> bool:
        """See ``StandIn``."""
        step: StandIn | None = self
        while step is not None:
            is_meant = bool(step._statuses) or not step._on.isdisjoint(("reset", "timeout"))
            if is_meant and step._can(exchange, is_unsent=False):
                return True
            step = step._then
        return False

    def _can(self, exchange: Exchange, *, is_unsent: bool) -> bool:
        """Whether there is time for it, the body is still here, and whoever asks may use this model, too.

        A request that was sent is asked again here: who lists models that answer for another says that this may be."""
        if exchange.last and exchange.plane.now >= exchange.last:
            return False
        rights = rights_of(exchange)
        if rights is not None and not rights.may(self._model, self._means):
            return False
        return is_unsent or not exchange.request.has_body or (exchange.body.is_done and exchange.body.is_kept)

    def _ask(self, exchange: Exchange, cause: str, code: str) -> None:
        translator = None if exchange.notes is None else exchange.notes.get(AGAIN)
        try:
            if translator is None:
                rename(exchange, self._sent_as)
            else:
                translator.translate_again(exchange, self.service, self._sent_as)
            _tell(exchange, self._sent_as)
        except GatewayError as error:
            exchange.fail(error)
            return
        StandIn._ask(self, exchange, cause, code)


def _tell(exchange: Exchange, sent_as: str) -> None:
    """Let who chooses an endpoint know the name that its service is told now."""
    asked = exchange.notes.get(NOTE) if exchange.notes is not None else None
    if asked is not None:
        asked.sent_as = sent_as
