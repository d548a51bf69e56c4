"""What a module may ask for: the functions of proxy-wasm that are about HTTP.

Each takes the guest that calls and the arguments of the ABI, and returns a status of it: nothing that a guest gives can make one raise,
but for what ends its call (``WasmTrap``).  Places and sizes are unsigned, and looked at where memory is read and written; what is copied
on a guest's behalf is counted, and bounded for each call into it (``WasmGuest.copied``).

What needs a sender of its own (calls by HTTP and gRPC) fails, and what is shared by queues is not found: with statuses that the SDKs hand
to their callers.  A module that imports them loads.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from fastgw.wasm import wasi
from fastgw.wasm.interface import (
    BAD_ARGUMENT,
    BUFFERS,
    CAS_MISMATCH,
    INTERNAL_FAILURE,
    INVALID_MEMORY_ACCESS,
    LEVELS,
    MAPS,
    MODULE,
    NOT_FOUND,
    OK,
    PLUGIN_CONFIGURATION,
    REQUEST_BODY,
    RESPONSE_BODY,
    ROOT,
    STREAM,
    UNIMPLEMENTED,
    VM_CONFIGURATION,
    WASI_MODULES,
    deserialized,
    serialized,
)
from fastgw.wasm.sections import Signature

if TYPE_CHECKING:
    from fastgw.wasm.caller import HostCaller

_SIZE_MAX: Final = 0xFFFFFFFF
_NAME_MAX: Final = 256  #: bytes of names and paths
_LOG_MAX: Final = 1024  #: bytes of a line

# --- fields


def _map(guest: HostCaller, map_id: int) -> bool:
    return map_id in MAPS and guest.stream is not None


def get_header_map_pairs(guest: HostCaller, map_id: int, data_at: int, size_at: int) -> int:
    """All fields, serialized."""
    found = guest.stream.pairs(map_id) if _map(guest, map_id) else None
    return BAD_ARGUMENT if found is None else guest.hand(serialized(found), data_at, size_at)


def get_header_map_size(guest: HostCaller, map_id: int, size_at: int) -> int:
    """How many bytes that would be."""
    found = guest.stream.pairs(map_id) if _map(guest, map_id) else None
    return BAD_ARGUMENT if found is None else guest.write_number(size_at, len(serialized(found)))


def set_header_map_pairs(guest: HostCaller, map_id: int, data: int, size: int) -> int:
    """Have these and no others."""
    given = guest.read(data, size)
    if given is None:
        return INVALID_MEMORY_ACCESS
    pairs = deserialized(given)
    if pairs is None or not _map(guest, map_id):
        return BAD_ARGUMENT
    status: int = guest.stream.put(map_id, [(name.lower(), value) for name, value in pairs])
    return status


def get_header_map_value(guest: HostCaller, map_id: int, key: int, key_size: int, data_at: int, size_at: int) -> int:
    """The value of one."""
    name = guest.read(key, key_size)
    if name is None:
        return INVALID_MEMORY_ACCESS
    if not _map(guest, map_id):
        return BAD_ARGUMENT
    value = guest.stream.value(map_id, name.lower())
    return NOT_FOUND if value is None else guest.hand(value, data_at, size_at)


def add_header_map_value(guest: HostCaller, map_id: int, key: int, key_size: int, data: int, size: int) -> int:
    """One more line."""
    name, value = guest.read(key, key_size), guest.read(data, size)
    if name is None or value is None:
        return INVALID_MEMORY_ACCESS
    return guest.stream.edit(map_id, (), ((name.lower(), value),)) if _map(guest, map_id) else BAD_ARGUMENT


def replace_header_map_value(guest: HostCaller, map_id: int, key: int, key_size: int, data: int, size: int) -> int:
    """This in the place of any other."""
    name, value = guest.read(key, key_size), guest.read(data, size)
    if name is None or value is None:
        return INVALID_MEMORY_ACCESS
    name = name.lower()
    return guest.stream.edit(map_id, (name,), ((name, value),)) if _map(guest, map_id) else BAD_ARGUMENT


def remove_header_map_value(guest: HostCaller, map_id: int, key: int, key_size: int) -> int:
    """None of this name."""
    name = guest.read(key, key_size)
    if name is None:
        return INVALID_MEMORY_ACCESS
    return guest.stream.edit(map_id, (name.lower(),), ()) if _map(guest, map_id) else BAD_ARGUMENT


# --- buffers


def _buffer(guest: HostCaller, buffer_id: int) -> bytes | bytearray | None:
    if buffer_id == REQUEST_BODY:
        return guest.request_body
    if buffer_id == RESPONSE_BODY:
        return guest.response_body
    given: dict[int, bytes] = {
        VM_CONFIGURATION: guest.program.vm_configuration,
        PLUGIN_CONFIGURATION: guest.program.configuration,
    }
    return given.get(buffer_id)


def get_buffer_bytes(guest: HostCaller, buffer_id: int, start: int, most: int, data_at: int, size_at: int) -> int:
    """A part of a body, or of the configuration."""
    if buffer_id not in BUFFERS:
        return BAD_ARGUMENT
    found = _buffer(guest, buffer_id)
    if found is None:
        return NOT_FOUND
    if start + most > _SIZE_MAX:
        return BAD_ARGUMENT
    return guest.hand(bytes(found[start : start + most]), data_at, size_at)


def get_buffer_status(guest: HostCaller, buffer_id: int, size_at: int, flags_at: int) -> int:
    """How large it is."""
    if buffer_id not in BUFFERS:
        return BAD_ARGUMENT
    found = _buffer(guest, buffer_id)
    if found is None:
        return NOT_FOUND
    return guest.write_number(size_at, len(found)) or guest.write_number(flags_at, 0)


def set_buffer_bytes(guest: HostCaller, buffer_id: int, start: int, size: int, data: int, data_size: int) -> int:
    """Put bytes of the guest in the place of ``size`` bytes of a body."""
    if buffer_id not in BUFFERS:
        return BAD_ARGUMENT
    given = guest.read(data, data_size)
    if given is None:
        return INVALID_MEMORY_ACCESS
    found = _buffer(guest, buffer_id)
    if not isinstance(found, bytearray):
        return NOT_FOUND
    if len(found) - len(found[start : start + size]) + len(given) > guest.program.bounds.max_body:
        return BAD_ARGUMENT
    found[start : start + size] = given
    return OK


def get_configuration(guest: HostCaller, data_at: int, size_at: int) -> int:
    """Of the plugin, as ABI 0.1.0 asks for it."""
    return guest.hand(guest.program.configuration, data_at, size_at)


# --- the exchange


def send_local_response(
    guest: HostCaller,
    status: int,
    details: int,
    details_size: int,
    body: int,
    body_size: int,
    headers: int,
    headers_size: int,
    grpc_status: int = _SIZE_MAX,
) -> int:
    """Answer in the service's place; the first one is it."""
    given = guest.read(details, details_size), guest.read(body, body_size), guest.read(headers, headers_size)
    if None in given:
        return INVALID_MEMORY_ACCESS
    pairs = deserialized(given[2] or b"")
    if pairs is None or not 200 <= status <= 599:
        return BAD_ARGUMENT
    return guest.answer(status, given[1] or b"", [(name.lower(), value) for name, value in pairs])


