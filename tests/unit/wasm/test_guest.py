"""A guest: made for one exchange, configured, called, closed; and how it ends when it does what it may not."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.wasm.guest import WasmGuest
from fastgw.wasm.traps import WasmTrap
from tests.support.wasm import Stream, program, text

#: Tells the log each call that it gets, by a letter.
ORDER = """
 (func $say (param i32) (i32.store8 (i32.const 8) (local.get 0)) (drop (call $log (i32.const 2) (i32.const 8) (i32.const 1))))
 (func (export "_initialize") (call $say (i32.const 0x69)))
 (func (export "main") (param i32 i32) (result i32) (call $say (i32.const 0x6d)) (i32.const 0))
 (func (export "_start") (unreachable))
 (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (call $say (i32.add (i32.const 0x30) (local.get 1))) (i32.const 1))
 (func (export "proxy_on_configure") (param i32 i32) (result i32) (call $say (i32.add (i32.const 0x30) (local.get 1))) (i32.const 1))
 (func (export "proxy_on_context_create") (param i32 i32) (call $say (i32.add (i32.const 0x41) (local.get 0))))
 (func (export "proxy_on_done") (param i32) (result i32) (call $say (i32.const 0x64)) (i32.const 1))
 (func (export "proxy_on_log") (param i32) (call $say (i32.const 0x6c)))
 (func (export "proxy_on_delete") (param i32) (call $say (i32.const 0x78)))
"""


def guest(body: str, data: dict[int, bytes] | None = None, **bounds: Any) -> WasmGuest:
    return WasmGuest(program(text(body, data), **bounds), Stream())


def headers(body: str) -> str:
    return f'(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {body})'


def test_a_guest_begins_and_ends_in_the_order_of_the_interface() -> None:
    made = program(text(ORDER), configuration=b"abc", logs=99)
    stream = Stream()
    found = WasmGuest(made, stream)
    assert made.live == 1 and found.is_open
    found.end()
    assert made.live == 0 and not found.is_open
    # what comes before the exchange is there has nobody to tell
    assert "".join(one for _, one in stream.lines) == "Cdlx"


def test_what_comes_before_the_exchange_comes_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[bytes] = []
    monkeypatch.setattr(WasmGuest, "log", lambda self, level, line: said.append(line))
    WasmGuest(program(text(ORDER), configuration=b"abc"), Stream()).end()
    assert b"".join(said) == b"imB23Cdlx"


def test_a_configuration_may_be_refused() -> None:
    made = program(text('(func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 0))'))
    with pytest.raises(WasmTrap, match="proxy_on_configure refused") as caught:
        WasmGuest(made, None)
    assert caught.value.cause == "refused" and made.live == 0


def test_an_action_is_to_go_on_or_to_pause() -> None:
    assert guest(headers("(i32.const 0)")).on_request_headers(3, True)
    assert not guest(headers("(i32.const 1)")).on_request_headers(3, True)
    resumed = "(drop (call $continue_stream (i32.const 0))) (i32.const 1)"
    assert guest(headers(resumed)).on_request_headers(3, True)
    other = "(drop (call $continue_stream (i32.const 1))) (i32.const 1)"
    assert not guest(headers(other)).on_request_headers(3, True)
    with pytest.raises(WasmTrap, match="returned 7"):
        guest(headers("(i32.const 7)")).on_request_headers(3, True)


def test_a_callback_gets_what_it_takes() -> None:
    body = "(i32.ne (i32.const 205) (i32.add (i32.mul (i32.const 100) (local.get 0)) (local.get 1)))"
    early = f'(func (export "proxy_on_request_headers") (param i32 i32) (result i32) {body})'
    assert guest(early).on_request_headers(5, True)  # of 0.1.0
    ends = "(i32.ne (local.get 2) (i32.const 1))"
    assert guest(headers(ends)).on_request_headers(5, True) and not guest(headers(ends)).on_request_headers(5, False)


def test_what_the_module_has_not_is_not_called() -> None:
    bare = guest("")
    assert bare.on_request_headers(1, True) and bare.on_response_body(True) and bare.on_request_trailers(1)
    bare.end()


def test_a_trap_closes_it() -> None:
    found = guest(headers("(unreachable)"))
    with pytest.raises(WasmTrap):
        found.on_request_headers(1, True)
    assert not found.is_open and found.program.live == 0
    assert found.on_response_headers(1, True)  # nothing is called any more
    found.end()


def test_there_are_only_so_many() -> None:
    made = program(text(""), instances=2)
    held = [WasmGuest(made, Stream()) for _ in range(2)]
    with pytest.raises(WasmTrap) as caught:
        WasmGuest(made, Stream())
    assert caught.value.cause == "instances" and made.live == 2
    held[0].close()
    WasmGuest(made, Stream()).close()
    assert made.live == 1


def test_one_call_may_have_only_so_much_copied() -> None:
    again = "(loop $l (drop (call $get_current_time_nanoseconds (i32.const 0))) (br $l)) (i32.const 0)"
    with pytest.raises(WasmTrap, match="copy") as caught:
        guest(headers(again), copied=10_000).on_request_headers(1, True)
    assert caught.value.cause == "copied"


def test_lines_are_bounded_and_have_no_control_characters() -> None:
    say = "(drop (call $log (i32.const 2) (i32.const 16) (i32.const 6)))"
    made = program(text(headers(say * 5 + "(i32.const 0)"), {16: b"a\nb\x1bc\xff"}))
    stream = Stream()
    found = WasmGuest(made, stream)
    found.on_request_headers(1, True)
    assert stream.lines == [("info", "a b c\ufffd")] * 3 and found.lost_lines == 2
    debug = headers(say.replace("(i32.const 2)", "(i32.const 1)", 1) + "(i32.const 0)")
    quiet = WasmGuest(program(text(debug, {16: b"a"})), stream)
    quiet.on_request_headers(1, True)
    assert len(stream.lines) == 3


def test_a_guest_that_gives_no_memory_gets_nothing() -> None:
    body = "(i32.ne (call $get_buffer_bytes (i32.const 7) (i32.const 0) (i32.const 9) (i32.const 8) (i32.const 12)) (i32.const 10))"
    wat = text(headers(body)).replace("(local.get $at))", "(i32.const 0))")
    assert WasmGuest(program(wat, configuration=b"abc"), Stream()).on_request_headers(1, True)


def test_what_is_set_is_known_and_bounded() -> None:
    found = guest("")
    assert found.known(b"request\0path") == b"/x" and found.known(b"plugin_name") == b"guard"
    assert found.known(b"plugin_root_id") == b"r"
    assert found.known(b"plugin_vm_id") == b"v" and found.known(b"no\0such") is None
    assert found.keep(b"mine", b"1") and found.known(b"mine") == b"1" and found.keep(b"mine", b"2" * 16000)
    assert not found.keep(b"more", b"2" * 1000) and found.known(b"more") is None
