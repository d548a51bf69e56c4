"""The runtime, in whichever form is chosen: what a call returns, and how it ends when it does not."""

from __future__ import annotations

import gc
import threading
from types import ModuleType
from typing import Any

import pytest

from fastgw.wasm import _binding_py
from fastgw.wasm.sections import HostFunction, Signature
from fastgw.wasm.traps import WasmError, WasmTrap
from tests.support.wasm import binary

MODULE = binary(
    """(module
 (import "env" "told" (func $told (param i32 i64) (result i32)))
 (memory (export "memory") 1 100)
 (table 2 funcref)
 (data (i32.const 16) "hello")
 (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
 (func (export "tell") (param i32) (result i32) (call $told (local.get 0) (i64.const -1)))
 (func (export "loop") (loop $l (br $l)))
 (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
 (func (export "boom") (unreachable))
 (func $deep (export "deep") (call $deep))
 (func (export "far") (result i32) (i32.load (i32.const 0x7fffffff)))
 (func (export "fill") (loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 60000)) (br $l)))
)"""
)
NAMES = ("add", "tell", "loop", "grow", "boom", "deep", "far", "fill", "nothing")
ADD, TELL, LOOP, GROW, BOOM, DEEP, FAR, FILL, NOTHING = range(len(NAMES))
MEMORY = 1 << 20


def forms() -> list[ModuleType]:
    """In C too, where it is compiled."""
    try:
        from fastgw.wasm import _binding
    except ImportError:
        return [_binding_py]
    return [_binding_py, _binding]


class Bench:
    """A module that is linked, in one of the forms."""

    def __init__(self, form: Any, instances: int = 3) -> None:
        self.form = form
        self.engine = form.WasmEngine(instances, MEMORY, 10)
        self.told: list[tuple[Any, ...]] = []
        self.answer: Any = 7
        told = HostFunction("env", "told", Signature("iI", "i"), self._told)
        self.module = form.WasmModule(self.engine, self.engine.compile(MODULE), [told], NAMES, "memory")

    def _told(self, owner: Any, *args: int) -> int:
        self.told.append((owner, *args))
        if isinstance(self.answer, BaseException):
            raise self.answer
        found: int = self.answer() if callable(self.answer) else self.answer
        return found

    def instance(self, owner: Any = "me", fuel: int = 100_000, ticks: int = 1000) -> Any:
        return self.form.WasmInstance(self.module, owner, MEMORY, 10, fuel, ticks)


@pytest.fixture(params=forms(), ids=lambda one: one.__name__.rpartition(".")[2])
def bench(request: pytest.FixtureRequest) -> Bench:
    return Bench(request.param)


def test_a_call_has_arguments_and_a_result(bench: Bench) -> None:
    instance = bench.instance()
    assert instance.call(ADD, 3, 4) == 7 and instance.call(ADD, 0xFFFFFFFF, 2) == 1
    instance.close()
    instance.close()
    for late in (
        lambda: instance.call(ADD, 1, 2),
        lambda: instance.read(0, 1),
        lambda: instance.write(0, b"a"),
    ):
        with pytest.raises(ValueError, match="is closed"):
            late()


def test_a_function_of_the_host_gets_unsigned_numbers_and_whose_instance_it_is(bench: Bench) -> None:
    instance, other = bench.instance(), bench.instance("other")
    assert instance.call(TELL, 5) == 7 and other.call(TELL, 0xFFFFFFFF) == 7
    assert bench.told == [("me", 5, (1 << 64) - 1), ("other", 0xFFFFFFFF, (1 << 64) - 1)]
    bench.answer = lambda: instance.nested(ADD, 20, 3)
    assert instance.call(TELL, 1) == 23


def test_what_a_function_of_the_host_raises_ends_the_call(bench: Bench) -> None:
    instance = bench.instance()
    bench.answer = KeyError("mine")
    with pytest.raises(KeyError, match="mine"):
        instance.call(TELL, 1)
    bench.answer = 1
    assert instance.call(TELL, 1) == 1


