"""``oauth2_introspection``: what the authority is asked, who passes, what is remembered, and what is when it is silent."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.calls import Answered, CallError
from fastgw.core.labels import TOKEN_CAUSES
from fastgw.core.settings import FilterSettings, Url
from fastgw.core.snapshot.chain import FailureMode
from fastgw.filters import oauth2_introspection as module
from fastgw.filters.oauth2_introspection import AGAIN, OAuth2Introspection
from fastgw.testing.edge import GET, OK, Edge, Spy, body_of, statuses
from tests.support.tokens import NOW
from tests.support.tokens import OPTIONS as OF_TOKENS

OPTIONS = {
    **{key: OF_TOKENS[key] for key in OF_TOKENS if key not in ("keys", "key_sets", "algorithms", "require_expiry")},
    "url": Url(True, "auth.test", 443, "/introspect"),
    "client_id": "gate way",
    "client_secret": "s:cret",
    "timeout": 2.0,
    "connections": 4,
    "max_age": 60.0,
    "stale": 0.0,
    "refused_age": 10.0,
}
ACTIVE = {"active": True, "sub": "ann", "scope": "read write", "exp": NOW + 600}
ASK = GET[:-2] + b"Authorization: Bearer t0k/en+=\r\n\r\n"


class Story:
    """An edge with the filter; the test is the authority."""

    def __init__(self, **options: Any) -> None:
        self.now = NOW
        self.asked: list[tuple[Any, asyncio.Future[Answered]]] = []
        self.notes: list[Any] = []
        self.errors: list[Any] = []
        self.filter = OAuth2Introspection("auth", {**OPTIONS, **options}, lambda: self.now, self._call)
        front = Spy("front", [], done=lambda exchange: self.errors.append(exchange.error))
        spy = Spy("spy", [], request=lambda exchange: self.notes.append(exchange.notes))
        self.edge = Edge(filters=[front, self.filter, spy])

    def _call(self, *question: Any) -> asyncio.Future[Answered]:
        future = self.edge.loop.create_future()
        self.asked.append((question, future))
        return future

    def say(self, answer: Any, status: int = 200) -> None:
        """The authority answers the oldest question."""
        _, future = self.asked.pop(0)
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            future.set_result(Answered(status, (), data))
        self.edge.run()

    def served(self, client: Any) -> bytes:
        """What the service got of ``client``, which has its answer then."""
        service = self.edge.connect() if self.edge.attempts else self.service
        self.service = service
        got: bytes = service.take()
        service.feed(OK)
        assert statuses(client.take()) == [200]
        return got

    def ask(self, answer: Any = ACTIVE, request: bytes = ASK, **more: Any) -> tuple[int, str, bytes]:
        """Status, code and challenge; 200 if the service was asked."""
        client = self.edge.client(request)
        if self.asked:
            self.say(answer, **more)
        found: bytes = client.take()
        if not found:
            self.got = self.served(client)
            return 200, "", b""
        challenge = [one[18:] for one in found.split(b"\r\n") if one.startswith(b"www-authenticate: ")]
        code = json.loads(body_of(found))["type"].rpartition(":")[2]
        return statuses(found)[0], code, challenge[0] if challenge else b""

    def causes(self) -> dict[str, int]:
        base = counters.ROUTE_TOKENS_REFUSED
        found = {one: self.edge.of_route(base + place) for place, one in enumerate(TOKEN_CAUSES)}
        return {one: times for one, times in found.items() if times}

    def accepted(self) -> list[int]:
        return [self.edge.of_route(counters.ROUTE_TOKENS_ACCEPTED + place) for place in range(3)]


def test_the_authority_is_asked_and_what_it_says_is_told() -> None:
    story = Story(headers=(("x-user", "sub"),))
    client = story.edge.client(ASK[:-2] + b"X-User: root\r\nx_user: root\r\n\r\n")
    ((question, _),) = story.asked
    method, fields, body = question
    assert (method, body) == (b"POST", b"token=t0k%2Fen%2B%3D&token_type_hint=access_token")
    assert dict(fields) == {
        b"accept": b"application/json",
        b"content-type": b"application/x-www-form-urlencoded",
        b"authorization": b"Basic Z2F0ZSt3YXk6cyUzQWNyZXQ=",  # each part is encoded first (RFC 6749 section 2.3.1)
    }
    story.say(ACTIVE)
    got = story.served(client)
    assert b"x-user: ann\r\n" in got and b"root" not in got and b"t0k" not in got
    assert story.notes == [{"oauth2": ACTIVE}] and story.accepted() == [0, 0, 1]
    story.edge.end()


def test_who_asks_may_be_nobody() -> None:
    story = Story(client_id="", client_secret="")
    story.edge.client(ASK)
    assert b"authorization" not in dict(story.asked[0][0][1])


def test_without_a_token_nobody_is_asked() -> None:
    story = Story()
    assert story.ask(request=GET)[:2] == (401, "no_token")
    assert story.ask(request=ASK.replace(b"t0k", b"x" * 9000))[:2] == (401, "invalid_token")
    assert story.causes() == {"missing": 1, "malformed": 1}
    assert Story(optional=True).ask(request=GET)[0] == 200


@pytest.mark.parametrize(
    ("said", "options", "status", "cause"),
    [
        ({"active": False}, {}, 401, "inactive"),
        ({}, {}, 401, "inactive"),
        ({**ACTIVE, "active": "true"}, {}, 401, "inactive"),
        ({**ACTIVE, "active": 1}, {}, 401, "inactive"),
        ({**ACTIVE, "exp": NOW - 61}, {}, 401, "expired"),
        ({**ACTIVE, "nbf": NOW + 61}, {}, 401, "early"),
        ({**ACTIVE, "exp": "soon"}, {}, 401, "malformed"),
        (ACTIVE, {"scopes": ("read", "admin")}, 403, "scope"),
        (ACTIVE, {"issuer": ("me",)}, 401, "issuer"),
        ({**ACTIVE, "aud": ["web"]}, {"audience": ("api",)}, 401, "audience"),
        (ACTIVE, {"required_claims": ("client_id",)}, 401, "claims"),
        ({**ACTIVE, "sub": "a\r\nb: c"}, {"headers": (("x-user", "sub"),)}, 401, "claims"),
    ],
)
def test_who_does_not_pass(said: Any, options: Any, status: int, cause: str) -> None:
    story = Story(**options)
    found = story.ask(said)
    assert found[0] == status and b'Bearer realm="auth", error="' in found[2]
    assert story.causes() == {cause: 1}
    story.edge.end()


@pytest.mark.parametrize(
    "said",
    [
        {"active": True},
        {**ACTIVE, "exp": NOW - 59},
        {**ACTIVE, "aud": "api"},
        {**ACTIVE, "aud": ["web", "api"]},
    ],
)
def test_who_passes(said: Any) -> None:
    options = {"audience": ("api",)} if "aud" in said else {}
    assert Story(**options).ask(said)[0] == 200


# --- what is remembered


def test_an_active_token_is_believed_for_a_while() -> None:
    story = Story()
    assert story.ask()[0] == 200
    story.now += 59
    assert story.ask(None)[0] == 200 and not story.asked  # as it was: nobody was asked
    story.now += 1
    assert story.ask({"active": False})[0] == 401
    assert story.accepted() == [1, 0, 1]


def test_and_never_beyond_its_end() -> None:
    story = Story(leeway=0.0, max_age=3600.0)
    assert story.ask({**ACTIVE, "exp": NOW + 5})[0] == 200
    story.now += 5
    client = story.edge.client(ASK)
    assert story.asked and not client.take()
    story.say({"active": False})
    assert statuses(client.take()) == [401]


def test_a_refusal_is_believed_for_a_moment() -> None:
    story = Story()
    assert story.ask({"active": False})[0] == 401
    story.now += 9
    for _ in range(100):
        assert story.ask()[0] == 401
    story.now += 1
    assert story.ask()[0] == 200
    assert story.causes() == {"inactive": 101}


def test_nothing_is_remembered_where_nothing_shall_be() -> None:
    story = Story(cache=0)
    for answer in (ACTIVE, {"active": False}, ACTIVE):
        client = story.edge.client(ASK)
        assert len(story.asked) == 1
        story.say(answer)
        if answer == ACTIVE:
            story.served(client)
    assert not story.filter._cache and not story.filter._refused


def test_what_is_remembered_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REFUSED_MOST", 3)
    story = Story(cache=2)
    for number in range(5):
        story.ask(ACTIVE, ASK.replace(b"t0k", b"%d" % number))
        story.ask({"active": False}, ASK.replace(b"t0k", b"bad%d" % number))
    assert (len(story.filter._cache), len(story.filter._refused), len(story.filter._asking)) == (2, 3, 0)


def test_no_token_is_in_what_is_remembered() -> None:
    story = Story()
    story.ask()
    story.ask({"active": False}, ASK.replace(b"t0k", b"bad"))
    assert b"t0k" not in repr((story.filter._cache, story.filter._refused)).encode()


# --- one question at a time


def test_one_token_is_asked_for_once_whoever_waits() -> None:
    story = Story()
    clients = [story.edge.client(ASK) for _ in range(5)]
    other = story.edge.client(ASK.replace(b"t0k", b"other"))
    assert len(story.asked) == 2
    clients[0].lose()  # for whom it was asked first
    story.edge.run()
    story.say({"active": False})
    assert [statuses(client.take()) for client in clients[1:]] == [[401]] * 4
    story.say(ACTIVE)
    story.served(other)
    assert story.causes() == {"inactive": 4}
    story.edge.end()


def test_nobody_waits_any_more() -> None:
    story = Story()
    story.edge.client(ASK).lose()
    story.edge.run()
    story.say(CallError("refused", "no"))  # nothing is left that could complain
    assert not story.filter._asking and not story.edge.errors
    story.edge.end()


# --- no answer


@pytest.mark.parametrize(
    ("answer", "status", "told"),
    [
        (
            CallError("timeout", "https://auth.test/introspect did not answer within 2 s"),
            200,
            "timeout: https://auth.test",
        ),
        (b"{}", 500, "status: https://auth.test/introspect answered 500"),
        (b"{}", 401, "client_id or client_secret is not the right one"),
        (b"{}", 302, "answered 302"),
        (b"[]", 200, "content: what https://auth.test/introspect answered is no JSON object"),
        (b'{"active": true, "active": false}', 200, "content"),
        (b"<html>", 200, "content"),
        (b"\xff", 200, "content"),
    ],
)
def test_nobody_passes_whose_token_cannot_be_asked_for(answer: Any, status: int, told: str) -> None:
    story = Story()
    assert story.ask(answer, status=status)[:2] == (503, "token_unverifiable")
    assert told in story.errors[0].reason and "s:cret" not in story.errors[0].reason
    assert story.causes() == {"unavailable": 1}
    assert story.ask()[0] == 200  # and it is asked anew for the next one
    story.edge.end()


def test_who_is_known_passes_while_nobody_answers() -> None:
    story = Story()
    assert story.ask()[0] == 200
    assert story.ask(None)[0] == 200 and not story.asked


def test_who_was_judged_may_pass_for_longer_while_nobody_answers() -> None:
    story = Story(stale=300.0)
    assert story.ask()[0] == 200
    story.now += 61
    gone = CallError("timeout", "no answer")
    assert story.ask(gone)[0] == 200  # it waited, once
    assert story.ask(None)[0] == 200 and not story.asked  # who comes now does not
    assert story.accepted() == [2, 0, 1] and story.causes() == {}
    assert story.edge.failures_of("auth")[1] == 1  # which somebody shall notice
    story.edge.plane.now += AGAIN
    assert story.ask({"active": False})[0] == 401  # it is back, and believed at once
    assert story.ask(None)[0] == 401
    story.edge.end()


@pytest.mark.parametrize(
    ("options", "exp", "later"), [({"stale": 300.0}, 600, 360), ({"stale": 9e9, "leeway": 0.0}, 90, 90)]
)
def test_but_not_beyond_that_nor_beyond_the_end_of_the_token(options: Any, exp: float, later: float) -> None:
    story = Story(**options)
    gone = CallError("timeout", "no answer")
    assert story.ask({**ACTIVE, "exp": NOW + exp})[0] == 200
    story.now += later - 1
    assert story.ask(gone)[0] == 200
    story.edge.plane.now += AGAIN
    story.now += 1
    assert story.ask(gone)[:2] == (503, "token_unverifiable")
    story.edge.end()


def test_who_was_not_judged_does_not_pass_while_nobody_answers() -> None:
    story = Story(stale=300.0)
    assert story.ask(CallError("timeout", "no answer"))[0] == 503
    assert story.ask({"active": False})[0] == 401
    story.now += 11
    assert story.ask(CallError("timeout", "no answer"))[0] == 503
    story.edge.end()


def test_an_open_filter_lets_pass_without_a_name() -> None:
    story = Story(headers=(("x-user", "sub"),))
    modes = {"auth": FailureMode(FilterSettings("open", 3.0), 1)}
    story.edge = Edge(filters=[story.filter], modes=modes)
    client = story.edge.client(ASK[:-2] + b"X-User: root\r\n\r\n")
    story.say(CallError("refused", "nobody is there"))
    got = story.served(client)
    assert b"root" not in got and story.edge.failures_of("auth") == [0, 1, 0]
    [line] = story.edge.events("a filter failed")
    assert line["error"].startswith("refused: nobody is there") and line["on_failure"] == "open"
