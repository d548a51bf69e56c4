"""What can be wrong with the versions of a service, and where they stand in the file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from fastgw.config.by_name import found_services
from fastgw.config.known import said
from fastgw.config.schema import Configuration, Route, Service, Version
from fastgw.config.source import Document, TreePath
from fastgw.config.unsound import is_missing, is_unsound

_OF_VERSIONS = ("version_by", "shadow", "rollout")  #: keys that mean nothing without versions


def parts(name: str, service: Service) -> Iterator[tuple[TreePath, Service | Version]]:
    """What has endpoints, or is code: each version of ``service``, or else itself, and its place in the file."""
    where: TreePath = ("services", name)
    if not service.versions:
        yield where, service
    for version, one in service.versions.items():
        yield (*where, "versions", version), one


def has_shadow(config: Configuration, route: Route) -> bool:
    """Does a service that ``route`` leads to have one?"""
    names = [route.service, *found_services(route, config), *(share.service for share in route.split)]
    found = [config.services.get(name) for name in names if isinstance(name, str)]
    return any(one is not None and bool(one.shadow) for one in found)


def check_versions(document: Document, where: TreePath, service: Service) -> None:
    """Report what stands beside versions, or needs some, and names of versions that are none."""
    versions = service.versions
    if is_missing(versions):
        for key in _OF_VERSIONS:
            if document.at((*where, key)) is not None:
                document.report((*where, key), "has no effect without versions", at_key=True)
        service.check_inside(document, where, service.endpoints, service.discovery)
        return
    for key in ("endpoints", "discovery", *service.about_code):
        if document.at((*where, key)) is not None:
            document.report((*where, key), "stands beside versions; each of them has its own", at_key=True)
    for name, version in versions.items():
        if not is_unsound(version):
            version.check_inside(document, (*where, "versions", name), version.endpoints, version.discovery)
    weights = [one.weight for one in versions.values()]
    if weights and not is_unsound(*versions.values(), *weights) and not any(weights):
        document.report((*where, "versions"), "no version has a weight above 0")
    if service.shadow is not None and not is_unsound(service.shadow, service.shadow.version):
        known(document, (*where, "shadow", "version"), service.shadow.version, versions)
    if service.rollout is not None and not is_unsound(service.rollout, service.rollout.steps, *service.rollout.steps):
        _check_plan(document, (*where, "rollout", "steps"), service.rollout.steps)


def _check_plan(document: Document, where: TreePath, steps: list[int]) -> None:
    if is_missing(steps):
        document.report(where, "is empty; it needs at least one step")
    for place, (one, other) in enumerate(pairwise(steps)):
        if other <= one:
            document.report((*where, place + 1), f"{other} % is no more than the step before it, {one} %")


def known(document: Document, where: TreePath, name: str, versions: dict[str, Version]) -> None:
    """Report ``name`` if no version has it."""
    if not is_unsound(versions) and name not in versions:
        document.report(where, f"no version named {said(document, where, name, versions)}")
