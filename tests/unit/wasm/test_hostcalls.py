"""What a module may ask for, and what it gets: the bytes and the statuses of the ABI."""

from __future__ import annotations

import pytest

from fastgw.wasm.guest import WasmGuest
from fastgw.wasm.hostcalls import found_function
from fastgw.wasm.sections import Signature
from fastgw.wasm.shared import SharedData
from fastgw.wasm.traps import WasmTrap
from tests.support.wasm import Stream, program, text

OK, NOT_FOUND, BAD, INVALID, CAS, FAILS, NONE = 0, 1, 2, 6, 8, 10, 12
DATA = {
    16: b"x-user",
    32: b"x-seen",
    48: b"bob",
    64: b"X-USER",
    80: b"request\0path",
    100: b"\1\0\0\0\1\0\0\0\1\0\0\0a\0b\0",
}
AT, SIZE = "(i32.const 8)", "(i32.const 12)"


def numbers(*values: int) -> str:
    return " ".join(f"(i32.const {value})" for value in values)


class Call:
    """One call of a function of the host, from ``proxy_on_request_headers``."""

    def __init__(self, calls: str, data: dict[int, bytes] | None = None, **given: object) -> None:
        self.stream = Stream(x_user=b"ann")
        body = f'(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {calls} (i32.const 0))'
        made = program(text(body, {**DATA, **(data or {})}), **given)  # type: ignore[arg-type]
        self.guest = WasmGuest(made, self.stream)
        self.guest.on_request_headers(1, True)

    @property
    def status(self) -> int:
        return self.number(0)

    def number(self, at: int) -> int:
        return int.from_bytes(self.guest.read(at, 4) or b"", "little")

    @property
    def handed(self) -> bytes | None:
        return self.guest.read(self.number(8), self.number(12))


def call(name: str, *values: int, **given: object) -> Call:
    return Call(f"(i32.store (i32.const 0) (call ${name} {numbers(*values)}))", **given)  # type: ignore[arg-type]


FAR = 0x7FFFFFF0


