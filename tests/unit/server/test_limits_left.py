"""What is left of limits, as who asks at the admin address is told: what a worker has counted, and nothing is taken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fastgw.config.limited import LIMITER
from fastgw.core.live.holds import Seat
from fastgw.filters.key_file import ApiKey, dump_keys
from fastgw.filters.token_limit import TokenLimit
from fastgw.filters.token_rates import DAY
from fastgw.filters.usage import Usage
from fastgw.server.limits_left import LimitsAsked, limits_left
from fastgw.testing.edge import Edge, Spy, statuses
from tests.support.inference import OPTIONS as METERING
from tests.support.inference import asks
from tests.unit.filters.test_rate_limit import Clock, arrive, clock, fd  # noqa: F401 - fixtures
from tests.unit.filters.test_token_limit import OPTIONS, PRICES, of_model, prompt, said, told
from tests.unit.filters.test_token_windows import CLUSTER, EVENING

LIMITS = (
    said(1000, per=("key",)),
    said(100, DAY, per=("key", "label:team")),
    said(500, unit="cost", per=("filter",)),
    said(5, unit="requests", per=("model",), only="big"),
    said(3, 0, unit="at one time", per=("key",)),
    said(7, per=("user",)),
    said(9, per=("address",)),
)
Row = tuple[str, float, float]


class Story:
    """A worker that has counted one request, and a supervisor that is asked."""

    def __init__(self, arrive: Callable[[], Seat], clock: Clock, **options: Any) -> None:  # noqa: F811
        self.clock = clock
        self.board = arrive().board
        self.options = OPTIONS | {"limits": LIMITS, **options}
        self.specs = [SimpleNamespace(name="limit", made_by=LIMITER, options=tuple(self.options.items()))]
        self.notes: dict[str, Any] = {"key": "ann", "labels": {"team": "search"}}
        self.seat = arrive()

    def ask(self) -> None:
        def note(exchange: Any) -> None:
            for name, value in self.notes.items():
                exchange.note(name, value)

        limit = TokenLimit("limit", self.options, self.clock, lambda: EVENING)
        meter = Usage("usage", METERING | {"prices": PRICES})
        edge = Edge(filters=[Spy("key", [], request=note), of_model("big"), limit, meter], seat=self.seat)
        client = edge.client(asks(prompt(max_tokens=5)))
        edge.connect().feed(told(30, 10))
        assert statuses(client.take()) == [200]
        edge.end()

    def left(self, **asked: Any) -> list[Row]:
        spec: Any = SimpleNamespace(filters=self.specs)
        found = limits_left(spec, self.board, LimitsAsked(**asked), self.clock, lambda: EVENING)
        assert {one["filter"] for one in found} <= {"limit"}
        return [(one["limit"], one["left"], one["whole_in"]) for one in found]


def test_what_a_request_has_used_is_gone_for_who_has_sent_it(
    arrive: Callable[[], Seat],  # noqa: F811
    clock: Clock,  # noqa: F811
) -> None:
    story = Story(arrive, clock, limits=[*LIMITS[:4], LIMITS[4]])
    story.ask()
    asked = {"key": "ann", "labels": {"team": "search"}, "model": "big"}
    assert story.left(**asked) == [
        ("1000 tokens/m per key", 960, 2.4),
        ("100 tokens/day per key and label:team", 60, 60.0),
        ("0.0005 cost/m per filter", 0.00037, 15.6),
        ("5 requests/m per model big", 4, 12.0),
    ]
    assert story.left(**asked) == story.left(**asked)  # nothing is taken
    assert story.left(key="bob", labels={"team": "search"})[:2] == [
        ("1000 tokens/m per key", 1000, 0),
        ("100 tokens/day per key and label:team", 100, 0),
    ]


def test_limits_of_whom_nobody_said_are_not_told(arrive: Callable[[], Seat], clock: Clock) -> None:  # noqa: F811
    story = Story(arrive, clock)
    assert [name for name, _, _ in story.left()] == ["0.0005 cost/m per filter"]
    assert [name for name, _, _ in story.left(user="eve")] == ["0.0005 cost/m per filter", "7 tokens/m per user"]
    assert [name for name, _, _ in story.left(key="ann")] == ["1000 tokens/m per key", "0.0005 cost/m per filter"]


def test_limits_that_the_key_has_are_in_the_place_of_the_filters(
    arrive: Callable[[], Seat],  # noqa: F811
    clock: Clock,  # noqa: F811
    tmp_path: Path,
) -> None:
    pairs = (("tokens", "200/day"), ("max", "2"))
    (tmp_path / "keys.json").write_bytes(dump_keys([ApiKey("ann", bytes(32), of_models=pairs)]))
    story = Story(arrive, clock)
    options = (("file", str(tmp_path / "keys.json")),)
    story.specs.insert(0, SimpleNamespace(name="keys", made_by="fastgw.filters.api_key:ApiKeys", options=options))
    story.options["limits"] = LIMITS[:3]
    story.notes["limits"] = {"key": pairs}
    story.ask()
    assert ("200 tokens/day per key", 160, 60.0) in story.left(key="ann")
    assert not [one for one in story.left(key="ann") if one[0].startswith("1000")]
    assert story.left(key="bob")[0] == ("1000 tokens/m per key", 1000, 0)
    (tmp_path / "keys.json").write_text("no JSON")
    assert story.left(key="ann")[0] == ("1000 tokens/m per key", 1000, 0)


def test_what_gateways_share_is_told_as_this_one_knows_it(arrive: Callable[[], Seat], clock: Clock) -> None:  # noqa: F811
    limits = [(*one, ("block", 10)) for one in (said(1000, per=("key",)), said(100, DAY, per=("key",)))]
    story = Story(arrive, clock, limits=limits, cluster=CLUSTER)
    assert story.left(key="ann") == [("1000 tokens/m per key", 1000, 0), ("100 tokens/day per key", 100, 0)]
    story.ask()  # it owes what it has used
    assert story.left(key="ann") == [("1000 tokens/m per key", 960, 2.4), ("100 tokens/day per key", 60, 60.0)]
    assert story.left(key="ann") == story.left(key="ann")
    assert story.left(key="bob")[1] == ("100 tokens/day per key", 100, 0)
