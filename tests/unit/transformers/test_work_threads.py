"""Threads for bodies: so many, and so many in line."""

from __future__ import annotations

import asyncio
import threading

import pytest

from fastgw.errors import InternalError
from fastgw.transformers.work_threads import WorkThreads
from tests.support.bodies import Elsewhere


def test_work_is_done_elsewhere_and_told() -> None:
    async def main() -> None:
        threads = WorkThreads("resizing", 1, 0)
        threads.start(asyncio.get_running_loop())
        assert (await threads.run(lambda: threading.current_thread().name)).startswith("resizing")
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 // 0)
        threads.stop()

    asyncio.run(main())


def test_without_work_there_are_none() -> None:
    threads = WorkThreads("t", 1, 0)
    before = threading.active_count()
    threads.stop()
    assert (threading.active_count(), threads.under_way) == (before, 0)


def test_work_of_an_exchange_that_outlives_its_configuration_is_done() -> None:
    async def main() -> None:
        threads = WorkThreads("t", 1, 0)
        threads.start(asyncio.get_running_loop())
        assert await threads.run(lambda: 1) == 1
        threads.stop()
        assert await threads.run(lambda: 2) == 2
        threads.stop()

    asyncio.run(main())


def test_what_is_too_much_is_refused_and_what_has_left_makes_room() -> None:
    async def main() -> None:
        elsewhere = Elsewhere()
        threads = WorkThreads("t", 1, 1, elsewhere)
        threads.start(asyncio.get_running_loop())
        first, second = (asyncio.ensure_future(threads.run(lambda: 0)) for _ in range(2))
        await asyncio.sleep(0)
        with pytest.raises(InternalError, match="2 bodies are worked on") as refused:
            await threads.run(lambda: 0)
        assert (refused.value.status, refused.value.code) == (503, "work_queue_full")
        elsewhere.jobs[0][1].set_running_or_notify_cancel()
        first.cancel()  # in a thread: it is done for nobody, and takes its place until then
        second.cancel()  # in line: it is not done
        await asyncio.gather(first, second, return_exceptions=True)
        await asyncio.sleep(0)
        assert elsewhere.jobs[1][1].cancelled() and threads.under_way == 1
        elsewhere.jobs[0][1].set_result(1)
        await asyncio.sleep(0)
        assert threads.under_way == 0

    asyncio.run(main())


def test_a_loop_that_is_closed_is_told_nothing(caplog: pytest.LogCaptureFixture) -> None:
    elsewhere = Elsewhere()
    threads = WorkThreads("t", 1, 1, elsewhere)
    loop = asyncio.new_event_loop()
    threads.start(loop)
    task = loop.create_task(threads.run(lambda: 0))
    loop.run_until_complete(asyncio.sleep(0))
    elsewhere.jobs[0][1].set_running_or_notify_cancel()
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    elsewhere.jobs[0][1].set_result(1)
    assert not caplog.records  # a future logs what its callbacks raise
