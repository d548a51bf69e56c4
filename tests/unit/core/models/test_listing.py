"""The list of models, in the shape of who asks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fastgw.core.models.rights import NOTE_RIGHTS, ModelRights
from fastgw.testing.edge import Spy, body_of, statuses
from tests.support.models import ModelEdge, get

MODELS: dict[str, Any] = {"gpt-oss": "a", "org/small:1b": "b", "embed-*": "b", "default": "a"}


def told(path: str, *fields: str, models: dict[str, Any] = MODELS) -> tuple[int, Any]:
    edge = ModelEdge(models)
    answer = edge.client(get(path, *fields)).take()
    edge.end()
    return statuses(answer)[0], json.loads(body_of(answer))


def test_openai() -> None:
    one = {"id": "gpt-oss", "object": "model", "created": 0, "owned_by": "fastgw"}
    assert told("/v1/models") == (200, {"object": "list", "data": [one, {**one, "id": "org/small:1b"}]})
    assert told("/v1/models/gpt-oss") == (200, one)


@pytest.mark.parametrize(
    "path", ["/v1/models/org/small:1b", "/v1/models/org%2Fsmall:1b", "/team/v1/models/org%2Fsmall%3A1b"]
)
def test_names_with_slashes(path: str) -> None:
    assert told(path)[1]["id"] == "org/small:1b"


def test_patterns_are_not_listed_but_what_they_stand_for_is_there() -> None:
    assert told("/v1/models/embed-x")[1]["id"] == "embed-x"
    status, problem = told("/v1/models/gpt-os")
    assert (
        status == 404 and problem["error"]["code"] == "model_not_found" and "'gpt-oss'" in problem["error"]["message"]
    )


def test_anthropic() -> None:
    status, found = told("/v1/models", "anthropic-version: 2023-06-01")
    assert status == 200 and [one["id"] for one in found["data"]] == ["gpt-oss", "org/small:1b"]
    assert found["data"][0]["type"] == "model" and found["has_more"] is False
    assert (found["first_id"], found["last_id"]) == ("gpt-oss", "org/small:1b")
    assert told("/v1/models/none", "anthropic-version: 2023-06-01")[1]["type"] == "error"
    assert told("/v1/models", "anthropic-version: 1", models={"*": "a"})[1]["first_id"] is None


def test_ollama() -> None:
    status, found = told("/api/tags")
    assert status == 200 and [one["model"] for one in found["models"]] == ["gpt-oss", "org/small:1b"]


def test_the_list_is_made_once() -> None:
    edge = ModelEdge(MODELS)
    client = edge.client(get("/v1/models") * 2)
    first, second = client.take().split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert body_of(first) == body_of(second)
    assert statuses(edge.client(get("/v1/models").replace(b"GET", b"HEAD")).take()) == [200]
    edge.end()


@pytest.mark.parametrize(
    ("rights", "members", "listed"),
    [
        (None, (), ["gpt-oss", "org/small:1b"]),
        (None, ("embed-a", "embed-b"), ["gpt-oss", "org/small:1b", "embed-a", "embed-b"]),
        (("embed-x", "gpt-*"), (), ["gpt-oss", "embed-x"]),
        (("embed-x", "none"), ("embed-a", "embed-x"), ["embed-x"]),
        (("embed-*",), ("embed-a", "gpt-oss"), ["embed-a"]),
    ],
)
def test_what_a_pattern_lists(rights: tuple[str, ...] | None, members: tuple[str, ...], listed: list[str]) -> None:
    """What members say that they have, and what the key names, of that alone what it may use."""

    def note(exchange: Any) -> None:
        if rights is not None:
            exchange.note(NOTE_RIGHTS, ModelRights(rights))

    edge = ModelEdge(MODELS, told=lambda: members, filters=[Spy("key", [], request=note)])
    found = json.loads(body_of(edge.client(get("/v1/models")).take()))
    assert [one["id"] for one in found["data"]] == listed
    edge.end()
