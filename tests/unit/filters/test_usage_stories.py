"""Whatever clients and services do, in any order: what the services have counted is what the log has, to the token.

The services of this test send each token in an event of its own, and have a token for four bytes of a prompt: estimates are exact too.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.core import counters
from fastgw.core import model_counters as rows
from fastgw.testing.mock import MockTransport
from tests.support.inference import Metered, asks, chunk, delta, event, stream_head, usage_chunk


def prompt_of(size: int) -> bytes:
    return orjson.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "w" * size}]})


@dataclass
class Counted:
    """What the model server counts of one request: of its answer what has left whole."""

    prompt: int = 0
    completion: int = 0


@dataclass
class Service:
    """One connection of the model server."""

    chance: Random
    side: MockTransport
    counted: dict[int, Counted]  #: by the number of the request
    left: int = 0  #: tokens it still has to send of this answer
    asked: int = -1  #: the number of the request that it answers
    kept: bytes = b""  #: that is not sent yet
    is_token: bool = False  #: that is one

    def look(self) -> None:
        """Begin to answer what has come."""
        got = self.side.take()
        if not got:
            return
        said = orjson.loads(got[got.index(b"\r\n\r\n") + 4 :])
        assert said.pop("stream_options") == {"include_usage": True}
        self.asked = int(got[len(b"POST /") : got.index(b"/v1/")])
        self.counted[self.asked] = Counted(len(orjson.dumps(said)) // 4)
        self.left = self.chance.randrange(1, 9)
        self.kept, self.is_token = stream_head() + chunk(event(delta(""))), False

    def step(self) -> None:
        """Send some more: a whole event, or a part of one."""
        if self.asked < 0 or self.side.is_closing():
            return
        if not self.kept:
            self.kept, self.is_token = self._next()
        asked = self.asked
        end = self.chance.choice([len(self.kept), self.chance.randrange(1, len(self.kept) + 1)])
        piece, self.kept = self.kept[:end], self.kept[end:]
        if self.is_token and len(self.kept) <= len(b"\r\n"):  # its event is whole without the end of the chunk
            self.counted[asked].completion += 1
            self.is_token = False
        if not self.kept and piece.endswith(b"0\r\n\r\n"):
            self.asked = -1
        self.side.feed(piece)

    def _next(self) -> tuple[bytes, bool]:
        if self.left:
            self.left -= 1
            return chunk(event(delta("w"))), True
        used = self.counted[self.asked]
        end = event(usage_chunk(used.prompt, used.completion)) + event(b"[DONE]")
        return chunk(end) + chunk(b""), False


@dataclass
class Story:
    """Some clients, some services, and chance."""

    seed: int
    metered: Metered
    counted: dict[int, Counted] = field(default_factory=dict)
    asked: int = 0
    services: list[Service] = field(default_factory=list)
    clients: list[MockTransport] = field(default_factory=list)

    def run(self, steps: int) -> None:
        chance = Random(self.seed)
        for _ in range(steps):
            self.connect(chance)
            for service in self.services:
                service.look()
            act = chance.randrange(10)
            if act == 0 and len(self.clients) < 6:
                path = b"/%d/v1/chat/completions" % self.asked
                self.clients.append(self.metered.edge.client(asks(prompt_of(chance.randrange(200)), path)))
                self.asked += 1
            elif act == 1 and self.clients:
                self.leave(chance)
            elif act == 2 and self.services:
                self.break_off(chance)
            elif self.services:
                service = chance.choice(self.services)
                service.step()
            self.metered.edge.run()
            self.clients = [one for one in self.clients if not one.is_closing()]
        for client in self.clients:
            client.lose()
        self.metered.edge.run()

    def connect(self, chance: Random) -> None:
        """Attempts come to something, or to nothing and are tried again."""
        edge = self.metered.edge
        for _ in edge.attempts:
            if chance.randrange(4):
                self.services.append(Service(chance, edge.connect(), self.counted))
            else:
                edge.refuse()

    def leave(self, chance: Random) -> None:
        """A client goes in the middle of whatever is under way for it."""
        self.clients.pop(chance.randrange(len(self.clients))).lose()

    def break_off(self, chance: Random) -> None:
        """A service dies."""
        service = chance.choice(self.services)
        service.side.lose()
        self.services.remove(service)


def tell(seed: int, steps: int = 150) -> None:
    with tempfile.TemporaryDirectory() as folder:
        metered = Metered(Path(folder), include_usage=True, edge={"endpoints": 3})
        metered.filter.count_in({("s", "other"): 0})
        story = Story(seed, metered)
        story.run(steps)
        lines: list[dict[str, Any]] = metered.lines()
    assert sorted(int(one["path"].split("/")[1]) for one in lines) == list(range(story.asked))
    for one in lines:
        counted = story.counted.get(int(one["path"].split("/")[1]), Counted())
        assert one["completion_tokens"] == counted.completion, one
        # A service that dies before it has begun to answer has done nothing; of a client that has left nobody knows.
        assert one["prompt_tokens"] == counted.prompt or one["status"] in (499, 502, 503), one
    base = counters.MODEL.base(0)
    values = metered.edge.values
    assert sum(one["prompt_tokens"] for one in lines) == values[base + rows.INPUT_TOKENS]
    assert sum(one["completion_tokens"] for one in lines) == values[base + rows.OUTPUT_TOKENS]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1 << 32))
def test_the_log_has_what_the_services_have_counted(seed: int) -> None:
    tell(seed)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", range(10))
def test_ten_thousand_interleavings(part: int) -> None:
    for seed in range(1000 * part, 1000 * (part + 1)):
        tell(seed, 60)
