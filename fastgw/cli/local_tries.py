"""What a configuration needs of this machine, tried once: its addresses, room on disks, certificates and keys that end; and the gateway
that runs with it, if one does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fastgw.cli.tries import Expiry, FailedError, Referred, Usable
from fastgw.config.bind_spec import BindSpec, TlsSpec
from fastgw.config.source import TreePath
from fastgw.config.spec import GatewaySpec
from fastgw.config.tls import expiry
from fastgw.discovery.nearby import counted
from fastgw.errors import ConfigError
from fastgw.server.listening import bind

if TYPE_CHECKING:
    from fastgw.filters.key_file import ApiKey

ROOM_LEAST: Final = 256 << 20  #: bytes that shall be free where logs and the state are written
SHARE_LEAST: Final = 0.02  #: of the disk
KEYS_SHOWN: Final = 5  #: of one file, those that end first

Status = Mapping[str, Any]  #: what ``fastgw status --json`` has


def local_references(spec: GatewaySpec, status: Status | None) -> Iterator[Referred]:
    """``status``: of the gateway that runs with this configuration; None: none does, so its addresses must be free."""
    yield Referred("gateway", spec.admin_socket or spec.source, (("admin_socket",),), partial(_try_gateway, status))
    if status is None:
        for path, bound in _binds(spec):
            yield Referred("address", str(bound.address), ((*path, "address"),), partial(_try_address, bound))
    for path, file in _certificates(spec):
        yield Referred("certificate", file, (path,), partial(_try_certificate, file))
    for folder, at in sorted(_written(spec).items()):
        yield Referred("disk", folder, tuple(at), partial(_try_disk, folder))
    for one in spec.filters:
        if one.made_by == "fastgw.filters.api_key:ApiKeys":
            file = str(dict(one.options)["file"])
            yield Referred("api_keys", file, (("filters", one.name, "file"),), partial(_try_keys, file))


# -- the gateway -------------------------------------------------------------------------------------------------------


async def _try_gateway(status: Status | None) -> Usable:
    if status is None:
        return Usable("none runs with this configuration", ("no gateway runs with this configuration",))
    ready = sum(one["state"] == "ready" for one in status["workers"])
    said = f"runs, {ready} of {counted(len(status['workers']), 'worker')} ready, generation {status['generation']}"
    problems = [f"{one['severity']}: {one['about'] or 'the gateway'}: {one['cause']}" for one in status["problems"]]
    if status["last_reload"] and not status["last_reload"]["ok"]:
        problems.append(f"it refused the last reload and uses what was there before: {status['last_reload']['error']}")
    return Usable(said, tuple(problems), {"generation": status["generation"], "ready": ready})


# -- its addresses -----------------------------------------------------------------------------------------------------


def _binds(spec: GatewaySpec) -> Iterator[tuple[TreePath, BindSpec]]:
    for number, one in enumerate(spec.listeners):
        yield ("listeners", number), one.bind
    if spec.admin is not None:
        yield ("admin",), spec.admin.bind


async def _try_address(spec: BindSpec) -> Usable:
    """Take each of its places, as a gateway would, and let it go at once; nobody can connect meanwhile."""
    if not spec.places:
        raise FailedError("unresolved", f"{spec.address.host} has no address here")
    for place in spec.places:
        try:
            bind(place, 1, access=spec.access).close()
        except ConfigError as error:
            raise FailedError("bind", "; ".join(error.problems)) from None
    return Usable("is free")


# -- what expires ---------------------------------------------------------------------------------------------------------


def _certificates(spec: GatewaySpec) -> Iterator[tuple[TreePath, str]]:
    speaking: list[tuple[TreePath, TlsSpec | None]] = [
        (("listeners", number, "tls"), one.tls) for number, one in enumerate(spec.listeners)
    ]
    if spec.admin is not None:
        speaking.append((("admin", "tls"), spec.admin.tls))
    for path, tls in speaking:
        for one in tls.certificates if tls is not None else ():
            yield path, one.cert
    for service in spec.services:
        if service.tls is not None and service.tls.cert:
            yield ("services", service.name, "tls", "cert"), service.tls.cert


async def _try_certificate(file: str) -> Usable:
    end = expiry(file)
    return Usable("can be read", expiries=(Expiry(f"certificate {file}", end),) if end is not None else ())


async def _try_keys(file: str) -> Usable:
    keys = _keys(file)
    ends = sorted((one.expires, one.name) for one in keys if one.expires is not None and not one.is_disabled)
    expiries = tuple(Expiry(f"API key {name} of {file}", at) for at, name in ends[:KEYS_SHOWN])
    return Usable(counted(len(keys), "key"), (), {"keys": len(keys)}, expiries)


def _keys(file: str) -> Sequence[ApiKey]:
    from fastgw.filters.key_file import parse_keys

    try:
        with open(file, "rb") as opened:
            return parse_keys(opened.read())
    except OSError as error:
        raise FailedError("unreadable", f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise FailedError("content", f"{file} {error}") from None


# -- what is written ---------------------------------------------------------------------------------------------------


def _written(spec: GatewaySpec) -> dict[str, list[TreePath]]:
    """Folders by what of the file leads there."""
    found: dict[str, list[TreePath]] = {os.path.dirname(spec.state_file): [("state_file",)]} if spec.state_file else {}
    if spec.forecast is not None:
        found.setdefault(os.path.dirname(spec.forecast.store), []).append(("forecast",))
    for one in spec.filters:
        path = dict(one.options).get("path")
        if one.made_by in _LOGS and isinstance(path, str) and path.startswith("/"):
            found.setdefault(os.path.dirname(path), []).append(("filters", one.name, "path"))
    return found


#: What makes filters that write a file.
_LOGS: Final = frozenset({"fastgw.filters.access_log:access_log", "fastgw.filters.usage:Usage"})


async def _try_disk(folder: str) -> Usable:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FailedError("unwritable", f"{folder} is not there, or not for this user to write in")
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    share = disk.f_bavail / max(disk.f_blocks, 1)
    said = f"{free >> 20} MiB free, {share:.0%}"
    is_short = free < ROOM_LEAST or share < SHARE_LEAST
    return Usable(said, (f"only {said}: what is written may be lost",) if is_short else (), {"free": free})