def continue_stream(guest: HostCaller, kind: int) -> int:
    """What was paused goes on: when the callback that says so is over."""
    if kind > 3:
        return BAD_ARGUMENT
    guest.resumed.add(kind)
    return OK


def continue_request(guest: HostCaller) -> int:
    """The same of ABI 0.1.0."""
    return continue_stream(guest, 0)


def continue_response(guest: HostCaller) -> int:
    """The same of ABI 0.1.0."""
    return continue_stream(guest, 1)


def set_effective_context(guest: HostCaller, context: int) -> int:
    """There is one exchange, and the plugin."""
    return OK if context in (ROOT, STREAM) else BAD_ARGUMENT


def get_property(guest: HostCaller, path: int, path_size: int, data_at: int, size_at: int) -> int:
    """What is known of the exchange, or was set."""
    given = guest.read(path, path_size)
    if given is None:
        return INVALID_MEMORY_ACCESS
    value = guest.known(given.rstrip(b"\0"))
    return NOT_FOUND if value is None else guest.hand(value, data_at, size_at)


def set_property(guest: HostCaller, path: int, path_size: int, data: int, size: int) -> int:
    """Of this exchange, for this filter."""
    given, value = guest.read(path, path_size), guest.read(data, size)
    if given is None or value is None:
        return INVALID_MEMORY_ACCESS
    return OK if len(given) <= _NAME_MAX and guest.keep(given.rstrip(b"\0"), value) else BAD_ARGUMENT


