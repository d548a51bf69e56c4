"""Who may ask what, by where he is and what he shows."""

from __future__ import annotations

import hashlib
import os

import pytest

from fastgw.config.bind_spec import AS_CREATED
from fastgw.config.spec import AdminSpec
from fastgw.core.settings import Address
from fastgw.server.guard import ANYBODY, INSIDER, OPERATOR, READER, Guard, Peer
from fastgw.server.problem import AdminProblem
from fastgw.wire.fields import REQUEST_FIELDS, FieldTable
from fastgw.wire.messages import Request
from fastgw.wire.request import RequestReader

TOKEN = "a-token-of-some-length"
LOCAL = Peer(host="127.0.0.1", own="127.0.0.1")
FAR = Peer(host="10.0.0.9", own="10.0.0.1")
OWNER = Peer(is_unix=True, user=os.geteuid())
OTHER = Peer(is_unix=True, user=os.geteuid() + 1)


def guard(token: str = "", hosts: tuple[str, ...] = ()) -> Guard:
    digest = hashlib.sha256(token.encode()).hexdigest() if token else ""
    made = Guard()
    made.adopt(AdminSpec(Address("admin.example", 1), (), AS_CREATED, digest, hosts, None, 1.0))
    return made


def request(*fields: str, method: str = "GET", host: str = "localhost:9901") -> Request:
    found = Request()
    head = "\r\n".join([f"{method} / HTTP/1.1", f"host: {host}", *fields]) + "\r\n\r\n"
    RequestReader(100, 8192).read(head.encode(), found, FieldTable(REQUEST_FIELDS))
    return found


def refusal(one: Guard, asked: Request, right: str, peer: Peer) -> str:
    """The code of it; empty: there is none."""
    try:
        one.check(asked, right, peer)
    except AdminProblem as problem:
        return problem.code
    return ""


@pytest.mark.parametrize(
    ("peer", "by_right"),
    [
        (LOCAL, {ANYBODY: "", READER: "", INSIDER: "", OPERATOR: "no_orders_here"}),
        (FAR, {ANYBODY: "", READER: "", INSIDER: "not_from_here", OPERATOR: "no_orders_here"}),
        (OWNER, {ANYBODY: "", READER: "", INSIDER: "", OPERATOR: ""}),
        (Peer(is_unix=True, user=0), {READER: "", OPERATOR: ""}),
        (OTHER, {ANYBODY: "", READER: "", INSIDER: "", OPERATOR: "no_orders_here"}),
        (OTHER._replace(is_private=True), dict.fromkeys((ANYBODY, READER, INSIDER, OPERATOR), "not_allowed")),
        (OWNER._replace(is_private=True), dict.fromkeys((ANYBODY, READER, INSIDER, OPERATOR), "")),
    ],
)
def test_without_a_token_all_may_read_and_the_owner_orders(peer: Peer, by_right: dict[str, str]) -> None:
    assert {right: refusal(guard(), request(), right, peer) for right in by_right} == by_right


@pytest.mark.parametrize("right", [READER, INSIDER, OPERATOR])
@pytest.mark.parametrize("peer", [LOCAL, FAR, OTHER])
@pytest.mark.parametrize(
    ("field", "code"),
    [
        (f"authorization: Bearer {TOKEN}", ""),
        (f"Authorization: bearer   {TOKEN} ", ""),
        ("x: y", "no_token"),
        (f"authorization: Basic {TOKEN}", "no_token"),
        ("authorization: Bearer", "no_token"),
        (f"authorization: Bearer {TOKEN}x", "wrong_token"),
        (f"authorization: Bearer {TOKEN[:-1]}", "wrong_token"),
        (f"authorization: Bearer {hashlib.sha256(TOKEN.encode()).hexdigest()}", "wrong_token"),
        ("authorization: Bearer \xff\xfe", "wrong_token"),
    ],
)
def test_with_a_token_whoever_shows_it_may_all(right: str, peer: Peer, field: str, code: str) -> None:
    assert refusal(guard(TOKEN), request(field), right, peer) == code


