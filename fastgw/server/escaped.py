"""An exception that no callback has caught, which is a bug, as it is logged."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any, Final

ESCAPED: Final = "an exception escaped"


def fields_of(context: Mapping[str, Any]) -> dict[str, str]:
    """What is said of it; ``context``: as an event loop gives it to its exception handler."""
    error = context.get("exception")
    found = {"cause": str(context.get("message", "")), "error": repr(error)}
    return found | ({"traceback": "".join(traceback.format_exception(error))} if error is not None else {})
