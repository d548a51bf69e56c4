"""Routes whose service a parameter of the path names."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.config.spec import ByNameSpec
from tests.unit.config.files import problems, read

FILE = """\
listeners: [{address: 127.0.0.1:18080, filters: []}]
routes:
  - {path: "/services/{name}", ROUTE}
services:
  echo: {python: "tests.support.inside:Echo"}
  far: {endpoints: ["127.0.0.1:19000"]}
  resize: {asgi: "tests.support.inside:app"}
"""


def file(route: str) -> str:
    """A file whose route says ``route``."""
    return FILE.replace("ROUTE", route)


def test_a_parameter_names_what_is_code_in_this_process(tmp_path: Path) -> None:
    (route,) = read(tmp_path, file('service: "{name}"')).routes
    assert (route.service, route.by_name) == (None, ByNameSpec("name", ("echo", "resize")))


def test_or_what_the_file_lists(tmp_path: Path) -> None:
    (route,) = read(tmp_path, file('service: "{name}", among: [far, echo]')).routes
    assert route.by_name == ByNameSpec("name", ("far", "echo"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (file('service: "{nam}"'), "routes[0].service: the path has no parameter {nam}; it has {name}"),
        (
            file('service: "{name}", path: /x').replace('path: "/services/{name}", ', ""),
            "has no parameter {name}; it has none",
        ),
        (file('service: "{name}", among: [ecko]'), "routes[0].among[0]: no service named 'ecko'; did you mean 'echo'?"),
        (file("service: echo, among: [far]"), "routes[0].among: has no effect without service: '{parameter}'"),
        (file('service: "{name}", mirror: {service: echo}'), "the route leads to 'echo' itself"),
        (file('service: "{na me}"'), "expected a name of letters"),
        (
            file('service: "{name}", split: [{service: far, weight: 1}]'),
            "split: stands beside service; give one of them",
        ),
        (
            file('service: "{name}"').partition("  echo:")[0] + "  far: {endpoints: ['127.0.0.1:19000']}\n",
            "{name} can name nothing: no service is code in this process; list names of others in among",
        ),
    ],
)
def test_what_cannot_name_a_service(tmp_path: Path, text: str, expected: str) -> None:
    found = problems(tmp_path, text)
    assert any(expected in one for one in found), found
