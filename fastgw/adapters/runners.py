"""How the calls of a service are run: on the loop, in threads, or in processes of their own (``children``)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from fastgw.adapters.speech import decoded, encoded, event
from fastgw.adapters.threads import Threads

if TYPE_CHECKING:
    from fastgw.core.settings import InsideSettings


class CallGone(Exception):
    """Nobody waits for this call any more."""


class Cancellable(Protocol):
    """A Task, or what can be left like one."""

    def cancel(self) -> Any:
        """Nobody waits for it."""


class Call(Protocol):
    """What a runner knows of one call.  All of it is of the loop."""

    task: Cancellable | None  #: what is cancelled when the client leaves

    def answered(self, data: bytes) -> None:
        """Answer with this JSON."""

    async def send(self, data: bytes) -> None:
        """Send this event of a stream, when there is room for it.

        Raises:
            CallGone: nobody wants it.
        """

    def end_stream(self) -> None:
        """There are no more events."""

    def broke(self, error: BaseException) -> None:
        """The service has raised this."""

    def over(self) -> None:
        """The service is free for another call; once, and last."""


class Shaped(Protocol):
    """How a service is called."""

    is_stream: bool  #: by what it yields


class Runnable(Protocol):
    """What a runner knows of the service that it runs (``instance.Instance``)."""

    inside: InsideSettings
    loop: asyncio.AbstractEventLoop
    object: Any  #: it has ``execute``
    service: str  #: its name in the configuration
    places: int  #: calls at one time
    runner: Runner
    slot: int  #: of its service
    values: Any  #: of the worker's slab
    workers: int  #: calls at one time, or batches of them

    @property
    def ill(self) -> str:
        """Why it is not well; empty: it is."""

    def watched(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A Task for ``coroutine``, in which its code runs on the loop."""

    def begin(self) -> None:
        """A call begins."""

    def end(self) -> None:
        """A call is over."""

    @property
    def shape(self) -> Shaped:
        """See ``Shaped``."""


class Runner(Protocol):
    """Runs the calls of one instance, which bounds their number."""

    def begin(self, call: Call, body: bytes) -> None:
        """Run ``call``, whose request has ``body``."""

    async def open(self) -> None:
        """Have ready what the first call needs.

        Raises:
            PluginError: it cannot be.
        """

    async def close(self) -> None:
        """There is no call, and will be none."""


class LoopRunner:
    """Each call is a Task, which ends with its client."""

    __slots__ = ("_instance",)

    def __init__(self, instance: Runnable) -> None:
        self._instance = instance

    def begin(self, call: Call, body: bytes) -> None:
        """See ``Runner``."""
        call.task = task = self._instance.watched(self._run(call, body))
        task.add_done_callback(lambda _: call.over())

    async def _run(self, call: Call, body: bytes) -> None:
        instance = self._instance
        try:
            found = instance.object.execute(decoded(body))
            if not instance.shape.is_stream:
                call.answered(encoded(await found))
                return
            try:
                async for one in found:
                    await call.send(event(one))
            finally:
                await found.aclose()
            call.end_stream()
        except CallGone:
            pass
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it ends this call, not the worker
            call.broke(error)

    async def open(self) -> None:
        """See ``Runner``: nothing."""

    async def close(self) -> None:
        """See ``Runner``."""


class ThreadRunner:
    """Each call has a thread to its end, which its client does not always wait for: a thread cannot be stopped."""

    __slots__ = ("_instance", "_threads")

    def __init__(self, instance: Runnable) -> None:
        self._instance = instance
        self._threads = Threads(instance.loop, f"fastgw-{instance.service}")

    def begin(self, call: Call, body: bytes) -> None:
        """See ``Runner``."""

        def settle(result: bytes | None, error: BaseException | None) -> None:
            if isinstance(error, CallGone):
                pass
            elif error is not None:
                call.broke(error)
            elif result is None:
                call.end_stream()
            else:
                call.answered(result)
            call.over()

        self._threads.submit(self._work(call, body), settle)

    def _work(self, call: Call, body: bytes) -> Callable[[], bytes | None]:
        execute = self._instance.object.execute
        if self._instance.shape.is_stream:
            return lambda: self._stream(call, execute(decoded(body)))
        return lambda: encoded(execute(decoded(body)))

    def _stream(self, call: Call, events: Iterator[Any]) -> None:
        """Send one event after the other, each when the one before it is sent."""
        try:
            for one in events:
                data = event(one)
                asyncio.run_coroutine_threadsafe(call.send(data), self._instance.loop).result()
        finally:
            events.close()  # type: ignore[attr-defined]  # it is a generator

    async def open(self) -> None:
        """See ``Runner``: nothing."""

    async def close(self) -> None:
        """See ``Runner``."""
        self._threads.close()
