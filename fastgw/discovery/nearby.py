"""What there is beside a place where nobody is listed: who sees the others finds a prefix or a name that is written nearly so.

Looked for once, by ``fastgw check --online``; a source itself never asks any of this.  It asks nobody whom the source would not ask, and
what it may not see it says so of.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from fastgw.core.sources import (
    ConsulSettings,
    DnsSettings,
    EtcdSettings,
    FileSettings,
    KubernetesSettings,
    SourceSettings,
)
from fastgw.discovery.etcd_client import EtcdClient, EtcdError, decoded, encoded, number
from fastgw.discovery.listing import Listing, SourceError
from fastgw.discovery.look_ups import LookUpError
from fastgw.discovery.registries import calling, mapping, read_json, text

NAMES_MOST: Final = 64  #: that are looked at beside a place


class Near(NamedTuple):
    """What there is: a clause for people; or names, of which one may be meant."""

    said: str  #: "all 3 keys are out of rotation"; with names what stands in front of them, "there are the services"
    names: tuple[str, ...] = ()
    wanted: str = ""  #: what is in the file in the place of one of them


NOTHING: Final = Near("")


async def near(settings: SourceSettings, listing: Listing | None) -> Near:
    """What there is beside the place of a source which has listed no member, or, with None, is not there.

    Raises:
        SourceError: nobody says so.
    """
    look: Callable[[Any, Listing | None], Awaitable[Near]] = _LOOKS[type(settings)]
    return await look(settings, listing)


# -- etcd --------------------------------------------------------------------------------------------------------------


async def near_in_etcd(settings: EtcdSettings, listing: Listing | None, client: EtcdClient | None = None) -> Near:
    """Keys below the prefix that lie one level deeper, or are no members now; else the nearest level above that has any."""
    client = client if client is not None else EtcdClient(settings)
    prefix = settings.prefix.rstrip("/") + "/"
    with client.used():
        if listing is not None and listing.skipped:
            folders = [one for one in await _level(client, prefix) if one.endswith("/")]
            return (
                Near(f"the keys are one level deeper: under {prefix} there are", tuple(folders)) if folders else NOTHING
            )
        if count := await _count(client, prefix):
            return Near(f"all of {counted(count, 'key')} there are out of rotation")
        other = prefix.removeprefix("/")
        if count := await _count_if_allowed(client, other):
            return Near(f"there are keys under {other}, without the first slash, which is another place ({count})")
        return await _above(client, prefix)


async def _above(client: EtcdClient, prefix: str) -> Near:
    above = prefix
    while above:
        above = above[: above.rstrip("/").rfind("/") + 1]
        try:
            names = await _level(client, above)
        except EtcdError as error:
            if error.cause != "denied":
                raise
            return Near(f"what else is under {above or 'any prefix'} may not be read by this user")
        if names:
            wanted = prefix[len(above) :].partition("/")[0] + "/"
            return Near(f"under {above} there are" if above else "there are", tuple(names), wanted)
    return Near("there is no key at all")


async def _count_if_allowed(client: EtcdClient, prefix: str) -> int:
    try:
        return await _count(client, prefix)
    except EtcdError as error:
        if error.cause != "denied":
            raise
        return 0


async def _count(client: EtcdClient, prefix: str) -> int:
    begin = prefix.encode()
    question = {"key": encoded(begin), "range_end": encoded(_end(begin)), "count_only": True, "limit": "1"}
    return number((await client.ask("/v3/kv/range", question)).get("count"))


async def _level(client: EtcdClient, above: str) -> list[str]:
    """What comes behind ``above`` in keys, up to the next slash, each once: a question for each, however many keys it has."""
    base = above.encode()
    begin, end = base or b"\0", _end(base)
    names: list[str] = []
    while len(names) < NAMES_MOST:
        question = {"key": encoded(begin), "range_end": encoded(end), "limit": "1", "keys_only": True}
        kvs = (await client.ask("/v3/kv/range", question)).get("kvs")
        if not isinstance(kvs, list) or not kvs:
            break
        key = decoded(mapping(kvs[0]).get("key"))
        name, slash, _ = key[len(base) :].partition(b"/")
        names.append((name + slash).decode(errors="backslashreplace"))
        begin = base + name + b"0" if slash else key + b"\0"  # the character behind the slash
    return names


def _end(prefix: bytes) -> bytes:
    """The end of the range of keys that begin with ``prefix``, which ends with a slash; nothing: of all keys."""
    return prefix[:-1] + b"0" if prefix else b"\0"


# -- Consul ------------------------------------------------------------------------------------------------------------


async def near_in_consul(settings: ConsulSettings, listing: Listing | None) -> Near:
    """Instances that do not pass, or have other tags; else the names of services."""
    if listing is not None and listing.skipped:
        return NOTHING
    place = {name: value for name, value in (("dc", settings.datacenter), ("ns", settings.namespace)) if value}
    fields = [(b"x-consul-token", settings.token.encode())] if settings.token else []
    with calling(settings.endpoint, settings.tls, settings.timeout) as caller:

        async def ask(path: str) -> tuple[Any, bool]:
            """The value, and whether something is left out of it that the token may not see."""
            answer = await caller.call(b"GET", fields, target=f"{path}?{urlencode(place)}")
            if answer.status != 200:
                raise SourceError(
                    "denied" if answer.status in (401, 403) else "rejected", f"{path} answered {answer.status}"
                )
            is_filtered = b"true" in answer.values(b"x-consul-results-filtered-by-acls")
            return read_json(answer.body, path), is_filtered

        instances, is_hidden = await ask(f"/v1/health/service/{quote(settings.service, safe='')}")
        if isinstance(instances, list) and instances:
            return Near(_instances(instances, settings))
        services, is_filtered = await ask("/v1/catalog/services")
    if is_hidden or is_filtered or not services:
        return Near("the token may not see it, if it is there: Consul leaves out what a token has no service:read of")
    return Near("there are the services", tuple(sorted(mapping(services)))[:NAMES_MOST], settings.service)


def _instances(instances: list[Any], settings: ConsulSettings) -> str:
    passing = [
        one for one in instances if all(mapping(check).get("Status") == "passing" for check in _list(one, "Checks"))
    ]
    if not passing:
        return f"it has {counted(len(instances), 'instance')}, and none passes all its checks"
    tags = sorted({text(tag) for one in passing for tag in _list(mapping(one).get("Service"), "Tags")})
    missing = [f"the tags {', '.join(settings.tags)}"] if settings.tags else []
    missing += [f"what filter says ({settings.filter})"] if settings.filter else []
    have = f"; they have the tags {', '.join(tags[:NAMES_MOST]) or '(none)'}" if settings.tags else ""
    return f"{counted(len(passing), 'instance')} pass their checks, and none has {' and '.join(missing)}{have}"


def _list(value: object, name: str) -> list[Any]:
    found = mapping(value).get(name)
    return found if isinstance(found, list) else []


# -- DNS ---------------------------------------------------------------------------------------------------------------


async def near_in_dns(settings: DnsSettings, listing: Listing | None) -> Near:
    """Records of the other kind, or of the other family; else the name without its service."""
    from fastgw.discovery.resolver import look_up, look_up_targets  # 30 ms that other kinds do not pay

    name = settings.name

    async def addresses(of: str) -> tuple[str, ...]:
        try:
            return (await look_up(of, settings.servers, settings.timeout)).addresses
        except LookUpError:
            return ()

    if settings.port:
        if found := await addresses(name):
            return Near(f"it has no address of {settings.family}, but {', '.join(found[:4])}")
        try:
            targets = (await look_up_targets(name, settings.servers, settings.timeout)).targets
        except LookUpError:
            return NOTHING
        return Near(f"it has SRV records, of {counted(len(targets), 'target')}: leave port out") if targets else NOTHING
    if found := await addresses(name):
        return Near(f"it has no SRV records, but the address {found[0]}: give port with it")
    host = name
    while host.startswith("_"):
        host = host.partition(".")[2]
    if host and host != name and (found := await addresses(host)):
        return Near(f"{host} has the address {found[0]}, and no such SRV records: give name: {host} and port instead")
    return NOTHING


# -- files and Kubernetes ----------------------------------------------------------------------------------------------


async def near_file(settings: FileSettings, listing: Listing | None) -> Near:
    """Other files in its folder."""
    if listing is not None:
        return NOTHING
    folder, wanted = os.path.split(settings.path)
    try:
        with os.scandir(folder or ".") as entries:
            names = sorted(one.name for one in entries if not one.name.startswith(".") and one.is_file())
    except OSError as error:
        return Near(f"{folder or '.'} cannot be looked into: {error.strerror}")
    return (
        Near(f"in {folder} there are", tuple(names[:NAMES_MOST]), wanted) if names else Near(f"{folder} has no files")
    )


async def near_in_kubernetes(settings: KubernetesSettings, listing: Listing | None) -> Near:
    """Endpoints that are not ready; else the names of Services that have slices in the namespace."""
    if listing is not None and listing.skipped:
        return NOTHING
    from fastgw.discovery.kubernetes import SERVICE_LABEL, KubernetesSource

    namespace, items = await KubernetesSource(settings).neighbours()
    labels = [text(mapping(mapping(mapping(one).get("metadata")).get("labels")).get(SERVICE_LABEL)) for one in items]
    own = [one for one, label in zip(items, labels, strict=True) if label == settings.service]
    if own:
        count = sum(len(_list(one, "endpoints")) for one in own)
        return Near(
            f"it has {counted(count, 'endpoint')}, and none is ready"
            if count
            else "it has no pods: does its selector match any?"
        )
    names = sorted({one for one in labels if one})
    said = f"in the namespace {namespace} there are the Services" if names else f"the namespace {namespace} has none"
    return Near(said, tuple(names[:NAMES_MOST]), settings.service)


def counted(count: int, what: str) -> str:
    """Such as "3 members"."""
    return f"{count} {what}" + ("" if count == 1 else "s")


_LOOKS: Final[dict[type, Callable[..., Awaitable[Near]]]] = {
    EtcdSettings: near_in_etcd,
    ConsulSettings: near_in_consul,
    DnsSettings: near_in_dns,
    FileSettings: near_file,
    KubernetesSettings: near_in_kubernetes,
}