# --- logs, clocks


def log(guest: HostCaller, level: int, data: int, size: int) -> int:
    """A line for the log of the gateway."""
    if level >= len(LEVELS):
        return BAD_ARGUMENT
    given = guest.read(data, min(size, _LOG_MAX))
    if given is None:
        return INVALID_MEMORY_ACCESS
    guest.log(LEVELS[level], given)
    return OK


def get_log_level(guest: HostCaller, level_at: int) -> int:
    """From which on lines are written."""
    return guest.write_number(level_at, guest.program.bounds.log_level)


def get_current_time_nanoseconds(guest: HostCaller, time_at: int) -> int:
    """Since 1970."""
    return guest.write(time_at, time.time_ns().to_bytes(8, "little"))


def set_tick_period_milliseconds(guest: HostCaller, period: int) -> int:
    """An instance lives as long as its exchange: nobody is there to be told.  The load says that it was asked for."""
    guest.asks_for_ticks = guest.asks_for_ticks or period > 0
    return OK


# --- what exchanges share in one worker


def get_shared_data(guest: HostCaller, key: int, key_size: int, data_at: int, size_at: int, cas_at: int) -> int:
    """The value of a key, and its number for ``cas``."""
    name = guest.read(key, key_size)
    if name is None:
        return INVALID_MEMORY_ACCESS
    found = guest.program.shared.get(name)
    if found is None:
        return NOT_FOUND
    return guest.hand(found[0], data_at, size_at) or guest.write_number(cas_at, found[1])


def set_shared_data(guest: HostCaller, key: int, key_size: int, data: int, size: int, cas: int) -> int:
    """Set it; with ``cas``, if it is still the one of that number."""
    name, value = guest.read(key, key_size), guest.read(data, size)
    if name is None or value is None:
        return INVALID_MEMORY_ACCESS
    is_set = guest.program.shared.set(name, value, cas)
    return INTERNAL_FAILURE if is_set is None else OK if is_set else CAS_MISMATCH


def define_metric(guest: HostCaller, kind: int, data: int, size: int, id_at: int) -> int:
    """A number by name."""
    name = guest.read(data, size)
    if name is None:
        return INVALID_MEMORY_ACCESS
    number = guest.program.shared.define(name[:_NAME_MAX], kind) if kind <= 2 else 0
    return guest.write_number(id_at, number) if number else BAD_ARGUMENT


def record_metric(guest: HostCaller, metric: int, value: int) -> int:
    """It is this now."""
    return OK if guest.program.shared.record(metric, value) else NOT_FOUND


def increment_metric(guest: HostCaller, metric: int, delta: int) -> int:
    """It is more by ``delta``, or less."""
    signed = delta - (1 << 64) if delta >> 63 else delta
    found = guest.program.shared.increment(metric, signed)
    return NOT_FOUND if found is None else OK if found else BAD_ARGUMENT


def get_metric(guest: HostCaller, metric: int, value_at: int) -> int:
    """What it is."""
    value = guest.program.shared.metric(metric)
    return NOT_FOUND if value is None else guest.write(value_at, (value % (1 << 64)).to_bytes(8, "little"))


# --- what there is not


def _answer(status: int) -> Callable[..., int]:
    def answer(guest: HostCaller, *_: int) -> int:
        return status

    return answer


_FAILS, _IS_NOT_FOUND, _IS_NONE = _answer(INTERNAL_FAILURE), _answer(NOT_FOUND), _answer(UNIMPLEMENTED)
_NOTHING_TO_DO = _answer(OK)

