"""The object that a service written in Python is: made once in each worker, kept over reloads that say the same of it, and closed behind
its last call when no snapshot has it any more.

    class Detector:
        name = "detector"

        def execute(self, input: dict) -> dict: ...

``execute`` may be ``def``, which runs in a thread or a process, or ``async def``, which runs on the loop; one that yields answers by a
stream of events.  ``Settings`` says what it is made with (``fastgw.plugins``); ``health`` says whether it is well, and ``close`` or
``aclose`` ends it, if there are such.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import orjson

from fastgw import plugins
from fastgw.adapters.batches import BatchRunner, InThreads, OnLoop
from fastgw.adapters.calls import CallPool
from fastgw.adapters.health import Health
from fastgw.adapters.runners import LoopRunner, Runner, ThreadRunner
from fastgw.adapters.threads import in_thread
from fastgw.adapters.watched import Watched

if TYPE_CHECKING:
    from fastgw.core.plane import Plane
    from fastgw.core.settings import InsideSettings

LOOP, THREAD, PROCESS = "loop", "thread", "process"
#: Calls at one time where nothing is said of it.
WORKERS = {LOOP: 64, THREAD: 8, PROCESS: 1}
ASGI_TASKS = 1000  #: the same of an ASGI application, whose answers may be streams that last


class CallShape:
    """How a service is called."""

    __slots__ = ("is_async", "is_stream", "run")

    run: str

    def __init__(self, kind: Any, run: str, *, is_batched: bool = False) -> None:
        """``run``: what the configuration says, or "auto"; ``is_batched``: calls of it are gathered.

        Raises:
            PluginError: it is no service, or cannot be run like that.
        """
        if not isinstance(kind, type):
            raise plugins.PluginError(f"{kind!r} is no class")
        called = "execute_batch(self, inputs)" if is_batched else "execute(self, input)"
        execute = getattr(kind, called.partition("(")[0], None)
        if not callable(execute):
            hint = "; with 'batch' it is called by execute_batch" if hasattr(kind, "execute_batch") else ""
            raise plugins.PluginError(f"{kind.__qualname__} is no service: it has no method {called}{hint}")
        if not isinstance(getattr(kind, "name", None), str):
            raise plugins.PluginError(f"{kind.__qualname__} is no service: it has no name, which is text")
        self.is_stream = inspect.isasyncgenfunction(execute) or inspect.isgeneratorfunction(execute)
        if is_batched and self.is_stream:
            raise plugins.PluginError(f"execute_batch of {kind.__qualname__} yields; it returns a list of answers")
        self.is_async = inspect.isasyncgenfunction(execute) or inspect.iscoroutinefunction(execute)
        self.run = run if run != "auto" else LOOP if self.is_async else THREAD
        if self.is_async != (self.run == LOOP):
            meant = (
                "is 'async def', which runs on the loop" if self.is_async else "is 'def', which would hold up the loop"
            )
            raise plugins.PluginError(f"{execute.__name__} of {kind.__qualname__} {meant}; it cannot be run as {run!r}")


class _OnLoop(CallShape):
    def __init__(self) -> None:
        self.is_async = True
        self.is_stream = False
        self.run = LOOP


ON_LOOP = _OnLoop()


def found_by(inside: InsideSettings) -> tuple[Any, CallShape]:
    """What ``inside`` names, a class or an application, and how it is called.

    Raises:
        PluginError: it cannot be imported, or is no service.
    """
    plugins.look_in(inside.folder)
    kind = plugins.find(inside.reference, plugins.SERVICES)
    if inside.kind == "app":
        from fastgw.adapters.handlers import table_of

        return table_of(kind, inside.reference), ON_LOOP
    if inside.kind == "asgi":
        from fastgw.adapters.asgi_application import application_of

        return application_of(kind, inside.reference, inside.root_path), ON_LOOP
    return kind, CallShape(kind, inside.run, is_batched=inside.batch is not None)


def pool_of(inside: InsideSettings) -> type[CallPool]:
    """The pool of the endpoint that ``inside`` is."""
    if inside.kind == "app":
        from fastgw.adapters.handlers import HandlerPool

        return HandlerPool
    if inside.kind == "asgi":
        from fastgw.adapters.asgi import AsgiPool

        return AsgiPool
    return CallPool


class Instance:
    """One object of a service's class, and who still uses it."""

    __slots__ = (
        "_report",
        "_uses",
        "calls",
        "health",
        "inside",
        "loop",
        "object",
        "places",
        "runner",
        "service",
        "shape",
        "slot",
        "values",
        "workers",
    )

    loop: asyncio.AbstractEventLoop
    runner: Runner
    shape: CallShape
    values: Any  #: of the worker's slab
    workers: int  #: calls at one time, or batches of them
    places: int  #: calls at one time

    def __init__(self, service: str, inside: InsideSettings) -> None:
        """``service``: its name in the configuration."""
        self.service = service
        self.inside = inside
        self.object: Any = None  #: None: not made; of one that runs in processes there is none here
        self.calls = 0  #: under way
        self.health: Health | None = None  #: None: it does not say
        self.slot = 0  #: of its service
        self._uses = 0

    # --- snapshots

    async def open(self, plane: Plane) -> None:
        """A snapshot is prepared that has it; the first time it is made, in a thread: what it loads may take long.

        Raises:
            OSError: it cannot be; the message has its place in the configuration.
        """
        self.hold()
        if self._uses > 1:
            return
        try:
            await in_thread(self.make)
            self.equip(plane)
            await self._start()
            await self.runner.open()
            await self._watch()
        except plugins.PluginError as error:
            self._uses = 0
            INSTANCES.forget(self)
            raise OSError(f"services.{self.service}.{self.inside.kind}: {error}") from error

    def hold(self) -> None:
        """A snapshot has it, until ``stop``."""
        self._uses += 1

    def equip(self, plane: Plane) -> None:
        """Have what runs its calls."""
        self.loop = plane.loop
        self._report = plane.report
        self.values = memoryview(plane.values)  # those of a compiled plane are dearer to Python code by ten times
        self.runner = make_runner(self)

    def make(self) -> None:
        """Import the class, and make one of it.

        Raises:
            PluginError: that is not possible.
        """
        kind, self.shape = found_by(self.inside)
        batch = self.inside.batch
        usual = ASGI_TASKS if self.inside.kind == "asgi" else WORKERS[self.shape.run] if batch is None else 1
        self.workers = self.inside.workers or usual
        self.places = self.workers if batch is None else 2 * self.workers * batch.max  # as many gather meanwhile
        given = orjson.loads(self.inside.settings_json)
        if self.inside.kind != "python":
            self.object = kind
        elif self.shape.run == PROCESS:
            plugins.settings_of(kind, given)
            self.object = kind
        else:
            self.object = plugins.make(kind, given)

    async def _start(self) -> None:
        start = None if self.shape.run == PROCESS else getattr(self.object, "start", None)
        if start is None:
            return
        try:
            if inspect.iscoroutinefunction(start):
                await start()
            else:
                await in_thread(start)
        except (Exception, SystemExit) as error:
            raise plugins.PluginError(f"its start fails: {plugins.said(error)}") from error

    async def _watch(self) -> None:
        ask = getattr(self.object, "health", None) if self.inside.kind == "python" else None
        if callable(ask) and self.shape.run != PROCESS:
            self.health = Health(self.service, ask, self._report)
            await self.health.begin(self.loop)

    @property
    def ill(self) -> str:
        """Why it is not well; empty: it is, or does not say."""
        return self.health.reason if self.health is not None else ""

    def stop(self) -> None:
        """A snapshot that had it is not installed any more, or never was."""
        self._uses -= 1
        if self._uses == 0:
            INSTANCES.forget(self)
            self._leave_if_idle()

    # --- calls

    def watched(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A Task for ``coroutine``, in which its code runs on the loop."""
        one: Any = Watched(coroutine, self.values, self.slot)
        task: asyncio.Task[None] = self.loop.create_task(one)
        return task

    def begin(self) -> None:
        """A call begins."""
        self.calls += 1

    def end(self) -> None:
        """A call is over."""
        self.calls -= 1
        self._leave_if_idle()

    def _leave_if_idle(self) -> None:
        if self._uses <= 0 and not self.calls:
            INSTANCES.close(self)

    async def close(self) -> None:
        """Let it go: ``aclose``, or ``close`` in a thread; what goes wrong is told."""
        if self.health is not None:
            self.health.stop()
        await self.runner.close()
        close = None if self.shape.run == PROCESS else getattr(self.object, "aclose", None)
        try:
            if close is not None:
                await close()
            elif self.shape.run != PROCESS and hasattr(self.object, "close"):
                await in_thread(self.object.close)
        except Exception as error:  # noqa: BLE001 - of code of others, and it is over
            self._report("error", "a service could not be closed", service=self.service, error=error)
        self.object = None


def make_runner(instance: Instance) -> Runner:
    """What runs the calls of ``instance``, by its shape."""
    batch, run = instance.inside.batch, instance.shape.run
    if run == PROCESS:
        from fastgw.adapters.children import InProcesses, ProcessRunner

        return ProcessRunner(instance) if batch is None else BatchRunner(instance, InProcesses(instance), *batch)
    if batch is not None:
        return BatchRunner(instance, OnLoop(instance) if run == LOOP else InThreads(instance), *batch)
    return LoopRunner(instance) if run == LOOP else ThreadRunner(instance)


class Instances:
    """The instances of one process that a snapshot has, or is to have."""

    __slots__ = ("_closing", "_known")

    def __init__(self) -> None:
        self._known: dict[tuple[str, InsideSettings], Instance] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def get(self, service: str, inside: InsideSettings) -> Instance:
        """The one that is as ``inside`` says, which may have to be made yet."""
        key = (service, inside)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Instance(service, inside)
        return found

    def forget(self, instance: Instance) -> None:
        """Nobody may get it any more."""
        key = (instance.service, instance.inside)
        if self._known.get(key) is instance:
            del self._known[key]

    def close(self, instance: Instance) -> None:
        """It has had its last call."""
        task = instance.loop.create_task(instance.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def settle(self, seconds: float) -> None:
        """Wait until those that are left are closed, ``seconds`` at most."""
        if self._closing:
            await asyncio.wait(self._closing, timeout=seconds)

    @property
    def is_closing(self) -> bool:
        """Whether some are being closed."""
        return bool(self._closing)


INSTANCES = Instances()
