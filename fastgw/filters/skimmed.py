"""Objects of bodies that a skim has passed, for those who need more of them than their bytes."""

from __future__ import annotations

from typing import Any

import orjson

from fastgw.errors import DownstreamError


def document_of(data: bytes) -> Any:
    """What ``data`` says, which a skim has passed, or a value of it.

    Raises:
        DownstreamError: 400, it has a number that is too large to be one (``1e400``): JSON allows such, and readers differ.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        why = str(error).partition(":")[0]
        raise DownstreamError(400, "json_malformed", f"the request body cannot be read: {why}") from None