@pytest.mark.parametrize(
    ("slot", "cause", "words"),
    [
        (LOOP, "fuel", "fuel"),
        (FILL, "fuel", "fuel"),
        (BOOM, "trap", "unreachable"),
        (DEEP, "stack", "stack"),
        (FAR, "memory", "out of bounds"),
    ],
)
def test_a_trap_has_a_cause_and_words(bench: Bench, slot: int, cause: str, words: str) -> None:
    with pytest.raises(WasmTrap, match=words) as caught:
        bench.instance().call(slot)
    assert caught.value.cause == cause and caught.value.frames


def test_time_ends_a_call_that_has_fuel(bench: Bench) -> None:
    instance = bench.instance(fuel=1 << 60, ticks=2)
    is_over = threading.Event()

    def tick() -> None:
        while not is_over.wait(0.001):
            bench.engine.tick()

    thread = threading.Thread(target=tick)
    thread.start()
    with pytest.raises(WasmTrap) as caught:
        instance.call(LOOP)
    is_over.set()
    thread.join()
    assert caught.value.cause == "time"


def test_memory_has_bounds_for_the_guest_and_for_us(bench: Bench) -> None:
    instance = bench.instance()
    assert instance.read(16, 5) == b"hello" and instance.write(18, b"LL") and instance.read(16, 5) == b"heLLo"
    assert instance.read(65536, 0) == b"" and instance.read(65536, 1) is None and instance.read(0xFFFFFFFF, 9) is None
    assert not instance.write(65535, b"ab") and instance.read(65535, 1) == b"\0"
    assert instance.call(GROW, 15) == 1 and instance.read(MEMORY - 1, 1) == b"\0"
    assert instance.call(GROW, 1) == 0xFFFFFFFF


def test_an_instance_is_new(bench: Bench) -> None:
    one = bench.instance()
    one.write(16, b"dirty")
    one.close()
    assert bench.instance().read(16, 5) == b"hello"


def test_there_are_only_so_many(bench: Bench) -> None:
    held = [bench.instance() for _ in range(3)]
    with pytest.raises(WasmTrap) as caught:
        bench.instance()
    assert caught.value.cause == "instances"
    held.pop().close()
    bench.instance().close()


def test_a_start_function_has_bounds_too(bench: Bench) -> None:
    endless = binary('(module (memory (export "memory") 1) (func $s (loop $l (br $l))) (start $s))')
    module = bench.form.WasmModule(bench.engine, bench.engine.compile(endless), [], (), "memory")
    for _ in range(10):
        with pytest.raises(WasmTrap) as caught:
            bench.form.WasmInstance(module, None, MEMORY, 10, 1000, 10)
        assert caught.value.cause == "fuel"


def test_what_does_not_validate_is_said(bench: Bench) -> None:
    with pytest.raises(WasmError, match="magic"):
        bench.engine.compile(b"no module")
    with pytest.raises(WasmError):
        bench.engine.load(b"no code")
    with pytest.raises(WasmError, match="unknown import"):
        bench.form.WasmModule(bench.engine, bench.engine.compile(MODULE), [], NAMES, "memory")
    with pytest.raises(WasmError, match="does not export nothing"):
        bench.instance().call(NOTHING)


def test_proposals_that_are_off_do_not_validate(bench: Bench) -> None:
    for text in (
        "(module (memory 1 2 shared))",
        "(module (memory i64 1))",
        "(module (memory 1) (memory 1))",
        "(module (tag) (func (throw 0)))",
    ):
        with pytest.raises(WasmError):
            bench.engine.compile(binary(text))


def test_a_thousand_traps_leave_nothing(bench: Bench) -> None:
    neighbour = bench.instance("neighbour")
    for _ in range(1000):
        instance = bench.instance()
        with pytest.raises(WasmTrap):
            instance.call(BOOM)
        instance.close()
    assert neighbour.call(ADD, 1, 2) == 3  # with two others at the most: a slot that leaked would be missing
    del neighbour
    gc.collect()
