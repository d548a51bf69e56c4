"""Many clients with keys, in any order: what each gets was made for its key and its body, and what was made is paid for."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.filters.usage import Usage
from fastgw.testing.edge import body_of, statuses
from fastgw.testing.mock import MockTransport
from tests.support.inference import OPTIONS
from tests.support.models import body_sent
from tests.unit.adapters.cached_models import CachedModels, embed, says

KEYS, TEXTS = ("ann", "bob"), ("a", "b")
ASK = st.tuples(
    st.just("ask"), st.sampled_from(KEYS), st.sampled_from(TEXTS), st.sampled_from(["", "", "", "no-cache", "no-store"])
)
STEP = ASK | st.tuples(st.sampled_from(["answer", "answer", "half", "fail", "leave", "wait"]), st.integers(0, 2))
_FIELD = re.compile(rb"x-key: (\w+)\r\n", re.IGNORECASE)


class Keys:
    name = "keys"

    def request(self, exchange: Any) -> None:
        exchange.note("api_key", exchange.request.header(b"x-key").decode())


class Story:
    def __init__(self, *, shared: bool) -> None:
        usage = Usage("usage", {**OPTIONS, "include_usage": False})
        self.edge = CachedModels(cache={"shared": shared}, filters=[Keys(), usage])
        self.clients: list[tuple[MockTransport, str, str]] = []
        self.services: list[tuple[MockTransport, bytes]] = []
        self.got: list[tuple[str, str, int, str, str]] = []  # whose it was, what for, its number; and who has got it
        self.made = 0

    def ask(self, key: str, text: str, control: str) -> None:
        fields = [f"x-key: {key}"] + ([f"Cache-Control: {control}"] if control else [])
        self.clients.append((self.edge.client(embed(text, *fields)), key, text))
        self.take()

    def take(self) -> None:
        """Let services have what they are asked for, each over a connection of its own, and clients read."""
        while self.edge.attempts:
            service = self.edge.connect(port=9001)
            self.services.append((service, service.take()))
        for client, key, text in self.clients[:]:
            data = client.take()
            if data and statuses(data) == [200] and body_of(data).endswith(b"}"):
                whose, what, number = json.loads(body_of(data))["data"].split("/")
                self.got.append((whose, what, int(number), key, text))
            if data:
                self.clients.remove((client, key, text))
                client.lose()
        self.edge.run()

    def step(self, word: str, number: int) -> None:
        if word == "wait":
            self.edge.loop.advance(number * 10.0)
        elif word == "leave" and self.clients:
            client, *_ = self.clients.pop(number % len(self.clients))
            client.lose()
        elif word in ("answer", "half", "fail") and self.services:
            service, asked = self.services.pop(number % len(self.services))
            found = _FIELD.search(asked)
            if found is not None and not service.is_closing():
                self.made += 1
                body = {"data": f"{found[1].decode()}/{json.loads(body_sent(asked))['input']}/{self.made}"}
                said = says(json.dumps({**body, "usage": {"prompt_tokens": 7, "total_tokens": 7}}).encode())
                service.feed({"answer": said, "half": said[:-9], "fail": says(b"{}", status="503 No")}[word])
                service.lose()
        self.edge.run()
        self.take()

    def end(self) -> None:
        while self.services:
            self.step("answer", 0)
        for client, *_ in self.clients:
            client.lose()
        self.edge.run()
        self.edge.end()


@settings(max_examples=25, deadline=None)
@given(st.lists(STEP, min_size=8, max_size=30), st.booleans())
def test_nobody_is_given_what_was_made_for_another(steps: list[Any], shared: bool) -> None:
    story = Story(shared=shared)
    for word, *rest in steps:
        if word == "ask":
            story.ask(*rest)
        else:
            story.step(word, *rest)
    story.end()
    for whose, what, _, key, text in story.got:
        assert what == text and (shared or whose == key)
    paid = [one["usage"] for one in story.edge.noted.notes]
    whole = sum(one["total_tokens"] for one in paid if not one["estimated"])
    assert whole == 7 * len({one[2] for one in story.got})  # what was made, and somebody has got, is paid for once
    free = [one for one in paid if one.get("cached")]
    assert all(one["total_tokens"] == 0 for one in free)
