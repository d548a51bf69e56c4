"""What ``/status`` tells of limits of models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastgw.core import limit_counters as rows


def limits_document(filter_name: str, blocks: Mapping[tuple[str, str], Sequence[int]]) -> dict[str, Any]:
    """Of one filter, where ``blocks`` are the counters of all limits, by filter and limit; nothing of one that has none.

    Reserved and charged are in the unit of the limit; of cost in millionths.  Those that other filters have said are last, if there were
    any.
    """
    found = {
        limit: {
            "refused": block[rows.REFUSED],
            "too_large": block[rows.TOO_LARGE],
            "reserved": block[rows.RESERVED],
            "charged": block[rows.CHARGED],
            "cut": block[rows.CUT],
        }
        for (name, limit), block in blocks.items()
        if name == filter_name and (limit != rows.NOTED or any(block))
    }
    return {"limits": found} if found else {}
