"""What is assumed of a request before anybody has seen it, beside what ``test_token_limit`` shows."""

from __future__ import annotations

import pytest

from fastgw.core.models.asked import AskedModel
from fastgw.errors import DownstreamError
from fastgw.filters import reservation
from fastgw.filters.prices import Prices
from fastgw.filters.reservation import Reserving, millionths, read

CHAT = b"/v1/chat/completions"


def reserving(**options: object) -> Reserving:
    return Reserving({"reserve": "maximum", "default_max_tokens": None, "bytes_per_token": 4, **options})


@pytest.mark.parametrize(("cost", "found"), [(None, 0), (0.0, 0), (0.0000001, 1), (1.5, 1_500_000), (10.0**9, 10**12)])
def test_costs_are_millionths_rounded_up(cost: float | None, found: int) -> None:
    assert millionths(cost) == found


def test_what_only_reads_makes_nothing() -> None:
    found = reserving().of(
        read(b"/v1/embeddings", [b'{"model":"e","max_tokens":5}']), b"/v1/embeddings", [b"x" * 99], None
    )
    assert (found.prompt, found.completion, found.is_stated, found.model) == (25, 0, False, "e")


def test_images_count_as_images() -> None:
    body = (
        b'{"model":"m","max_tokens":5,"x":"' + b"y" * 20_000 + b'","u":"data:image/png;base64,' + b"A" * 400_000 + b'"}'
    )
    found = reserving().of(read(CHAT, [body]), CHAT, [body], None)
    assert found.prompt == (len(body) - 400_000) // 4 + 1 + 1000


def test_choices_count_of_those_that_know_them() -> None:
    body = b'{"model":"m","max_tokens":5,"n":4}'
    assert reserving().of(read(CHAT, [body]), CHAT, [body], None).completion == 20
    path = b"/v1/messages"
    assert reserving().of(read(path, [body]), path, [body], None).completion == 5


@pytest.mark.parametrize(
    ("path", "body", "completion"),
    [
        (b"/v1/completions", b'{"max_tokens":5,"n":2,"best_of":3}', 15),
        (b"/v1/completions", b'{"max_tokens":5,"n":4,"best_of":3}', 20),
        (b"/v1/completions", b'{"max_tokens":5,"n":2,"prompt":["a","b","c"]}', 30),
        (b"/v1/completions", b'{"n_predict":7,"prompt":"a"}', 7),
        (b"/v1/completions", b'{"n_predict":7,"max_tokens":9}', 9),
        (b"/api/generate", b'{"options":{"num_predict":11}}', 11),
        (b"/api/chat", b'{"options":{"num_predict":-1}}', 1000),
        (CHAT, b'{"max_tokens":5,"best_of":3}', 5),
    ],
)
def test_what_one_api_alone_has(path: bytes, body: bytes, completion: int) -> None:
    assert reserving().of(read(path, [body]), path, [body], None).completion == completion


def test_it_costs_what_its_model_does() -> None:
    prices = Prices((("m", (("input", 1.0), ("output", 10.0), ("cached", 0.1))),))
    body = b'{"model":"m","max_tokens":100}'
    assert reserving().of(read(CHAT, [body]), CHAT, [body], prices).cost == len(body) // 4 + 1 + 1000
    assert reserving().of(read(CHAT, [b'{"max_tokens":100}']), CHAT, [], prices).cost == 0


def test_names_that_clients_invent_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reservation, "_MODELS_MAX", 2)
    known = reserving()
    for name in (b"a", b"b", b"c"):
        body = b'{"model":"' + name + b'"}'
        asked = read(CHAT, [body])
        known.learn(known.of(asked, CHAT, [body], None), 10)
        assert known.of(asked, CHAT, [body], None).completion == 21
    assert known.of(read(CHAT, [b'{"model":"a"}']), CHAT, [], None).completion == 1000


def test_a_name_that_is_none_is_not_taken() -> None:
    assert [
        read(CHAT, [body]).model
        for body in (b'{"model":5}', b'{"model":"a\\u0000b"}', b'{"model":"' + b"a" * 300 + b'"}')
    ] == [
        "",
        "",
        "",
    ]
    assert read(b"/somewhere", [b'{"model":"m"}']).operation.name == ""
    assert isinstance(read(b"/somewhere", [b"\x1f\x8b"]), AskedModel)


@pytest.mark.parametrize(
    ("body", "code"), [(b"{", "json_malformed"), (b'{"n":1,"n":2}', "json_ambiguous"), (b"\x1f\x8b", "json_malformed")]
)
def test_no_body_is_read_in_two_ways(body: bytes, code: str) -> None:
    with pytest.raises(DownstreamError) as found:
        read(CHAT, [body])
    assert (found.value.status, found.value.code) == (400, code)


@pytest.mark.parametrize("written", [b'"max_tokens":999999999999999999', b'"n":999999999999999999', b'"n":2'])
def test_no_numbers_that_clients_say_are_too_large_to_be_multiplied(written: bytes) -> None:
    body = b'{"model":"m","max_completion_tokens":%d,%b}' % (10**12, written)
    assert reserving().of(read(CHAT, [body]), CHAT, [body], None).completion == 10**12


@pytest.mark.parametrize("cuts", [(1,), (0, 5, 5, 30), (12, 13, 14)])
def test_a_body_in_parts_is_the_same(cuts: tuple[int, ...]) -> None:
    body = b'{"model":"m","max_tokens":50,"n":2}'
    parts = [body[start:stop] for start, stop in zip((0, *cuts), (*cuts, len(body)), strict=True)]
    found, whole = (reserving().of(read(CHAT, one), CHAT, one, None) for one in (parts, [body]))
    assert (
        (found.model, found.prompt, found.completion) == (whole.model, whole.prompt, whole.completion) == ("m", 9, 100)
    )
    with pytest.raises(DownstreamError, match="cannot be read"):
        read(CHAT, [*parts, b"}"])
    with pytest.raises(DownstreamError, match="cannot be read"):
        read(CHAT, [])
