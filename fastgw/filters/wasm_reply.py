"""The answer of a guest, as the gateway has such, and the error where it fails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from fastgw.core.exchange.reply import Reply
from fastgw.core.wasm_counters import TRAPS
from fastgw.errors import DownstreamError, FilterUnavailableError, GatewayError
from fastgw.filters.wasm_stream import FIELDS_MAX, FRAMING
from fastgw.wasm.guest import LocalReply
from fastgw.wasm.interface import MapPair
from fastgw.wasm.traps import TRAP_CAUSES, WasmTrap
from fastgw.wire.fields import OWN_RESPONSE_FIELDS, is_own, is_token

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

_TYPE: Final = "text/plain; charset=utf-8"  #: where it says none


def made(reply: LocalReply) -> Reply:
    """The answer, without fields that are the gateway's.

    Raises:
        WasmTrap: it cannot be sent.
    """
    try:
        kind, fields = _fields(reply.fields)
        return Reply(reply.status, reply.body, kind, fields)
    except ValueError as error:
        raise WasmTrap(f"its answer cannot be sent: {error}") from None


def answered(reply: LocalReply) -> GatewayError:
    """What ends an exchange with the answer, where none can be returned.

    Raises:
        WasmTrap: as ``made``.
    """
    error = DownstreamError(403, "wasm_reply", "a filter of the gateway answered in the service's place")
    error.status = reply.status
    error.answer = made(reply)
    return error


def failed(exchange: Exchange, name: str, trap: WasmTrap) -> FilterUnavailableError:
    """Count that the module of the filter ``name`` has failed; what the client of ``exchange`` is told, and what the log is."""
    count_trap(exchange, trap)
    detail = f"the filter {name!r} of the gateway failed"
    return FilterUnavailableError(503, "wasm_failed", detail, reason=f"{trap.cause}: {trap}")


def count_trap(exchange: Exchange, trap: WasmTrap) -> None:
    """One more call has not returned."""
    exchange.plane.values[TRAPS + TRAP_CAUSES.index(trap.cause)] += 1


def _fields(given: Sequence[MapPair]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The type, and the others."""
    kind = _TYPE
    others: list[tuple[str, str]] = []
    for name, value in given:
        if name == b"content-type":
            kind = value.decode("latin-1")
        elif name[:1] != b":" and name not in FRAMING and not is_own(name, OWN_RESPONSE_FIELDS):
            if is_token(name) is None:
                raise ValueError(f"{name!r} is not the name of a header field")
            others.append((name.decode("latin-1"), value.decode("latin-1")))
    if sum(len(name) + len(value) + 4 for name, value in others) > FIELDS_MAX:
        raise ValueError(f"its fields have more than {FIELDS_MAX} bytes")
    return kind, tuple(others)
