"""Names that do not resolve, in bounded time."""

from __future__ import annotations

import socket
import threading
import time

from fastgw.cli.names import AT_ONCE, unresolved


def look_up(name: str, _: None) -> object:
    if name == "gone.example":
        raise socket.gaierror(-2, "Name or service not known")
    if name == "odd":
        raise UnicodeError("label too long")
    return []


def test_each_name_has_its_reason() -> None:
    assert unresolved(["a.example", "gone.example", "odd"], look_up=look_up) == {
        "gone.example": "does not resolve: Name or service not known",
        "odd": "does not resolve: label too long",
    }
    assert unresolved([], look_up=look_up) == {}


def test_a_silent_name_server_is_not_waited_for() -> None:
    silent = threading.Event()
    names = [f"{number}.example" for number in range(3 * AT_ONCE)]
    started = time.monotonic()
    try:
        found = unresolved([*names, "gone.example"], 0.05, lambda name, _: silent.wait(60) if "." in name else None)
    finally:
        silent.set()
    assert time.monotonic() - started < 30
    assert found == dict.fromkeys([*names, "gone.example"], "did not resolve within 0.05 s")


def test_numbers_and_this_machine_resolve_without_a_name_server() -> None:
    assert unresolved(["127.0.0.1", "localhost"], 30) == {}
