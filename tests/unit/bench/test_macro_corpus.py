"""The requests of the load: well formed, varied, the same in every run."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from bench.macro.client import parse_echo
from bench.macro.corpus import IMAGE_FROM, build_chats, build_requests, json_body, read_corpus, write_corpus
from bench.macro.scenario import HOST, route_table


def target(request: bytes) -> str:
    return request.split(b" ", 2)[1].decode()


def test_the_same_bytes_every_time() -> None:
    assert build_requests(route_table(20), count=50) == build_requests(route_table(20), count=50)


def test_no_two_heads_are_alike_and_every_route_is_asked() -> None:
    requests = build_requests(route_table(20), count=400)
    assert len(set(requests)) == 400
    models = Counter("/".join(target(request).split("/")[:4]) for request in requests)
    assert len(models) == 20 and set(models.values()) == {20}


def test_a_large_table_is_asked_at_all_its_ends() -> None:
    asked = {target(request).split("/")[3][1:6] for request in build_requests(route_table(10_000), count=100)}
    numbers = sorted(int(digits) for digits in asked if digits.isdigit())
    assert numbers[0] < 200 and numbers[-1] > 9_800


def test_headers_vary_in_value_and_spelling() -> None:
    requests = build_requests(route_table(20), count=400)
    heads = [parse_echo(request) for request in requests]
    assert len({head["user-agent"] for head in heads}) > 8
    assert len({head["cookie"] for head in heads}) == 400
    small = sum(b"\r\nuser-agent:" in request for request in requests)
    assert 50 < small < 150


@pytest.mark.parametrize("size", [1024, 32768, 1 << 20])
def test_bodies_have_the_asked_size_and_are_json(size: int) -> None:
    head, body = build_requests(route_table(20), count=1, method="POST", body_size=size)[0].split(b"\r\n\r\n", 1)
    assert abs(len(body) - size) < 60
    assert parse_echo(head)["content-length"] == str(len(body))
    assert json.loads(body)["stream"] is False


def test_bodies_differ() -> None:
    rng = random.Random(1)
    assert json_body(rng, 1024) != json_body(rng, 1024)


def test_query_and_close_are_in_every_request() -> None:
    for request in build_requests(route_table(20), count=40, query="size=7", close=True):
        assert "?size=7" in target(request)
        assert parse_echo(request)["host"] == HOST and parse_echo(request)["connection"] == "close"


def test_chats_are_valid_and_carry_what_the_special_gateways_read() -> None:
    requests = build_chats(20, 1024)
    assert len(set(requests)) == 20
    for request in requests:
        head, body = request.split(b"\r\n\r\n", 1)
        assert parse_echo(head)["content-length"] == str(len(body)) and 900 < len(body) < 1100
        assert json.loads(body)["messages"][0]["role"] == "user"
        assert parse_echo(head)["authorization"].startswith("Bearer sk-")


def test_chats_of_model_servers_have_lines_images_and_streams() -> None:
    for size, kind in ((1024, str), (IMAGE_FROM, list)):
        [request] = build_chats(1, size, lines=True, stream=True)
        _, body = request.split(b"\r\n\r\n", 1)
        said = json.loads(body)
        content = said["messages"][0]["content"]
        assert isinstance(content, kind) and said["stream"] is True
        assert abs(len(body) - size) < 300 and b"\\n" in body and (b"image_url" in body) is (kind is list)


def test_a_file_holds_what_was_written(tmp_path: Path) -> None:
    requests = build_requests(route_table(20), count=9, method="POST", body_size=2000)
    write_corpus(tmp_path / "c", requests)
    assert read_corpus((tmp_path / "c").read_bytes()) == requests
