"""What the file says of a filter of type ``wasm``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fastgw.config.filters import wasm as module
from fastgw.config.load import inspect
from tests.support.wasm import binary, text
from tests.unit.config.files import MINIMAL, problems, read

CONFIGURED = '(func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.eq (local.get 1) (i32.const {})))'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a module in it; what a process would do is done here."""
    from fastgw.wasm import compiler
    from tests.support.wasm import runtime

    monkeypatch.setattr(compiler, "_compiled_apart", lambda asked: compiler.compile_here(asked, runtime()))
    (tmp_path / "guard.wasm").write_bytes(binary(text("")))
    return tmp_path


def said(folder: Path, keys: str, body: str = "") -> list[str]:
    (folder / "guard.wasm").write_bytes(binary(text(body)))
    return problems(folder, MINIMAL + f"filters: {{guard: {{type: wasm, module: guard.wasm{keys}}}}}")


def test_a_worker_gets_code_and_bounds(folder: Path) -> None:
    keys = (
        "fuel: 5000, time: 20ms, memory: 1MiB, max_lines: 2, log_level: error, configuration: {a: [1, true]}, vm_id: v"
    )
    spec = read(folder, MINIMAL + f"filters: {{guard: {{type: wasm, module: guard.wasm, {keys}}}}}").filters[0]
    options = dict(spec.options)
    assert len(options["code"]) > 1000 and options["configuration"] == b'{"a":[1,true]}' and options["vm_id"] == "v"
    assert (options["fuel"], options["time"], options["memory"], options["logs"]) == (5000, 0.02, 1 << 20, 2)
    assert options["log_level"] == 4 and options["vm_configuration"] == b"" and options["max_body"] == 1 << 20
    assert spec.does == "shows requests and answers to guard.wasm"


def test_text_is_given_as_it_is(folder: Path) -> None:
    assert said(folder, ", configuration: 'a: b'", CONFIGURED.format(4)) == []
    assert said(folder, ", configuration: {a: b}", CONFIGURED.format(9)) == []
    assert said(folder, "", CONFIGURED.format(0)) == []


@pytest.mark.parametrize(
    ("keys", "body", "words"),
    [
        (
            "",
            '(func (export "_initialize") (unreachable))',
            "guard.wasm does not begin: wasm `unreachable` instruction",
        ),
        (", configuration: x", CONFIGURED.format(9), "proxy_on_configure refused the configuration"),
        (", memory: 64KiB", "", "begins with 262144 bytes of memory, more than the 65536 that it may have"),
        (", fuel: 1", "", "from 1000 to 10000000000"),
        (", memory: 1GiB", "", "64MiB"),
        (", log_level: loud", "", "log_level"),
        (f", configuration: {'x' * 66_000}", "", "has more than 64 KiB"),
    ],
)
def test_what_is_wrong_is_said(folder: Path, keys: str, body: str, words: str) -> None:
    assert words in "\n".join(said(folder, keys, body))


def test_a_file_that_is_none(folder: Path) -> None:
    line = MINIMAL + "filters: {guard: {type: wasm, module: NAME}}"
    (folder / "text.wasm").write_text("(module)")
    assert "no.wasm cannot be read: No such file" in "\n".join(problems(folder, line.replace("NAME", "no.wasm")))
    assert "text.wasm does not validate: " in "\n".join(problems(folder, line.replace("NAME", "text.wasm")))


def test_a_pipe_or_a_folder_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.wasm")
    (folder / "folder.wasm").mkdir()
    line = MINIMAL + "filters: {guard: {type: wasm, module: NAME}}"
    assert "pipe.wasm cannot be read: it is no regular file" in "\n".join(
        problems(folder, line.replace("NAME", "pipe.wasm"))
    )
    assert "folder.wasm cannot be read" in "\n".join(problems(folder, line.replace("NAME", "folder.wasm")))


def test_what_the_compiler_has_to_say_is_a_warning(folder: Path) -> None:
    ticks = '(func (export "_initialize") (drop (call $set_tick_period_milliseconds (i32.const 1000))))'
    (folder / "guard.wasm").write_bytes(binary(text(ticks)))
    path = folder / "gateway.yaml"
    path.write_text(MINIMAL + "filters: {guard: {type: wasm, module: guard.wasm}}")
    [warning] = [one for one in map(str, inspect(path, {}).warnings) if "filters.guard.module: " in one]
    assert "guard.wasm asks for ticks, which no filter is told" in warning


def test_a_module_is_told_which_of_its_filters_it_is(folder: Path) -> None:
    root = """(func (export "proxy_on_configure") (param i32 i32) (result i32)
 (drop (call $get_property (i32.const 16) (i32.const 14) (i32.const 8) (i32.const 12)))
 (i32.eq (i32.load (i32.const 12)) (i32.const {})))"""
    for keys, length in ((", root_id: edge", 4), ("", 0)):
        (folder / "guard.wasm").write_bytes(binary(text(root.format(length), {16: b"plugin_root_id"})))
        spec = read(folder, MINIMAL + f"filters: {{guard: {{type: wasm, module: guard.wasm{keys}}}}}").filters[0]
        assert len(dict(spec.options)["root_id"]) == length


def test_a_file_that_is_too_large(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MODULE_MAX", 1 << 20)
    (folder / "guard.wasm").write_bytes(b"\0" * ((1 << 20) + 1))
    line = MINIMAL + "filters: {guard: {type: wasm, module: guard.wasm}}"
    assert "guard.wasm has more than 1 MiB" in "\n".join(problems(folder, line))


def test_the_extra_is_named_where_it_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "library_problem", lambda: "needs the package wasmtime: pip install 'fastgw[wasm]'")
    assert "pip install 'fastgw[wasm]'" in said(folder, "")[0]