@pytest.mark.parametrize(
    ("name", "values", "status"),
    [
        ("get_header_map_value", (0, 16, 6, 8, 12), OK),
        ("get_header_map_value", (0, 64, 6, 8, 12), OK),  # names have no case
        ("get_header_map_value", (0, 32, 6, 8, 12), NOT_FOUND),
        ("get_header_map_value", (9, 16, 6, 8, 12), BAD),
        ("get_header_map_value", (0, FAR, 6, 8, 12), INVALID),
        ("get_header_map_value", (0, 16, -1, 8, 12), INVALID),
        ("get_header_map_value", (0, 16, 6, FAR, 12), INVALID),
        ("get_header_map_pairs", (0, 8, 12), OK),
        ("get_header_map_pairs", (2, 8, 12), BAD),
        ("get_header_map_size", (0, 12), OK),
        ("get_header_map_size", (2, 12), BAD),
        ("set_header_map_pairs", (0, 100, 16), OK),
        ("set_header_map_pairs", (0, 100, 15), BAD),
        ("set_header_map_pairs", (0, FAR, 16), INVALID),
        ("add_header_map_value", (0, 32, 6, 48, 3), OK),
        ("add_header_map_value", (0, 32, 6, FAR, 3), INVALID),
        ("add_header_map_value", (8, 32, 6, 48, 3), BAD),
        ("replace_header_map_value", (0, FAR, 6, 48, 3), INVALID),
        ("remove_header_map_value", (0, 16, 6), OK),
        ("remove_header_map_value", (0, FAR, 6), INVALID),
        ("remove_header_map_value", (8, 16, 6), BAD),
        ("get_buffer_bytes", (7, 0, -1, 8, 12), OK),
        ("get_buffer_bytes", (7, 4, 1, 8, 12), OK),  # behind the end there is nothing
        ("get_buffer_bytes", (7, 1, -1, 8, 12), BAD),
        ("get_buffer_bytes", (0, 0, 9, 8, 12), NOT_FOUND),
        ("get_buffer_bytes", (99, 0, 9, 8, 12), BAD),
        ("get_buffer_status", (6, 8, 12), OK),
        ("get_buffer_status", (0, 8, 12), NOT_FOUND),
        ("get_buffer_status", (99, 8, 12), BAD),
        ("set_buffer_bytes", (0, 0, 0, 48, 3), NOT_FOUND),
        ("set_buffer_bytes", (7, 0, 0, 48, 3), NOT_FOUND),
        ("set_buffer_bytes", (99, 0, 0, 48, 3), BAD),
        ("set_buffer_bytes", (0, 0, 0, FAR, 3), INVALID),
        ("get_configuration", (8, 12), OK),
        ("continue_stream", (1,), OK),
        ("continue_stream", (4,), BAD),
        ("continue_request", (), OK),
        ("continue_response", (), OK),
        ("close_stream", (0,), NONE),
        ("set_effective_context", (2,), OK),
        ("set_effective_context", (3,), BAD),
        ("done", (), OK),
        ("get_property", (80, 12, 8, 12), OK),
        ("get_property", (80, 13, 8, 12), OK),  # some SDKs end the path with a zero
        ("get_property", (16, 6, 8, 12), NOT_FOUND),
        ("get_property", (FAR, 6, 8, 12), INVALID),
        ("set_property", (16, 6, 48, 3), OK),
        ("set_property", (16, 300, 48, 3), BAD),
        ("set_property", (FAR, 6, 48, 3), INVALID),
        ("log", (2, 16, 6), OK),
        ("log", (6, 16, 6), BAD),
        ("log", (2, FAR, 6), INVALID),
        ("get_log_level", (8,), OK),
        ("get_log_level", (FAR,), INVALID),
        ("get_current_time_nanoseconds", (8,), OK),
        ("set_tick_period_milliseconds", (100,), OK),
        ("get_shared_data", (16, 6, 8, 12, 4), NOT_FOUND),
        ("get_shared_data", (FAR, 6, 8, 12, 4), INVALID),
        ("set_shared_data", (16, 6, 48, 3, 0), OK),
        ("set_shared_data", (16, 6, 48, 3, 5), CAS),
        ("set_shared_data", (FAR, 6, 48, 3, 5), INVALID),
        ("set_shared_data", (16, 6, 0, 0x20000, 0), FAILS),
        ("define_metric", (0, 16, 6, 8), OK),
        ("define_metric", (3, 16, 6, 8), BAD),
        ("define_metric", (0, FAR, 6, 8), INVALID),
        ("get_metric", (1, 8), NOT_FOUND),
        ("register_shared_queue", (16, 6, 8), NONE),
        ("resolve_shared_queue", (16, 6, 16, 6, 8), NOT_FOUND),
        ("http_call", (0,) * 10, FAILS),
        ("grpc_call", (0,) * 12, FAILS),
        ("call_foreign_function", (0,) * 6, NOT_FOUND),
    ],
)
def test_each_function_has_its_status(name: str, values: tuple[int, ...], status: int) -> None:
    assert call(name, *values, configuration=b"abc").status == status


def test_what_is_handed_over_is_in_memory_that_the_guest_has_given() -> None:
    assert call("get_header_map_value", 0, 16, 6, 8, 12).handed == b"ann"
    assert call("get_header_map_pairs", 0, 8, 12).handed == b"\1\0\0\0\6\0\0\0\3\0\0\0x-user\0ann\0"
    assert call("get_header_map_size", 0, 12).number(12) == 23
    assert call("get_buffer_bytes", 7, 1, 1, 8, 12, configuration=b"abc").handed == b"b"
    assert call("get_property", 80, 12, 8, 12).handed == b"/x"
    found = call("get_buffer_status", 6, 8, 12)
    assert (found.number(8), found.number(12)) == (2, 0)
    assert call("get_log_level", 8).number(8) == 2
    empty = call("get_buffer_bytes", 7, 0, 9, 8, 12, configuration=b"")
    assert (empty.number(8), empty.number(12)) == (0, 0)


def test_fields_are_changed() -> None:
    assert call("add_header_map_value", 0, 32, 6, 48, 3).stream.fields[b"x-seen"] == b"bob"
    assert call("replace_header_map_value", 0, 64, 6, 48, 3).stream.fields == {b"x-user": b"bob"}
    assert call("remove_header_map_value", 0, 64, 6).stream.fields == {}
    assert call("set_header_map_pairs", 0, 100, 16).stream.fields == {b"a": b"b"}


def test_an_answer_is_the_first_that_can_be_one() -> None:
    answer = "(i32.store (i32.const 0) (call $send_local_response {} (i32.const -1)))"
    found = Call(answer.format(numbers(403, 0, 0, 48, 3, 100, 16)) + answer.format(numbers(200, 0, 0, 0, 0, 0, 0)))
    reply = found.guest.reply
    assert reply is not None and (reply.status, reply.body, list(reply.fields)) == (403, b"bob", [(b"a", b"b")])
    for values, status in (
        ((99, 0, 0, 0, 0, 0, 0), BAD),
        ((600, 0, 0, 0, 0, 0, 0), BAD),
        ((200, 0, 0, 0, 0, 100, 15), BAD),
        ((200, 0, 0, FAR, 1, 0, 0), INVALID),
        ((200, 0, 0, 0, 0x10001, 0, 0), BAD),  # larger than a body may be
    ):
        refused = Call(answer.format(numbers(*values)))
        assert refused.status == status and refused.guest.reply is None


