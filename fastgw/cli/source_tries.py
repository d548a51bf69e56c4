"""Sources of members, and clusters of etcd, tried once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

from fastgw.cli.tries import FailedError, Referred, Usable
from fastgw.config.likeness import nearest_word
from fastgw.config.source import TreePath
from fastgw.config.spec import GatewaySpec
from fastgw.core.sources import DiscoverySettings, EtcdSettings, SourceSettings
from fastgw.discovery.listing import Listing, SourceError
from fastgw.discovery.nearby import Near, counted, near
from fastgw.discovery.once import first_listing
from fastgw.discovery.registries import mapping
from fastgw.server.discovering import KINDS, SourceMaker

SHOWN: Final = 5  #: entries that are skipped, or names, in one line
TOLD: Final = 100  #: of those that tools are told


class Use(NamedTuple):
    """One service that has its members from a source."""

    path: TreePath
    where: tuple[tuple[str, str], ...]  #: metadata that they must have


def source_references(spec: GatewaySpec) -> Iterator[Referred]:
    """Each source once, whichever services ask for it; and each cluster of etcd that has several endpoints."""
    uses: dict[SourceSettings, list[Use]] = {}
    for path, discovery in discoveries(spec):
        for one in discovery.sources:
            uses.setdefault(one, []).append(Use((*path, KINDS[type(one)][2]), discovery.where))
    make = SourceMaker()
    clusters: dict[EtcdSettings, list[TreePath]] = {}
    for settings, users in uses.items():
        paths = tuple(one.path for one in users)
        place = str(make(settings))
        yield Referred(KINDS[type(settings)][2], place, paths, partial(_try_source, settings, users, make, place))
        if isinstance(settings, EtcdSettings) and len(settings.endpoints) > 1:
            clusters.setdefault(settings._replace(prefix=""), []).extend((*one, "endpoints") for one in paths)
    for cluster, at in clusters.items():
        place = "etcd " + ",".join(map(str, cluster.endpoints))
        yield Referred("etcd", place, tuple(at), partial(_try_cluster, cluster))


def discoveries(spec: GatewaySpec) -> Iterator[tuple[TreePath, DiscoverySettings]]:
    """What each service that has sources says of them, and where the file says so."""
    paths = service_paths(spec)
    for service in spec.services:
        if isinstance(service.discovery, DiscoverySettings):
            yield (*paths[service.name], "discovery"), service.discovery


def service_paths(spec: GatewaySpec) -> dict[str, TreePath]:
    """Where in the file each service stands, by its name; versions are services."""
    versions = {one.service: (of.name, "versions", one.name) for of in spec.versioned for one in of.versions}
    return {one.name: ("services", *versions.get(one.name, (one.name,))) for one in spec.services}


# -- one source --------------------------------------------------------------------------------------------------------


async def _try_source(settings: SourceSettings, users: list[Use], make: SourceMaker, place: str) -> Usable:
    try:
        listing = await first_listing(make(settings))
    except SourceError as error:
        told = ""
        if error.cause == "not_found":
            told = _told(await near(settings, None))
        raise FailedError(error.cause, error.detail + told) from None
    warnings = [*_nobody(await _near(settings, listing), listing), *_skipped(listing), *_filtered(listing, users)]
    count = len(listing.members)
    said = counted(count, "member") + (f" at {listing.revision}" if listing.revision else "")
    skipped = [{"entry": one.entry, "reason": one.reason} for one in listing.skipped[:TOLD]]
    facts = {"members": count, "revision": listing.revision, "skipped": len(listing.skipped), "entries": skipped}
    return Usable(said, tuple(warnings), facts)


async def _near(settings: SourceSettings, listing: Listing) -> Near | None:
    """What there is where nobody is listed; None: somebody is."""
    if listing.members:
        return None
    try:
        return await near(settings, listing)
    except SourceError as error:
        return Near(f"what else is there cannot be told: {error.detail}")


def _nobody(found: Near | None, listing: Listing) -> Iterator[str]:
    if found is not None:
        yield "it lists nobody" + ("" if listing.skipped and not found.said else _told(found))


def _told(found: Near) -> str:
    """A clause that goes on after a statement."""
    if not found.names:
        return f"; {found.said}" if found.said else ""
    meant = nearest_word(found.wanted, found.names)
    shown = ", ".join(found.names[:SHOWN]) + (
        f" and {len(found.names) - SHOWN} more" if len(found.names) > SHOWN else ""
    )
    return f"; {found.said} {shown}" + (f"; did you mean {meant!r}?" if meant else "")


def _skipped(listing: Listing) -> Iterator[str]:
    count = len(listing.skipped)
    if count:
        named = [f"{one.entry}: {one.reason}" for one in listing.skipped[:SHOWN]]
        more = f"; and {count - SHOWN} more" if count > SHOWN else ""
        yield f"{count} {'entry is no member' if count == 1 else 'entries are no members'}: {'; '.join(named)}{more}"


def _filtered(listing: Listing, users: list[Use]) -> Iterator[str]:
    """Services that keep nobody of it."""
    for one in users:
        if (
            not one.where
            or not listing.members
            or any(set(one.where) <= set(member.metadata) for member in listing.members)
        ):
            continue
        wanted = ", ".join(f"{name}: {value}" for name, value in one.where)
        there = sorted({pair for member in listing.members for pair in member.metadata if pair[0] in dict(one.where)})
        shown = ", ".join(f"{name}: {value}" for name, value in there[:SHOWN]) or "nothing of that name"
        yield f"{one.path[1]} keeps none of {counted(len(listing.members), 'member')} (where: {{{wanted}}}); there is {shown}"


# -- a cluster of etcd -------------------------------------------------------------------------------------------------


async def _try_cluster(cluster: EtcdSettings) -> Usable:
    """Each endpoint by itself: one that is dead is not noticed before the others are."""
    answers = await asyncio.gather(*(_asked(cluster, at) for at in range(len(cluster.endpoints))))
    errors = [one for one in answers if isinstance(one, SourceError)]
    good = [one for one in answers if not isinstance(one, SourceError)]
    if not good:
        raise FailedError(errors[-1].cause, f"none of {len(answers)} endpoints answers: {_joined(errors)}")
    ids = {one.cluster for one in good if one.cluster}
    if len(ids) > 1:
        detail = f"its endpoints belong to {len(ids)} clusters, so who is a member depends on which of them answers"
        raise FailedError("mixed", detail)
    warnings = [f"{len(errors)} of {len(answers)} endpoints cannot be asked: {_joined(errors)}"] if errors else []
    warnings += dict.fromkeys(f"etcd complains: {one}" for found in good for one in found.complaints)
    facts = {"endpoints": len(answers), "answering": len(good)}
    return Usable(f"{len(good)} of {len(answers)} endpoints answer", tuple(warnings), facts)


def _joined(errors: list[SourceError]) -> str:
    return "; ".join(dict.fromkeys(one.detail for one in errors))


class _Endpoint(NamedTuple):
    """What an endpoint says of itself."""

    cluster: int  #: its id; 0: it was not said
    complaints: tuple[str, ...]  #: such as that its disk is full, or that it sees no leader


async def _asked(cluster: EtcdSettings, at: int) -> _Endpoint | SourceError:
    """What endpoint ``at`` says, or why it says nothing."""
    from fastgw.discovery.etcd_client import EtcdClient, EtcdError, number

    client = EtcdClient(cluster._replace(endpoints=(cluster.endpoints[at],)))
    with client.used():
        try:
            found = await client.ask("/v3/maintenance/status", {})
            header, said = mapping(found.get("header")), found.get("errors")
            complaints = [one for one in said if isinstance(one, str)] if isinstance(said, list) else []
            return _Endpoint(number(header.get("cluster_id")), tuple(complaints))
        except EtcdError as error:
            # that somebody is denied is an answer too; of whom, the source itself says
            return _Endpoint(0, ()) if error.cause == "denied" else error
