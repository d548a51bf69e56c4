"""The cache of a route that leads to models: what has one answer is asked for once.

    ModelChoice, the body is here ── ModelCache.choose ──┬──▶ the service itself      left to chance, too large, ``no-store``
                                                         └──▶ a ``CacheCarrier``      the rest is as in ``adapters.cache``

Beside the cache of other routes, this one goes by its own configuration, and not by what RFC 9111 says: model servers say nothing of how
long an answer is good, and who names a model in a POST has asked no cache.  What is asked for is known by its body as the service would
get it, to the byte; who asks, by all that filters and fields tell of it, unless ``shared``.

A fill asks the service alone.  What else may answer in its place stands behind each of those who wait (``_Behind``): whether the key of a
client may use that model, and what its body is in the dialect of that service, is its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastgw.adapters.cache import RouteCache
from fastgw.adapters.cache_key import is_ours, selected_of
from fastgw.adapters.cache_parts import BYPASS, MISS, NOTE
from fastgw.core import counters
from fastgw.core.labels import FALLBACK_CAUSES
from fastgw.core.models.asked import NOTE as NOTE_ASKED
from fastgw.policy.fallback import STATUS, cause_of
from fastgw.policy.freshness import Life, directives, names, wish
from fastgw.wire.fields import find_field
from fastgw.wire.lines import without_fields
from fastgw.wire.repeatable import is_repeatable, is_whole, suits_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastgw.adapters.cache_parts import Lookup
    from fastgw.adapters.stored import StoredAnswer
    from fastgw.core.cache_settings import CacheSettings
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.models.asked import AskedModel
    from fastgw.core.settings import RouteSettings
    from fastgw.core.snapshot.snapshot import Service
    from fastgw.errors import GatewayError
    from fastgw.policy.shelf import Selected
    from fastgw.routing.pattern import Pattern

ANY: Final = "any"  #: of ``CacheSettings.temperature``: chance does not matter
_CODINGS: Final = b"accept-encoding"
#: Fields by which the APIs of models tell what they are asked for, beside the body.
_MATTERS: Final = (
    b"anthropic-beta",
    b"anthropic-version",
    b"openai-beta",
    b"openai-organization",
    b"openai-project",
)
#: Of an answer that is kept.  Whatever else it has is of the one request that it was made for: its number, what is left of a limit.
_KEPT: Final = frozenset(
    {b"date", b"content-type", b"content-language", b"cache-control", b"vary", b"x-accel-buffering", b"openai-model"}
)
#: Notes by which an endpoint is chosen.
_CHOOSING: Final = (NOTE_ASKED, "prompt")


class _Behind:
    """What answers in the place of a service behind a cache: that which would without the cache (``exchange.fallback``)."""

    def __init__(self, service: Service) -> None:
        self._service = service

    @property
    def minds_answers(self) -> bool:
        """See ``StandIn``."""
        return bool(self._service.fallback.minds_answers)

    @property
    def services(self) -> list[Service]:
        """See ``StandIn``."""
        found: list[Service] = self._service.fallback.services
        return found

    def awaits_content(self, exchange: Exchange) -> bool:
        """See ``StandIn``."""
        return bool(self._service.fallback.awaits_content(exchange))

    def takes(self, exchange: Exchange, error: GatewayError) -> bool:
        """See ``StandIn``."""
        return self._is_taken(exchange, self._service.fallback.takes, cause_of(error.code), error)

    def takes_answer(self, exchange: Exchange) -> bool:
        """See ``StandIn``."""
        return self._is_taken(exchange, self._service.fallback.takes_answer, STATUS)

    def _is_taken(self, exchange: Exchange, takes: Callable[..., bool], cause: str, *error: GatewayError) -> bool:
        front, serial, plane = exchange.service, exchange.serial, exchange.plane
        is_taken = takes(exchange, *error)
        if exchange.serial == serial and exchange.service is not front:  # else it is over, or held
            plane.values[self._service.base + counters.SERVICE_FALLBACKS + FALLBACK_CAUSES.index(cause)] += 1
            lookup: Lookup = (exchange.notes or {})[NOTE]
            lookup.outcome = MISS  # whatever it has waited for: it costs what it costs
        return is_taken


class ModelCache(RouteCache):
    """What one route that leads to models has kept in this worker."""

    def __init__(
        self,
        name: str,
        slot: int,
        of: RouteSettings,
        settings: CacheSettings,
        memory: Any,
        decided_by: tuple[bytes, ...] = (),
    ) -> None:
        """See ``RouteCache``."""
        super().__init__(name, slot, of, settings, memory, decided_by)
        self._names = (*self._names, *_MATTERS)
        self._is_any = settings.temperature == ANY
        self._alone: dict[Service, Service] = {}

    # --- which service answers

    def choose(self, exchange: Exchange, service: Service) -> Service:
        """See ``RouteCache``: its model is known, and its body here."""
        asked: AskedModel | None = (exchange.notes or {}).get(NOTE_ASKED)
        if asked is None:  # the path asks for no model
            return service
        request = exchange.request
        # Most that pass by do so for what they ask, so that is looked at first.
        if (
            self._has_room(exchange)
            and is_repeatable(asked.operation.name, request.matched_path, exchange.body.whole(), is_any=self._is_any)
            and is_ours(request)
            and wish(request.header).may_be_kept
        ):
            return self._front(service)
        self.count(exchange, BYPASS)
        return service

    def _front(self, service: Service) -> Service:
        known = self._fronts.get(service)
        if known is not None:
            return known
        front = super()._front(service)
        streams = service.settings.streams
        if streams is not None:  # whoever fetches it waits for its first token
            front.settings = front.settings._replace(streams=streams._replace(first_token_timeout=0.0))
        if service.fallback is not None:
            front.fall_back(_Behind(service))
            front.resends = service.resends
            if service.keeps_post:
                front.keep_posts()
                once = front.settings.retry._replace(max_body=service.settings.retry.max_body)
                front.settings = front.settings._replace(retry=once)
        return front

    def _route(self, service: Service, pattern: Pattern | None) -> Any:
        """See ``RouteCache``: nobody else answers in the place of ``service`` there."""
        alone = service
        if service.fallback is not None:
            alone = self._alone.get(service) or service.falling_back(None)
            self._alone[service] = alone
        return super()._route(alone, pattern)

    # --- what is kept

    def prepare(self, copy: Exchange, original: Exchange) -> None:
        """See ``RouteCache``: the same endpoint is asked as without a cache, and for an answer that can be read."""
        for name in _CHOOSING:
            if original.notes is not None and name in original.notes:
                copy.note(name, original.notes[name])
        copy.request.edit((_CODINGS,), ((_CODINGS, b"identity"),))

    def told(self, fields: bytes) -> bytes:
        """See ``RouteCache``: no cookie, which would be one for several."""
        return without_fields(fields, (b"set-cookie",))

    def kept(self, fields: bytes) -> bytes:
        """See ``RouteCache``."""
        lines = [line for line in fields.split(b"\r\n") if line.partition(b":")[0].lower() in _KEPT]
        return b"\r\n".join([*lines, b""])

    def selected(self, exchange: Exchange, fields: bytes) -> Selected:
        """See ``RouteCache``: a coding was asked for by nobody."""
        return tuple(pair for pair in selected_of(exchange, fields) if pair[0] != _CODINGS)

    def judge(
        self, asked: Exchange, lookup: Lookup, status: int, fields: bytes, delay: float
    ) -> tuple[str, Life | None]:
        """See ``RouteCache``."""

        def field(name: bytes) -> bytes | None:
            return find_field(b"\r\n" + fields, name)

        said = directives(field(b"cache-control"))
        if b"no-store" in said or b"private" in said:
            return "private", None
        if b"*" in names(field(b"vary")):
            return "vary", None
        model: AskedModel = (asked.notes or {})[NOTE_ASKED]
        coding = field(b"content-encoding")
        is_read = coding is None or coding.strip(b" \t").lower() == b"identity"
        if status != 200 or not is_read or not suits_request(field(b"content-type"), is_stream=model.is_stream):
            return "", None
        now = asked.plane.clock()
        return "", Life(self.settings.ttl, 0.0, now, False, False, 0.0, None)

    def is_whole(self, item: StoredAnswer, body: bytes) -> bool:
        """See ``RouteCache``: one that was cut, tells of an error or was filtered is none that others should get."""
        return is_whole(item.header(b"content-type"), body)
