"""Routes for calls of gRPC: what their short form stands for, what is wrong with it, and which request takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fastgw.config.rules import routing_table
from fastgw.config.spec import GatewaySpec
from fastgw.core.settings import GrpcSettings
from fastgw.wire.messages import KIND, kind_of
from tests.unit.config import files

REST = "services: {s: {endpoints: ['127.0.0.1:9000']}}\n"


LISTENER = "listeners: [{address: '127.0.0.1:8080'}]\n"


def loaded(folder: Path, text: str) -> GatewaySpec:
    """A configuration with one listener."""
    return files.read(folder, LISTENER + text)


def route(folder: Path, text: str) -> Any:
    return loaded(folder, f"routes: [{{{text}}}]\n{REST}").routes[0]


def problems(folder: Path, text: str) -> str:
    return "\n".join(map(str, files.problems(folder, LISTENER + f"routes: [{{{text}}}]\n{REST}")))


def test_a_service_stands_for_path_method_and_type(tmp_path: Path) -> None:
    found = route(tmp_path, "grpc: {service: helloworld.Greeter}, service: s")
    assert found.name == "grpc helloworld.Greeter/*"
    assert found.path == "/helloworld.Greeter/*"
    assert found.methods == ("POST",)
    assert found.settings.max_body == 1 << 50
    assert found.headers == (("content-type*", "application/grpc"),)
    assert found.grpc == GrpcSettings(False, 0, 0)


def test_a_method_is_a_path_of_its_own(tmp_path: Path) -> None:
    found = route(
        tmp_path,
        "grpc: {service: a.b.C, method: Do, max_request_message: 4MiB, max_response_message: 1KiB}, host: x.test, service: s",
    )
    assert found.name == "x.test grpc a.b.C/Do" and found.path == "/a.b.C/Do"
    assert found.grpc == GrpcSettings(False, 4 << 20, 1024)


def test_who_says_a_bound_of_a_body_has_it(tmp_path: Path) -> None:
    assert route(tmp_path, "grpc: {service: C}, max_body: 1MiB, service: s").settings.max_body == 1 << 20
    assert route(tmp_path, "path: /*, grpc: {}, service: s").settings.max_body == 32 << 20


def test_other_conditions_stay(tmp_path: Path) -> None:
    found = route(tmp_path, "grpc: {service: C}, headers: {x-a: b}, service: s")
    assert dict(found.headers) == {"x-a": "b", "content-type*": "application/grpc"}


def test_a_path_says_for_itself_what_is_taken(tmp_path: Path) -> None:
    found = route(tmp_path, "path: /*, grpc: {max_request_message: 1KiB}, service: s")
    assert (found.path, found.methods, found.headers) == ("/*", (), ())
    assert found.grpc == GrpcSettings(False, 1024, 0)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("grpc: {service: /a.B/Do}, service: s", "did you mean service: a.B, method: Do?"),
        ("grpc: {service: /a.B}, service: s", "did you mean 'a.B'?"),
        (
            "grpc: {service: a..B}, service: s",
            "expected the name of a service with its package such as helloworld.Greeter",
        ),
        ("grpc: {service: a.B, method: a/b}, service: s", "expected the name of a method such as SayHello"),
        ("grpc: {servise: a.B}, service: s", "unknown key; did you mean 'service'?"),
        ("grpc: [a], service: s", "expected a mapping"),
        ("grpc: {service: a.B, max_request_message: x}, service: s", "max_request_message"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in problems(tmp_path, text)


@pytest.mark.parametrize("name", ["/a.B/Do", "a..B", "a B"])
def test_one_mistake_is_one_problem(tmp_path: Path, name: str) -> None:
    assert len(problems(tmp_path, f"grpc: {{service: {name}}}, service: s").splitlines()) == 1


def test_two_routes_for_one_method_are_in_each_others_way(tmp_path: Path) -> None:
    text = f"routes: [{{grpc: {{service: a.B}}, service: s}}, {{name: x, grpc: {{service: a.B}}, service: s}}]\n{REST}"
    assert "POST" in str(files.problems(tmp_path, LISTENER + text))


@pytest.mark.parametrize(
    ("path", "content_type", "name"),
    [
        (b"/a.B/Do", b"application/grpc+proto", "grpc a.B/Do"),
        (b"/a.B/Do", b"application/grpc-web", "grpc a.B/Do"),
        (b"/a.B/Else", b"application/grpc", "grpc a.B/*"),
        (b"/a.B/Do", b"application/json", "rest"),
        (b"/a.B/Do", None, "rest"),
        (b"/a.C/Do", b"application/grpc", "rest"),
    ],
)
def test_calls_take_it_and_others_do_not(tmp_path: Path, path: bytes, content_type: bytes | None, name: str) -> None:
    spec = loaded(
        tmp_path,
        "routes: [{grpc: {service: a.B}, service: s}, {grpc: {service: a.B, method: Do}, service: s}, "
        f"{{name: rest, path: /*, service: s}}]\n{REST}",
    )
    fields = {KIND: kind_of(content_type)}
    found = routing_table(spec).match(b"x.test", b"POST", path, fields.get)
    assert found is not None and found.name == name


def test_who_nearly_takes_a_request_is_told(tmp_path: Path) -> None:
    explained = routing_table(loaded(tmp_path, f"routes: [{{grpc: {{service: a.B}}, service: s}}]\n{REST}")).explain(
        b"", b"POST", b"/a.B/Do", {KIND: kind_of(b"application/json")}.get
    )
    assert explained.rule is None
    assert "application/json" in explained.near_misses[0].failed
