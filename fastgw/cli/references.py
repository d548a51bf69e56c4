"""What a configuration refers to that is elsewhere: sources of members, registries that it registers in, clusters of etcd, each Redis,
sets of keys, who judges tokens and requests, the collector, brokers of MQTT.

``fastgw check --online`` tries all of it (``cli.tries``), and whoever looks for what is wrong with a gateway can.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastgw.cli.tries import Referred
from fastgw.config.spec import GatewaySpec


def references(spec: GatewaySpec) -> list[Referred]:
    """All that ``spec`` refers to, each once, with a try."""
    return list(_all(spec))


def _all(spec: GatewaySpec) -> Iterator[Referred]:
    if any(one.discovery is not None for one in spec.services):
        from fastgw.cli.source_tries import source_references

        yield from source_references(spec)
    if spec.registration is not None:
        from fastgw.cli.registration_tries import registration_references

        yield from registration_references(spec)
    if spec.filters or spec.telemetry is not None:
        from fastgw.cli.link_tries import link_references

        yield from link_references(spec)
    if spec.mqtt or any(one.adapter is not None for one in spec.routes):
        from fastgw.cli.broker_tries import broker_references

        yield from broker_references(spec)
