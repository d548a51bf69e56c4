"""Services for processes of their own, which import this module, and not pytest with it: that was most of the time of a start."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

from fastgw.errors import DownstreamError


class Child:
    name = "child"

    def execute(self, input: dict[str, Any]) -> Any:
        if "raise" in input:
            raise KeyError("here")
        if "refuse" in input:
            raise DownstreamError(422, "json_unfit", "no", headers=(("x-a", "b"),))
        if "die" in input:
            os.kill(os.getpid(), signal.SIGKILL)
        return {"pid": os.getpid()}

    def close(self) -> None:
        pass


class Steps:
    name = "steps"

    def execute(self, input: dict[str, Any]) -> Iterator[Any]:
        yield from range(input["n"])


class Unmade:
    name = "unmade"

    def __init__(self) -> None:
        raise ValueError("no model")

    def execute(self, input: dict[str, Any]) -> Any:
        return {}


def item_of(one: dict[str, Any]) -> Any:
    """What an input of a batch is answered with."""
    if "raise" in one:
        return KeyError("this one")
    if "refuse" in one:
        return DownstreamError(422, "json_unfit", "not this")
    if "unfit" in one:
        return object()
    return {"n": one.get("n")}


class Plain:
    name = "plain"

    def execute_batch(self, inputs: list[dict[str, Any]]) -> list[Any]:
        if any("all" in one for one in inputs):
            raise KeyError("all")
        return [item_of(one) for one in inputs]
