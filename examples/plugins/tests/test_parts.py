"""Tests of parts without a gateway: ``pip install pytest fastgw``, then ``pytest`` in the folder above."""

from user_handler import app
from word_service import WordCount

from fastgw.testing import ServiceEdge, body_of, statuses


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
