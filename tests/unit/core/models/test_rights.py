"""Who may use some models only gets nothing else, and is told of nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.core.models.rights import NOTE_RIGHTS, ModelRights
from fastgw.routing.by_model import ByModel
from fastgw.testing.edge import body_of, statuses
from tests.support.models import OK, ModelEdge, body_sent, get, post

CHAT = b'{"model":"%b","stream":true}'
MODELS: dict[str, Any] = {
    "gpt-oss": [("a", 1, "openai/gpt-oss")],
    "gpt": [("a", 1, "openai/gpt-oss")],
    "small": "b",
    "secret-1": "b",
    "embed-*": "b",
}
MEANS = {"gpt": "gpt-oss"}


class Knows:
    """A filter that has found out what may be asked for."""

    name = "knows"

    def __init__(self, *names: str) -> None:
        self.rights = ModelRights(names)

    def request(self, exchange: Any) -> None:
        exchange.note(NOTE_RIGHTS, self.rights)


def edge_of(*names: str, models: dict[str, Any] = MODELS, **options: Any) -> ModelEdge:
    return ModelEdge(models, means=MEANS, filters=[Knows(*names)], **options)


def refused(edge: ModelEdge, request: bytes) -> tuple[int, Any]:
    answer = edge.client(request).take()
    assert not edge.attempts
    return statuses(answer)[0], json.loads(body_of(answer))


@pytest.mark.parametrize(
    ("names", "asked", "port"),
    [
        (("gpt-oss",), b"gpt-oss", 9000),
        (("gpt-oss",), b"gpt", 9000),  # another name of it
        (("gpt",), b"gpt", 9000),
        (("gpt*",), b"gpt-oss", 9000),
        (("*",), b"secret-1", 9001),
        (("embed-*",), b"embed-x", 9001),
        (("embed-x",), b"embed-x", 9001),
        (("none", "small"), b"small", 9001),
    ],
)
def test_what_may_be_asked_for_is_sent(names: tuple[str, ...], asked: bytes, port: int) -> None:
    edge = edge_of(*names)
    client = edge.client(post(CHAT % asked))
    service = edge.connect(port=port)
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


@pytest.mark.parametrize(
    ("names", "asked"),
    [
        (("gpt",), b"gpt-oss"),  # one name of a model is not the model
        (("small",), b"secret-1"),
        (("embed-x",), b"embed-y"),
        (("none",), b"small"),
        (("Small",), b"small"),
    ],
)
def test_what_may_not_is_answered_as_if_it_were_not_there(names: tuple[str, ...], asked: bytes) -> None:
    edge = edge_of(*names)
    status, told = refused(edge, post(CHAT % asked))
    there_is_none = refused(edge, post(CHAT % b"zzz"))
    assert (status, told["error"]["code"]) == (404, "model_not_found")
    said = told["error"]["message"].partition("; did you mean")[0].replace(asked.decode(), "zzz")
    assert {**told["error"], "message": said} == there_is_none[1]["error"]
    edge.end()


def test_the_log_tells_the_difference() -> None:
    told: list[str] = []

    class Log:
        name = "log"

        def done(self, exchange: Any) -> None:
            told.append(exchange.error.reason)

    edge = ModelEdge(MODELS, filters=[Log(), Knows("small")])
    refused(edge, post(CHAT % b"secret-1"))
    refused(edge, post(CHAT % b"secret-2"))
    assert told[0] == "the key may not use the model 'secret-1'" and told[1].startswith("the model 'secret-2' does not")
    edge.end()


def test_the_nearest_name_is_one_that_may_be_told() -> None:
    edge = edge_of("small", "gpt-*")
    assert "did you mean" not in json.dumps(refused(edge, post(CHAT % b"secret-2")))
    assert "did you mean 'gpt-oss'?" in refused(edge, post(CHAT % b"gpt-os"))[1]["error"]["message"]
    edge.end()


def test_the_name_that_is_executed_is_the_one_that_is_checked() -> None:
    edge = edge_of("small")
    body = b'{"model":"small","x":{"model":"secret-1"},"models":["secret-1"]}'
    edge.client(post(body))
    assert body_sent(edge.connect(port=9001).take()) == body
    for twice in (b'{"model":"small","model":"secret-1"}', b'{"model":"small","\\u006dodel":"secret-1"}'):
        assert refused(edge, post(twice))[1]["error"]["code"] == "json_ambiguous"
    edge.end()


@pytest.mark.parametrize(("names", "leads"), [(("default",), True), (("gpt-oss",), True), (("small",), False)])
def test_who_names_none_needs_the_right_to_the_default(names: tuple[str, ...], leads: bool) -> None:
    edge = ModelEdge(MODELS | {"default": [("a", 1, "x")]}, means={"default": "gpt-oss"}, filters=[Knows(*names)])
    if leads:
        edge.client(post(b"{}"))
        assert edge.connect(port=9000)
    else:
        status, told = refused(edge, post(b"{}"))
        assert (status, told["error"]["code"]) == (400, "model_missing")
    edge.end()


@pytest.mark.parametrize(("names", "port"), [(("gpt-oss", "small"), 9001), (("gpt-oss", "secret-1"), 9002)])
def test_only_models_that_may_be_used_stand_in_for_another(names: tuple[str, ...], port: int) -> None:
    models = MODELS | {"secret-1": "rest"}
    edge = edge_of(*names, models=models, fallback={"gpt-oss": ["small", "secret-1"]})
    client = edge.client(post(CHAT % b"gpt-oss"))
    edge.refuse()
    service = edge.connect(port=port)
    service.feed(OK)
    answer = client.take()
    assert statuses(answer) == [200] and b"x-fastgw-fallback: service\r\n" in answer
    edge.end()


def test_or_nobody_does() -> None:
    edge = edge_of("gpt-oss", fallback={"gpt-oss": ["small", "secret-1"]})
    client = edge.client(post(CHAT % b"gpt-oss"))
    edge.refuse()
    assert statuses(client.take()) == [502] and not edge.attempts
    edge.end()


# --- nothing past it

_PIECES = st.sampled_from(
    ["v1", "V1", "chat", "completions", "files", "batches", "api", "", ".", "..", "%2e", "models", ";x", "%2f", "x"]
)


@given(
    st.lists(_PIECES, min_size=1, max_size=6),
    st.sampled_from(["POST", "GET", "PUT"]),
    st.sampled_from([b"secret-1", b"zz"]),
)
def test_nothing_else_is_asked_of_a_service(pieces: list[str], method: str, model: bytes) -> None:
    edge = edge_of("small", has_rest=True)
    request = post(CHAT % model, "/" + "/".join(pieces)).replace(b"POST", method.encode(), 1)
    edge.client(request)
    edge.run()
    assert not edge.attempts, request
    edge.end()


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions/", "//v1/chat/completions", "/v1//chat/completions", "/v1/files"]
)
def test_paths_that_ask_for_no_model_lead_nowhere(path: str) -> None:
    edge = edge_of("small", has_rest=True)
    answer = edge.client(post(CHAT % b"secret-1", path)).take()
    assert not edge.attempts and statuses(answer)[0] in (400, 404)
    edge.end()
    edge = ModelEdge(MODELS, has_rest=True)
    edge.client(post(CHAT % b"secret-1", "/v1/files"))
    assert edge.connect(port=9002)  # of whom nothing is known gets it
    edge.end()


# --- lists


def ids(edge: ModelEdge, path: str, *fields: str) -> list[str]:
    told = json.loads(body_of(edge.client(get(path, *fields)).take()))
    return [one.get("id") or one["name"] for one in told.get("data", told.get("models"))]


@pytest.mark.parametrize(
    ("names", "listed"),
    [
        (("small",), ["small"]),
        (("gpt-oss",), ["gpt-oss", "gpt"]),
        (("*",), ["gpt-oss", "gpt", "small", "secret-1"]),
        (("embed-x", "gpt", "none"), ["gpt", "embed-x"]),
        (("none",), []),
    ],
)
def test_a_list_has_what_may_be_asked_for(names: tuple[str, ...], listed: list[str]) -> None:
    edge = edge_of(*names)
    assert ids(edge, "/v1/models") == ids(edge, "/api/tags") == listed
    assert ids(edge, "/v1/models", "anthropic-version: 2023-06-01") == listed
    edge.end()


def test_the_list_of_one_is_not_that_of_another() -> None:
    seen = []

    class Turns(Knows):
        def request(self, exchange: Any) -> None:
            if len(seen) % 2:
                exchange.note(NOTE_RIGHTS, self.rights)

    edge = ModelEdge(MODELS, filters=[Turns("small")])
    while len(seen) < 4:
        seen.append(ids(edge, "/v1/models"))
    assert seen[1] == seen[3] == ["small"] and len(seen[0]) == len(seen[2]) == 4
    edge.end()


def test_one_of_a_list() -> None:
    edge = edge_of("small", "embed-x")
    for name, status in (("small", 200), ("embed-x", 200), ("embed-y", 404), ("secret-1", 404), ("zzz", 404)):
        assert statuses(edge.client(get(f"/v1/models/{name}")).take()) == [status], name
    edge.end()


def test_rights_are_told_alike_where_they_are_alike() -> None:
    assert repr(ModelRights(["a", "b", "a"])) == repr(ModelRights(["a", "b"])) != repr(ModelRights(["a"]))


@given(
    st.lists(st.text("ab*", max_size=4).filter(lambda one: one.count("*") < 2), max_size=4), st.text("ab", max_size=4)
)
def test_a_name_fits_as_in_models(names: list[str], name: str) -> None:
    assert ModelRights(names).may(name) == (ByModel(dict.fromkeys(names, 1)).find(name) is not None)
