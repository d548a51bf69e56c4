"""Services in processes of their own."""

from __future__ import annotations

import asyncio
import os

import pytest

from fastgw.adapters.children import ProcessRunner, ServiceError, heard, told
from fastgw.errors import DownstreamError, UpstreamError
from tests.unit.adapters.apart import Child, Steps, Unmade
from tests.unit.adapters.loops import Heard, called, opened


def test_a_call_is_answered_by_another_process() -> None:
    async def story() -> None:
        instance = await opened(Child, run="process")
        assert isinstance(instance.runner, ProcessRunner)
        first, second = await called(instance, b"{}"), await called(instance)
        assert first.answer == second.answer != b'{"pid":%d}' % os.getpid()
        one, other = Heard(), Heard()
        instance.runner.begin(one, b"")
        instance.runner.begin(other, b"")
        await asyncio.gather(one.done.wait(), other.done.wait())
        assert one.answer != other.answer and None not in (one.answer, other.answer)
        await instance.close()

    asyncio.run(story())


def test_what_goes_wrong_there_is_told_here() -> None:
    async def story() -> None:
        instance = await opened(Child, run="process")
        error = (await called(instance, b'{"raise": 1}')).error
        assert isinstance(error, ServiceError) and str(error) == "KeyError: 'here'"
        assert "in execute" in error.__notes__[0]
        refused = (await called(instance, b'{"refuse": 1}')).error
        assert isinstance(refused, DownstreamError) and refused.headers == (("x-a", "b"),)
        assert isinstance((await called(instance, b"[]")).error, DownstreamError)
        before = (await called(instance)).answer
        died = (await called(instance, b'{"die": 1}')).error
        assert isinstance(died, ServiceError) and "ended by signal 9" in str(died)
        after = (await called(instance)).answer
        assert after is not None and after != before  # another has its place
        await instance.close()

    asyncio.run(story())


def test_a_stream_ends_with_its_client() -> None:
    async def story() -> None:
        instance = await opened(Steps, run="process")
        call = await called(instance, b'{"n": 3}')
        assert call.events == [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n"] and call.is_ended
        call = await called(instance, b'{"n": 100000000}', events_max=1)
        assert len(call.events) == 1 and not call.is_ended
        assert (await called(instance, b'{"n": 1}')).is_ended
        await instance.close()

    asyncio.run(story())


def test_one_that_cannot_be_made_there_refuses_the_configuration() -> None:
    async def story() -> None:
        with pytest.raises(
            OSError, match=r"it cannot be made in a process: .*Unmade cannot be made: ValueError: no model"
        ):
            await opened(Unmade, run="process")

    asyncio.run(story())


def test_errors_travel() -> None:
    error = UpstreamError(502, "bad_answer", "no", reason="why")
    found = heard(told(error))
    assert isinstance(found, UpstreamError) and (found.status, found.code, found.reason) == (502, "bad_answer", "why")
