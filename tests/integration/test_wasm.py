"""A module of WebAssembly in real processes: what passes, what traps, and another module by a reload, in one gateway."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.processes import Gateway, Service, reload, say
from tests.support.gateway import simple_config, wait_until
from tests.support.upstream import Connection, Received
from tests.support.wasm import binary, text
from tests.unit.filters.test_wasm import DATA, host, on_answer, on_request

pytestmark = pytest.mark.integration

GUARD = "filters: {guard: {type: wasm, module: guard.wasm, configuration: {a: 1}}}\n"
#: Traps where a client sends ``x-user: boom``, of four letters; else marks the answer with what stands at 48.
MODULE = on_request(
    host("get_header_map_value", 0, 16, 6, 8, 12)
    + "(if (i32.eq (i32.load (i32.const 12)) (i32.const 4)) (then (unreachable)))"
) + on_answer(host("add_header_map_value", 2, 32, 6, 48, 3))


def fetch(url: str, user: str) -> tuple[int, str]:
    """The status, and what the module said."""
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"x-user": user}), timeout=10) as answer:
            return answer.status, answer.headers.get("x-seen", "")
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("x-seen", "")


def test_a_module_passes_traps_and_is_replaced(gateway: Gateway, service: Service, tmp_path: Path) -> None:
    def script(request: Received, connection: Connection) -> None:
        say(b"hi")(request, connection)

    module = tmp_path / "guard.wasm"
    module.write_bytes(binary(text(MODULE, DATA)))
    config = simple_config(service(script).address, route="filters: [guard]") + GUARD.replace("guard.wasm", str(module))
    running = gateway(config)
    assert fetch(running.base_url, "ann") == (200, "bob")
    assert [fetch(running.base_url, "boom")[0] for _ in range(3)] == [503] * 3
    assert fetch(running.base_url, "ann") == (200, "bob")
    wait_until(lambda: running.admin("/status")["wasm"] == {"exchanges": 5, "open": 0, "traps": {"trap": 3}})
    assert "trap: wasm `unreachable` instruction executed" in running.read_log()

    module.write_bytes(binary(text(MODULE, DATA | {48: b"eve"})))
    reload(running, config)
    assert fetch(running.base_url, "ann") == (200, "eve")
    module.write_bytes(b"\0asm no more")
    reload(running, config)
    assert "guard.wasm does not validate" in running.read_log()
    assert fetch(running.base_url, "ann") == (200, "eve")
