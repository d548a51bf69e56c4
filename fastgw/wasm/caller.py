"""Who calls a function of the host, as that sees it: a ``WasmGuest``, which stands above."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from fastgw.wasm.interface import MapPair


class HostCaller(Protocol):
    """A guest; ``int`` that is returned is a status of the ABI."""

    program: Any  #: its ``WasmProgram``
    stream: Any  #: its ``HttpStream``; None: it is still being configured
    request_body: bytearray | None
    response_body: bytearray | None
    resumed: set[int]  #: kinds of streams that it has said to continue
    asks_for_ticks: bool

    def read(self, place: int, size: int) -> bytes | None:
        """Bytes of its memory; None: they are not all in it."""

    def write(self, place: int, data: bytes) -> int:
        """Write into its memory."""

    def write_number(self, place: int, number: int) -> int:
        """Write an u32."""

    def hand(self, data: bytes, data_at: int, size_at: int) -> int:
        """Give it ``data``, and write where and how much that is."""

    def answer(self, status: int, body: bytes, fields: Sequence[MapPair]) -> int:
        """It answers the exchange."""

    def known(self, path: bytes) -> bytes | None:
        """A property; None: there is none."""

    def keep(self, path: bytes, value: bytes) -> bool:
        """Have a property; False: there is no room."""

    def put_out(self, level: str, data: bytes) -> None:
        """Output, in lines or pieces of them."""

    def log(self, level: str, text: bytes) -> None:
        """A line of the log."""
