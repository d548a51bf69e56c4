"""A module that is ready to be instances, with its configuration and the bounds of these."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from fastgw.wasm.binding import WasmEngine, WasmModule
from fastgw.wasm.hostcalls import found_function
from fastgw.wasm.interface import ALLOCATE, EXPORTS, MALLOC, MARKERS
from fastgw.wasm.sections import FUNCTION, HostFunction, Imported, Sections, Signature
from fastgw.wasm.shared import SharedData
from fastgw.wasm.ticker import Ticker, ticks_of
from fastgw.wasm.traps import WasmError

PAGE: Final = 65536
MEMORY_MAX: Final = 64 << 20  #: bytes that any instance may have
ELEMENTS_MAX: Final = 65536  #: places in its tables
INSTANCES_MAX: Final = 1000  #: of one worker at one time

#: Exports that are called, and in how many ways: letters of what they may take; what they return.
_CALLED: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "proxy_on_memory_allocate": (("i",), ("i",)),
    "malloc": (("i",), ("i",)),
    "_initialize": (("",), ("",)),
    "_start": (("",), ("",)),
    "main": (("ii", ""), ("i",)),
    "proxy_on_context_create": (("ii",), ("",)),
    "proxy_on_vm_start": (("ii",), ("i",)),
    "proxy_on_configure": (("ii",), ("i",)),
    "proxy_on_request_headers": (("iii", "ii"), ("i",)),
    "proxy_on_request_body": (("iii",), ("i",)),
    "proxy_on_request_trailers": (("ii",), ("i",)),
    "proxy_on_response_headers": (("iii", "ii"), ("i",)),
    "proxy_on_response_body": (("iii",), ("i",)),
    "proxy_on_response_trailers": (("ii",), ("i",)),
    "proxy_on_done": (("i",), ("i",)),
    "proxy_on_log": (("i",), ("",)),
    "proxy_on_delete": (("i",), ("",)),
}


class WasmBounds(NamedTuple):
    """What one instance may take: sizes in bytes."""

    fuel: int  #: instructions of one call
    time: float  #: seconds of one call
    memory: int  #: of its own
    elements: int  #: places in its tables
    copied: int  #: that one call may have the gateway copy, with ``guest.CALL_COST`` for each function that it calls
    max_body: int  #: of a body that is held for it
    instances: int  #: of the filter in one worker
    logs: int  #: lines of one exchange
    log_level: int  #: the least that is written, one of ``interface.LEVELS``


class WasmRuntime:
    """What all modules of one process run in: an engine and its clock."""

    __slots__ = ("engine", "ticker")

    def __init__(self, instances: int = INSTANCES_MAX) -> None:
        """``instances``: that may be there at one time; memory is set aside for them, which costs nothing until it is used.

        Raises:
            ImportError: the package is not installed.
            WasmError: it does not start.
        """
        self.engine = WasmEngine(instances, MEMORY_MAX, ELEMENTS_MAX)
        self.ticker = Ticker(self.engine.tick)


class WasmProgram:
    """The module, linked with what it imports."""

    __slots__ = (
        "bounds",
        "configuration",
        "has",
        "live",
        "module",
        "name",
        "params",
        "root_id",
        "shared",
        "ticker",
        "ticks",
        "vm_configuration",
        "vm_id",
    )

    def __init__(
        self,
        runtime: WasmRuntime,
        name: str,
        code: bytes,
        sections: Sections,
        bounds: WasmBounds,
        *,
        configuration: bytes,
        vm_configuration: bytes,
        root_id: str,
        vm_id: str,
        shared: SharedData,
    ) -> None:
        """``code``: what ``WasmEngine.compile`` made of the module whose ``sections`` have passed ``refusal``.

        Raises:
            WasmError: it cannot be linked.
        """
        self.name = name
        self.bounds = bounds
        self.configuration = configuration
        self.vm_configuration = vm_configuration
        self.root_id = root_id
        self.vm_id = vm_id
        self.shared = shared
        self.ticker = runtime.ticker
        self.ticks = ticks_of(bounds.time)
        self.live = 0  #: instances that there are
        self.has = tuple(one in sections.exports for one in EXPORTS)
        self.params = tuple(len(sections.exports[one].params) if one in sections.exports else 0 for one in EXPORTS)
        functions = [HostFunction(one.module, one.name, *_linked(one)) for one in dict.fromkeys(sections.imports)]
        self.module = WasmModule(runtime.engine, code, functions, EXPORTS, sections.memories[0])


def _linked(one: Imported) -> tuple[Signature, Callable[..., int | None]]:
    signature = one.signature or Signature("", "")
    call = found_function(one.module, one.name, signature)
    if isinstance(call, str):
        raise WasmError(call)
    return signature, call


def refusal(sections: Sections, memory: int, elements: int) -> str:
    """Why a module cannot be a filter with so much ``memory`` (bytes) and so many ``elements`` of tables; empty: it can."""
    for one in sections.imports:
        if one.kind != FUNCTION or one.signature is None:
            return f"imports {one.module}.{one.name}, which is no function: a filter has a memory of its own"
        found = found_function(one.module, one.name, one.signature)
        if isinstance(found, str):
            return found
    if not any(marker in sections.exports for marker in MARKERS):
        return f"is no filter of proxy-wasm: it exports none of {', '.join(MARKERS)}"
    if not sections.memories:
        return "exports no memory"
    if EXPORTS[ALLOCATE] not in sections.exports and EXPORTS[MALLOC] not in sections.exports:
        return f"exports neither {EXPORTS[ALLOCATE]} nor {EXPORTS[MALLOC]}, by one of which it is given anything"
    if sections.pages * PAGE > memory:
        return f"begins with {sections.pages * PAGE} bytes of memory, more than the {memory} that it may have"
    if sections.elements > elements:
        return f"begins with {sections.elements} elements in its tables, more than the {elements} that it may have"
    return _misshapen(sections.exports.items())


def _misshapen(exports: Iterable[tuple[str, Signature]]) -> str:
    for name, signature in exports:
        params, results = _CALLED.get(name, ((signature.params,), (signature.results,)))
        if signature.params not in params or signature.results not in results:
            return f"exports {name} as {signature}, which is {Signature(params[0], results[0])}"
    return ""
