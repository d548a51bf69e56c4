"""``jwt``: who passes, what the service and the client are told, and what is remembered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.labels import TOKEN_CAUSES
from fastgw.filters.jwt import Jwt
from fastgw.testing.edge import GET, OK, Edge, Spy, body_of, statuses
from tests.support.tokens import CLAIMS, NOW, OPTIONS, SECRET, by_hand, signed

TOKEN = signed(CLAIMS)


class Story:
    """An edge with the filter, whose wall clock the test has."""

    def __init__(self, **options: Any) -> None:
        self.now = NOW
        self.notes: list[Any] = []
        self.service: Any = None
        self.filter = self.make({**OPTIONS, **options})
        spy = Spy("spy", [], request=lambda exchange: self.notes.append(exchange.notes))
        self.edge = Edge(filters=[self.filter, spy])

    def make(self, options: dict[str, Any]) -> Jwt:
        return Jwt("auth", options, wall=lambda: self.now)

    def ask(self, *lines: bytes, target: bytes = b"/") -> tuple[bytes, bytes]:
        """What the service got, if it was asked, and the answer."""
        client = self.edge.client(
            GET.replace(b" / ", b" " + target + b" ")[:-2] + b"".join(line + b"\r\n" for line in lines) + b"\r\n"
        )
        answer = client.take()
        if answer:
            return b"", answer
        if self.edge.attempts:
            self.service = self.edge.connect()
        got = self.service.take()
        self.service.feed(OK)
        return got, client.take()

    def refused(self, *lines: bytes, target: bytes = b"/") -> tuple[int, str, str]:
        """Status, code and challenge."""
        got, answer = self.ask(*lines, target=target)
        assert not got
        (challenge,) = [one for one in answer.split(b"\r\n") if one.startswith(b"www-authenticate: ")]
        code = json.loads(body_of(answer))["type"].rpartition(":")[2]
        return statuses(answer)[0], code, challenge.partition(b": ")[2].decode()

    def count(self, place: int) -> int:
        return self.edge.of_route(place)

    def causes(self) -> dict[str, int]:
        found = {one: self.count(counters.ROUTE_TOKENS_REFUSED + place) for place, one in enumerate(TOKEN_CAUSES)}
        return {one: times for one, times in found.items() if times}


def bearer(token: bytes = TOKEN) -> bytes:
    return b"Authorization: Bearer " + token


# --- who passes


def test_who_has_a_token_passes_and_it_stays_here() -> None:
    story = Story()
    got, answer = story.ask(bearer(), b"Accept: x")
    assert statuses(answer) == [200]
    assert got.startswith(b"GET / ") and b"authorization" not in got.lower() and TOKEN not in got
    assert story.notes == [{"jwt": CLAIMS}]
    assert story.count(counters.ROUTE_TOKENS_ACCEPTED + 1) == 1 and not story.causes()
    story.edge.end()


def test_a_token_goes_on_if_it_shall() -> None:
    got, _ = Story(forward=True).ask(bearer())
    assert b"Authorization: Bearer " + TOKEN + b"\r\n" in got


@pytest.mark.parametrize(
    "lines", [(), (b"Authorization: Basic YTpi",), (b"X-Authorization: Bearer " + TOKEN,), (b"Authorization:",)]
)
def test_who_has_none_is_told_what_is_wanted(lines: tuple[bytes, ...]) -> None:
    story = Story()
    assert story.refused(*lines) == (401, "no_token", 'Bearer realm="auth"')
    assert story.causes() == {"missing": 1}
    assert Story(realm="the models").refused(*lines)[2] == 'Bearer realm="the models"'


def test_who_has_none_may_pass_but_not_who_has_a_bad_one() -> None:
    story = Story(optional=True, headers=(("x-user", "sub"),))
    got, answer = story.ask(b"X-User: root", b"Authorization: Basic YTpi")
    assert statuses(answer) == [200] and b"root" not in got and b"Basic YTpi" in got
    assert story.notes == [None]
    assert story.refused(bearer(TOKEN[:-4] + b"AAAA"))[:2] == (401, "invalid_token")
    assert story.refused(b"Authorization: Bearer")[:2] == (401, "invalid_token")
    assert story.refused(b"Authorization: bearer\t" + TOKEN)[:2] == (401, "invalid_token")


@pytest.mark.parametrize(
    ("token", "cause", "said"),
    [
        (b"x", "malformed", "the token is no signed JWT"),
        (b"a.b.c.d.e", "malformed", "the token is encrypted"),
        (b"", "malformed", "the token is no signed JWT"),
        (TOKEN + b"A", "signature", None),
        (by_hand({"alg": "none"}, CLAIMS), "algorithm", None),
        (signed(CLAIMS | {"exp": NOW - 60}), "expired", "the token has expired"),
        (signed(CLAIMS | {"nbf": NOW + 61}), "early", "the token is not valid yet"),
        (signed({"sub": "ann"}), "claims", "the token never expires"),
        (signed(CLAIMS | {"x": "y" * 10_000}), "malformed", "the token is larger than 8192 bytes"),
        (TOKEN + b", Bearer " + TOKEN, "malformed", None),
        (TOKEN + b" " + TOKEN, "malformed", None),
    ],
)
def test_a_token_that_is_bad(token: bytes, cause: str, said: str | None) -> None:
    story = Story()
    status, code, challenge = story.refused(bearer(token))
    assert (status, code) == (401, "invalid_token")
    assert challenge.startswith('Bearer realm="auth", error="invalid_token", error_description="')
    assert said is None or challenge.endswith(f'error_description="{said}"')
    assert story.causes() == {cause: 1}
    assert not story.filter._cache


def test_a_token_may_be_good_for_other_things() -> None:
    story = Story(scopes=("write", "read"))
    told = (
        'Bearer realm="auth", error="insufficient_scope", error_description="the token lacks a scope that is required"'
    )
    assert story.refused(bearer()) == (403, "insufficient_scope", f'{told}, scope="read write"')
    assert story.causes() == {"scope": 1}
    assert statuses(story.ask(bearer(signed(CLAIMS | {"scope": "read write admin"})))[1]) == [200]


def test_nothing_of_a_token_is_told() -> None:
    said = b"c2VjcmV0LW5hbWU"
    for claims in ({"sub": said.decode(), "exp": 1}, {"sub": said.decode(), "exp": said.decode()}):
        token = by_hand({"alg": "HS256", "kid": said.decode()}, claims)
        _, answer = Story().ask(bearer(token))
        assert statuses(answer) == [401] and said not in answer and SECRET.encode() not in answer


# --- where tokens are


@pytest.mark.parametrize(
    ("place", "line", "left"),
    [
        ("header:x-token", b"X-Token: " + TOKEN, b""),
        ("cookie:tok", b"Cookie: a=1; tok=" + TOKEN + b"; b=2", b"cookie: a=1; b=2\r\n"),
        ("cookie:tok", b'Cookie: tok="' + TOKEN + b'"; b=2', b"cookie: b=2\r\n"),
        ("cookie:tok", b"Cookie: xtok=1; tok=" + TOKEN, b"cookie: xtok=1\r\n"),
        ("cookie:tok", b"Cookie: tok=" + TOKEN, b""),
        ("cookie:tok", b"Cookie: a=1\r\nCookie: tok=" + TOKEN, b"cookie: a=1\r\n"),
    ],
)
def test_other_places(place: str, line: bytes, left: bytes) -> None:
    got, answer = Story(token_from=place).ask(line)
    assert statuses(answer) == [200] and TOKEN not in got and left in got
    assert left or b"ookie" not in got
    assert TOKEN in Story(token_from=place, forward=True).ask(line)[0]
    assert Story(token_from=place).refused(bearer())[:2] == (401, "no_token")


@pytest.mark.parametrize(
    ("target", "left"),
    [
        (b"/a?token=" + TOKEN, b"/a"),
        (b"/a?x=1&token=" + TOKEN + b"&y=2", b"/a?x=1&y=2"),
        (b"/a?%74oken=" + TOKEN + b"&tokens=1", b"/a?tokens=1"),
        (b"/a?token=" + TOKEN.replace(b".", b"%2E"), b"/a"),
    ],
)
def test_in_the_query(target: bytes, left: bytes) -> None:
    got, answer = Story(token_from="query:token").ask(target=target)
    assert statuses(answer) == [200] and got.startswith(b"GET " + left + b" HTTP/1.1\r\n")
    assert Story(token_from="query:token", forward=True).ask(target=target)[0].startswith(b"GET " + target + b" ")


@pytest.mark.parametrize(
    ("place", "lines", "target"),
    [
        ("authorization", (bearer(), bearer()), b"/"),
        ("authorization", (b"Authorization: Basic YTpi", bearer()), b"/"),
        ("authorization", (bearer(), b"Authorization:"), b"/"),
        ("header:x-token", (b"X-Token: a", b"x-token: " + TOKEN), b"/"),
        ("cookie:tok", (b"Cookie: tok=a; tok=" + TOKEN,), b"/"),
        ("cookie:tok", (b"Cookie: tok=a", b"Cookie: tok=" + TOKEN), b"/"),
        ("cookie:tok", (b"Cookie: tok=a, tok=" + TOKEN,), b"/"),
        ("query:token", (), b"/?token=a&token=" + TOKEN),
        ("query:token", (), b"/?token=a&%74oken=" + TOKEN),
    ],
)
@pytest.mark.parametrize("optional", [False, True])
def test_there_is_one_token_only(place: str, lines: tuple[bytes, ...], target: bytes, optional: bool) -> None:
    story = Story(token_from=place, optional=optional)
    status, code, challenge = story.refused(*lines, target=target)
    assert (status, code) == (400, "repeated_token") and 'error="invalid_request"' in challenge
    assert story.causes() == {"repeated": 1}


# --- what the service is told

TOLD = (("x-user", "sub"), ("x-tenant", "https://claims.test/tenant"))


def test_claims_become_fields() -> None:
    token = signed(CLAIMS | {"https://claims.test/tenant": 7, "sub": "Zoë"})
    got, _ = Story(headers=TOLD).ask(
        bearer(token), b"X-User: root", b"x_user: root", b"X-Tenant: root", b"X_Tenants: x"
    )
    assert "x-user: Zoë\r\n".encode() in got and b"x-tenant: 7\r\n" in got
    assert b"root" not in got and b"X_Tenants: x" in got


@pytest.mark.parametrize("value", [None, ""])
def test_a_claim_that_is_not_there_is_no_field(value: object) -> None:
    got, answer = Story(headers=TOLD).ask(bearer(signed(CLAIMS | {"sub": value})), b"X-User: root", b"X_User: root")
    assert statuses(answer) == [200] and b"root" not in got and b"x-user" not in got.lower()


@pytest.mark.parametrize(
    "value", ["a\r\nx-admin: 1", "a\nb", "a\x00b", " root", "root ", "\troot", "a\x7f", ["a"], {"a": 1}, True, 1.5]
)
def test_a_claim_that_is_no_field_value_is_refused(value: object) -> None:
    story = Story(headers=TOLD)
    token = by_hand({"alg": "HS256"}, CLAIMS | {"sub": value})
    assert story.refused(bearer(token))[:2] == (401, "invalid_token")
    assert story.causes() == {"claims": 1}
    assert statuses(Story().ask(bearer(token))[1]) == [200]


# --- what is remembered


def test_a_token_is_verified_once() -> None:
    story = Story(headers=TOLD)
    for _ in range(3):
        got, answer = story.ask(bearer())
        assert statuses(answer) == [200] and b"x-user: ann\r\n" in got
    accepted = [story.count(counters.ROUTE_TOKENS_ACCEPTED + place) for place in (0, 1)]
    assert accepted == [2, 1]
    assert story.notes == [{"jwt": CLAIMS}] * 3
    with pytest.raises(TypeError):
        story.notes[0]["jwt"]["sub"] = "root"  # other requests have it too


def test_nothing_is_remembered_beyond_its_end() -> None:
    story = Story()
    story.ask(bearer())
    story.now = NOW + 600 + 59.9
    assert statuses(story.ask(bearer())[1]) == [200]
    story.now = NOW + 600 + 60
    assert story.refused(bearer())[:2] == (401, "invalid_token")
    assert story.causes() == {"expired": 1} and not story.filter._cache


def test_what_is_remembered_is_bounded() -> None:
    story = Story(cache=2)
    tokens = [signed(CLAIMS | {"jti": str(number)}) for number in range(3)]
    for token in (*tokens, tokens[2], tokens[0]):
        story.ask(bearer(token))
        assert len(story.filter._cache) <= 2
    assert story.count(counters.ROUTE_TOKENS_ACCEPTED) == 1
    none = Story(cache=0)
    for _ in range(2):
        none.ask(bearer())
    assert not none.filter._cache and none.count(counters.ROUTE_TOKENS_ACCEPTED + 1) == 2


def test_no_other_token_is_taken_for_one_that_is_remembered() -> None:
    story = Story()
    story.ask(bearer())
    for other in (TOKEN + b"=", TOKEN[:-1], TOKEN[:-2] + b"__", TOKEN.upper()):
        assert story.refused(bearer(other))[0] == 401
    assert set(story.filter._cache) == {TOKEN} and not Jwt("auth", OPTIONS)._cache


def test_of_refused_tokens_so_much_is_remembered_as_of_any_other() -> None:
    story = Story()
    for other in (TOKEN[:-4] + b"AAAA", signed(CLAIMS | {"sub": "x" * 5000})[:-4] + b"AAAA"):
        assert story.refused(bearer(other))[0] == 401
    assert {len(key) for key in story.filter._refused} == {32} and len(story.filter._refused) == 2
    twin = Story()
    twin.refused(bearer(TOKEN[:-4] + b"AAAA"))
    assert not set(twin.filter._refused) & set(story.filter._refused)  # nobody outside this process can compute it
