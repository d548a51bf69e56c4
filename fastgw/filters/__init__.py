"""Floor 2: one file, one filter.  ``TYPES`` maps the ``type`` of the configuration to what makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastgw.core.exchange.filter import Filter
from fastgw.filters.access_log import AccessLog
from fastgw.filters.request_id import RequestId

FilterFactory = Callable[[str, Mapping[str, Any]], Filter]

TYPES: dict[str, FilterFactory] = {
    "request_id": RequestId,
    "access_log": AccessLog,
}