#: The functions by name: what they take, and what does it.  All return an i32.
_PROXY: Final[dict[str, tuple[str, Callable[..., int]]]] = {
    "get_header_map_pairs": ("iii", get_header_map_pairs),
    "get_header_map_size": ("ii", get_header_map_size),
    "set_header_map_pairs": ("iii", set_header_map_pairs),
    "get_header_map_value": ("iiiii", get_header_map_value),
    "add_header_map_value": ("iiiii", add_header_map_value),
    "replace_header_map_value": ("iiiii", replace_header_map_value),
    "remove_header_map_value": ("iii", remove_header_map_value),
    "get_buffer_bytes": ("iiiii", get_buffer_bytes),
    "get_buffer_status": ("iii", get_buffer_status),
    "set_buffer_bytes": ("iiiii", set_buffer_bytes),
    "get_configuration": ("ii", get_configuration),
    "send_local_response": ("iiiiiiii", send_local_response),
    "continue_stream": ("i", continue_stream),
    "continue_request": ("", continue_request),
    "continue_response": ("", continue_response),
    "close_stream": ("i", _IS_NONE),
    "clear_route_cache": ("", _NOTHING_TO_DO),
    "done": ("", _NOTHING_TO_DO),
    "set_effective_context": ("i", set_effective_context),
    "get_property": ("iiii", get_property),
    "set_property": ("iiii", set_property),
    "log": ("iii", log),
    "get_log_level": ("i", get_log_level),
    "get_current_time_nanoseconds": ("i", get_current_time_nanoseconds),
    "set_tick_period_milliseconds": ("i", set_tick_period_milliseconds),
    "get_shared_data": ("iiiii", get_shared_data),
    "set_shared_data": ("iiiii", set_shared_data),
    "define_metric": ("iiii", define_metric),
    "record_metric": ("iI", record_metric),
    "increment_metric": ("iI", increment_metric),
    "get_metric": ("ii", get_metric),
    "register_shared_queue": ("iii", _IS_NONE),
    "resolve_shared_queue": ("iiiii", _IS_NOT_FOUND),
    "enqueue_shared_queue": ("iii", _IS_NOT_FOUND),
    "dequeue_shared_queue": ("iii", _IS_NOT_FOUND),
    "http_call": ("iiiiiiiiii", _FAILS),
    "grpc_call": ("iiiiiiiiiiii", _FAILS),
    "grpc_stream": ("iiiiiiiii", _FAILS),
    "grpc_send": ("iiii", _IS_NOT_FOUND),
    "grpc_cancel": ("i", _IS_NOT_FOUND),
    "grpc_close": ("i", _IS_NOT_FOUND),
    "get_status": ("iii", _IS_NONE),
    "call_foreign_function": ("iiiiii", _IS_NOT_FOUND),
}
#: What a C library of Emscripten asks for beside them.
_EMSCRIPTEN: Final[dict[str, tuple[str, str, Callable[..., int | None]]]] = {
    "emscripten_notify_memory_growth": ("i", "", lambda guest, memory: None),
    "pthread_equal": ("ii", "i", lambda guest, one, other: int(one == other)),
}
#: Of 0.1.0, with fewer arguments.
_EARLIER: Final = {"send_local_response": "iiiiiii"}


def found_function(module: str, name: str, signature: Signature) -> Callable[..., int | None] | str:
    """What does ``name`` of ``module``; text: why there is none."""
    call: Callable[..., int | None]
    if module == MODULE and name in _EMSCRIPTEN:
        params, results, call = _EMSCRIPTEN[name]
        known = [Signature(params, results)]
    elif module == MODULE:
        given, prefix = _PROXY.get(name.removeprefix("proxy_")), name.startswith("proxy_")
        if given is None or not prefix:
            return f"imports {module}.{name}, which no filter has here"
        known = [Signature(given[0], "i")]
        if name.removeprefix("proxy_") in _EARLIER:
            known.append(Signature(_EARLIER[name.removeprefix("proxy_")], "i"))
        call = given[1]
    elif module in WASI_MODULES and name in wasi.FUNCTIONS:
        params, results, call = wasi.FUNCTIONS[name]
        known = [Signature(params, results)]
    else:
        return f"imports {module}.{name}, which no filter has here"
    if signature not in known:
        return f"imports {module}.{name} as {signature}, which is {known[0]}"
    return call
