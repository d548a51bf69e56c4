"""Files of ``htpasswd -B``, and what is told of others: never a hash."""

from __future__ import annotations

import pytest

from fastgw.filters.htpasswd import parse_users

HASH = b"$2y$04$" + b"a" * 53


def test_users_and_their_hashes() -> None:
    data = b"# ours\nann:" + HASH + b"\r\n\n  bob:" + HASH.replace(b"2y", b"2b") + b":more\nj\xc3\xbcrg:" + HASH
    assert parse_users(data) == {b"ann": HASH, b"bob": HASH.replace(b"2y", b"2b"), b"j\xc3\xbcrg": HASH}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "has no user"),
        (b"# nobody\n", "has no user"),
        (b"ann:" + HASH + b"\nbob", "line 2 is no 'name:hash'"),
        (b":" + HASH, "line 1 is no 'name:hash'"),
        (b"a\x07b:" + HASH, "line 1 is no 'name:hash'"),
        (b"a\xffb:" + HASH, "line 1 is no 'name:hash'"),
        (b"ann:{SHA}" + b"5" * 28, "line 1 has no password as bcrypt; 'htpasswd -B' writes such"),
        (b"ann:$apr1$salt$" + b"5" * 22, "line 1 has no password as bcrypt; 'htpasswd -B' writes such"),
        (b"ann:" + HASH[:-1], "line 1 has no password as bcrypt; 'htpasswd -B' writes such"),
        (b"ann:" + HASH.replace(b"$04$", b"$16$"), "line 1 has a cost of bcrypt of 16; expected 4 to 15"),
        (b"ann:" + HASH.replace(b"$04$", b"$03$"), "line 1 has a cost of bcrypt of 3; expected 4 to 15"),
        (b"ann:" + HASH + b"\nann:" + HASH, "line 2 has a user that is in the file already"),
    ],
)
def test_what_is_none_is_told_without_a_hash(data: bytes, expected: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_users(data)
    assert str(caught.value) == expected
