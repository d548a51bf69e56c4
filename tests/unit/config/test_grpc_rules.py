"""What of ``grpc`` cannot stand beside other keys of its route."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.test_grpc import problems


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
