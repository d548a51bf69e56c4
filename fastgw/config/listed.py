"""Members that are listed elsewhere, in a specification: who they are now is no matter of the file."""

from __future__ import annotations

from collections.abc import Mapping

from fastgw.config.spec import EndpointSpec, GatewaySpec, ServiceSpec

Lists = Mapping[str, tuple[EndpointSpec, ...]]  #: members by service


def with_lists(spec: GatewaySpec, lists: Lists) -> GatewaySpec:
    """``spec`` with the members that are listed now, by service; the same object where it says so already."""
    if not lists:
        return spec
    services = tuple([_with_list(one, lists) for one in spec.services])
    is_same = all(one is other for one, other in zip(services, spec.services, strict=True))
    return spec if is_same else spec._replace(services=services)


def without_sources(spec: GatewaySpec) -> GatewaySpec:
    """``spec`` as workers get it: where members are listed, with which password, is none of their business."""
    if all(one.discovery is None for one in spec.services):
        return spec
    services = [one if one.discovery is None else one._replace(discovery=()) for one in spec.services]
    return spec._replace(services=tuple(services))


def _with_list(service: ServiceSpec, lists: Lists) -> ServiceSpec:
    found = lists.get(service.name) if service.discovery is not None else None
    return service if found is None or found is service.listed else service._replace(listed=found)
