"""Which requests are copied for a version; what a copy is: ``test_client``, and where it goes: ``core/snapshot/test_versions``."""

from __future__ import annotations

from typing import Any

from fastgw.core.mirror.shadow import Shadows


class Copied:
    """What copies."""

    services = ("shadow",)

    def copy(self, exchange: Any) -> str:
        """It does."""
        return f"a copy of {exchange.service.name}"


class Asked:
    """An exchange with a service."""

    def __init__(self, name: str) -> None:
        self.service = type("Named", (), {"name": name})


def test_a_request_is_copied_if_its_version_has_a_shadow() -> None:
    mirror: Any = Copied()
    shadows = Shadows({"a@v1": mirror, "a@v3": mirror})
    found: list[Any] = [shadows.copy(Asked(name)) for name in ("a@v1", "a@v2", "a@v3", "b")]  # type: ignore[arg-type]
    assert found == ["a copy of a@v1", None, "a copy of a@v3", None]
    assert shadows.services == ("shadow",)
