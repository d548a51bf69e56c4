"""What a kept answer says, and to whom."""

from __future__ import annotations

from fastgw.adapters.stored import StoredAnswer, renewed
from fastgw.policy.freshness import Life

_LIFE = Life(60.0, 0.0, 0.0, True, False, 0.0, None)


def kept(fields: bytes, status: int = 200) -> StoredAnswer:
    return StoredAnswer(b"p", 1, (), status, fields, b"body", _LIFE)


def test_it_is_confirmed_by_its_validators() -> None:
    assert kept(b'ETag: W/"1"\r\nX: y\r\nlast-modified: then\r\n').conditions == (
        (b"if-none-match", b'W/"1"'),
        (b"if-modified-since", b"then"),
    )
    assert kept(b"").conditions == ()


def test_only_a_200_is_known_already() -> None:
    wants = {b"if-none-match": b'"1"'}.get
    assert kept(b'etag: "1"\r\n').is_known_to(wants)
    assert not kept(b'etag: "1"\r\n', 404).is_known_to(wants)
    assert not kept(b"").is_known_to(wants)
    assert not kept(b"last-modified: then\r\n").is_known_to({b"if-modified-since": b"then"}.get)
    assert not kept(b"").is_known_to({}.get)


def test_news_replace_what_they_name_and_say_nothing_of_the_body() -> None:
    old = b"etag: 1\r\ncontent-type: a\r\nx: 1\r\nX: 2\r\ny: 1\r\n"
    news = b"X: 3\r\nContent-Type: b\r\nContent-Length: 0\r\n"
    assert renewed(old, news) == b"X: 3\r\netag: 1\r\ncontent-type: a\r\ny: 1\r\n"
