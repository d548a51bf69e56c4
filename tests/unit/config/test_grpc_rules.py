"""What of ``grpc`` cannot stand beside other keys of its route."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.test_grpc import problems
from tests.unit.config.test_warn import warnings


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "grpc: {service: a.B}, path: /x, service: s",
            "path: stands beside grpc.service, which says the path; give one of them",
        ),
        ("grpc: {method: Do}, path: /x, service: s", "grpc.method: has no effect without service"),
        ("grpc: {method: Do}, service: s", "path: is required"),
        (
            "grpc: {service: a.B}, methods: [GET], service: s",
            "methods: calls of gRPC are POST, which is not among them",
        ),
        ("grpc: {service: a.B}, reply: {status: 200}", "reply: is no answer to a call of gRPC"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in problems(tmp_path, text)


GRPC = "{grpc: {service: a.B}, service: s}"
PLAIN = "{endpoints: ['127.0.0.1:9000']}"
H2 = "{endpoints: ['127.0.0.1:9000'], protocol: h2}"
BOTH = "listeners: [{address: '127.0.0.1:8080', protocols: [http/1.1, h2]}]"
ONE = "listeners: [{address: '127.0.0.1:8080'}]"


@pytest.mark.parametrize(
    ("listeners", "service", "more", "words"),
    [
        (BOTH, H2, "", []),
        (BOTH, PLAIN, "", ["the service 's' is asked over HTTP/1.1; give it protocol: h2"]),
        (BOTH, PLAIN.replace("}", ", protocol: auto, tls: true}"), "", []),
        (ONE, H2, "", ["which no listener speaks; give one protocols: [http/1.1, h2]"]),
        (ONE, H2, "filters: {pages: {type: grpc_web}}\n", []),
    ],
)
def test_where_no_call_can_get_through_a_warning_says_so(
    tmp_path: Path, listeners: str, service: str, more: str, words: list[str]
) -> None:
    used = ", filters: [pages]" if more else ""
    text = f"{listeners}\nroutes: [{GRPC[:-1]}{used}}}]\nservices: {{s: {service}}}\n{more}"
    found = warnings(tmp_path, text)
    assert len(found) == len(words)
    assert all(word in one and "routes[0].grpc" in one for word, one in zip(words, found, strict=True))


@pytest.mark.parametrize(
    ("service", "words"), [(H2, []), (PLAIN, ["the service 's' is asked over HTTP/1.1; give it protocol: h2"])]
)
def test_who_makes_calls_of_json_is_warned_too(tmp_path: Path, service: str, words: list[str]) -> None:
    route = "{path: /*, service: s, transformers: {input: kserve/rest-grpc}}"
    found = warnings(tmp_path, f"{ONE}\nroutes: [{route}]\nservices: {{s: {service}}}\n")
    assert len(found) == len(words)
    assert all(word in one and "routes[0].transformers" in one for word, one in zip(words, found, strict=True))


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (
            "mirror: {service: t}",
            "transformers: makes calls of what clients send, and a mirror or a shadow has that as it came",
        ),
        ("cache: {}", "cache: has no effect: requests become calls of gRPC here"),
    ],
)
def test_what_cannot_stand_beside_calls_that_are_made(tmp_path: Path, more: str, problem: str) -> None:
    assert problem in problems(tmp_path, f"path: /*, service: s, transformers: {{input: kserve/rest-grpc}}, {more}")


def test_who_is_no_call_is_not_warned_about(tmp_path: Path) -> None:
    assert warnings(tmp_path, f"{ONE}\nroutes: [{{path: /*, service: s}}]\nservices: {{s: {PLAIN}}}\n") == []
