"""A transformer: answers of some media types in upper case, as they pass."""

from dataclasses import dataclass
from typing import Any

from fastgw.core.exchange.filter import BodyHook


class Upper:
    """``output: {name: "upper_transformer:Upper"}``, or ``text/upper`` where the package is installed."""

    @dataclass
    class Options:
        """What its keys may be in the configuration."""

        types: tuple[str, ...] = ("text/plain",)

    def __init__(self, name: str, options: Options) -> None:
        self.name = name
        self._types = [one.encode() for one in options.types]

    def transform_response(self, exchange: Any) -> BodyHook | None:
        """Called when an answer has a body: ``None`` lets it pass as it is."""
        kind = (exchange.response.header(b"content-type") or b"").partition(b";")[0].strip()
        return UpperBody() if kind in self._types else None


class UpperBody(BodyHook):
    """One body; of ASCII letters, so that no character is cut in two."""

    def feed(self, data: bytes) -> bytes:
        """More of it."""
        return data.upper()
