"""Where each model leads, for ``/status``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastgw.config.spec import GatewaySpec


def models_document(spec: GatewaySpec) -> dict[str, Any]:
    """By name: the services that have it, what answers in its place, and the routes that lead to it."""
    return {
        one.name: {
            "services": [
                {"service": part.service, "weight": part.weight, "as": part.sent_as or None} for part in one.parts
            ],
            "fallback": [step.model for step in one.fallback],
            "routes": [route.name for route in spec.routes if one.name in route.models],
        }
        for one in spec.models
    }
