"""The heads that go out: what is relayed, what is ours."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.credential_settings import CredentialSettings
from fastgw.core.http1.heads import authority_of, forwarded_fields, own_fields, request_fields, without_length
from fastgw.testing.edge import CHUNKED, DATE, GET, OK, POST, Edge, Spy
from fastgw.wire.fields import CREDENTIALS


def sent(ask: bytes, **options: Any) -> bytes:
    """The request as the service gets it."""
    edge = Edge(**options)
    _, service = edge.pair(ask)
    data = service.take()
    edge.end()
    return data


def got(answer: bytes, ask: bytes = GET, **options: Any) -> bytes:
    """The answer as the client gets it."""
    edge = Edge(**options)
    client, service = edge.pair(ask)
    service.feed(answer)
    data = client.take()
    edge.end()
    return data


def test_plain_request() -> None:
    assert sent(b"GET /%41?b HTTP/1.1\r\nHost: A.test:80\r\nACCEPT:*/*\r\nKeep-Alive: x\r\n\r\n") == (
        b"GET /A?b HTTP/1.1\r\nhost: A.test:80\r\nACCEPT:*/*\r\nx-forwarded-for: 127.0.0.1\r\nx-forwarded-proto: http\r\n"
        b"via: 1.1 fastgw\r\nx-forwarded-host: A.test:80\r\n\r\n"
    )


def test_plain_request_with_what_hooks_added() -> None:
    def add(exchange: Any) -> None:
        exchange.request.request_id = b"id-1"
        exchange.request.set_header(b"x-user", b"me")

    for ask in (GET, GET[:-2] + b"Via: 1.0 x\r\n\r\n"):
        data = sent(ask, filters=[Spy("a", [], request=add)])
        assert b"x-request-id: id-1\r\n" in data
        assert data.endswith(b"x-user: me\r\n\r\n")


@pytest.mark.parametrize(
    ("policy", "host"), [("preserve", b"a.test"), ("endpoint", b"127.0.0.1:9000"), ("b.test", b"b.test")]
)
@pytest.mark.parametrize("extra", [b"", b"Via: 1.0 x\r\n"])
def test_host_by_policy(policy: str, host: bytes, extra: bytes) -> None:
    data = sent(GET[:-2] + extra + b"\r\n", service={"host": policy})
    assert b"\r\nhost: " + host + b"\r\n" in data
    assert b"\r\nx-forwarded-host: a.test\r\n" in data


def test_request_without_a_host_gets_the_endpoints() -> None:
    data = sent(b"GET / HTTP/1.0\r\n\r\n")
    assert b"\r\nhost: 127.0.0.1:9000\r\n" in data


@pytest.mark.parametrize("field", [b"", b"Accept: */*\r\n"])
def test_via_names_the_version_of_the_client(field: bytes) -> None:
    assert b"\r\nvia: 1.0 fastgw\r\n" in sent(b"GET / HTTP/1.0\r\nHost: a\r\n" + field + b"\r\n")


def test_hops_before_us_are_named_in_order() -> None:
    data = sent(
        GET[:-2] + b"Via: 1.0 one\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Host: z.test\r\n\r\n",
        trusted=["127.0.0.0/8"],
        listener={"scheme": b"https"},
    )
    assert b"\r\nvia: 1.0 one, 1.1 fastgw\r\n" in data
    assert b"\r\nx-forwarded-for: 1.1.1.1, 127.0.0.1\r\n" in data
    assert b"\r\nx-forwarded-host: z.test\r\n" in data
    assert b"\r\nx-forwarded-proto: https\r\n" in data


def test_framing_of_the_request_is_written_once() -> None:
    assert sent(CHUNKED).count(b"transfer-encoding: chunked\r\n") == 1
    assert sent(POST).lower().count(b"content-length: 5\r\n") == 1


def test_te_trailers_survives() -> None:
    assert b"\r\nconnection: TE\r\nte: trailers\r\n" in sent(GET[:-2] + b"TE: trailers\r\n\r\n")


def test_expect_of_http_1_0_is_not_passed_on() -> None:
    assert b"expect" not in sent(POST.replace(b"1.1", b"1.0")[:-2] + b"Expect: 100-continue\r\n\r\n")


def test_plain_answer_is_relayed_as_it_came() -> None:
    answer = b"HTTP/1.1 200 Fine\r\nSERVER:x\r\ncontent-length: 2\r\ndate:yesterday\r\n\r\nok"
    assert got(answer) == answer


@pytest.mark.parametrize("name", [b"Date", b"date", b"DATE"])
def test_date_of_the_service_stays(name: bytes) -> None:
    answer = got(b"HTTP/1.1 200 OK\r\n%b: yesterday\r\nContent-Length: 2\r\n\r\nok" % name)
    assert answer.lower().count(b"\r\ndate:") == 1
    assert b": yesterday\r\n" in answer


@pytest.mark.parametrize("field", [b"Server: x", b"X-Date: yesterday", b"Dates: 2"])
def test_answer_without_a_date_gets_one(field: bytes) -> None:
    """RFC 9110 section 6.6.1."""
    answer = got(b"HTTP/1.1 200 OK\r\n%b\r\nContent-Length: 2\r\n\r\nok" % field)
    assert b"\r\n" + DATE in answer
    assert b"\r\n" + field + b"\r\n" in answer


def test_date_is_not_taken_away_by_connection_nor_given_to_interim_answers() -> None:
    answer = got(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nConnection: date\r\nDate: yesterday\r\nContent-Length: 2\r\n\r\nok"
    )
    interim, _, final = answer.partition(b"\r\n\r\n")
    assert b"date" not in interim.lower()
    assert b"\r\nDate: yesterday\r\n" in final
    assert DATE not in final


def test_a_known_shape_remembers_whether_it_has_a_date() -> None:
    with_date = b"HTTP/1.1 200 OK\r\nDate: yesterday\r\nContent-Length: 2\r\n\r\nok"
    without = b"HTTP/1.1 200 OK\r\nServer: yesterday\r\nContent-Length: 2\r\n\r\nok"
    for _ in range(3):
        assert DATE not in got(with_date)
        assert DATE in got(without)


def test_answer_of_http_1_0_is_sent_as_1_1() -> None:
    assert got(OK.replace(b"1.1", b"1.0")) == OK


def test_id_of_the_services_answer_stays() -> None:
    assert b"\r\nx-request-id: 7\r\n" in got(OK.replace(b"\r\n\r\n", b"\r\nX-Request-Id: 7\r\n\r\n"))


@pytest.mark.parametrize(
    ("fields", "rest"),
    [
        (b"A: b\r\nContent-Length: 5\r\nC: d\r\n", b"A: b\r\nC: d\r\n"),
        (b"content-length:5\r\n", b""),
        (b"Content-Lengthy: 5\r\n", b"Content-Lengthy: 5\r\n"),
        (b"", b""),
    ],
)
def test_without_length(fields: bytes, rest: bytes) -> None:
    assert without_length(fields) == rest


def test_forwarded_fields_end_where_the_authority_follows() -> None:
    fields = forwarded_fields(b"1.1.1.1", b"https")
    assert fields.startswith(b"x-forwarded-for: 1.1.1.1\r\nx-forwarded-proto: https\r\n")
    assert fields.endswith(b"x-forwarded-host: ")


def test_fields_for_a_protocol_that_frames_by_itself_are_those_of_the_head_without_its_framing() -> None:
    told: list[tuple[bytes, bytes]] = []
    spy = Spy("s", [], request=lambda exchange: told.append(told_of(exchange)))
    sent(GET.replace(b"\r\n\r\n", b"\r\nX-A: b\r\nConnection: TE\r\nTE: trailers\r\n\r\n"), filters=[spy])
    assert told == [
        (
            b"a.test",
            (
                b"X-A: b\r\nx-forwarded-for: 127.0.0.1\r\nx-forwarded-proto: http\r\nvia: 1.1 fastgw\r\n"
                b"x-forwarded-host: a.test\r\nte: trailers\r\n"
            ),
        )
    ]
    told.clear()
    sent(CHUNKED.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"), filters=[spy])
    assert told[0][1].endswith(b"x-forwarded-host: a.test\r\nexpect: 100-continue\r\n")


KEY = CredentialSettings("x-api-key", "sk-of-the-gateway", redact=True)


@pytest.mark.parametrize("extra", ["", "Via: 1.0 x\r\n"])
def test_the_service_gets_the_credentials_of_the_gateway_and_no_others(extra: str) -> None:
    theirs = "".join(f"{name.decode()}: theirs\r\n" for name in sorted(CREDENTIALS)).title()
    ask = f"GET / HTTP/1.1\r\nHost: a\r\n{theirs}X_Api_Key: theirs\r\nX-Api-Key: theirs\r\nAccept: */*\r\n{extra}\r\n"
    seen: list[bytes | None] = []

    def hook(exchange: Any) -> None:
        exchange.request.set_header(b"x-auth-token", b"theirs, as well")
        exchange.service, exchange.endpoint = exchange.route.service, exchange.route.service.members.ready[0]
        framed.append(request_fields(exchange) + own_fields(exchange))
        exchange.endpoint = None

    def look(exchange: Any) -> None:
        seen.append(exchange.request.header(b"x-api-key"))

    framed: list[bytes] = []
    spy = Spy("spy", [], request=hook, response=look)
    edge = Edge(filters=[spy], service={"credentials": KEY})
    client, service = edge.pair(ask.encode())
    data = service.take()
    for found in (data, framed[0]):
        assert b"heirs" not in found and found.count(b"sk-of-the-gateway") == 1
        assert b"\r\nx-api-key: sk-of-the-gateway\r\n" in found and b"Accept: */*\r\n" in found
    service.feed(OK)
    assert seen == [b"Theirs, theirs"] and b"sk-" not in client.take()  # what filters see is the client's own
    edge.end()


def told_of(exchange: Any) -> tuple[bytes, bytes]:
    exchange.service, exchange.endpoint = exchange.route.service, exchange.route.service.members.ready[0]
    found = authority_of(exchange), request_fields(exchange) + own_fields(exchange)
    exchange.endpoint = None
    return found


def test_fields_of_one_request_alone_are_its_id_and_what_hooks_added() -> None:
    told: list[bytes] = []

    def look(exchange: Any) -> None:
        exchange.request.request_id, exchange.request.extra = b"7", b"x-a: b\r\n"
        exchange.service = exchange.route.service
        told.append(own_fields(exchange))

    sent(GET, filters=[Spy("s", [], request=look)])
    assert told == [b"x-request-id: 7\r\nx-a: b\r\n"]
