"""What ``fastgw top`` shows of a look."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from fastgw.cli.top_view import SORTS, printable, share, span, view


def route(name: str, rate: float, errors: float, p99: float | None) -> dict[str, Any]:
    latency = [p99 and p99 / 4, p99 and p99 / 2, p99]
    return {"name": name, "rate": rate, "errors": errors, "latency": latency, "active": 1, "requests": 9}


def look(**change: Any) -> dict[str, Any]:
    member = {"address": "127.0.0.1:9", "state": "ejected", "why": "refused: [bold]x", "until": None}
    return {
        "gateway": {"version": "1.0", "generation": 3, "draining": False},
        "whole": {**route("", 12.0, 3.0, 0.1), "exchanges": 4, "waiting": 2, "connections": 5},
        "problems": [{"severity": "error", "about": "service a", "cause": "no member is up", "since": None}],
        "routes": [route("slow", 1.0, 0.0, 2.0), route("busy", 11.0, 3.0, 0.01), route("idle", 0.0, 0.0, None)],
        "left_out": {"routes": 0, "services": 0, "problems": 0},
        "services": [
            {
                "name": "a\x1b[2J",
                "up": 0,
                "of": 1,
                "waiting": 2,
                "queue": {"limit": 8, "places": 7, "queued": 2},
                "breaker": {"state": "open", "reason": "5 of 5 failed", "until": None},
                "members": [{**member, "requests": 7, "failures": 6, "active": 0, "waiting": 0}],
            }
        ],
        "workers": [{"worker": 0, "state": "ready", "loop_lag": 0.2, "rss": 32 << 20, "restarts": 1, "stalls": 0}],
        **change,
    }


def shown(found: dict[str, Any], sort: str = "rate", gone: str = "", rows: int = 100) -> str:
    out = io.StringIO()
    Console(file=out, width=160, highlight=False).print(view(found, sort, gone, rows))
    return out.getvalue()


def test_everything_of_a_look_is_there() -> None:
    text = shown(look())
    for words in ("generation 3", "12.0 requests/s", "25 % errors", "! service a: no member is up", "0 of 1 up",
                  "7 of 8 places; breaker open: 5 of 5 failed", "ejected", "32 MiB", "200 ms", "27.3 %"):  # fmt: skip
        assert words in text, words


def test_a_name_is_text_whatever_it_looks_like() -> None:
    text = shown(look())
    assert "a?[2J" in text and "refused: [bold]x" in text and "\x1b" not in text


@pytest.mark.parametrize(
    ("sort", "order"),
    [("rate", "busy slow idle"), ("p99", "slow busy idle"), ("name", "busy idle slow"), ("errors", "busy idle slow")],
)
def test_routes_are_sorted(sort: str, order: str) -> None:
    text = shown(look(), sort)
    assert sorted(order.split(), key=text.index) == order.split()
    assert sort in SORTS


def test_what_does_not_fit_is_counted() -> None:
    routes = [route(f"r{number}", 1.0, 0.0, 0.1) for number in range(50)]
    text = shown(look(routes=routes, left_out={"routes": 5, "services": 0, "problems": 0}), rows=30)
    assert text.count("\n") <= 30
    assert "and " in text and " more" in text


def test_a_gateway_that_is_gone_or_ends_is_told() -> None:
    assert "GONE: refused\n" not in shown(look()) and "GONE: refused; asked again" in shown(look(), gone="refused")
    assert "DRAINING" in shown(look(gateway={"version": "1", "generation": 1, "draining": True}))


def test_figures() -> None:
    assert [span(one) for one in (None, 0.000123, 0.25, 0.9999, 59.9, 7200)] == [
        "-", "0.123 ms", "250 ms", "1 s", "59.9 s", "120 min",
    ]  # fmt: skip
    assert [share({"rate": rate, "errors": errors}) for rate, errors in ((0, 0), (0, 1), (3, 1), (1, 2))] == [
        "0 %", "100 %", "33.3 %", "100 %",
    ]  # fmt: skip
    assert printable("a\n\x1bb") == "a??b"


def test_problems_that_have_no_room_are_counted() -> None:
    one = look()["problems"][0]
    text = shown(look(problems=[one] * 8, left_out={"routes": 0, "services": 0, "problems": 30}), rows=60)
    assert text.count("no member is up") == 6 and "and 32 more, which fastgw status --json tells" in text
    assert "more" not in shown(look(problems=[one] * 6), rows=60)
