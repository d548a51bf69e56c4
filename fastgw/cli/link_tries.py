"""A Redis, a set of keys and the collector, tried once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from fastgw.cli.tries import FailedError, Referred, Usable
from fastgw.config.source import TreePath
from fastgw.config.spec import GatewaySpec
from fastgw.config.telemetry_spec import TelemetrySpec
from fastgw.core.calls import CallError
from fastgw.core.settings import KeySetSettings, RedisSettings
from fastgw.discovery.nearby import counted

SIGNALS: Final = ("traces", "metrics", "logs")


def link_references(spec: GatewaySpec) -> Iterator[Referred]:
    """All of them, each once."""
    for redis in spec.redis:
        yield Referred("redis", str(redis), _filters_with(spec, redis), partial(_try_redis, redis))
    for keys in spec.key_sets:
        yield Referred("keys", str(keys.url), _filters_with(spec, keys), partial(_try_keys, keys))
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
