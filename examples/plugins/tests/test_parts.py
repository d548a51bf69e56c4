"""Tests of parts without a gateway: ``pip install pytest fastgw``, then ``pytest`` in the folder above."""

from tenant_filter import Tenant
from upper_transformer import Upper
from user_handler import app
from word_service import WordCount

from fastgw.testing import GET, OK, Edge, ServiceEdge, body_of, statuses


def test_words_are_counted() -> None:
    edge = ServiceEdge(WordCount, settings={"most": 1})
    answer = edge.ask("/words", "POST", "Content-Type: application/json", body=b'{"text": "a rose is a rose"}')
    assert body_of(answer) == b'{"words":5,"most":{"a":2}}'
    edge.end()


def test_users_are_found() -> None:
    edge = ServiceEdge(app)
    assert statuses(edge.ask("/user/bob")) == [404]
    assert body_of(edge.ask("/user/ada")) == b'{"name":"Ada","born":1815}'
    edge.end()


def test_strangers_are_turned_away() -> None:
    edge = Edge(filters=[Tenant("tenants", Tenant.Options(tenants=["a"]))])
    client, service = edge.pair(GET)  # which asks a.test
    assert b"x-tenant: a\r\n" in service.take()
    service.feed(OK)
    assert statuses(client.take()) == [200]
    client.feed(GET.replace(b"a.test", b"b.test"))
    assert statuses(client.take()) == [403]
    edge.end()


def test_text_is_made_upper_case() -> None:
    edge = Edge(filters=[Upper("upper", Upper.Options())])
    client, service = edge.pair(GET)
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello")
    assert b"HELLO" in client.take()
    edge.end()
