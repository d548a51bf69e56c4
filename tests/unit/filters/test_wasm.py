"""The filter ``wasm``: heads, answers of a guest, and how an exchange ends whose guest does."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.settings import FilterSettings
from fastgw.core.snapshot.chain import FailureMode
from fastgw.core.wasm_counters import EXCHANGES, EXCHANGES_OPEN, TRAPS
from fastgw.filters import wasm as module
from fastgw.filters.headers import Headers
from fastgw.testing.edge import Edge, head_of, statuses
from fastgw.wasm.traps import TRAP_CAUSES
from tests.support.wasm import text, wasm_filter
from tests.unit.wasm.test_hostcalls import numbers

GET = b"GET /a?q=1 HTTP/1.1\r\nHost: a.test\r\nX-User: ann\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
DATA = {
    16: b"x-user",
    32: b"x-seen",
    48: b"bob",
    64: b":path",
    80: b"/b?r=2",
    96: b":status",
    112: b"404",
    128: b"boom",
}


def on_request(calls: str, action: int = 0) -> str:
    return f'(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {calls} (i32.const {action}))'


def on_answer(calls: str, action: int = 0) -> str:
    return f'(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) {calls} (i32.const {action}))'


def host(name: str, *values: int) -> str:
    return f"(drop (call ${name} {numbers(*values)}))"


def reply(status: int, *of_body: int) -> str:
    return host("send_local_response", status, 0, 0, *(of_body or (0, 0)), 0, 0, -1)


def edge_of(body: str, *more: Any, is_open: bool = False, **bounds: Any) -> Edge:
    guard = wasm_filter(text(body, DATA), **bounds)
    settings = FilterSettings("open" if is_open else "closed", 10.0)
    return Edge(filters=[guard, *more], modes={"guard": FailureMode(settings, 0)})


def failed(edge: Edge) -> list[str]:
    return [str(fields["error"]) for _, event, fields in edge.log if event == "a filter failed"]


def test_a_guest_sees_and_changes_both_heads() -> None:
    body = on_request(
        host("get_header_map_value", 0, 16, 6, 8, 12)
        + "(drop (call $add_header_map_value (i32.const 0) (i32.const 32) (i32.const 6)"
        + " (i32.load (i32.const 8)) (i32.load (i32.const 12))))"
        + host("remove_header_map_value", 0, 16, 6)
    ) + on_answer(host("replace_header_map_value", 2, 32, 6, 48, 3))
    edge = edge_of(body)
    client, service = edge.pair(GET)
    got = service.take()
    assert b"x-seen: ann\r\n" in got and b"X-User" not in got
    service.feed(OK)
    assert b"x-seen: bob\r\n" in client.take()
    edge.end()


def test_a_guest_answers_in_the_place_of_the_service() -> None:
    edge = edge_of(on_request(reply(403, 48, 3), action=1))
    client = edge.client(GET)
    got = client.take()
    assert statuses(got) == [403] and got.endswith(b"\r\n\r\nbob")
    assert b"content-type: text/plain; charset=utf-8\r\n" in got
    edge.end()


def test_a_guest_answers_in_the_place_of_an_answer() -> None:
    edge = edge_of(on_answer(reply(503, 48, 3)))
    client, service = edge.pair(GET)
    service.feed(OK)
    got = client.take()
    assert statuses(got) == [503] and got.endswith(b"\r\n\r\nbob") and failed(edge) == []
    edge.end()


def test_the_path_and_the_status_can_be_others() -> None:
    edge = edge_of(
        on_request(host("replace_header_map_value", 0, 64, 5, 80, 6))
        + on_answer(host("replace_header_map_value", 2, 96, 7, 112, 3))
    )
    client, service = edge.pair(GET)
    assert service.take().startswith(b"GET /b?r=2 HTTP/1.1\r\n")
    service.feed(OK)
    assert statuses(client.take()) == [404]
    edge.end()


@pytest.mark.parametrize(
    ("calls", "cause", "bounds"),
    [
        ("(unreachable)", "trap: wasm `unreachable` instruction executed", {}),
        ("(loop $l (br $l))", "fuel: all fuel consumed", {}),
        ("(drop (i32.load (i32.const -1)))", "memory: 0: memory fault at wasm address 0xffffffff", {}),
        ("(call $proc_exit (i32.const 1))", "exit: the module left with 1", {}),
        (host("get_current_time_nanoseconds", 8) * 9, "copied: it has the gateway copy", {"copied": 2000}),
        (reply(200, 48, 3) + host("set_header_map_pairs", 0, 0, 0), "", {}),
    ],
)
def test_a_guest_that_fails_ends_its_own_exchange(calls: str, cause: str, bounds: dict[str, int]) -> None:
    edge = edge_of(on_request(calls), **bounds)
    client = edge.client(GET)
    got = client.take()
    if cause:
        assert statuses(got) == [503] and b"urn:fastgw:error:wasm_failed" in got and b"fuel" not in got
        assert failed(edge)[0].startswith(cause)
        assert edge.values[TRAPS + TRAP_CAUSES.index(cause.partition(":")[0])] == 1
    else:
        assert statuses(got) == [200]
    edge.end()


def test_an_open_filter_is_passed_over() -> None:
    edge = edge_of(on_request("(unreachable)") + on_answer("(unreachable)"), is_open=True)
    client, service = edge.pair(GET)
    service.feed(OK)
    assert statuses(client.take()) == [200] and len(failed(edge)) == 1
    edge.end()


def test_an_answer_that_fails_is_an_error() -> None:
    edge = edge_of(on_answer("(unreachable)"))
    client, service = edge.pair(GET)
    service.feed(OK)
    assert statuses(client.take()) == [503]
    edge.end()


@pytest.mark.parametrize("body", [on_request("", action=1), on_answer("", action=1)])
def test_a_pause_that_nothing_can_resume_is_a_failure(body: str) -> None:
    edge = edge_of(body)
    client = edge.client(GET)
    if edge.attempts:
        edge.connect().feed(OK)
    assert statuses(client.take()) == [503] and failed(edge)[0].startswith("paused: ")
    edge.end()


def test_other_filters_answers_are_seen_too() -> None:
    class Refuse:
        name = "refuse"

        def request(self, exchange: Any) -> Any:
            from fastgw.core.exchange.reply import Reply

            return Reply(401)

    edge = edge_of(on_answer(host("replace_header_map_value", 2, 32, 6, 48, 3) + reply(500)), Refuse())
    got = edge.client(GET).take()
    assert statuses(got) == [401] and b"x-seen: bob\r\n" in head_of(got)
    edge.end()


def test_a_trap_at_the_end_is_told_and_harms_nobody() -> None:
    edge = edge_of('(func (export "proxy_on_log") (param i32) (unreachable))')
    client, service = edge.pair(GET)
    service.feed(OK)
    assert statuses(client.take()) == [200]
    assert [event for _, event, _ in edge.log] == ["a filter failed at the end"]
    assert (edge.values[EXCHANGES], edge.values[EXCHANGES_OPEN], edge.values[TRAPS]) == (1, 0, 1)
    edge.end()


def test_a_thousand_traps_leave_nothing_and_harm_no_neighbour() -> None:
    good = wasm_filter(text(on_request(host("add_header_map_value", 0, 32, 6, 48, 3)), DATA))
    bad = wasm_filter(text(on_request("(unreachable)"), DATA))
    bad.name = "bad"
    edge = Edge(filters=[good])
    other = Edge(filters=[bad])
    waiting, service = edge.pair(GET)
    for _ in range(1000):
        client = other.client(GET)
        assert statuses(client.take()) == [503]
        client.close()
    assert bad._program is not None and bad._program.live == 0 and not bad._visits
    service.feed(OK)
    assert statuses(waiting.take()) == [200]
    edge.end()
    other.end()
    assert good._program is not None and good._program.live == 0


def test_each_exchange_begins_anew() -> None:
    """What a guest keeps in its memory is gone with it; what it shares stays, and outlives a reload."""
    body = on_request(
        "(if (i32.load (i32.const 4)) (then (unreachable))) (i32.store (i32.const 4) (i32.const 1))"
        "(if (i32.eqz (call $get_shared_data (i32.const 16) (i32.const 6) (i32.const 8) (i32.const 12) (i32.const 0)))"
        f"(then {host('add_header_map_value', 0, 32, 6, 48, 3)}))" + host("set_shared_data", 16, 6, 48, 3, 0)
    )
    module._shared.pop("guard", None)
    seen: list[bool] = []
    service: Any = None
    for _ in range(2):
        edge = edge_of(body)
        for _ in range(2):
            client = edge.client(GET)
            service = edge.connect() if edge.attempts else service
            seen.append(b"x-seen: bob" in service.take())
            service.feed(OK)
            client.close()
        edge.end()
    assert seen == [False, True, True, True]


def test_hooks_that_have_nothing_to_do_are_none() -> None:
    bare = wasm_filter(text(""))
    assert bare.response is None and bare.transform_request is None and bare.transform_response is None
    whole = wasm_filter(text('(func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) (i32.const 0))'))
    assert whole.transform_response is not None and whole.transform_request is None


def test_a_module_that_cannot_begin_refuses_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    made = wasm_filter(text(""))
    made._options = {**made._options, "code": b"of another release"}
    with pytest.raises(OSError, match="the module of the filter 'guard': "):
        made.start(None)  # type: ignore[arg-type]


def test_a_filter_in_front_may_change_what_it_sees() -> None:
    before = Headers("before", {"request": (("set", (("x-user", (b"eve",)),)),)})
    seen = "(drop (call $add_header_map_value (i32.const 0) (i32.const 32) (i32.const 6) (i32.load (i32.const 8)) (i32.const 3)))"
    guard = wasm_filter(text(on_request(host("get_header_map_value", 0, 16, 6, 8, 12) + seen), DATA))
    edge = Edge(filters=[before, guard])
    _, service = edge.pair(GET)
    assert b"x-seen: eve\r\n" in service.take()
