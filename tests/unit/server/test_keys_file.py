"""Keys on the disk: what is written is read, of the age that it has, and nothing that would not be taken from an issuer."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.config.jwk import of_fetched
from fastgw.core.settings import KeySetSettings, Url
from fastgw.server.keys_file import AHEAD, KEYS_FILE, FetchedBefore, key_set_identity, usable_keys
from tests.support.tokens import jwks

NOW = 1e9
ONE = KeySetSettings(Url(True, "a.test", 443, "/keys?secret=1"), 300.0, 600.0, 10.0)


def before(age: float = 0.0, text: str | None = None) -> FetchedBefore:
    keys, _ = of_fetched(jwks(RS256="a", ES256="b").decode())
    return FetchedBefore(tuple(one.text for one in keys) if text is None else (text,), NOW - age)


def test_what_is_written_is_read_and_used(tmp_path: Path) -> None:
    path = str(tmp_path / "k.json")
    assert KEYS_FILE.path("/s/a.state.json") == "/s/a.state.keys.json"
    sets = {"a": before(), "b": before(5.0)}
    assert KEYS_FILE.write(path, sets) == 2
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert KEYS_FILE.read(path) == (sets, "")
    keys, age = usable_keys(sets["b"], 600.0, NOW)
    assert keys == of_fetched(jwks(RS256="a", ES256="b").decode())[0] and age == 5.0


def test_keys_are_used_as_long_as_the_configuration_says() -> None:
    assert usable_keys(before(599.0), 600.0, NOW)[1] == 599.0
    with pytest.raises(ValueError, match="were fetched 600 s ago, and are used for 600 s"):
        usable_keys(before(600.0), 600.0, NOW)


def test_a_clock_that_has_jumped_back_gives_keys_no_age() -> None:
    assert usable_keys(before(-AHEAD), 600.0, NOW)[1] == 0.0
    with pytest.raises(ValueError, match="were fetched 301 s after now: the clock is wrong, or was"):
        usable_keys(before(-AHEAD - 1), 600.0, NOW)


def test_what_no_issuer_may_say_no_file_may() -> None:
    secret = json.dumps({"kty": "oct", "k": "c2VjcmV0", "kid": "a"})
    assert json.loads(jwks(RS256="a"))["keys"][0]["kty"] == "RSA"
    for text in (secret, "7", "{}", "", '{"kty":"RSA"}', "]}"):
        with pytest.raises(ValueError, match=r"has no key that can be used|is no JWK Set"):
            usable_keys(before(text=text), 600.0, NOW)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda one: (
            st.lists(one, max_size=3)
            | st.dictionaries(st.sampled_from(["format", "lists", "seen_at", "keys", "x"]), one, max_size=4)
        ),
    )
)
def test_whatever_is_there_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, found: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "any_keys.json"
    path.write_text(json.dumps({"format": 1, "lists": {"a": found}}))
    sets, wrong = KEYS_FILE.read(str(path))
    assert (wrong and not sets) or all(isinstance(text, str) for text in sets["a"].texts)


@pytest.mark.parametrize(
    "change", [{"seen_at": "nan"}, {"seen_at": None}, {"keys": "x"}, {"keys": [1]}, {"keys": None}]
)
def test_one_set_that_is_none_spoils_the_file(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "k.json"
    path.write_text(json.dumps({"format": 1, "lists": {"a": {"seen_at": 1.0, "keys": []} | change}}))
    sets, wrong = KEYS_FILE.read(str(path))
    assert sets == {} and wrong.startswith("is no list of keys of version 1: ")


def test_a_set_is_its_whole_url_and_who_is_trusted_there_and_tells_no_secret() -> None:
    same = ONE._replace(stale=1.0, refresh=1.0, timeout=1.0)
    assert key_set_identity(ONE) == key_set_identity(same)
    assert key_set_identity(ONE).startswith("https://a.test/keys ") and "secret" not in key_set_identity(ONE)
    others = [
        ONE._replace(url=ONE.url._replace(**change))
        for change in (
            {"is_tls": False},
            {"port": 444},
            {"target": "/keys?secret=2"},
            {"ca": "/ca"},
            {"host": "b.test"},
        )
    ]
    assert len({*map(key_set_identity, [ONE, *others])}) == 6
