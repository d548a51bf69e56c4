"""A model that does 32 inputs in hardly more time than one: 4 ms a call, and 0.2 ms an input."""

from __future__ import annotations

import time
from typing import Any

CALL, ITEM = 0.004, 0.0002  #: seconds


class OneByOne:
    """Called with one input."""

    name = "one-by-one"

    def execute(self, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002 - as services are called
        """Take the time of one."""
        time.sleep(CALL + ITEM)
        return input


class Gathered:
    """Called with many."""

    name = "gathered"

    def execute_batch(self, inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Take the time of all."""
        time.sleep(CALL + ITEM * len(inputs))
        return inputs
