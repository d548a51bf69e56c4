"""A ServiceEdge has whatever can be a service behind its route."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import fastgw
from fastgw.plugins import PluginError
from fastgw.testing import ServiceEdge, body_of, statuses
from fastgw.testing.service import inside

ROOT = Path(__file__).resolve().parents[3]
JSON = "Content-Type: application/json"


@dataclass
class Options:
    """Settings of a service."""

    by: int = 2


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


class Callable:
    """An application that is an object."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await hello(scope, receive, send)


def test_the_story_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    section = (ROOT / "docs" / "services.md").read_text().partition("## Tests")[2]
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "plugins"))
    exec(compile(found[1], "docs/services.md", "exec", dont_inherit=True), {"__name__": "example"})
    sys.modules.pop("word_service", None)


def test_a_class_that_is_local_is_called_on_the_mock_loop() -> None:
    class Times:
        name = "times"
        Settings = Options

        def __init__(self, settings: Options) -> None:
            self.by = settings.by

        async def execute(self, input: dict[str, Any]) -> dict[str, Any]:
            return {"times": input["n"] * self.by}

    edge = ServiceEdge(Times, settings={"by": 3})
    assert body_of(edge.ask("/", "POST", JSON, body=b'{"n": 4}')) == b'{"times":12}'
    edge.end()
    with pytest.raises(PluginError, match="there is no 'of'"):
        ServiceEdge(Times, settings={"of": 3})


def test_handlers_are_asked_by_path() -> None:
    app = fastgw.App()
    app.route("/user/{name}")(lambda request: {"name": request.params["name"]})
    edge = ServiceEdge(app)
    assert body_of(edge.ask("/user/ada")) == b'{"name":"ada"}'
    assert statuses(edge.ask("/other")) == [404]
    edge.end()


@pytest.mark.parametrize("application", [hello, Callable()], ids=["function", "object"])
def test_an_asgi_application_may_be_a_function_or_an_object(application: Any) -> None:
    edge = ServiceEdge(application)
    assert body_of(edge.ask("/a")) == b"/a"
    edge.end()


def test_options_are_spelled_as_in_a_configuration() -> None:
    class Service:
        name = "s"

        async def execute_batch(self, inputs: list[Any]) -> list[Any]:
            return inputs

    found = inside(Service, max_input="1KiB", batch={"max": 3, "wait": "5ms"})
    assert found.max_input == 1024 and found.batch is not None and found.batch.wait == 0.005
    with pytest.raises(ValueError, match="workers"):
        inside(Service, workers=0)
