"""``token_limit``: what is reserved, what is charged in every way out, and what clients are told.  Time is the test's."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core import limit_counters as rows
from fastgw.core.counters import LIMIT
from fastgw.core.live.board import NAMED
from fastgw.core.live.holds import Seat
from fastgw.core.live.words import CHANGE
from fastgw.core.models.asked import AskedModel
from fastgw.filters import token_limit as module
from fastgw.filters.token_limit import TokenLimit
from fastgw.filters.token_rates import limit_text
from fastgw.filters.usage import Usage
from fastgw.testing.edge import EPOCH, Edge, Spy, body_of, statuses
from fastgw.wire.inference import OPERATIONS
from tests.support.inference import OPTIONS as METERING
from tests.support.inference import answer, asks, chunk, delta, event, stream_head, usage_chunk
from tests.unit.filters.test_rate_limit import Clock, arrive, clock, fd, fields, seat  # noqa: F401 - fixtures

OPTIONS: dict[str, Any] = {
    "reserve": "maximum",
    "default_max_tokens": None,
    "bytes_per_token": 4,
    "timezone": "UTC",
    "ceiling": False,
    "tell": "refused",
    "when_full": "refuse",
    "dry_run": False,
    "cluster": None,
}
PRICES = (("m", (("input", 1.0), ("output", 10.0), ("cached", 1.0))),)
MINUTE, DAY = 60, 86400
Arrive = Callable[[], Seat]


def said(count: int, seconds: int = MINUTE, unit: str = "tokens", per: Any = ("filter",), **more: Any) -> Any:
    """A limit as the filter gets it."""
    return tuple({"rate": (count, seconds), "burst": None, "per": per, "unit": unit, "block": 10, **more}.items())


class Limited:
    """An ``Edge`` with the filter, and what meters behind it."""

    def __init__(
        self,
        seat: Seat,  # noqa: F811
        clock: Clock,  # noqa: F811
        *limits: Any,
        front: Sequence[Any] = (),
        prices: Any = (),
        **options: Any,
    ) -> None:
        self.limit = TokenLimit("limit", OPTIONS | {"limits": limits} | options, clock, lambda: EPOCH)
        texts = [*(limit_text(dict(one)) for one in limits), rows.NOTED]
        self.limit.count_in({("limit", text): number for number, text in enumerate(texts)})
        meter = Usage("usage", METERING | {"prices": prices})
        self.service: Any = None
        self.edge = Edge(filters=[*front, self.limit, meter], seat=seat)

    def ask(self, max_tokens: int | None = None, **body: Any) -> Any:
        """A client asks: the two sides, or the answer of one that was refused."""
        more = {} if max_tokens is None else {"max_tokens": max_tokens}
        client = self.edge.client(asks(prompt(**more, **body)))
        found = client.take()
        if found:
            return found
        if self.edge.attempts:
            self.service = self.edge.connect()
        return client, self.service  # or else the one that was idle

    def count(self, row: int, number: int = 1) -> int:
        """Of a limit, by its number."""
        return self.edge.values[LIMIT.base(number - 1) + row]


def prompt(**more: Any) -> bytes:
    """A body of 100 bytes: 26 tokens by estimate."""
    made = json.dumps({"model": "m", **more, "messages": ""}).encode()
    return made[:-2] + b"x" * (100 - len(made)) + made[-2:]


def told(prompt: int, completion: int, model: str = "m") -> bytes:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return answer({"model": model, "usage": usage})


@pytest.fixture
def limited(seat: Seat, clock: Clock) -> Callable[..., Limited]:  # noqa: F811
    return lambda *limits, **options: Limited(seat, clock, *limits, **options)


Made = Callable[..., Limited]


def test_what_a_request_allows_is_reserved_and_what_it_used_is_charged(limited: Made) -> None:
    it = limited(said(200))
    client, service = it.ask(100)
    refused = it.ask(100)
    assert statuses(refused) == [429] and fields(refused)["x-ratelimit-remaining-tokens"] == "74"
    service.feed(told(30, 20))
    assert statuses(client.take()) == [200]
    assert statuses(it.ask(125)) == [429]  # 150 are left
    it.ask(124)
    assert (it.count(rows.RESERVED), it.count(rows.CHARGED), it.count(rows.REFUSED)) == (126 + 150, 50, 2)
    it.edge.end()


def test_refusals_say_when_and_of_what(limited: Made, clock: Clock) -> None:  # noqa: F811
    it = limited(said(120), said(5, unit="requests"))
    it.ask(94)
    clock.advance(0.25)
    found = it.ask(0)
    document = json.loads(body_of(found))
    assert document["type"] == "urn:fastgw:error:rate_limit_exceeded"
    assert document["detail"] == (
        "the limit of 120 tokens/m per filter is reached, and this request is counted as 26; try again in 13 s"
    )
    assert {name: value for name, value in fields(found).items() if "retry" in name or "ratelimit" in name} == {
        "retry-after": "13",
        "retry-after-ms": "12750",
        "x-ratelimit-limit-requests": "5",
        "x-ratelimit-remaining-requests": "4",
        "x-ratelimit-reset-requests": "11750ms",
        "x-ratelimit-limit-tokens": "120",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "59750ms",
    }
    assert it.edge.of_route(counters.ROUTE_FAULT_DOWNSTREAM) == 1
    it.edge.end()


def test_anthropic_is_told_by_its_own_fields(limited: Made) -> None:
    it = limited(said(100, unit="prompt_tokens"), said(100, unit="completion_tokens"), said(9, unit="requests"))
    body = prompt(max_tokens=90)
    it.edge.client(asks(body, b"/v1/messages", b"anthropic-version: 2023-06-01"))
    found = it.edge.client(asks(body, b"/v1/messages", b"anthropic-version: 2023-06-01")).take()
    told = {name[20:]: value for name, value in fields(found).items() if name.startswith("anthropic-ratelimit-")}
    assert told == {
        "requests-limit": "9",
        "requests-remaining": "8",
        "requests-reset": "1994-11-06t08:49:44.000z",
        "input-tokens-limit": "100",
        "input-tokens-remaining": "74",
        "input-tokens-reset": "1994-11-06t08:49:53.000z",
        "output-tokens-limit": "100",
        "output-tokens-remaining": "10",
        "output-tokens-reset": "1994-11-06t08:50:31.000z",
    }
    it.edge.end()


def test_what_can_never_be_admitted_is_400(limited: Made) -> None:
    it = limited(said(1000), said(100))
    found = it.ask(75)
    assert statuses(found) == [400]
    assert json.loads(body_of(found))["detail"].startswith("the request asks for up to 101 tokens, its prompt included")
    assert it.count(rows.TOO_LARGE, 2) == 1 and it.count(rows.REFUSED, 2) == 0
    it.ask(74)
    it.edge.end()


def test_a_budget_is_kept_by_the_prices(limited: Made) -> None:
    it = limited(said(1500, DAY, "cost"), prices=PRICES)  # 0.0015: 26 and 100 tokens are 1026 millionths
    client, service = it.ask(100)
    found = it.ask(100)
    assert statuses(found) == [429]
    assert json.loads(body_of(found))["type"].endswith("insufficient_quota")
    assert fields(found)["x-should-retry"] == "false" and "x-ratelimit-limit-tokens" not in fields(found)
    service.feed(told(20, 7))  # 90 millionths
    client.take()
    assert it.count(rows.CHARGED) == 90
    it.ask(100)
    it.edge.end()


def test_all_limits_admit_or_none_is_charged(limited: Made) -> None:
    it = limited(said(1000, per=("header:x-key",)), said(300))
    it.ask(200)
    assert statuses(it.ask(200)) == [429]
    assert it.count(rows.RESERVED, 1) == it.count(rows.RESERVED, 2) == 226
    assert (it.count(rows.REFUSED, 1), it.count(rows.REFUSED, 2)) == (0, 1)
    it.edge.end()


def test_each_key_user_model_and_label_has_its_own(seat: Seat, clock: Clock) -> None:  # noqa: F811
    notes: dict[str, Any] = {}
    identity = Spy("who", [], request=lambda exchange: [exchange.note(*pair) for pair in notes.items()] and None)
    per = [(one,) for one in ("key", "user", "label:team")]
    it = Limited(seat, clock, *(said(100, per=one) for one in (*per, ("model", "key"))), front=[identity])
    for index, changed in enumerate((None, "key", "api_key", "labels")):
        notes = {"key": "k", "api_key": "u", "labels": {"team": "t"}}
        if changed == "labels":
            notes["labels"] = {"team": "other"}
        elif changed:
            notes[changed] = "other"
        found = it.ask(60)
        assert isinstance(found, bytes) is (index > 0), changed
        if index:
            assert fields(found)["x-ratelimit-remaining-tokens"] == "14"
    notes = {"key": "k2", "api_key": "u2", "labels": {"team": "t2"}}
    assert not isinstance(it.ask(60, model="m2"), bytes)
    it.edge.end()


def test_limits_that_another_filter_says_are_in_the_place_of_its_own(seat: Seat, clock: Clock) -> None:  # noqa: F811
    limits = {"key": (("tokens", "300/m"), ("cost", "0.01/d")), "label:team": (("requests", "2/m"),)}
    saying = Spy("who", [], request=lambda exchange: exchange.note("limits", limits))
    it = Limited(seat, clock, said(50, per=("key",)), said(900), front=[saying])
    it.ask(100)
    it.ask(100)
    found = it.ask(10)
    assert json.loads(body_of(found))["detail"].startswith("the limit of 2 requests/m per label:team is reached")
    assert (it.count(rows.RESERVED, 1), it.count(rows.RESERVED, 2)) == (252, 252)
    assert it.count(rows.REFUSED, 3) == 1
    it.edge.end()


def test_a_limit_that_is_none_fails_the_filter(seat: Seat, clock: Clock) -> None:  # noqa: F811
    saying = Spy("who", [], request=lambda exchange: exchange.note("limits", {"key": (("tokens", "many"),)}))
    it = Limited(seat, clock, said(50), front=[saying])
    assert statuses(it.ask(1)) == [500]
    it.edge.end()


def test_so_many_may_be_under_way_at_one_time(limited: Made) -> None:
    it = limited(said(1000), said(2, 0, "at one time"))
    [(client, service), (leaving, _)] = [it.ask(10), it.ask(10)]
    found = it.ask(10)
    assert statuses(found) == [429] and fields(found)["retry-after"] == "1"
    assert json.loads(body_of(found))["detail"].endswith("2 requests at one time per filter")
    assert (it.count(rows.REFUSED, 2), it.count(rows.RESERVED, 1), it.count(rows.RESERVED, 2)) == (1, 72, 2)
    service.feed(told(1, 1))
    assert statuses(client.take()) == [200]
    it.ask(10)
    assert isinstance(it.ask(10), bytes)
    leaving.close()
    it.edge.run()
    assert statuses(it.ask(2000)) == [400]  # which takes no place
    it.ask(10)
    it.edge.end()
    assert it.edge.plane.seat.board.used(NAMED, CHANGE) == 0


def test_a_place_is_given_back_where_another_limit_refuses(limited: Made) -> None:
    it = limited(said(50), said(1, 0, "at one time"), said(9, unit="requests"))
    client, service = it.ask(24)
    service.feed(told(40, 10))
    assert statuses(client.take()) == [200]
    assert statuses(it.ask(20)) == [429]
    assert it.edge.plane.seat.board.used(NAMED, CHANGE) == 0
    it.edge.end()


# --- every way out


def test_a_stream_that_its_client_leaves_is_charged_for_what_came(limited: Made) -> None:
    it = limited(said(1000))
    client, service = it.ask(500, stream=True)
    service.feed(stream_head() + b"".join(chunk(event(delta("word"))) for _ in range(7)))
    client.close()
    it.edge.run()
    assert it.count(rows.CHARGED) == 100 // 4 + 7
    assert fields(it.ask(974))["x-ratelimit-remaining-tokens"] == str(1000 - 32)
    it.edge.end()


def test_what_was_told_is_charged_whatever_was_reserved(limited: Made) -> None:
    it = limited(said(200))
    client, service = it.ask(10, stream=True)
    service.feed(stream_head() + chunk(event(delta("word"))) + chunk(event(usage_chunk(150, 250))) + chunk(b""))
    client.take()
    assert it.count(rows.CHARGED) == 400
    found = it.ask(0)
    assert fields(found)["retry-after"] == str((400 - 200 + 26) * 60 // 200 + 1)  # it owes
    it.edge.end()


@pytest.mark.parametrize("status", [b"500 Internal Server Error", b"429 Too Many Requests"])
def test_an_error_gives_all_of_it_back(limited: Made, status: bytes) -> None:
    it = limited(said(126), said(9, unit="requests"))
    client, service = it.ask(100)
    service.feed(answer(b"{}", status=status))
    client.take()
    assert (it.count(rows.CHARGED, 1), it.count(rows.CHARGED, 2)) == (0, 1)
    it.ask(100)
    it.edge.end()


def test_so_does_a_service_that_is_not_there(limited: Made) -> None:
    it = limited(said(126))
    client = it.edge.client(asks(prompt(max_tokens=100)))
    it.edge.refuse()
    assert statuses(client.take()) == [502]
    assert (it.count(rows.RESERVED), it.count(rows.CHARGED)) == (126, 0)
    it.edge.end()


def test_who_leaves_before_the_answer_is_charged_for_the_prompt(limited: Made) -> None:
    it = limited(said(500))
    client, _ = it.ask(100)
    client.close()
    it.edge.run()
    assert it.count(rows.CHARGED) == 25
    it.edge.end()


# --- what else may happen


def test_with_dry_run_nobody_is_refused(limited: Made) -> None:
    it = limited(said(50), dry_run=True)
    assert not isinstance(it.ask(20), bytes)
    assert not isinstance(it.ask(20), bytes)
    assert not isinstance(it.ask(100), bytes)
    assert (it.count(rows.REFUSED), it.count(rows.TOO_LARGE), it.count(rows.RESERVED)) == (1, 1, 46)
    it.edge.end()


def test_answers_say_what_is_left_where_that_is_asked_for(limited: Made) -> None:
    it = limited(said(200), tell="all")
    client, service = it.ask(100)
    service.feed(told(10, 10))
    assert fields(client.take())["x-ratelimit-remaining-tokens"] == "74"
    it.edge.end()


def test_what_nobody_meters_stays_reserved(seat: Seat, clock: Clock) -> None:  # noqa: F811
    limit = TokenLimit("limit", OPTIONS | {"limits": (said(200),)}, clock)
    edge = Edge(filters=[limit], seat=seat)
    client, service = edge.pair(asks(prompt(max_tokens=100)))
    service.feed(told(1, 1))
    client.take()
    refused = edge.client(asks(prompt(max_tokens=49))).take()
    assert fields(refused)["x-ratelimit-remaining-tokens"] == "74"
    assert edge.client(asks(prompt(max_tokens=48))).take() == b""
    edge.end()


def test_workers_count_together_and_a_new_filter_goes_on(arrive: Arrive, clock: Clock) -> None:  # noqa: F811
    first, second = Limited(arrive(), clock, said(200)), Limited(arrive(), clock, said(200))
    client, service = first.ask(100)
    assert statuses(second.ask(100)) == [429]
    service.feed(told(10, 10))
    client.take()
    second.ask(100)
    first.edge.end()
    second.edge.end()


@pytest.mark.parametrize(("when_full", "expected"), [("refuse", [503]), ("let_through", None)])
def test_a_board_without_room(
    limited: Made, monkeypatch: pytest.MonkeyPatch, when_full: str, expected: list[int] | None
) -> None:
    def full(_: Any) -> Any:
        raise module.NoRoomError

    monkeypatch.setattr(module, "admit", full)
    it = limited(said(200), said(300), when_full=when_full)
    found = it.ask(1)
    assert statuses(found) == expected if expected else not isinstance(found, bytes)
    assert it.edge.count(counters.BOARD_FULL) == 1
    it.edge.end()


# --- limits of single models


def of_model(entry: str) -> Spy:
    """What a route that leads to models notes of each request."""

    def note(exchange: Any) -> None:
        operation = OPERATIONS[b"/v1/chat/completions"]
        exchange.note("asked_model", AskedModel(operation, entry, entry, entry))

    return Spy("models", [], request=note)


@pytest.mark.parametrize(("entry", "is_refused"), [("big", True), ("small", False)])
def test_a_limit_of_one_model_counts_requests_for_that_alone(limited: Made, entry: str, is_refused: bool) -> None:
    it = limited(
        said(3, unit="requests"), said(1, unit="requests", per=("model",), only="big"), front=[of_model(entry)]
    )
    it.ask(1)
    again = it.ask(1)
    assert (not isinstance(again, tuple)) == is_refused
    if is_refused:
        assert b"1 requests/m per model big" in again and fields(again)["x-ratelimit-limit-requests"] == "1"
        assert (it.count(rows.REFUSED, 1), it.count(rows.REFUSED, 2)) == (0, 1)
    it.edge.end()


def test_places_of_a_model_are_asked_for_before_its_rates(limited: Made) -> None:
    it = limited(
        said(100, unit="requests"),
        said(1, 0, unit="at one time", per=("model",), only="big"),
        front=[of_model("big")],
    )
    it.ask(1)
    assert b"too_many_requests" in it.ask(1)
    assert it.count(rows.RESERVED, 1) == 1  # the one that was refused took nothing
    it.edge.end()
