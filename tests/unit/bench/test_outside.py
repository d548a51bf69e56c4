"""The comparison by another harness: figures come out of windows as it says, and a page tells them.  Nothing is started."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest

from bench.macro.errors import BenchError
from bench.outside import __main__ as command
from bench.outside import gateways, measure, report
from bench.outside.loaders import Order, StreamWindow, Window, Wrk, loader_of, parse_streams, parse_window, request
from bench.outside.measure import QUICK, Cell, Rung
from bench.outside.published import Published, read
from tests.support.outside import write_sources


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return write_sources(tmp_path)


@pytest.fixture
def published(checkout: Path) -> Published:
    return read(checkout)


def window(rate: float, *, p99: float = 500.0, ok: int = 100, fail: int = 0) -> Window:
    return Window(rate, ok, fail, 100.0, p99)


def rungs(*steps: tuple[int, Window]) -> list[Rung]:
    return [Rung(clients, one, 20.0) for clients, one in steps]


def test_windows_are_read() -> None:
    line = "noise\nrps=0.25 fail=3 p50=12.50 p99=45.00 p50us=12500 p99us=45000 ok=14808 rigrefused=0\n"
    assert parse_window(line) == Window(0.25, 14808, 3, 12500.0, 45000.0)
    with pytest.raises(BenchError, match="could not keep up: rigrefused=2"):
        parse_window(line.replace("rigrefused=0", "rigrefused=2"))
    for broken in ("", "nothing here", "rps=a ok=1", line.replace("ok=14808", "")):
        with pytest.raises(BenchError, match="printed no"):
            parse_window(broken)


def test_streams_are_read() -> None:
    line = "streams=2 complete=2 fail=0 stalled=1 frames=8 fps=9 delivered={} ttft_p50us=5 ttft_p99us=6 gap_p50us=7 gap_p99us=8\n"
    assert parse_streams(line.format("1.0000")) == StreamWindow(2, 0, 1, 1.0, 5.0, 8.0)
    assert parse_streams(line.format("NaN")).delivered == 0.0
    with pytest.raises(BenchError, match="printed no 'stalled'"):
        parse_streams(line.format("1").replace("stalled=1 ", ""))


def test_generators_are_told_apart_and_asked(tmp_path: Path) -> None:
    order = Order(81, "/p", '{"a":1}', (("x-key", "k: v"),), "key")
    for name in ("otb", "ugen", "other"):
        (tmp_path / name).touch()
    assert isinstance(loader_of("wrk"), Wrk)
    ugen = loader_of(str(tmp_path / "ugen"))
    assert ugen.has_streams
    argv = ugen.argv(order, 4, 2)  # type: ignore[attr-defined]
    assert argv[1:] == [
        "-url",
        "http://127.0.0.1:81/p",
        "-c",
        "4",
        "-d",
        "2",
        "-body",
        '{"a":1}',
        "-auth",
        "key",
        "-H",
        "x-key: k: v",
    ]
    otb = loader_of(str(tmp_path / "otb"))
    argv = otb.argv(order, 4, 2)  # type: ignore[attr-defined]
    assert argv[1] == 'OTB_LOADGEN_HEADERS=[["x-key", "k: v"]]'
    assert argv[3:] == ["loadgen", "127.0.0.1:81", "/p", "4", "2", '{"a":1}']
    with pytest.raises(BenchError, match="reads no streams"):
        otb.streams(order, 1, 1, 1, 1)
    with pytest.raises(BenchError, match="neither otb nor ugen"):
        loader_of(str(tmp_path / "other"))
    with pytest.raises(BenchError, match="no such program"):
        loader_of(str(tmp_path / "nobody"))
    assert request(order).endswith(b'x-key: k: v\r\ncontent-length: 7\r\n\r\n{"a":1}')


def test_throughput_is_read_at_bounds() -> None:
    steps = rungs(
        (1, window(100.0)),
        (4, window(300.0, p99=999.0)),
        (16, window(900.0, p99=4000.0)),
        (64, window(900.0, p99=9000.0)),
        (64, window(5000.0, fail=1)),
        (256, window(800.0, p99=200_000.0)),
    )
    found = measure.frontier(steps, (1000, 50_000))
    assert [(one.bound_us, one.rate, one.clients, one.is_floor) for one in found] == [
        (1000, 300.0, 4, False),
        (50_000, 900.0, 16, False),
        (0, 900.0, 16, False),
    ]
    rates = [one.rate for one in found]
    assert rates == sorted(rates)  # a wider bound never has less
    assert measure.frontier(rungs((1, window(1.0, ok=0))), (1000,)) == []
    assert measure.frontier(rungs((1, window(1.0))), ())[0].is_floor


def test_the_ladder_ends_where_all_of_a_step_lose_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def one(_loader: object, _order: object, _program: object, clients: int, _seconds: int) -> Rung:
        asked.append(clients)
        return Rung(clients, window(1.0, fail=int(clients >= 16)), 1.0)

    monkeypatch.setattr(measure, "rung", one)
    measure.climb(None, None, None, QUICK)  # type: ignore[arg-type]
    assert asked == [1, 4, 16]


def test_latency_is_what_is_added() -> None:
    through, direct = [Window(1, 1, 0, 90.0, 200.0)], [Window(1, 1, 0, 40.0, 50.0)]
    assert measure.added(through, direct) == {"added_p50_us": 50.0, "added_p99_us": 150.0}
    with pytest.raises(BenchError, match="lost with a single client"):
        measure.added(through, [Window(1, 0, 0, 0, 0)])


def test_streams_hold_when_nothing_is_lost(published: Published) -> None:
    good = StreamWindow(10, 0, 0, 1.0, 1.0, 1.0)
    assert measure.holds(good, published)
    for bad in (
        StreamWindow(10, 0, 0, 0.999, 1, 1),
        StreamWindow(10, 0, 1, 1.0, 1, 1),
        StreamWindow(10, 2, 0, 1.0, 1, 1),
    ):
        assert not measure.holds(bad, published)

    class Reader(Wrk):
        def streams(self, order: Order, clients: int, seconds: int, frames: int, stall_us: int) -> StreamWindow:
            assert (frames, stall_us) == (4, 200_000)
            return good if clients < 256 else StreamWindow(clients, clients, 0, 0.5, 1.0, 1.0)

    seen, last = measure.climb_streams(Reader(), Order(1, "/", "{}", ()), published, QUICK)
    assert [clients for clients, _ in seen] == [16, 64, 256] and last == 64


def test_memory_stands_still_or_does_not() -> None:
    flat = [(float(at), 50.0) for at in range(70)]
    assert measure.is_steady(flat, 60.0, 1.0, 2.0)
    assert not measure.is_steady(flat[:30], 60.0, 1.0, 2.0)  # too short to say
    assert not measure.is_steady([(at, 50.0 + at / 40) for at, _ in flat], 60.0, 1.0, 2.0)
    assert not measure.is_steady([(at, 50.0 + at % 2 * 3) for at, _ in flat], 60.0, 1.0, 2.0)
    assert not measure.is_steady([], 60.0, 1.0, 2.0)


def test_cells_are_judged_by_the_answer(published: Published) -> None:
    openai, anthropic = published.dialects["openai"], published.dialects["anthropic"]
    assert measure.judge(openai, "openai", 200, openai.answer).is_served
    assert measure.judge(anthropic, "openai", 200, b'{"content":[{"text":"translated"}]}').is_served
    assert measure.judge(anthropic, "openai", 200, anthropic.answer).verdict == "passed on untranslated"
    assert measure.judge(anthropic, "openai", 200, openai.answer).verdict.startswith("no answer of anthropic")
    assert measure.judge(openai, "openai", 404, b"no").verdict == "404 no"
    for dialect in published.dialects.values():
        assert measure.has_envelope(dialect.name, dialect.answer)
        assert not measure.has_envelope(dialect.name, b"{") and not measure.has_envelope(dialect.name, b"[]")


def test_a_stream_is_the_same_request_with_one_key_more(published: Published) -> None:
    order = measure.order_of(81, published.dialects["openai"], "m", "k")
    assert measure.streamed(order).body == '{"stream":true,"model":"m"}'


def outside_run() -> report.OutsideRun:
    cell = report.CellResult(
        "openai",
        "openai",
        latency={"added_p50_us": 60.4, "added_p99_us": 1200.0},
        frontier=measure.frontier(rungs((1, window(100.0)), (4, window(1950.0, p99=4000.0))), (1000,)),
        rungs=rungs((4, window(1950.0))),
        memory={"idle_mib": 14.25, "peak_mib": 15.0, "recovered_mib": 15.0},
        complaints=["streams: none"],
    )
    grid = [Cell("openai", "openai", "served", True), Cell("anthropic", "openai", "404 no", False)]
    return report.OutsideRun(
        "2026-11-29T04:00:00+00:00",
        "quick",
        "python -m bench.outside",
        "wrk",
        ["a note"],
        {"processor": "EPYC", "nothing": ""},
        (1000,),
        {"4": 2000.0},
        [report.GatewayResult("fastgw", "fastgw", "0.1", grid, [cell])],
        {"smg": "not here"},
    )


def test_the_page_tells_it_all(tmp_path: Path) -> None:
    page = report.write(outside_run(), tmp_path / "2026-11-29-outside").read_text()
    assert "| fastgw (0.1) | 60 | 1,200 | 100 at 1 | >1,950 at 4* | 20.0 | - | - | - | 14.2 | 15.0 | 15.0 |" in page
    for needle in (
        "- fastgw: streams: none",
        "| openai | openai |",
        "| anthropic | - |",
        "- smg: not here",
        "EPYC",
        "- a note",
    ):
        assert needle in page
    assert orjson.loads((tmp_path / "2026-11-29-outside" / "results.json").read_bytes())["run"]["direct"] == {"4": 2000}


def test_the_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path, checkout: Path) -> None:
    options = command.parse(
        ["--checkout", ".", "--gateways", "nginx,fastgw", "--cells", "openai/openai,anthropic/openai"]
    )
    assert options.gateways == ("nginx", "fastgw") and options.cells == [("openai", "openai"), ("anthropic", "openai")]
    with pytest.raises(SystemExit):
        command.parse(["--checkout", ".", "--gateways", "nobody"])
    assert "no gateway nobody; there are fastgw" in capsys.readouterr().err
    affinity = os.sched_getaffinity(0)
    try:
        assert command.main(["--checkout", str(tmp_path)]) == 2
        assert (
            command.main(["--checkout", str(checkout), "--gateways", "haproxy", "--define", str(tmp_path / "made")])
            == 0
        )
    finally:
        os.sched_setaffinity(0, affinity)
    assert "no checkout of" in capsys.readouterr().err
    assert (tmp_path / "made" / "haproxy" / "definition.json").exists()


def test_nothing_is_asked_of_a_model_that_does_not_lead_there(
    published: Published, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Order] = []

    def ask(order: Order) -> tuple[int, bytes]:
        asked.append(order)
        raise BenchError("closed")

    monkeypatch.setattr(measure, "ask", ask)
    definition = gateways.haproxy(tmp_path)
    cells = measure.probe(published, 81, definition)
    assert len(cells) == 36 and len(asked) == 11  # what is alike, and everybody at OpenAI's
    assert {cell.verdict for cell in cells} == {"closed", "no model leads there"}
