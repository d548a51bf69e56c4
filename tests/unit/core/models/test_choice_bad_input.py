"""Every path that names a model, and every kind of bad body: told in the shape of the API that was asked, and nothing goes to a service."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fastgw.core.settings import DIALECT
from fastgw.testing.edge import body_of, statuses
from fastgw.wire.inference import ANTHROPIC, OLLAMA, OPERATIONS, Operation
from fastgw.wire.json_value import DEPTH_MAX
from tests.support.models import ModelEdge, post

pytestmark = pytest.mark.no_cover

GOOD = b'{"model":"small","messages":[{"role":"user","content":"x"}]}'
FORM = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nsmall\r\n'
#: What is sent, as JSON if nothing is said, with which status it is refused, and by which code of OpenAI's shape.
BAD: dict[str, tuple[bytes, int, str]] = {
    "nothing": (b"", 400, "json_malformed"),
    "a page": (b"<html></html>", 400, "json_malformed"),
    "half of it": (GOOD[:-3], 400, "json_malformed"),
    "something behind it": (GOOD + b"x", 400, "json_malformed"),
    "two of them": (GOOD + GOOD, 400, "json_malformed"),
    "NUL behind it": (GOOD + b"\0", 400, "json_malformed"),
    "a byte order mark": (b"\xef\xbb\xbf" + GOOD, 400, "json_malformed"),
    "UTF-16": (GOOD.decode().encode("utf-16"), 400, "json_malformed"),
    "Latin-1": (GOOD.replace(b'"x"', b'"\xe9"'), 400, "json_malformed"),
    "half a surrogate pair": (b'{"model":"\\ud83d"}', 400, "json_malformed"),
    "a list": (b"[" + GOOD + b"]", 400, "json_malformed"),
    "too deep": (GOOD[:-1] + b',"a":' + b"[" * DEPTH_MAX + b"]" * DEPTH_MAX + b"}", 400, "json_malformed"),
    "no number": (GOOD[:-1] + b',"temperature":NaN}', 400, "json_malformed"),
    "two models": (GOOD[:-1] + b',"model":"gpt-oss"}', 400, "json_ambiguous"),
    "a model in other letters": (GOOD[:-1] + b',"MODEL":"gpt-oss"}', 400, "json_ambiguous"),
    "two limits": (GOOD[:-1] + b',"max_tokens":1,"max_tokens":9}', 400, "json_ambiguous"),
    "no model": (b'{"messages":[]}', 400, "model_missing"),
    "null": (b'{"model":null}', 400, "model_missing"),
    "an empty name": (b'{"model":""}', 400, "model_missing"),
    "a number": (b'{"model":7}', 400, "model_malformed"),
    "an object": (b'{"model":{"name":"small"}}', 400, "model_malformed"),
    "a long name": (b'{"model":"' + b"m" * 10_240 + b'"}', 400, "model_malformed"),
    "an unknown one": (b'{"model":"smal"}', 404, "model_not_found"),
    "one with a space": (b'{"model":"small "}', 404, "model_not_found"),
    "one with a NUL": (b'{"model":"small\\u0000"}', 404, "model_not_found"),
    "a form without an end": (FORM, 400, "form_malformed"),
    "two models in a form": (FORM * 2 + b"--b--", 400, "form_malformed"),
    "a long name in a form": (FORM.replace(b"small", b"m" * 10_240) + b"--b--", 400, "model_malformed"),
    "no name in UTF-8": (FORM.replace(b"small", b"\xff") + b"--b--", 400, "model_malformed"),
    "an unknown one in a form": (FORM.replace(b"small", b"smal") + b"--b--", 404, "model_not_found"),
}
ASKING = {path.decode(): operation for path, operation in OPERATIONS.items() if not operation.lists}


def message_of(document: Any, operation: Operation, status: int, code: str) -> str:
    """What is told, in the shape that it has to have."""
    if operation.dialect == OLLAMA:
        assert list(document) == ["error"]
        return str(document["error"])
    error = document["error"]
    if operation.dialect == ANTHROPIC:
        assert document["type"] == "error"
        assert error["type"] == ("not_found_error" if status == 404 else "invalid_request_error")
    else:
        assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, None)
    return str(error["message"])


@pytest.mark.parametrize("what", BAD)
def test_it_is_told_in_the_shape_of_the_api_that_was_asked(what: str) -> None:
    body, status, code = BAD[what]
    kind = "multipart/form-data; boundary=b" if body.startswith(b"--b") else "application/json"
    edge = ModelEdge(has_rest=True, route={"errors": DIALECT})
    for path, operation in ASKING.items():
        client = edge.client(post(body, path, kind))
        answer = client.take()
        assert statuses(answer) == [status], (path, answer)
        message = message_of(json.loads(body_of(answer)), operation, status, code)
        assert "'small'" in message or code != "model_not_found"
        client.close()
    assert not edge.attempts, "a service was asked"
    edge.end()


@pytest.mark.parametrize("path", ASKING)
def test_half_of_a_good_one_goes_nowhere(path: str) -> None:
    edge = ModelEdge(has_rest=True, route={"errors": DIALECT})
    data = post(GOOD, path)
    for cut in (len(data) - 1, len(data) - len(GOOD) // 2, len(data) - len(GOOD)):
        client = edge.client(data[:cut])
        assert not edge.attempts
        client.lose()
        edge.run()
    assert not edge.attempts and edge.plane.body_bytes == 0
    edge.end()
