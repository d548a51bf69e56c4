"""``token_limit``: what is reserved of a request before anybody has seen it, by what its body says."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from fastgw.core import limit_counters as rows
from fastgw.core.exchange.filter import GatheredHook
from fastgw.core.live.holds import Seat
from fastgw.core.models.asked import AskedModel
from fastgw.testing.edge import Spy, body_of, statuses
from fastgw.wire.inference import OPERATIONS
from tests.support.inference import asks
from tests.unit.filters.test_token_limit import (  # noqa: F401 - fixtures
    Clock,
    Limited,
    Made,
    arrive,
    clock,
    fd,
    limited,
    prompt,
    said,
    seat,
    told,
)


def test_of_a_request_that_says_nothing_it_is_what_answers_had(limited: Made) -> None:  # noqa: F811
    it = limited(said(100_000))
    client, service = it.ask()
    assert it.count(rows.RESERVED) == 26 + 1000
    service.feed(told(20, 40))
    client.take()
    before = it.count(rows.RESERVED)
    it.ask()
    assert it.count(rows.RESERVED) - before == 26 + 81  # the mean and twice what it may be away from it
    it.ask(model="other")
    assert it.count(rows.RESERVED) - before == 26 + 81 + 1026
    it.edge.end()


def test_or_what_the_configuration_says(limited: Made) -> None:  # noqa: F811
    it = limited(said(100_000), default_max_tokens=77, bytes_per_token=1)
    it.ask()
    assert it.count(rows.RESERVED) == 101 + 77
    it.edge.end()


def test_a_guess_is_never_too_large_for_a_limit(limited: Made) -> None:  # noqa: F811
    it = limited(said(300))
    client, service = it.ask()
    assert it.count(rows.RESERVED) == 300
    assert statuses(it.ask()) == [429]
    service.feed(told(20, 40))
    client.take()
    it.ask()
    it.edge.end()


def test_learned_is_the_smaller_of_both(limited: Made) -> None:  # noqa: F811
    it = limited(said(100_000), reserve="learned")
    it.ask(7)
    assert it.count(rows.RESERVED) == 33
    client, service = it.ask(50_000, n=2)
    assert it.count(rows.RESERVED) == 33 + 26 + 2000
    service.feed(told(20, 80))  # of two choices
    client.take()
    it.ask(50_000)
    assert it.count(rows.RESERVED) == 33 + 26 + 2000 + 26 + 81
    it.edge.end()


@pytest.mark.parametrize(
    ("body", "reserved"),
    [
        ({"max_completion_tokens": 50, "max_tokens": 20}, 76),
        ({"max_output_tokens": 10, "n": 3}, 56),
        ({"max_tokens": 20.0, "n": 3e0}, 86),
        ({"max_tokens": 20, "n": None}, 46),
        ({"max_tokens": -1}, 1026),
        ({"max_tokens": 10**17}, 0),
        ({"max_tokens": 10**40}, 0),
        ({"max_tokens": 1e300}, 0),
        ({"max_tokens": 10, "n": 10**30}, 0),
    ],
)
def test_all_that_limits_an_answer_is_read(limited: Made, body: dict[str, Any], reserved: int) -> None:  # noqa: F811
    it = limited(said(100_000))
    found = it.ask(**body)
    assert isinstance(found, bytes) is (not reserved)
    assert it.count(rows.RESERVED) == reserved
    it.edge.end()


@pytest.mark.parametrize("key", ["max_tokens", "max_completion_tokens", "n"])
@pytest.mark.parametrize("value", ["50", True, 0.5, [50], {}])
def test_what_some_servers_may_take_for_a_number_is_refused(limited: Made, key: str, value: Any) -> None:  # noqa: F811
    it = limited(said(100_000))
    found = it.ask(**{"max_tokens": 10, key: value})
    assert statuses(found) == [400] and f"{key} must be a whole number" in json.loads(body_of(found))["detail"]
    assert it.count(rows.RESERVED) == 0
    it.edge.end()


def test_a_body_that_comes_later_is_waited_for(limited: Made) -> None:  # noqa: F811
    it = limited(said(150))
    data = asks(prompt(max_tokens=100))
    client = it.edge.client(data[:-50])
    assert not it.edge.attempts
    client.feed(data[-50:])
    it.edge.run()
    service = it.edge.connect()
    assert service.take().endswith(data[-100:])
    late = it.edge.client(data[:-50])
    late.feed(data[-50:])
    assert statuses(late.take()) == [429]
    it.edge.end()


class Halving:
    """Has bodies allow half of what they did, as guardrails may."""

    name = "halving"

    class Hook(GatheredHook):
        def whole(self, data: bytes) -> bytes:
            return data.replace(b'"max_tokens": 100', b'"max_tokens": 50')

    def transform_request(self, exchange: Any) -> GatheredHook:
        return self.Hook()


@pytest.mark.parametrize("asked", [None, "big"])
def test_a_body_counts_as_filters_in_front_have_made_it(seat: Seat, clock: Clock, asked: str | None) -> None:  # noqa: F811
    def note(exchange: Any) -> None:
        if asked:
            exchange.note("asked_model", AskedModel(OPERATIONS[b"/v1/chat/completions"], "m", asked, "m", None))

    it = Limited(seat, clock, said(90, per=("model",)), front=[Spy("spy", [], request=note), Halving()])
    _, service = it.ask(100)
    assert b'"max_tokens": 50' in service.take()
    assert it.count(rows.RESERVED) == 25 + 50  # a byte less
    it.edge.end()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"max_tokens":1,"max_tokens":100}', "json_ambiguous"),
        (b'{"model":', "json_malformed"),
        (b'\xef\xbb\xbf{"max_tokens":100}', "json_malformed"),
        ('{"max_tokens":100}'.encode("utf-16"), "json_malformed"),
        (gzip.compress(b'{"max_tokens":100}'), "json_malformed"),
    ],
)
def test_what_has_two_readings_is_refused(limited: Made, body: bytes, code: str) -> None:  # noqa: F811
    it = limited(said(150))
    found = it.edge.client(asks(body)).take()
    assert statuses(found) == [400] and json.loads(body_of(found))["type"].endswith(code)
    it.edge.end()


def test_what_asks_no_model_is_not_counted(limited: Made) -> None:  # noqa: F811
    it = limited(said(1, unit="requests"), said(1))
    for _ in range(3):
        it.edge.client(b"GET /v1/models HTTP/1.1\r\nHost: a.test\r\n\r\n")
    assert it.count(rows.RESERVED) == 0
    it.edge.end()


def test_a_form_is_counted_by_its_size(limited: Made) -> None:  # noqa: F811
    it = limited(said(100))
    it.edge.client(asks(b"--b\r\n" + b"x" * 195, b"/v1/audio/transcriptions"))
    assert it.count(rows.RESERVED) == 51
    it.edge.end()
