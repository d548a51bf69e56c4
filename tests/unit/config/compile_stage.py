"""What a worker makes of a text, with counters by the order of names."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastgw.config.chains import filter_names
from fastgw.config.compile import compile_snapshot
from fastgw.config.limited import limited
from fastgw.config.metered import keyed, metered
from fastgw.config.spec import GatewaySpec
from fastgw.core.live.registry import Registry
from fastgw.core.snapshot.snapshot import Route, Snapshot
from fastgw.server.slots import endpoint_names, list_names, route_names

TRACED = "telemetry: {otlp: 'http://127.0.0.1', traces: {}}\n"


@dataclass
class Slots:
    routes: dict[str, int] = field(default_factory=dict)
    services: dict[str, int] = field(default_factory=dict)
    endpoints: dict[tuple[str, str], int] = field(default_factory=dict)
    filters: dict[str, int] = field(default_factory=dict)
    models: dict[tuple[str, str], int] = field(default_factory=dict)
    limits: dict[tuple[str, str], int] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)


def slots(spec: GatewaySpec) -> Slots:
    names = route_names(spec)
    pairs = [*endpoint_names(spec), *list_names(spec)]
    return Slots(
        {name: n for n, name in enumerate(names)},
        {one.name: n for n, one in enumerate(spec.services)},
        {pair: n for n, pair in enumerate(pairs)},
        {name: n for n, name in enumerate(filter_names(spec))},
        {name: n for n, name in enumerate(metered(spec))},
        {name: n for n, name in enumerate(limited(spec))},
        {name: n for n, name in enumerate(keyed(spec))},
    )


def compiled(spec: GatewaySpec, registry: Registry, generation: int = 1) -> Snapshot:
    return compile_snapshot(spec, generation, slots(spec), registry, lambda: 0.25)


def match(snapshot: Snapshot, listener: str, host: bytes, path: bytes, **headers: str) -> Route | None:
    fields = {name.encode().replace(b"_", b"-"): value.encode() for name, value in headers.items()}
    return snapshot.listeners[listener].router.match(host, b"POST", path, fields.get)
