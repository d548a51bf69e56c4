"""Any program, registered while it runs: ``fastgw register ... -- COMMAND``.

The program is started, and registered when it answers.  A signal that ends it is passed on only when its key is gone and ``drain``
seconds have passed: what gateways had sent by then is answered.  The second such signal is passed on at once.  A program that ends by
itself takes its key along.  It has a process group of its own, so that Ctrl-C at a terminal reaches it by this way too.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Sequence
from typing import Final

from fastgw.registration.registering import Registration

ENDING: Final = (signal.SIGTERM, signal.SIGINT)  #: drained before they are passed on
PASSED: Final = (signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH)  #: at once
NOT_EXECUTABLE, NOT_FOUND, BY_SIGNAL = (
    126,
    127,
    128,
)  #: exit codes, as those of a shell; the number of the signal is added


async def wrapped(registration: Registration, command: Sequence[str], drain: float) -> int:
    """Run ``command`` to its end, registered meanwhile; return the exit code, its own where it has one.

    Raises:
        OSError: it cannot be started.
    """
    loop = asyncio.get_running_loop()
    wanted: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in ENDING + PASSED:
        loop.add_signal_handler(number, wanted.put_nowait, number)
    process = await asyncio.create_subprocess_exec(*command, process_group=0)
    ended = asyncio.ensure_future(process.wait())
    try:
        async with registration.running(0.0):
            asked = await _asked_to_end(process, ended, wanted)
            was_there = registration.is_there
        if asked is not None:
            if was_there:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(drain):
                        await _asked_to_end(process, ended, wanted)
            _pass_on(process, asked)
        while (again := await _asked_to_end(process, ended, wanted)) is not None:
            _pass_on(process, again)
        status = await ended
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise
    return status if status >= 0 else BY_SIGNAL - status


async def _asked_to_end(
    process: asyncio.subprocess.Process, ended: asyncio.Future[int], wanted: asyncio.Queue[signal.Signals]
) -> signal.Signals | None:
    """The next signal that asks for the end; None: there is no need to.  Others are passed on meanwhile."""
    while True:
        asking = asyncio.ensure_future(wanted.get())
        try:
            await asyncio.wait((asking, ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            asking.cancel()
        if ended.done():
            return None
        number = asking.result()
        if number in ENDING:
            return number
        _pass_on(process, number)


def _pass_on(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)
