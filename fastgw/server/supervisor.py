"""The first process: it starts the workers, then loads the configuration, binds, and watches.

The order is what makes the start short.  The workers are started before anything else is imported and import the data
plane while this process reads and checks the configuration; they get it, with their sockets, before this process
imports ``asyncio`` for everything that comes later (``control``).  Where there is no processor to spare they also serve
before that.
"""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import MutableMapping
from typing import TYPE_CHECKING

from fastgw.errors import ConfigError
from fastgw.server.complaint import complain
from fastgw.server.notify import notify
from fastgw.server.user import Descent, is_likely, stay
from fastgw.server.workers import HELD, WorkerProcess, processors

if TYPE_CHECKING:
    from fastgw.config.spec import UserSpec
    from fastgw.fleet.start import FleetOptions
    from fastgw.server.gateway import Gateway
    from fastgw.server.handover import Handed
    from fastgw.server.inherited import Inherited
    from fastgw.server.listening import Listening

PATIENCE = 1.0  #: seconds that we let the workers go first


def run(
    path: str,
    workers: int | None = None,
    environ: MutableMapping[str, str] = os.environ,
    *,
    is_watched: bool = False,
    fleet: FleetOptions | None = None,
) -> int:
    """Serve the configuration at ``path`` until a signal ends it; return the exit status.

    0: stopped as asked.  1: it did not start, and one line per reason is on stderr.
    ``workers``: number of worker processes, and ``is_watched``: load the file whenever it changes; both stronger than the configuration.
    ``fleet``: whose configuration it is; ``path`` is where it stands on the disk.
    """
    gc.disable()  # until it runs: nothing that a start makes is garbage
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    raise_file_limit()
    places = [WorkerProcess(index) for index in range(workers or processors())]
    gateway: Gateway | None = None
    handed: Handed | None = None
    try:
        sockets: Inherited | None = None
        if "FASTGW_HANDOVER" in environ:
            handed = _handed(environ)
            sockets = handed.inherited()
        if "LISTEN_FDS" in environ:  # now: a worker would have them too
            sockets = _inherited(environ)
        descent = Descent(places[: max(1, processors() - 1)])  # one processor is ours, for the configuration
        if handed is not None or not is_likely(path):
            descent.spawn()
        from fastgw.server.gateway import Gateway

        gateway = Gateway(path, workers, environ, places, sockets, handed)
        gateway.is_watch_asked = is_watched
        if fleet is not None and not _joins(gateway, fleet):
            return 0
        admin = begin(gateway, descent if handed is None else None)
        if handed is not None:
            handed.close()
        else:
            give_way(gateway.workers)
        return _watch(gateway, admin, descent.user)
    except (ConfigError, OSError) as error:
        problems = error.problems if isinstance(error, ConfigError) else [str(error)]
        _tell(handed, problems)
        if handed is None:
            notify(f"STATUS=not started: {problems[0]}", environ=environ)
        complain(path, problems)
        return 1
    except KeyboardInterrupt:  # before there was a handler for it
        return 130
    finally:
        if gateway is not None:
            gateway.close()
        for worker in places:
            worker.kill()


def _handed(environ: MutableMapping[str, str]) -> Handed:
    from fastgw.server.handover import handed

    found = handed(environ)
    assert found is not None
    found.redirect_errors()
    return found


def _joins(gateway: Gateway, fleet: FleetOptions) -> bool:
    """Is there a configuration of ``fleet`` to begin with?  Else a signal came before there was one."""
    from fastgw.server.fleet import membership

    gateway.membership = membership(fleet, gateway.environ, is_heir=gateway.handed is not None)
    return gateway.membership is not None


def _inherited(environ: MutableMapping[str, str]) -> Inherited:
    from fastgw.server.inherited import inherited

    return inherited(environ)


def _tell(handed: Handed | None, problems: list[str]) -> None:
    """Tell the gateway whose place we were to take why we cannot."""
    if handed is not None:
        handed.fail(problems)


def _watch(gateway: Gateway, admin: list[Listening], user: UserSpec | None) -> int:
    import asyncio

    from fastgw.server.control import Control
    from fastgw.server.log import Log

    gc.freeze()
    gc.enable()
    log = Log("supervisor")
    if user is not None:
        log.info("root is given up", **user._asdict())
    return asyncio.run(Control(gateway, admin, log).serve())


def begin(gateway: Gateway, descent: Descent | None = None) -> list[Listening]:
    """Load, bind, and let every worker serve; return the admin address, bound and listening.  Raise ConfigError.

    ``descent``: gives root up where the file says so; None: it is kept, or was given up by the gateway before us.
    """
    from fastgw.server.listening import bind_admin

    spec = gateway.load(descent.become if descent is not None else stay)
    is_takeover = gateway.is_takeover
    plan = gateway.plan(spec)
    gateway.adopt(plan)
    admin: list[Listening] = []
    if spec.admin is not None:
        admin, warnings = bind_admin(spec.admin.bind, lambda _: is_takeover, gateway.binding.admin)
        plan.warnings += warnings
    if descent is not None:
        descent.finish()
    resize(gateway)
    if gateway.handed is not None:
        for worker in gateway.workers:  # to be committed when all can (``server.heir``): the gateway before us serves
            if worker.pid:
                gateway.prepare(worker, plan)
            else:
                gateway.start(worker, plan)
        return admin
    for listening in plan.listenings.values():
        if listening.is_common:
            listening.start()  # a TCP socket listens when its worker does, so that no connection waits for a process
    for worker in gateway.workers:
        if worker.pid:
            # Prepare and commit in one go: nothing serves yet that could be kept, so a failure ends the start anyway.
            gateway.prepare(worker, plan)
            gateway.commit(worker, plan)
        else:
            gateway.launch(worker)
    for listening in admin:
        listening.start()
    return admin


def give_way(workers: list[WorkerProcess]) -> None:
    """Wait until the workers serve, if they need the processor we are on: what we do next is in nobody's way later.

    One that dies or refuses is not waited for, and nobody for longer than ``PATIENCE``: ``Control`` deals with them.
    """
    end = time.monotonic() + PATIENCE
    for worker in workers if len(workers) >= processors() else ():
        assert worker.channel is not None
        worker.channel.wait(2, end - time.monotonic())  # Prepared, Committed


def resize(gateway: Gateway) -> None:
    """Correct the number of workers, which had to be guessed before the configuration was read."""
    count = gateway.plan_in_use.count
    while len(gateway.workers) > count:
        gateway.workers.pop().end()
    while len(gateway.workers) < count:
        gateway.workers.append(WorkerProcess(len(gateway.workers)))


def raise_file_limit() -> None:
    """Use as many file descriptors as the hard limit allows; the workers inherit it."""
    import resource

    try:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        return
