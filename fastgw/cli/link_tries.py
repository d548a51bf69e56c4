"""A Redis, a set of keys, who judges tokens and requests, and the collector, tried once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from fastgw.cli.tries import FailedError, Referred, Usable
from fastgw.config.source import TreePath
from fastgw.config.spec import GatewaySpec
from fastgw.config.telemetry_spec import TelemetrySpec
from fastgw.core.calls import Caller, CallError
from fastgw.core.settings import KeySetSettings, RedisSettings
from fastgw.discovery.nearby import counted

SIGNALS: Final = ("traces", "metrics", "logs")


def link_references(spec: GatewaySpec) -> Iterator[Referred]:
    """All of them, each once."""
    for redis in spec.redis:
        yield Referred("redis", str(redis), _filters_with(spec, redis), partial(_try_redis, redis))
    for keys in spec.key_sets:
        yield Referred("keys", str(keys.url), _filters_with(spec, keys), partial(_try_keys, keys))
    for one in spec.filters:
        if one.made_by in _ASKED:
            options = dict(one.options)
            kind, attempt = _ASKED[one.made_by]
            yield Referred(
                kind, str(options["url"]), (("filters", one.name, "url"),), partial(attempt, one.name, options)
            )
    if spec.telemetry is not None:
        place = str(spec.telemetry.url)
        yield Referred("telemetry", place, (("telemetry", "otlp"),), partial(_try_collector, spec.telemetry))


def _filters_with(spec: GatewaySpec, wanted: object) -> tuple[TreePath, ...]:
    found = [("filters", one.name) for one in spec.filters if _has(one.options, wanted)]
    return tuple(found) or (("filters",),)


def _has(options: object, wanted: object) -> bool:
    if options == wanted:
        return True
    return isinstance(options, tuple) and any(_has(one, wanted) for one in options)


async def _try_redis(redis: RedisSettings) -> Usable:
    from fastgw.server.lease_script import SCRIPT
    from fastgw.server.redis import RedisError, connect

    try:
        connection = await connect(redis)
        try:
            await connection.ask("SCRIPT", "LOAD", SCRIPT)  # which it is asked before any limit
        finally:
            connection.close()
    except RedisError as error:
        raise FailedError(error.cause, f"{redis}: {error}") from None
    return Usable("it answers")


async def _try_keys(keys: KeySetSettings) -> Usable:
    from fastgw.server.key_sets import fetched

    try:
        found, left_out = await fetched(keys)
    except CallError as error:
        raise FailedError(error.cause, str(error)) from None
    warnings = [f"a key of it is not used: {one}" for one in left_out]
    facts = {"keys": len(found), "left_out": len(left_out)}
    return Usable(counted(len(found), "key"), tuple(warnings), facts)


async def _try_introspection(name: str, options: Mapping[str, Any]) -> Usable:
    """Ask about a token that nobody has."""
    from fastgw.filters.oauth2_introspection import OAuth2Introspection

    judge = OAuth2Introspection(name, options)
    try:
        judge.start(asyncio.get_running_loop())
        claims = await judge.ask(b"fastgw-check")
    except CallError as error:
        raise FailedError(error.cause, str(error)) from None
    finally:
        judge.stop()
    if "active" not in claims:
        raise FailedError("content", f"{options['url']} does not say whether a token is active (RFC 7662 section 2.2)")
    return Usable("it judges tokens")


async def _try_ext_authz(_: str, options: Mapping[str, Any]) -> Usable:
    """See whether a connection can be opened: what is said of a request is not for us to provoke."""
    try:
        await Caller(options["url"], options["timeout"], 0).reach()
    except CallError as error:
        raise FailedError(error.cause, str(error)) from None
    return Usable("it takes connections; no request was shown to it")


#: By what makes a filter that asks somebody: the kind, and the try.
_ASKED: Final[Mapping[str, tuple[str, Callable[[str, Mapping[str, Any]], Awaitable[Usable]]]]] = {
    "fastgw.filters.oauth2_introspection:OAuth2Introspection": ("introspection", _try_introspection),
    "fastgw.filters.ext_authz:ExtAuthz": ("ext_authz", _try_ext_authz),
}


async def _try_collector(telemetry: TelemetrySpec) -> Usable:
    """A message with nothing in it, of each kind that would be sent (an empty request is a valid one)."""
    from fastgw.server.collectors import NotNowError, RefusedError, collector_of

    wanted = [one for one in SIGNALS if getattr(telemetry, one) is not None]
    try:
        collector = collector_of(telemetry, b"fastgw")
        try:
            for signal in wanted:
                await collector.send(signal, b"", is_compressed=False)
        finally:
            collector.close()
    except RefusedError as error:
        raise FailedError("denied" if error.is_denied else "refused", str(error)) from None
    except NotNowError as error:
        raise FailedError("unavailable" if error.cause == "status" else error.cause, str(error)) from None
    return Usable(f"it takes {', '.join(wanted) or 'nothing, as nothing is sent'}", (), {"signals": wanted})
