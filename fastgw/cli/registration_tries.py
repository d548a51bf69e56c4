"""Registries that a gateway registers in, tried once: without registering anything."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastgw.cli.tries import FailedError, Referred, Usable
from fastgw.config.spec import GatewaySpec
from fastgw.core.calls import Answered
from fastgw.core.sources import AgentSettings, EtcdSettings, RegistrationSettings
from fastgw.discovery.etcd_client import EtcdClient, encoded
from fastgw.discovery.listing import SourceError
from fastgw.discovery.nearby import counted
from fastgw.discovery.registries import calling, said

PROBE = "fastgw-check"  #: the end of the key that would be put


def registration_references(spec: GatewaySpec) -> Iterator[Referred]:
    """Each registry."""
    settings = spec.registration
    if not isinstance(settings, RegistrationSettings):
        return
    services = {one.service for one in settings.listeners} | {
        one.register_as for one in spec.services if one.register_as
    }
    if settings.etcd is not None:
        place = f"etcd {','.join(map(str, settings.etcd.endpoints))} {settings.etcd.prefix or '/'}"
        attempt = partial(_try_etcd, settings.etcd, sorted(services))
        yield Referred("etcd", place, (("registration", "etcd"),), attempt)
    if settings.consul is not None:
        place = f"consul {settings.consul.endpoint}"
        yield Referred("consul", place, (("registration", "consul"),), partial(_try_consul, settings.consul))


async def _try_etcd(settings: EtcdSettings, services: list[str]) -> Usable:
    """May a key of each service be put?  Under a condition that never holds: etcd looks at the rights of all that it would do."""
    client = EtcdClient(settings)
    with client.used():
        for service in services:
            key = encoded(f"{settings.prefix}/{service}/{PROBE}".encode())
            never = {"key": key, "target": "VERSION", "result": "EQUAL", "version": "-1"}
            put = {"requestPut": {"key": key, "value": encoded(b"inactive")}}
            try:
                await client.ask("/v3/kv/txn", {"compare": [never], "success": [put]})
            except SourceError as error:
                raise FailedError(error.cause, f"members of {service} cannot be registered: {error.detail}") from None
    return Usable(f"members of {counted(len(services), 'service')} may be registered")


async def _try_consul(settings: AgentSettings) -> Usable:
    """Is there an agent with a leader, and does it know the token?  What the token may do it says to nobody else."""
    try:
        with calling(settings.endpoint, settings.tls, settings.timeout) as caller:
            leader = await caller.call(b"GET", target="/v1/status/leader")
            _expect(leader, settings)
            if leader.body.strip() in (b"", b'""'):
                raise FailedError("unavailable", f"consul {settings.endpoint} has no leader")
            if not settings.token:
                return Usable("the agent answers; registering is not tried")
            fields = [(b"x-consul-token", settings.token.encode())]
            token = await caller.call(b"GET", fields, target="/v1/acl/token/self")
    except SourceError as error:
        raise FailedError(error.cause, error.detail) from None
    except ValueError as error:
        raise FailedError("denied", f"the token cannot be sent: {error}") from None
    if token.status == 401:  # "ACL support disabled"
        return Usable("the agent answers", ("it has no ACLs in use, so nobody looks at the token",))
    _expect(token, settings)
    return Usable("the agent answers and knows the token; registering is not tried")


def _expect(answer: Answered, settings: AgentSettings) -> None:
    """Raise FailedError if it is no 200."""
    if answer.status != 200:
        cause = "denied" if answer.status in (401, 403, 404) else "unavailable"
        raise FailedError(cause, f"consul {settings.endpoint} answered {answer.status}: {said(answer.body)}")
