"""Where entries are kept: what a registry of members is asked for, whichever it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final, NamedTuple, Protocol
from urllib.parse import urlsplit

from fastgw.core.settings import Address
from fastgw.core.sources import RegistryUrl
from fastgw.discovery.listing import ListedMember, SourceError

TTL_LEAST: Final = 2.0  #: seconds; etcd does not keep shorter ones apart

_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}")


class RegisteredName(NamedTuple):
    """What an entry is known by."""

    service: str
    address: Address

    def __str__(self) -> str:
        return f"{self.service}/{self.address}"


class RegisteredMember(NamedTuple):
    """A member of a service, as it is registered."""

    service: str  #: as ``service_name`` has it
    member: ListedMember

    @property
    def name(self) -> RegisteredName:
        """What it is known by."""
        return RegisteredName(self.service, self.member.address)


class LostError(SourceError):
    """Everything that was put is gone from the registry: its lease is."""


class MemberRegistry(Protocol):
    """One registry, as ``Registrar`` uses it: what is put is gone by itself ``ttl`` seconds after the last ``renew``.

    Each of these raises SourceError where the registry has no answer, or says no; then nobody knows whether it was done.
    """

    ttl: float  #: seconds

    def used(self) -> AbstractContextManager[None]:
        """Keep connections meanwhile."""
        ...

    def mark(self) -> str:
        """What says that entries are ours: with it, a successor takes them over.  Empty: there are none."""
        ...

    async def put(self, entries: Sequence[RegisteredMember]) -> None:
        """Have them be there as they are now.  Raises LostError: none of those that were put before is."""
        ...

    async def renew(self, entries: Sequence[RegisteredMember]) -> Sequence[RegisteredMember]:
        """Let them stay; return those that somebody has taken away.  Raises LostError: none is there."""
        ...

    async def remove(self, names: Sequence[RegisteredName]) -> None:
        """Have them be gone, unless somebody else has registered them since."""
        ...

    async def leave(self, names: Sequence[RegisteredName]) -> None:
        """The same, where these are all."""
        ...


def service_name(text: str) -> str:
    """``text`` if a service can be registered as that.  Raises ValueError."""
    if not _SERVICE.fullmatch(text):
        raise ValueError(f"{text!r} is no name of a service: letters, digits, and . _ - @ inside it")
    return text


def time_to_live(seconds: float) -> float:
    """``seconds`` if a registry can keep it.  Raises ValueError."""
    if not seconds >= TTL_LEAST:
        raise ValueError(f"a time to live of {seconds:g} s is less than {TTL_LEAST:g} s")
    return seconds


def endpoint_of(text: str, port: int, what: str) -> RegistryUrl:
    """Where a registry is asked; ``port``: where the URL has none.  Raises ValueError."""
    url = urlsplit(text.strip())
    is_plain = url.scheme in ("http", "https") and url.path in ("", "/") and not (url.query or url.username)
    if not is_plain or not url.hostname:
        raise ValueError(f"{text!r} is no endpoint of {what} such as http://127.0.0.1:{port}")
    return RegistryUrl(url.scheme == "https", url.hostname, url.port or port)
