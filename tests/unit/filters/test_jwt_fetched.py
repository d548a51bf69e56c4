"""``jwt`` with keys that are fetched: what a token is worth before they come, when they change, and when they are too old."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.live.news import KeySet
from fastgw.core.settings import KeySetSettings, Url
from fastgw.filters import jwt as module
from fastgw.filters.jwt import FORGED_BURST, FORGED_SHARE, Jwt
from fastgw.filters.key_sets import KeySets
from fastgw.testing.edge import GET, Edge, Spy, statuses
from tests.support.tokens import CLAIMS, OPTIONS, encoded, key_of, signed
from tests.unit.filters.test_jwt import Story, bearer

WHERE = KeySetSettings(Url(True, "issuer.test", 443, "/keys"), 300.0, 600.0, 10.0)
OTHER = WHERE._replace(url=Url(True, "other.test", 443, "/keys"))
TOKEN = signed(CLAIMS, "ES256", kid="a")


class Fetched(Story):
    """A story whose keys the test tells, as the supervisor would."""

    def __init__(self, *sets: KeySetSettings, **options: Any) -> None:
        self.known = KeySets()
        self.wanted: list[KeySetSettings] = []
        self.known.on_wanted = self.wanted.append
        given = {"algorithms": ("ES256",), "keys": (), "key_sets": sets or (WHERE,), **options}
        super().__init__(**given)

    def make(self, options: dict[str, Any]) -> Jwt:
        return Jwt("auth", options, lambda: self.now, self.known)

    def tell(self, *kids: str, where: KeySetSettings = WHERE, lasts: float = 600.0, cause: str = "") -> None:
        keys = tuple(key_of("ES256", kid=kid) for kid in kids)
        self.known.learn({where: KeySet(keys, self.edge.plane.now + lasts, cause, cause and f"{cause}: no luck")})

    def status(self, token: bytes = TOKEN) -> int:
        return statuses(self.ask(bearer(token))[1])[0]


def test_tokens_are_refused_until_keys_came() -> None:
    story = Fetched()
    code, answer = 503, story.ask(bearer(TOKEN))[1]
    assert statuses(answer) == [code] and b"token_unverifiable" in answer and b"retry-after: 1" in answer
    assert b"issuer.test" not in answer  # that is for the operator
    story.tell(cause="refused")
    assert story.status() == 503
    assert story.causes() == {"unavailable": 2} and story.wanted == [WHERE]
    story.tell("a")
    assert [story.status(), story.status()] == [200, 200]
    assert [story.count(counters.ROUTE_TOKENS_ACCEPTED + place) for place in range(2)] == [1, 1]
    story.edge.end()


def test_the_operator_is_told_why_there_are_none() -> None:
    known, errors = KeySets(), []
    known.learn({WHERE: KeySet((), 0.0, "refused", "https://issuer.test/keys refused the connection")})
    spy = Spy("spy", [], done=lambda exchange: errors.append(exchange.error.reason))
    options = {**OPTIONS, "algorithms": ("ES256",), "keys": (), "key_sets": (WHERE,)}
    Edge(filters=[spy, Jwt("auth", options, known=known)]).client(GET[:-2] + bearer(TOKEN) + b"\r\n\r\n")
    (reason,) = errors
    assert reason.startswith("the keys of https://issuer.test/keys are not known: https://issuer.test/keys refused")


def test_what_no_key_could_make_right_is_refused_at_once() -> None:
    story = Fetched()
    assert story.refused(bearer(b"x.y.z"))[0] == 401
    assert story.refused(bearer(signed(CLAIMS)))[:2] == (401, "invalid_token")  # HS256
    assert story.causes() == {"malformed": 1, "algorithm": 1} and not story.wanted


def test_an_unknown_name_has_them_fetched() -> None:
    story = Fetched()
    story.tell("a")
    for _ in range(1000):
        assert story.status(signed(CLAIMS, "ES256", kid="b")) == 401
    assert story.wanted == [WHERE] and story.causes() == {"key": 1000}
    story.tell("a", "b")
    assert story.status(signed(CLAIMS, "ES256", kid="b")) == 200


def test_who_was_verified_with_a_key_that_is_gone_is_so_no_longer() -> None:
    story = Fetched()
    story.tell("a")
    assert story.status() == 200
    story.tell("b")
    assert story.status() == 401


def test_the_same_keys_again_make_nothing_be_verified_anew() -> None:
    story = Fetched()
    story.tell("a")
    verifier = story.filter._verifier
    assert story.status() == 200
    assert story.filter._verifier is not verifier
    verifier = story.filter._verifier
    story.tell("a")
    assert story.status() == 200 and story.filter._verifier is verifier
    assert story.count(counters.ROUTE_TOKENS_ACCEPTED) == 1


def test_old_keys_are_good_for_a_while_and_then_nobody_passes() -> None:
    story = Fetched()
    story.tell("a", lasts=600.0)
    assert story.status() == 200
    story.tell("a", lasts=600.0, cause="timeout")
    story.edge.plane.now += 599.0
    assert story.status() == 200
    story.edge.plane.now += 1.5
    assert story.status() == 503  # also who was verified before
    story.tell("a")
    assert story.status() == 200


def test_keys_of_the_configuration_work_without_those_that_are_fetched() -> None:
    story = Fetched(keys=(key_of("ES256", kid="mine"),))
    assert story.status(signed(CLAIMS, "ES256", kid="mine")) == 200
    assert story.status() == 503


def test_one_of_two_sets_is_enough_for_its_own() -> None:
    story = Fetched(WHERE, OTHER)
    story.tell("a")
    assert story.status() == 200
    assert story.status(signed(CLAIMS, "ES256", kid="b")) == 503
    story.tell("b", where=OTHER, lasts=10.0)
    assert story.status(signed(CLAIMS, "ES256", kid="b")) == 200
    story.edge.plane.now += 10.0
    assert story.status() == 200 and story.status(signed(CLAIMS, "ES256", kid="b")) == 503


def test_only_algorithms_of_the_filter_are_used() -> None:
    """An RSA key of the set does for RS256, and not for PS256, which nobody has named."""
    story = Fetched(algorithms=("RS256",))
    names = ("RS256", "PS256")
    story.known.learn({WHERE: KeySet((key_of("RS256", kid="r", algorithms=names),), float("inf"))})
    assert story.status(signed(CLAIMS, "RS256", kid="r")) == 200
    assert story.status(signed(CLAIMS, "PS256", kid="r")) == 401
    assert story.causes() == {"algorithm": 1}


# --- refusals that are remembered


def test_a_forged_token_costs_one_verification(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(keys=(key_of("ES256"),))
    forged = TOKEN[:-8] + (b"AAAAAAAA" if TOKEN[-8:] != b"AAAAAAAA" else b"BBBBBBBB")
    forged = forged[:-1] + b"A"  # canonical, whatever stood there
    verifier, asked = story.filter._verifier, []

    class Counted:
        def verify(self, token: bytes, now: float) -> Any:
            asked.append(token)
            return verifier.verify(token, now)

    story.filter._verifier = Counted()  # type: ignore[assignment]
    for _ in range(50):
        assert story.refused(bearer(forged))[:2] == (401, "invalid_token")
    assert len(asked) == 1 and story.causes() == {"signature": 50}
    assert statuses(story.ask(bearer(TOKEN))[1]) == [200]
    story.edge.end()


def test_what_may_be_right_later_is_not_remembered() -> None:
    story = Story()
    token = signed({**CLAIMS, "nbf": story.now + 100})
    assert story.refused(bearer(token))[0] == 401
    story.now += 50  # within the leeway now
    assert statuses(story.ask(bearer(token))[1]) == [200]


def test_refusals_are_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REFUSED_MOST", 4)
    story = Story(cache=2)
    assert statuses(story.ask(bearer())[1]) == [200]
    for number in range(20):
        story.refused(bearer(signed({**CLAIMS, "exp": story.now - 100, "jti": str(number)})))
    assert len(story.filter._refused) == 4 and len(story.filter._cache) == 1  # the good one was not put out
    assert statuses(story.ask(bearer())[1]) == [200] and story.count(counters.ROUTE_TOKENS_ACCEPTED) == 1


def test_nothing_is_remembered_where_nothing_shall_be() -> None:
    story = Story(cache=0)
    story.refused(bearer(signed({**CLAIMS, "exp": story.now - 100})))
    assert not story.filter._refused and OPTIONS["cache"]


# --- floods


class Flooded(Story):
    """A story in which each verification takes a millisecond."""

    ticks = 0.0

    def make(self, options: dict[str, Any]) -> Jwt:
        return Jwt("auth", options, lambda: self.now, clock=self.tick)

    def tick(self) -> float:
        self.ticks += 0.0005
        return self.ticks


def test_a_flood_of_forged_tokens_takes_a_part_of_the_time_alone() -> None:
    story = Flooded(keys=(key_of("ES256"),), cache=100)
    known, fresh = TOKEN, signed({**CLAIMS, "sub": "bob"}, "ES256")
    assert statuses(story.ask(bearer(known))[1]) == [200]

    def forge(number: int) -> int:
        return statuses(story.ask(bearer(TOKEN[: TOKEN.rindex(b".") + 1] + encoded(b"%064d" % number)))[1])[0]

    began = story.ticks
    codes = [forge(number) for number in range(2000)]
    assert codes.index(503) * 0.0005 < 0.025  # in twice as long a time
    busy = codes.count(503)
    assert set(codes) == {401, 503} and busy == story.causes()["busy"]
    spent = codes.count(401) * 0.0005
    assert spent <= FORGED_SHARE * (story.ticks - began + FORGED_BURST) + 0.001
    assert statuses(story.ask(bearer(known))[1]) == [200]  # who is known does not notice
    assert next(number for number in range(2000, 3000) if forge(number) == 401)  # that took the time of the others
    answer = story.ask(bearer(fresh))[1]
    assert statuses(answer) == [503] and b"tokens_busy" in answer and b"retry-after: 1" in answer
    story.ticks += 1.0
    assert statuses(story.ask(bearer(fresh))[1]) == [200]
    story.edge.end()


def test_other_refusals_are_no_flood() -> None:
    story = Flooded()
    late = [signed({**CLAIMS, "exp": story.now - 100, "jti": str(number)}) for number in range(600)]
    assert {statuses(story.ask(bearer(one))[1])[0] for one in late} == {401}