def test_a_body_is_changed_where_it_says() -> None:
    body = """(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
     (i32.store (i32.const 0) (call $set_buffer_bytes {})) (i32.const 0))"""
    for values, left in (
        ((0, 0, 0, 48, 3), b"bobhello"),
        ((0, 0, -1, 48, 3), b"bob"),
        ((0, -1, 0, 48, 3), b"hellobob"),
        ((0, 1, 3, 48, 3), b"hbobo"),
        ((0, 1, 3, 48, 0), b"ho"),
        ((0, 0, 0, 0, 0xFFFC), b"hello"),  # it would be larger than a body may be
    ):
        found = WasmGuest(program(text(body.format(numbers(*values)), DATA)), Stream())
        found.request_body = bytearray(b"hello")
        assert found.on_request_body(True) and bytes(found.request_body) == left


def test_shared_data_has_a_number_for_whoever_sets_it_next() -> None:
    shared = SharedData(1000)
    shared.set(b"x-user", b"of another", 0)
    found = call("get_shared_data", 16, 6, 8, 12, 4, shared=shared)
    assert found.handed == b"of another" and found.number(4) == 1
    assert call("set_shared_data", 16, 6, 48, 3, 1, shared=shared).status == OK
    assert call("set_shared_data", 16, 6, 48, 3, 1, shared=shared).status == CAS
    assert shared.get(b"x-user") == (b"bob", 2)


def test_metrics_go_up_and_down() -> None:
    shared = SharedData(0)
    define = f"(drop (call $define_metric {numbers(1, 16, 6, 8)}))"
    count = "(i32.store (i32.const {}) (call ${} (i32.load (i32.const 8)) (i64.const {})))"
    found = Call(
        define
        + count.format(20, "record_metric", 5)
        + count.format(24, "increment_metric", -7)
        + f"(i32.store (i32.const 28) (call $get_metric (i32.load {AT}) (i32.const 32)))",
        shared=shared,
    )
    assert [found.number(at) for at in (20, 24, 28)] == [OK, OK, OK]
    assert found.guest.read(32, 8) == (2**64 - 2).to_bytes(8, "little")
    counter = Call(
        f"(drop (call $define_metric {numbers(0, 16, 6, 8)}))"
        + count.format(20, "increment_metric", -1)
        + "(i32.store (i32.const 24) (call $record_metric (i32.const 99) (i64.const 1)))"
        + "(i32.store (i32.const 28) (call $increment_metric (i32.const 99) (i64.const 1)))"
    )
    assert [counter.number(at) for at in (20, 24, 28)] == [BAD, NOT_FOUND, NOT_FOUND]


def test_a_line_has_a_level() -> None:
    assert call("log", 4, 16, 6).stream.lines == [("error", "x-user")]
    assert call("set_tick_period_milliseconds", 100).guest.asks_for_ticks
    assert not call("set_tick_period_milliseconds", 0).guest.asks_for_ticks


def test_a_size_beyond_all_memory_costs_nothing() -> None:
    assert call("set_buffer_bytes", 0, 0, 0, 0, -1, copied=2000).status == INVALID
    with pytest.raises(WasmTrap, match="copy"):
        call("set_buffer_bytes", 0, 0, 0, 0, 3000, copied=2000)


def test_functions_are_found_by_name_and_type() -> None:
    assert callable(found_function("env", "proxy_log", Signature("iii", "i")))
    assert callable(found_function("env", "proxy_send_local_response", Signature("iiiiiii", "i")))
    equal = found_function("env", "pthread_equal", Signature("ii", "i"))
    assert callable(equal) and (equal(None, 1, 1), equal(None, 1, 2)) == (1, 0)
    grown = found_function("env", "emscripten_notify_memory_growth", Signature("i", ""))
    assert callable(grown) and grown(None, 0) is None
    assert "which no filter has" in str(found_function("env", "proxy_nothing", Signature("", "")))
    assert "which no filter has" in str(found_function("wasi_snapshot_preview1", "path_rename", Signature("", "")))
    assert "which is (iii) -> (i)" in str(found_function("env", "proxy_log", Signature("ii", "i")))
