"""Names for people of things that differ in more than is shown of them."""

from __future__ import annotations

from collections.abc import Sequence


def told_apart(names: Sequence[str]) -> list[str]:
    """``names``, and those that are several times the same with their number behind: what else tells them apart may be a secret."""
    return [
        name if names.count(name) == 1 else f"{name} #{names[:place].count(name) + 1}"
        for place, name in enumerate(names)
    ]
