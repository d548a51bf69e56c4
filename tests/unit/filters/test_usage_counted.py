"""What requests to model servers use, as metrics count it, by service and model, and as spans tell it."""

from __future__ import annotations

from pathlib import Path

from fastgw.core import counters
from fastgw.core import model_counters as rows
from fastgw.testing.edge import Edge, Spy
from tests.support.inference import PROMPT, TOLD, Metered, answer, asks, chunk, delta, event, stream_head, usage_chunk
from tests.support.traced import TracedEdge


def counted(edge: Edge, slot: int) -> list[int]:
    base = counters.MODEL.base(slot)
    places = (rows.INPUT_TOKENS, rows.OUTPUT_TOKENS, rows.CACHE_READ_TOKENS, rows.REASONING_TOKENS)
    return [edge.values[base + one] for one in (*places, rows.ESTIMATED_TOKENS, rows.ESTIMATED_TOKENS + 1)]


def histogram(edge: Edge, place: int, slot: int = 0) -> tuple[int, int]:
    """Its sum in microseconds, and how many there were."""
    base = counters.MODEL.base(slot) + place
    return edge.values[base], sum(edge.values[base + 1 : base + counters.HISTOGRAM_SIZE])


def test_tokens_are_counted_by_service_and_by_models_that_are_named(tmp_path: Path) -> None:
    metered = Metered(tmp_path)
    metered.filter.count_in({("s", "gpt-x"): 0, ("s", "other"): 1, ("t", "gpt-x"): 2})
    client, service = metered.edge.pair(asks())
    service.feed(answer(TOLD))
    client.feed(asks())
    service.feed(answer(TOLD | {"model": "evil"}))
    client.feed(asks())
    service.feed(answer({"error": 1}, status=b"500 Oops"))
    client.feed(asks())
    service.feed(stream_head() + chunk(event(delta("a", model="evil"))))
    client.lose()
    metered.lines()
    assert counted(metered.edge, 0) == [19, 10, 0, 0, 0, 0]
    assert counted(metered.edge, 1) == [19 + len(PROMPT) // 4, 11, 0, 0, len(PROMPT) // 4, 1]
    assert counted(metered.edge, 2) == [0] * 6


def test_times_of_a_stream_are_counted(tmp_path: Path) -> None:
    metered = Metered(tmp_path)
    metered.filter.count_in({("s", "gpt-x"): 0})
    _, service = metered.edge.pair(asks())
    service.feed(stream_head())
    for said in (delta(""), delta("Hi"), delta("!"), usage_chunk(9, 3)):
        metered.edge.loop.advance(0.125)
        service.feed(chunk(event(said)))
    service.feed(chunk(b""))
    metered.line()
    assert histogram(metered.edge, rows.DURATION_US) == (500_000, 1)
    assert histogram(metered.edge, rows.FIRST_TOKEN_US) == (250_000, 1)
    assert histogram(metered.edge, rows.PER_TOKEN_US) == (125_000, 1)


def test_a_service_that_nobody_counts_is_not_counted(tmp_path: Path) -> None:
    metered = Metered(tmp_path)
    metered.filter.count_in({("t", "other"): 0})
    _, service = metered.edge.pair(asks())
    service.feed(answer(TOLD))
    metered.line()
    assert counted(metered.edge, 0) == [0] * 6


def test_a_span_has_what_was_used(tmp_path: Path) -> None:
    metered = Metered(tmp_path)
    edge = TracedEdge(filters=[metered.filter])
    _, service = edge.pair(asks())
    service.feed(answer(TOLD))
    [found] = edge.recorded()
    assert {name: value for name, value in found.whole.said.items() if name.startswith("gen_ai")} == {
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "gpt-x",
        "gen_ai.usage.input_tokens": 19,
        "gen_ai.usage.output_tokens": 10,
    }
    metered.line()
    edge.end()


def test_the_model_that_was_asked_for_is_known_where_requests_are_routed_by_it(tmp_path: Path) -> None:
    routed = Spy("routed", [], request=lambda exchange: exchange.note("model", "gpt-oss"))
    metered = Metered(tmp_path, [routed], include_usage=True)
    metered.filter.count_in({("s", "gpt-oss"): 0, ("s", "other"): 1})
    _, service = metered.edge.pair(asks())
    service.feed(answer(TOLD))
    line = metered.line()
    assert (line["requested_model"], line["model"]) == ("gpt-oss", "gpt-x")
    assert counted(metered.edge, 0)[0] == 19