def test_with_a_token_probes_and_the_owner_need_none() -> None:
    assert refusal(guard(TOKEN), request(), ANYBODY, FAR) == ""
    assert refusal(guard(TOKEN), request(), OPERATOR, OWNER) == ""


@pytest.mark.parametrize(
    ("host", "peer", "code"),
    [
        ("localhost", LOCAL, ""),
        ("LOCALHOST:9901", LOCAL, ""),
        ("127.0.0.1:9901", LOCAL, ""),
        ("127.3.2.1", LOCAL, ""),
        ("[::1]:9901", LOCAL, ""),
        ("admin.example:9901", LOCAL, ""),  # as the configuration has it
        ("more.example", LOCAL, ""),
        ("10.0.0.1:9901", FAR, ""),  # the address that was reached
        ("[::ffff:10.0.0.1]:9901", FAR, ""),
        ("10.0.0.2:9901", FAR, "unknown_host"),
        ("gateway-1:9901", LOCAL, ""),  # beside us: no page of the web has such a name
        ("2130706433", LOCAL, "unknown_host"),
        ("evil.example:9901", LOCAL, "unknown_host"),
        ("localhost.evil.example", LOCAL, "unknown_host"),
        ("127.0.0.1.evil.example", LOCAL, "unknown_host"),
        ("0.0.0.0:9901", LOCAL, "unknown_host"),
    ],
)
def test_a_name_that_leads_here_by_another_s_will_is_not_known(host: str, peer: Peer, code: str) -> None:
    for right in (READER, INSIDER if peer is LOCAL else READER):
        assert refusal(guard(hosts=("more.example",)), request(host=host), right, peer) == code
    assert refusal(guard(), request(host=host), ANYBODY, peer) == ""
    assert refusal(guard(), request(host="evil.example"), READER, OWNER) == ""  # no browser reaches a unix socket


@pytest.mark.parametrize(
    ("method", "fields", "code"),
    [
        ("POST", ["origin: http://localhost:9901"], ""),
        ("POST", ["origin: https://LOCALHOST:9901"], ""),
        ("POST", ["origin: http://evil.example"], "cross_site"),
        ("POST", ["origin: http://localhost:9902"], "cross_site"),
        ("POST", ["origin: null"], "cross_site"),
        ("POST", ["origin: "], "cross_site"),
        ("GET", ["origin: http://evil.example"], "cross_site"),
        ("POST", ["sec-fetch-site: same-origin"], ""),
        ("POST", ["sec-fetch-site: none"], ""),
        ("POST", ["sec-fetch-site: cross-site"], "cross_site"),
        ("POST", ["sec-fetch-site: same-site"], "cross_site"),
        ("POST", ["sec-fetch-site: cross-site", "sec-fetch-mode: navigate"], "cross_site"),
        ("GET", ["sec-fetch-site: cross-site", "sec-fetch-mode: no-cors"], "cross_site"),
        ("GET", ["sec-fetch-site: cross-site", "sec-fetch-mode: navigate"], ""),  # a link
    ],
)
def test_a_page_of_another_site_asks_nothing(method: str, fields: list[str], code: str) -> None:
    shown = f"authorization: Bearer {TOKEN}"
    assert refusal(guard(TOKEN), request(shown, *fields, method=method), OPERATOR, LOCAL) == code


def test_what_is_adopted_counts_from_then_on() -> None:
    one = guard(TOKEN)
    one.adopt(None)
    assert refusal(one, request(), READER, LOCAL) == ""
    assert refusal(one, request(host="admin.example"), READER, LOCAL) == "unknown_host"


def test_a_peer_is_told_in_words() -> None:
    assert (str(FAR), str(Peer(is_unix=True, user=7))) == ("10.0.0.9", "user 7")
