"""The start and the end of an ASGI application."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fastgw.adapters.asgi_application import Application, application_of
from fastgw.adapters.instance import INSTANCES, Instance
from fastgw.plugins import PluginError
from fastgw.testing.service import inside
from tests.unit.adapters.loops import Plane

SCOPES: list[Any] = []
GOT: list[Any] = []


async def hello(scope: Any, receive: Any, send: Any) -> None:
    SCOPES.append(scope)
    raise RuntimeError("only http")


def lifespan(*answers: Any) -> Any:
    """An application that says ``answers`` to the events of its lifespan."""

    async def call(scope: Any, receive: Any, send: Any) -> None:
        for answer in answers:
            GOT.append((await receive())["type"])
            scope["state"]["n"] = 1
            if isinstance(answer, BaseException):
                raise answer
            await send({"type": answer, "message": "no database"})

    return call


def test_a_lifespan_begins_and_ends() -> None:
    async def story() -> None:
        GOT.clear()
        one = Application(lifespan("lifespan.startup.complete", "lifespan.shutdown.complete"), "")
        await one.start()
        assert one.state == {"n": 1}
        await one.aclose()
        assert GOT == ["lifespan.startup", "lifespan.shutdown"]
        for other in (lifespan(RuntimeError("only http")), lifespan()):
            without = Application(other, "")
            await without.start()
            await without.aclose()

    asyncio.run(story())


def test_one_that_cannot_start_refuses_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastgw.adapters.asgi_application.START_SECONDS", 0.01)

    async def silent(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    async def story() -> None:
        with pytest.raises(PluginError, match="cannot start: no database"):
            await Application(lifespan("lifespan.startup.failed"), "").start()
        with pytest.raises(PluginError, match="has not started within"):
            await Application(silent, "").start()

    asyncio.run(story())


def test_an_instance_has_its_lifespan() -> None:
    async def story() -> None:
        instance = Instance("s", inside(hello))
        await instance.open(Plane())  # type: ignore[arg-type]
        assert instance.workers == 1000 and SCOPES[-1]["type"] == "lifespan"
        instance.stop()
        await INSTANCES.settle(10)

    SCOPES.clear()
    asyncio.run(story())


@pytest.mark.parametrize("found", [1, Application, lambda scope: None])
def test_what_is_no_application_is_told(found: Any) -> None:
    with pytest.raises(PluginError, match="'m:x' is no ASGI"):
        application_of(found, "m:x", "")
