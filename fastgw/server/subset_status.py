"""What ``/status`` says of subsets; nothing where no endpoint has metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastgw.config.spec import ServiceSpec


def metadata_of_endpoint(spec: ServiceSpec | None, endpoint: str) -> dict[str, Any]:
    """The ``metadata`` of an endpoint of the configuration."""
    known = spec.members if spec is not None else ()
    found = next((one.metadata for one in known if str(one.address) == endpoint), ())
    return {"metadata": dict(found)} if found else {}


def subset_of_service(spec: ServiceSpec | None) -> dict[str, Any]:
    """By what requests are given to members, and for each value of a key the endpoints that have it."""
    if spec is None or spec.subset is None:
        return {}
    values: dict[str, dict[str, list[str]]] = {key: {} for key, _ in spec.subset.match}
    for endpoint in spec.members:
        for key, value in endpoint.metadata:
            if key in values:
                values[key].setdefault(value, []).append(str(endpoint.address))
    return {"subset": {"otherwise": spec.subset.otherwise, "match": values}}
