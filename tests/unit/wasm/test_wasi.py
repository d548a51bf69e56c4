"""What runtimes of languages ask for: output, clocks and randomness, and nothing of this machine."""

from __future__ import annotations

import pytest

from fastgw.wasm.traps import WasmTrap
from tests.unit.wasm.test_hostcalls import FAR, Call, call

#: Two pieces of text for ``fd_write``.
PIECES = {
    200: (220).to_bytes(4, "little") + b"\3\0\0\0" + (230).to_bytes(4, "little") + b"\2\0\0\0",
    220: b"one",
    230: b"2\n",
}


def test_output_is_a_line_of_the_log() -> None:
    assert call("fd_write", 1, 200, 2, 8, data=PIECES).stream.lines == [("info", "one2")]
    found = call("fd_write", 2, 200, 2, 8, data=PIECES)
    assert found.stream.lines == [("error", "one2")] and found.status == 0 and found.number(8) == 5
    assert call("fd_write", 1, 200, 0, 8).stream.lines == []


def test_a_line_that_is_written_in_pieces_is_one() -> None:
    guest = call("sched_yield").guest
    for piece in (b"panic", b": ", b"boom\n\n", b"gorou", b"x" * 2000, b"tail\nlast"):
        guest.put_out("error", piece)
    guest.put_out("info", b"other\n")
    assert guest.stream.lines == [("error", "panic: boom"), ("error", ("gorou" + "x" * 2000)[:1024]), ("info", "other")]
    guest._lines = 1
    guest.close()
    assert guest.stream.lines[-1] == ("error", "last")


def test_nobody_sleeps() -> None:
    found = call("poll_oneoff", 0, 0, 1, 8, data={8: b"\1"})
    assert found.status == 0 and found.number(8) == 0
    assert call("poll_oneoff", 0, 0, 1, FAR).status == 21


@pytest.mark.parametrize(
    ("name", "values", "errno"),
    [
        ("fd_write", (3, 200, 2, 8), 8),
        ("fd_write", (1, 200, 99, 8), 28),
        ("fd_write", (1, FAR, 2, 8), 21),
        ("fd_write", (1, 200, 2, FAR), 21),
        ("random_get", (8, 8), 0),
        ("random_get", (8, 5000), 28),
        ("random_get", (FAR, 8), 21),
        ("environ_sizes_get", (8, 12), 0),
        ("environ_sizes_get", (FAR, 12), 21),
        ("args_sizes_get", (8, FAR), 21),
        ("args_get", (8, 12), 0),
        ("fd_close", (0,), 8),
        ("fd_prestat_get", (3, 8), 8),
        ("sched_yield", (), 0),
    ],
)
def test_each_function_has_its_errno(name: str, values: tuple[int, ...], errno: int) -> None:
    assert call(name, *values, data=PIECES).status == errno


def test_there_is_no_environment() -> None:
    found = Call(
        "(i64.store (i32.const 8) (i64.const -1)) (drop (call $environ_sizes_get (i32.const 8) (i32.const 12)))"
    )
    assert (found.number(8), found.number(12)) == (0, 0)


def test_clocks() -> None:
    clock = "(i32.store (i32.const 0) (call $clock_time_get (i32.const {}) (i64.const 0) (i32.const {})))"
    found = Call(clock.format(0, 8))
    assert found.status == 0 and int.from_bytes(found.guest.read(8, 8) or b"", "little") > 1_600_000_000 * 10**9
    assert Call(clock.format(1, 8)).status == 0 and Call(clock.format(2, 8)).status == 58
    assert Call(clock.format(0, FAR)).status == 21


def test_who_leaves_has_ended_its_call() -> None:
    with pytest.raises(WasmTrap, match="left with 3") as caught:
        Call("(call $proc_exit (i32.const 3))")
    assert caught.value.cause == "exit"
