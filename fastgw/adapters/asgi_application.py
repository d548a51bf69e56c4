"""An ASGI 3 application, and its lifespan (asgi.readthedocs.io)."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from typing import Any, Final

from fastgw.adapters.asgi_call import VERSIONS, AsgiMessage, Receive, Send
from fastgw.plugins import PluginError, said

START_SECONDS: Final = 60.0  #: for ``lifespan.startup``
STOP_SECONDS: Final = 4.0  #: for ``lifespan.shutdown``


class Application:
    """One application, from its start to its end."""

    __slots__ = ("_call", "_events", "_task", "_told", "root_path", "state")

    def __init__(self, call: Any, root_path: str) -> None:
        self._call = call
        self._events: asyncio.Queue[AsgiMessage] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None  # of the lifespan
        self._told: asyncio.Queue[AsgiMessage] = asyncio.Queue()
        self.root_path = root_path
        self.state: dict[str, Any] = {}  #: what the lifespan has put there; each request gets a copy

    def __call__(self, scope: AsgiMessage, receive: Receive, send: Send) -> Awaitable[None]:
        """Run it."""
        found: Awaitable[None] = self._call(scope, receive, send)
        return found

    async def start(self) -> None:
        """Begin its lifespan; one that has none raises in front of its first message, and is served without.

        Raises:
            PluginError: it says that it cannot start, or says nothing for ``START_SECONDS``.
        """
        scope = {"type": "lifespan", "asgi": VERSIONS, "state": self.state}
        self._task = asyncio.get_running_loop().create_task(self._call(scope, self._events.get, self._told.put))
        found = await self._ask("lifespan.startup", START_SECONDS)
        if found is None and not self._task.done():
            await self._end()
            raise PluginError(f"its lifespan has not started within {START_SECONDS:g} s")
        if found is None:
            error = self._task.exception()
            self._task = None
            if isinstance(error, SystemExit):
                raise PluginError(f"its lifespan ended: {said(error)}")
        elif found["type"] == "lifespan.startup.failed":
            await self._end()
            raise PluginError(f"its lifespan says that it cannot start: {found.get('message', '')}")

    async def aclose(self) -> None:
        """End its lifespan."""
        if self._task is not None and not self._task.done():
            await self._ask("lifespan.shutdown", STOP_SECONDS)
        await self._end()

    async def _ask(self, event: str, seconds: float) -> AsgiMessage | None:
        """What it says to ``event``; None: nothing in time, or it has ended."""
        assert self._task is not None
        await self._events.put({"type": event})
        answer = asyncio.ensure_future(self._told.get())
        await asyncio.wait({answer, self._task}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        answer.cancel()
        return None

    async def _end(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task}, timeout=STOP_SECONDS)


def application_of(found: Any, reference: str, root_path: str) -> Application:
    """``found`` as an application.

    Raises:
        PluginError: it is none.
    """
    call = found if inspect.isroutine(found) else getattr(found, "__call__", None)  # noqa: B004 - its signature is asked for
    if isinstance(found, type) or call is None:
        raise PluginError(f"{reference!r} is no ASGI application: it cannot be called with scope, receive and send")
    try:
        inspect.signature(call).bind({}, None, None)
    except TypeError:
        raise PluginError(f"{reference!r} is no ASGI 3 application: it does not take scope, receive and send") from None
    return Application(found, root_path)
