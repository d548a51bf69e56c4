"""``/openapi.json``: the table of pages in the words of OpenAPI 3.1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import fastgw
from fastgw.server.guard import ANYBODY, INSIDER, OPERATOR
from fastgw.server.page import Page
from fastgw.server.problem import PROBLEM
from fastgw.server.status import JSON

_PROBLEM: Final = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "pattern": "^urn:fastgw:error:"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}
#: What every page may answer.
_USUAL: Final = {
    400: "The request is malformed.",
    431: "Its head is too large.",
    500: "The page failed; the log says how.",
}
_GUARDED: Final = {401: "The token is missing or wrong.", 403: "Not from there.", 421: "The name in Host is not known."}
_WITH_BODY: Final = {411: "The body has no length.", 413: "It is too large.", 415: "It is no JSON."}


def document(pages: Sequence[Page]) -> dict[str, Any]:
    """All of it."""
    paths: dict[str, dict[str, Any]] = {}
    for one in pages:
        operations = paths.setdefault(one.path, {})
        operations[one.method.lower()] = _operation(one)
        if one.method == "GET":
            operations["head"] = _operation(one, is_head=True)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "fastgw admin",
            "version": fastgw.__version__,
            "description": "At the admin socket root and the user of the gateway may all; over TCP orders need the token.",
        },
        "paths": paths,
        "components": {
            "schemas": {"Problem": _PROBLEM},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(one: Page, *, is_head: bool = False) -> dict[str, Any]:
    refusals = {**_USUAL, **(_GUARDED if one.right != ANYBODY else {}), **(_WITH_BODY if one.method == "POST" else {})}
    answers = {str(status): _response(one, status, when, is_head) for status, when in one.answers.items()}
    answers |= {str(status): _refusal(when, is_head) for status, when in refusals.items()}
    found: dict[str, Any] = {
        "operationId": f"{'head' if is_head else one.method.lower()}_{one.path.strip('/').replace('.', '_') or 'page'}",
        "summary": one.says,
        "responses": dict(sorted(answers.items())),
    }
    if one.right != ANYBODY:
        # An address without a token may be read by anybody who reaches it.
        found["security"] = [{"token": []}] if one.right == OPERATOR else [{"token": []}, {}]
    if one.right == INSIDER:
        found["description"] = "Without a token only from the machine of the gateway."
    if one.query:
        found["parameters"] = [_parameter(name, words, one.choices) for name, words in one.query]
    if one.method == "POST":
        found["requestBody"] = {"required": False, "content": {JSON: {"schema": _body(one)}}}
    return found


def _response(one: Page, status: int, when: str, is_head: bool) -> dict[str, Any]:
    if status in (422, 503) and one.method == "POST":
        return _refusal(when, is_head)
    schema: dict[str, Any] = {"type": "object"}
    if one.members and status < 300:
        schema["required"] = list(one.members)
    content = {kind: {"schema": schema} if kind == JSON else {} for kind in one.kinds}
    return {"description": when} if is_head else {"description": when, "content": content}


def _refusal(when: str, is_head: bool) -> dict[str, Any]:
    schema: Mapping[str, Any] = {"$ref": "#/components/schemas/Problem"}
    return {"description": when} if is_head else {"description": when, "content": {PROBLEM: {"schema": schema}}}


def _parameter(name: str, words: str, choices: tuple[str, ...]) -> dict[str, Any]:
    one = {"enum": list(choices)} if choices else {"pattern": "^[A-Za-z0-9_.@-]{1,100}$"}
    schema = {"type": "array", "items": {"type": "string", **one}, "maxItems": 16}
    return {"name": name, "in": "query", "description": words, "schema": schema, "style": "form", "explode": True}


def _body(one: Page) -> dict[str, Any]:
    return {"type": "object", "properties": {key: {} for key in one.keys}, "additionalProperties": False}
