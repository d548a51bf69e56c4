"""A module is compiled and tried in a process of its own."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from fastgw.wasm import compiler as module
from fastgw.wasm.compiler import Compiled, CompilerProcesses, ToCompile, compile_here, compiled
from fastgw.wasm.traps import WasmError
from tests.support.gateway import wait_until
from tests.support.wasm import BOUNDS, binary, runtime, text

ROOT = Path(__file__).resolve().parents[3]


def asked(data: bytes, **bounds: int) -> ToCompile:
    return ToCompile("guard", data, BOUNDS._replace(**bounds), b"{}", b"", "", "", 1000)


def tried(body: str, **bounds: int) -> Compiled:
    return compile_here(asked(binary(text(body)), **bounds), runtime())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('(func (export "_initialize") (loop $l (br $l)))', "does not begin: .*fuel"),
        ("(func $s (loop $l (br $l))) (start $s)", "does not begin: .*fuel"),
        (
            '(func (export "proxy_on_vm_start") (param i32 i32) (result i32) (unreachable))',
            "does not begin: .*unreachable",
        ),
        (
            '(func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 0))',
            "refused the configuration",
        ),
        ('(func (export "proxy_on_done") (param i32))', "exports proxy_on_done as"),
    ],
)
def test_what_cannot_begin_is_said(body: str, words: str) -> None:
    with pytest.raises(WasmError, match=words):
        tried(body)


def test_what_a_module_says_before_it_refuses_is_told() -> None:
    body = '(func (export "proxy_on_configure") (param i32 i32) (result i32) {} (i32.const 0))'
    line = "(drop (call $log (i32.const 4) (i32.const 16) (i32.const 10)))"
    with pytest.raises(WasmError, match="proxy_on_configure refused the configuration: no tenants"):
        compile_here(asked(binary(text(body.format(line), {16: b"no tenants"}))), runtime())


def test_where_no_memory_may_be_made_executable_it_is_interpreted() -> None:
    """As under MemoryDenyWriteExecute of the unit: PR_SET_MDWE of prctl(2), which kernels have from 6.3 on."""
    code = """
import ctypes, pickle, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):
    sys.exit(7)
from fastgw.wasm import compiler
told = [compiler.compile_here(one, compiler.WasmRuntime(0)).warnings for one in pickle.load(sys.stdin.buffer)]
assert len(told) == 1 and "is interpreted" in told[0][0] and "drop-in jit.conf" in told[0][0], told
"""
    begins = "(call $log (i32.const 2) (i32.const 16) (i32.const 4))"
    body = f'(func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.eqz {begins}))'
    given = pickle.dumps([asked(binary(text(body)))])
    status = subprocess.run([sys.executable, "-c", code], input=given, cwd=ROOT, check=False).returncode
    if status == 7:
        pytest.skip("needs a kernel of 6.3 or newer, which can forbid it")
    assert status == 0


def test_what_an_operator_should_know() -> None:
    ticks = '(func (export "_initialize") (drop (call $set_tick_period_milliseconds (i32.const 1000))))'
    assert tried(ticks).warnings == ("asks for ticks, which no filter is told here",) and tried("").warnings == ()


def test_a_process_of_its_own_does_the_same_and_its_work_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = asked(binary(text(""))), asked(b"\0asm\1\0\0\0\xff")
    found = compiled(good)
    assert found.sections.exports["proxy_abi_version_0_2_1"].params == "" and runtime().engine.load(found.code)
    with pytest.raises(WasmError, match="does not validate"):
        compiled(bad)
    monkeypatch.setattr(module, "_compiled_apart", lambda one: pytest.fail("compiled again"))
    assert compiled(good) is found
    for number in range(module._KEPT_MAX):
        monkeypatch.setattr(module, "_compiled_apart", lambda one: found)
        compiled(asked(b"%d" % number))
    assert len(module._kept) == module._KEPT_MAX


def test_a_process_that_takes_too_long_or_dies_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("x", 1)

    monkeypatch.setattr(module.COMPILERS, "ask", late)
    with pytest.raises(WasmError, match="is not compiled within 30 s"):
        compiled(asked(b"late"))
    monkeypatch.setattr(module.COMPILERS, "ask", lambda *_: (b"", b"", -9))
    with pytest.raises(WasmError, match="the compiler ended with -9"):
        compiled(asked(b"died"))


def test_the_end_of_a_gateway_waits_for_no_compiler() -> None:
    compilers, failed = CompilerProcesses(), []
    endless = [sys.executable, "-c", "import sys; sys.stdin.read(); sys.stdin.close(); import time; time.sleep(100)"]
    thread = Thread(target=lambda: failed.append(compilers.ask(endless, b"", 60.0)))
    thread.start()
    wait_until(lambda: compilers.count == 1, what="it runs")
    compilers.end()
    thread.join(10)
    assert not thread.is_alive() and failed[0][2] == -signal.SIGKILL and compilers.count == 0
    with pytest.raises(WasmError, match="the gateway ends"):
        compilers.ask(endless, b"", 60.0)


def test_one_that_takes_too_long_is_ended() -> None:
    compilers = CompilerProcesses()
    with pytest.raises(subprocess.TimeoutExpired):
        compilers.ask([sys.executable, "-c", "import time; time.sleep(100)"], b"", 0.05)
    assert compilers.count == 0
