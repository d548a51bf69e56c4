"""Which exchanges have a line, and that sums can be scaled by what the lines say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fastgw.core.exchange.reply import Reply
from fastgw.filters.access_log import access_log
from fastgw.filters.log_file import FILES
from fastgw.testing.edge import GET, OK, Edge, Spy
from tests.unit.filters.logs import logging

ALWAYS = {"slow": 1.0, "failed": ("5xx",)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def sampled(path: Path, *filters: Any, chance: float = 0.5, always: dict[str, Any] = ALWAYS, **more: Any) -> Any:
    return logging(path, *filters, chance=chance, sample=0.01, always=tuple(always.items()), **more)


def answering(status: int) -> Spy:
    return Spy("a", [], request=lambda exchange: Reply(status))


@pytest.mark.parametrize(("chance", "count"), [(0.0, 1), (0.0099, 1), (0.01, 0), (0.99, 0)])
def test_chance_picks_and_the_line_says_with_which_share(path: Path, chance: float, count: int) -> None:
    log, edge = sampled(path, answering(200), chance=chance)
    edge.client(GET)
    log.stop()
    edge.end()
    assert [line["sampled"] for line in lines(path)] == [0.01] * count


@pytest.mark.parametrize(
    ("status", "failed", "is_written"),
    [
        (500, ("5xx",), True),
        (503, ("503",), True),
        (502, ("503",), False),
        (404, ("5xx",), False),
        (404, ("4xx", "503"), True),
        (500, (), False),
    ],
)
def test_what_failed_has_a_line_that_stands_for_itself(
    path: Path, status: int, failed: tuple[str, ...], is_written: bool
) -> None:
    log, edge = sampled(path, answering(status), always={"slow": 0.0, "failed": failed})
    edge.client(GET)
    log.stop()
    edge.end()
    assert [(line["status"], "sampled" in line) for line in lines(path)] == [(status, False)] * is_written


@pytest.mark.parametrize(("slow", "took", "is_written"), [(1.0, 1.0, True), (1.0, 0.75, False), (0.0, 30.0, False)])
def test_what_was_slow_has_a_line(path: Path, slow: float, took: float, is_written: bool) -> None:
    log, edge = sampled(path, always={"slow": slow, "failed": ()})
    _, service = edge.pair()
    edge.loop.advance(took)
    service.feed(OK)
    log.stop()
    edge.end()
    assert [line["status"] for line in lines(path)] == [200] * is_written


@pytest.mark.parametrize("failed", [("5xx",), ()])
def test_an_answer_that_was_broken_off_has_failed_whatever_its_status(path: Path, failed: tuple[str, ...]) -> None:
    log, edge = sampled(path, always={"slow": 0.0, "failed": failed})
    _, service = edge.pair()
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    service.lose()
    log.stop()
    edge.end()
    assert [(line["status"], line["fault"]) for line in lines(path)] == [(200, "upstream")] * len(failed)


def test_a_client_that_left_is_no_failure_unless_the_file_says_so(path: Path) -> None:
    for failed in (("5xx",), ("499",)):
        log, edge = sampled(path, always={"slow": 0.0, "failed": failed})
        client, _ = edge.pair()
        client.lose()
        log.stop()
        edge.end()
    assert [line["status"] for line in lines(path)] == [499]


@pytest.mark.parametrize(
    ("failed", "chance", "expected"), [("4xx", 0.5, [None]), ("5xx", 0.0, [0.01]), ("5xx", 0.5, [])]
)
def test_what_was_refused_follows_the_same_rule(path: Path, failed: str, chance: float, expected: list[Any]) -> None:
    log, edge = sampled(path, chance=chance, always={"slow": 0.0, "failed": (failed,)})
    edge.client(b"GET /\r\n\r\n")
    log.stop()
    edge.end()
    assert [line.get("sampled") for line in lines(path)] == expected


def test_sums_of_what_is_written_are_those_of_all(path: Path) -> None:
    """Each line counts for as many as its share says; here 19 are passed over in front of each that is taken."""
    options = {"path": str(path), "sample": 0.05, "always": tuple(ALWAYS.items())}
    log = access_log("log", options, chance=lambda: 0.63)
    status = [200]
    edge = Edge(filters=[log, Spy("a", [], request=lambda exchange: Reply(status[0]))])
    log.start(edge.loop)
    client = edge.client()
    for number in range(1100):
        status[0] = 500 if number % 11 == 0 else 200
        client.feed(GET)
        client.take()
    log.stop()
    FILES.finish()
    edge.end()
    written = lines(path)
    assert len(written) == 100 + 50
    for one, count in ((500, 100), (200, 1000)):
        assert sum(1 / line.get("sampled", 1) for line in written if line["status"] == one) == pytest.approx(count)


def test_a_line_of_text_says_its_share_where_the_template_wants_it(path: Path) -> None:
    template = ("response.status", b" ", "log.sampled")
    for status in (200, 500):
        log, edge = sampled(path, answering(status), chance=0.0, template=template)
        edge.client(GET)
        log.stop()
        edge.end()
    assert path.read_text() == "200 0.01\n500 1\n"


def test_fields_and_the_share_stand_in_one_line(path: Path) -> None:
    log, edge = sampled(path, answering(200), chance=0.0, fields=(("a", ("request.method",)),))
    edge.client(GET)
    log.stop()
    edge.end()
    (line,) = lines(path)
    assert (line["a"], line["sampled"]) == ("GET", 0.01)
