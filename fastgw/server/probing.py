"""Probes: each address of each endpoint that has a ``health`` is asked again and again, once for all workers, beside their requests.

A probe is a connection of its own.  What it finds is told to the workers as ``Finding``s of the kind ``HEALTH``, at each change: they leave
out whoever is not healthy while somebody is.  A member that was never probed is not healthy yet; one that stays through a reload keeps what
is known of it.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from fastgw.config.spec import GatewaySpec, HealthSpec, ServiceSpec
from fastgw.core.calls import AsMember, Caller, CallError
from fastgw.core.causes import excerpt
from fastgw.core.live.news import HEALTH, UNPROBED, Answer, Finding
from fastgw.core.settings import HTTP1, HTTP2, OFFERED, Address, Url
from fastgw.policy.health import HEALTHY, UNHEALTHY, HealthState
from fastgw.server.findings import MemberName
from fastgw.server.log import Log
from fastgw.server.standings import stamp
from fastgw.wire import grpc_health
from fastgw.wire.grpc import NOT_FOUND, UNIMPLEMENTED

AT_ONCE = 128  #: probes under way
BODY_MOST = 64 * 1024  #: bytes of an answer's body
JITTER = 0.1  #: part of an interval by which chance shortens it

Probe = Callable[["ProbeTarget"], Awaitable[None]]  #: raises CallError


class ProbeTarget(NamedTuple):
    """Whom to ask, and how."""

    settings: HealthSpec
    address: Address
    server_name: str
    authority: str  #: the Host of the endpoint
    context: ssl.SSLContext | None
    is_http2: bool = False  #: what it answers a GET over


class Probed:
    """One member, and the task that probes it."""

    def __init__(self, target: ProbeTarget) -> None:
        self.target = target
        self.health = HealthState()
        self.since = 0.0  #: monotonic; of the state
        self.cause = ""  #: why the last probe was bad, in a word; empty: it was not
        self.detail = ""
        self.probes = 0
        self.failures = 0
        self.task: asyncio.Task[None] | None = None


async def probe(target: ProbeTarget) -> None:
    """Ask once.

    Raises:
        CallError: it is not well, and why.
    """
    settings, address = target.settings, target.address
    is_tls = target.context is not None
    member = AsMember(target.context, target.server_name, address.path, settings.host or target.authority)
    url = Url(is_tls, address.host or "localhost", address.port or (443 if is_tls else 80), settings.path)
    if settings.type == "grpc":
        await _probe_call(settings, url, member)
        return
    kind = Caller
    if target.is_http2:
        from fastgw.core.grpc_calls import GrpcCaller as kind  # whose connections are of HTTP/2, whatever is called
    caller = kind(url, settings.timeout, BODY_MOST, as_member=member)
    if settings.type == "tcp":
        await caller.reach()
        return
    try:
        answer = await caller.call(b"GET", _fields(settings))
    finally:
        caller.close()
    if not any(first <= answer.status <= last for first, last in settings.status):
        raise CallError("status", f"it answered {answer.status}: {excerpt(answer.body)}")
    if settings.body and settings.body.encode() not in answer.body:
        raise CallError("body", f"{settings.body!r} is not in what it answered: {excerpt(answer.body)}")


def _fields(settings: HealthSpec) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in settings.headers]


async def _probe_call(settings: HealthSpec, url: Url, member: AsMember) -> None:
    """Ask once by gRPC."""
    from fastgw.core.grpc_calls import CallStatusError, GrpcCaller  # which nobody needs without such

    caller = GrpcCaller(url, settings.timeout, BODY_MOST, as_member=member)
    whose = f"the service {settings.service!r}" if settings.service else "the server"
    try:
        messages = await caller.ask(
            grpc_health.METHOD, [grpc_health.health_request(settings.service)], _fields(settings)
        )
        status = grpc_health.read_health(b"".join(messages))  # of one there is, and of none it is unknown
    except CallStatusError as error:
        if error.code == UNIMPLEMENTED:
            raise CallError("unimplemented", f"it has no service grpc.health.v1.Health: {error}") from None
        if error.code == NOT_FOUND:
            raise CallError("unknown_service", f"it does not know {whose}: {error}") from None
        raise
    except ValueError as error:
        raise CallError("broken", f"what it answered is no health: {error}") from None
    finally:
        caller.close()
    if status != grpc_health.SERVING:
        said = grpc_health.STATUSES[status] if status < len(grpc_health.STATUSES) else str(status)
        raise CallError("status", f"it says of {whose}: {said}")


def is_http2(service: ServiceSpec, health: HealthSpec) -> bool:
    """Whether probes that say something say it over HTTP/2; where requests may be sent over either they do not."""
    return health.type == "grpc" or (health.type == "http" and service.protocol == HTTP2)


class Probing:
    """The probes of one gateway."""

    def __init__(
        self,
        tell: Callable[[list[Finding]], None],
        log: Log,
        random: Callable[[], float],
        ask: Probe = probe,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``tell``: called with what has changed; ``random``: numbers of [0, 1); ``ask``: one probe; ``clock``: seconds."""
        self._tell = tell
        self._log = log
        self._random = random
        self._ask = ask
        self._clock = clock
        self._room = asyncio.Semaphore(AT_ONCE)
        self._contexts: dict[Any, ssl.SSLContext] = {}  # for ``_spec``
        self._spec: GatewaySpec | None = None
        self.known: dict[MemberName, Probed] = {}

    def keep(self, spec: GatewaySpec, answers: Mapping[str, Answer]) -> None:
        """Probe the members that this configuration has, and nobody else; what is known of those that stay stays.

        The files of TLS are read anew where it is another configuration, an equal one too, as workers do."""
        if spec is not self._spec:
            self._spec, self._contexts = spec, {}
        wanted = {
            name: target
            for one in spec.services
            if one.health is not None
            for name, target in self._targets(one, answers)
        }
        gone = [name for name in self.known if name not in wanted]
        for name in gone:
            self._end(self.known.pop(name))
        for name, target in wanted.items():
            found = self.known.get(name)
            if found is None:
                found = self.known[name] = Probed(target)
                found.since = self._clock()
            before, found.target = found.target, target  # its next probe is by this one
            if found.task is None or before._replace(context=target.context) != target:
                self._end(found)
                found.task = asyncio.get_running_loop().create_task(self._go_on(name, found))
        # All of it, for workers may have begun anew with a member whose TLS is another.
        self._tell(
            [self.finding(*one) for one in self.known.items()] + [Finding(*name, True, kind=HEALTH) for name in gone]
        )

    def close(self) -> None:
        """Probe nobody any more."""
        for one in self.known.values():
            self._end(one)

    def finding(self, name: MemberName, probed: Probed) -> Finding:
        """What workers are told of a member."""
        if probed.health.state == HEALTHY:
            return Finding(*name, True, kind=HEALTH)
        return Finding(*name, False, 0.0, probed.cause or UNPROBED, probed.detail or "no probe of it is over", HEALTH)

    def _targets(self, service: ServiceSpec, answers: Mapping[str, Answer]) -> list[tuple[MemberName, ProbeTarget]]:
        assert service.health is not None
        found = []
        for endpoint in service.members:
            address = endpoint.address
            hosts: tuple[str, ...] = (address.host,)
            if address.is_name:
                hosts = answers[address.host].addresses if address.host in answers else ()
            name = (service.tls.server_name if service.tls else "") or address.host or "localhost"
            authority = "localhost" if address.path else str(address)
            for host in hosts:
                place = address._replace(host=host)
                spoken = is_http2(service, service.health)
                target = ProbeTarget(service.health, place, name, authority, self._context(service), spoken)
                found.append(((service.name, str(address), str(place)), target))
        return found

    def _context(self, service: ServiceSpec) -> ssl.SSLContext | None:
        if service.tls is None or service.health is None:
            return None
        spoken = HTTP2 if is_http2(service, service.health) else HTTP1
        if service.health.type == "tcp":
            spoken = service.protocol  # who only connects agrees on what requests are sent over
        found = self._contexts.get((service.tls, spoken))
        if found is None:
            from fastgw.config.tls import client_context

            try:
                found = self._contexts[service.tls, spoken] = client_context(service.tls, OFFERED[spoken])
            except (OSError, ValueError) as error:
                # The workers have refused the configuration for that, or are about to: its file went in between.
                self._log.error("probes trust nobody", service=service.name, reason=str(error))
                found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return found

    def _end(self, probed: Probed) -> None:
        if probed.task is not None:
            probed.task.cancel()
            probed.task = None

    async def _go_on(self, name: MemberName, probed: Probed) -> None:
        while True:
            cause = detail = ""
            try:
                async with self._room:
                    await self._ask(probed.target)
            except CallError as error:
                cause, detail = error.cause, str(error)
            except OSError as error:
                cause, detail = "failed", str(error)
            except Exception as error:  # noqa: BLE001  whatever it is, the member is probed again
                cause, detail = "failed", repr(error)
            self._note(name, probed, cause, detail)
            await asyncio.sleep(probed.target.settings.interval * (1 - JITTER * self._random()))

    def _note(self, name: MemberName, probed: Probed, cause: str, detail: str) -> None:
        probed.probes += 1
        probed.failures += bool(cause)
        probed.cause, probed.detail = cause, detail
        before, began = probed.health.state, probed.since
        if not probed.health.note(not cause, probed.target.settings):
            return
        probed.since = self._clock()
        service, endpoint, address = name
        fields = {"service": service, "endpoint": endpoint}
        if address != endpoint:
            fields["address"] = address
        if probed.health.state == UNHEALTHY:
            self._log.warning("an endpoint is unhealthy", **fields, cause=cause, detail=detail)
        elif before == UNHEALTHY:
            self._log.info("an endpoint is healthy again", **fields, seconds=round(probed.since - began, 3))
        self._tell([self.finding(name, probed)])
        others = [one for (kin, _, _), one in self.known.items() if kin == service]
        if probed.health.state == UNHEALTHY and all(one.health.state != HEALTHY for one in others):
            self._log.warning("no endpoint of a service is healthy, so all are asked", service=service)

    # --- for ``/status`` and the metrics

    def of(self, name: MemberName, wall: float) -> dict[str, Any] | None:
        """What is known of a member; None: it is not probed.  ``wall``: the time in seconds since 1970."""
        probed = self.known.get(name)
        if probed is None:
            return None
        return {
            "state": probed.health.state,
            "since": stamp(wall - (self._clock() - probed.since)),
            "cause": probed.cause or None,
            "error": probed.detail or None,
            "probes": probed.probes,
            "failures": probed.failures,
        }
