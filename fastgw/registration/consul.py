"""Entries as services of an agent of Consul, each with a check that must be told that all is well (TTL).

As HashiCorp documents it (developer.hashicorp.com/consul/api-docs/agent/service and .../agent/check):

- ``PUT /v1/agent/service/register`` registers, or registers again what has the same ID; its check begins with the ``Status`` it says
- ``PUT /v1/agent/check/update/ID`` says that all is well; without that within the TTL the check is critical, so the instance is not
  passing, and after ``DeregisterCriticalServiceAfter`` (a minute at least) the agent takes the service away
- an agent that does not know a check says 404; before Consul 1.11 it is 500 with words

The ID is ``SERVICE@ADDRESS``, so who starts again replaces what a ``kill -9`` left.  The notes of the check have a mark of whoever
registered it last: only its own are taken away, and not those of a successor at the same address.

It never ran against a real Consul, but against a stand-in that keeps these rules.
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

from fastgw.core.calls import Answered, AsMember, Caller, CallError
from fastgw.core.settings import Url
from fastgw.core.sources import AgentSettings, is_consul_name
from fastgw.discovery.client_tls import tls_context
from fastgw.discovery.listing import ListedMember, SourceError
from fastgw.discovery.registries import mapping, read_json, said
from fastgw.registration.registry import RegisteredMember, RegisteredName, time_to_live

PORT: Final = 8500
CRITICAL_LEAST: Final = 60.0  #: seconds, of Consul itself
ANSWER_MOST: Final = 1024 * 1024  #: bytes
NOTES: Final = "registered by fastgw, "  #: and the mark


class ConsulRegistry:
    """Services of one agent."""

    def __init__(self, settings: AgentSettings, ttl: float, mark: str = "") -> None:
        """Nothing is asked yet.

        Args:
            ttl: seconds.
            mark: of the predecessor whose services these are.

        Raises:
            ValueError: it cannot be asked so.
        """
        if settings.deregister_after < CRITICAL_LEAST:
            raise ValueError(f"Consul takes no service away before it was critical for {CRITICAL_LEAST:g} s")
        self.ttl = time_to_live(ttl)
        self._settings = settings
        self._mark = mark or secrets.token_hex(8)
        self._caller: Caller | None = None
        self._users = 0

    def __str__(self) -> str:
        return f"consul {self._settings.endpoint}"

    # -- see ``MemberRegistry``

    @contextmanager
    def used(self) -> Iterator[None]:
        """See ``MemberRegistry``."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._forget()

    def mark(self) -> str:
        """See ``MemberRegistry``."""
        return self._mark

    async def put(self, entries: Sequence[RegisteredMember]) -> None:
        """See ``MemberRegistry``."""
        for entry in entries:
            await self._said("/v1/agent/service/register", self._definition(entry), entry.service)

    async def renew(self, entries: Sequence[RegisteredMember]) -> Sequence[RegisteredMember]:
        """See ``MemberRegistry``."""
        lost = []
        for entry in entries:
            target = f"/v1/agent/check/update/{quote(check_id(entry.name), safe='')}"
            answer = await self._ask(b"PUT", target, {"Status": "passing", "Output": "it serves"})
            if _is_unknown(answer):
                lost.append(entry)
            elif answer.status != 200:
                raise self._refusal(answer, entry.service)
        return lost

    async def remove(self, names: Sequence[RegisteredName]) -> None:
        """See ``MemberRegistry``."""
        for name in names:
            number = quote(service_id(name), safe="")
            about = await self._ask(b"GET", f"/v1/agent/health/service/id/{number}")  # 429, 503: it is not passing
            if about.status in (200, 429, 503) and not self._is_ours(about, name):
                continue
            answer = await self._ask(b"PUT", f"/v1/agent/service/deregister/{number}")
            if answer.status != 200 and not _is_unknown(answer):
                raise self._refusal(answer, name.service)

    async def leave(self, names: Sequence[RegisteredName]) -> None:
        """See ``MemberRegistry``."""
        await self.remove(names)

    # -- what is said

    def _definition(self, entry: RegisteredMember) -> dict[str, Any]:
        member, name = entry.member, entry.name
        return {
            "ID": service_id(name),
            "Name": entry.service,
            "Address": member.address.host,
            "Port": member.address.port,
            "Tags": list(self._settings.tags),
            "Meta": meta_of(member),
            "Weights": {"Passing": member.weight, "Warning": 1},
            "Check": {
                "CheckID": check_id(name),
                "Name": "registration",
                "Notes": NOTES + self._mark,
                "TTL": f"{math.ceil(self.ttl * 1000)}ms",
                "Status": "passing",  # it is, or it would not be registered: without it the first answer would be critical
                "DeregisterCriticalServiceAfter": f"{math.ceil(self._settings.deregister_after)}s",
            },
        }

    def _is_ours(self, answer: Answered, name: RegisteredName) -> bool:
        """Does the check of a service have our mark?  One without a check of ours was put there by somebody else."""
        found = mapping(read_json(answer.body, str(self))).get("Checks")
        checks = [mapping(one) for one in found] if isinstance(found, list) else []
        return any(one.get("CheckID") == check_id(name) and one.get("Notes") == NOTES + self._mark for one in checks)

    async def _said(self, target: str, message: Mapping[str, Any], service: str) -> None:
        answer = await self._ask(b"PUT", target, message)
        if answer.status != 200:
            raise self._refusal(answer, service)

    async def _ask(self, method: bytes, target: str, message: Mapping[str, Any] | None = None) -> Answered:
        token = self._settings.token
        fields = [(b"x-consul-token", token.encode())] if token else []
        body = b"" if message is None else json.dumps(message).encode()
        try:
            return await self._opened().call(method, fields, body, target)
        except ValueError as error:
            raise SourceError("denied", f"the token of {self} cannot be sent: {error}") from None
        except CallError as error:
            if error.cause == "tls":
                self._forget()  # its files are read again for the next question
            raise SourceError(error.cause, str(error)) from None

    def _refusal(self, answer: Answered, service: str) -> SourceError:
        detail = f"{self} answered {answer.status}: {said(answer.body)}"
        if answer.status in (401, 403):
            return SourceError("denied", f'{detail}; the token needs service:write of "{service}"')
        return SourceError("unavailable" if answer.status == 429 or answer.status >= 500 else "rejected", detail)

    def _opened(self) -> Caller:
        if self._caller is None:
            (is_tls, host, port), tls = self._settings.endpoint, self._settings.tls
            member = AsMember(tls_context(tls) if is_tls else None, tls.server_name or host)
            url = Url(is_tls, host, port, "/")
            self._caller = Caller(url, self._settings.timeout, ANSWER_MOST, as_member=member)
        return self._caller

    def _forget(self) -> None:
        caller, self._caller = self._caller, None
        if caller is not None:
            caller.close()


def service_id(name: RegisteredName) -> str:
    """What the service of an entry is called; once in an agent."""
    return f"{name.service}@{name.address}"


def check_id(name: RegisteredName) -> str:
    """What its check is called."""
    return f"service:{service_id(name)}"


def meta_of(member: ListedMember) -> dict[str, str]:
    """Its metadata as Consul has them, with the zone; without names that Consul does not take (``odd_names``)."""
    zone = {"zone": member.zone} if member.zone else {}
    return {name: value for name, value in {**dict(member.metadata), **zone}.items() if is_consul_name(name)}


def odd_names(metadata: Iterable[str]) -> list[str]:
    """Those of the names that Consul does not take."""
    return [name for name in metadata if not is_consul_name(name)]


def _is_unknown(answer: Answered) -> bool:
    """Does the agent not know what it is asked about?"""
    return answer.status == 404 or (
        answer.status == 500 and (b"nknown" in answer.body or b"does not have associated TTL" in answer.body)
    )
