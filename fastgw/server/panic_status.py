"""What ``/status`` and the metrics say of services all of whose members are asked because too few are well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastgw.config.spec import ServiceSpec
    from fastgw.server.findings import Findings
    from fastgw.server.gateway import Gateway


def panic_of_service(findings: Findings, spec: ServiceSpec | None) -> dict[str, Any]:
    """Of one; nothing where it has no ``panic_below``."""
    if spec is None or not spec.settings.panic_below:
        return {}
    return {"panic": findings.panic(spec.name)}


def panics(gateway: Gateway) -> dict[str, bool]:
    """Of each that has one, whether a worker asks all of its members."""
    services = gateway.current.spec.services if gateway.current is not None else ()
    findings = gateway.knowledge.findings
    return {one.name: findings.panic(one.name)["state"] == "on" for one in services if one.settings.panic_below}
