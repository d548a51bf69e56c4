"""A new configuration is rehearsed before it is taken: what would it do with the requests of the last minutes?

What the filters ``record`` of the configuration in use have written is led through both configurations, in a process of little memory,
time and rank (``server.rehearsal_child``).  Requests that were answered, and would not be any more, can have the new one refused; whatever
else is different is told.  A rehearsal that cannot be done refuses nothing.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fastgw.config.listed import without_sources
from fastgw.config.spec import RECORD, GatewaySpec
from fastgw.errors import ConfigError
from fastgw.server.messages import Slots
from fastgw.server.pieces import bare, cut
from fastgw.server.workers import child_environ

if TYPE_CHECKING:
    import subprocess

REQUESTS_MOST: Final = 10_000  #: the last of them
SECONDS: Final = 15.0  #: the child may take; what is not done by then is left
KILLED_AFTER: Final = 25.0  #: seconds
ANSWER_MOST: Final = 1 << 20  #: bytes that it may say
TOLD: Final = 3  #: reasons, and examples of each, in a line
MODULE: Final = "fastgw.server.rehearsal_child"

PASSED, REFUSED, FORCED, NOT_DONE = "passed", "refused", "forced", "not done"  #: how a rehearsal ends


class Rehearsed(NamedTuple):
    """How one went."""

    state: str  #: PASSED, REFUSED, FORCED (it would have been refused, and somebody wants it all the same) or NOT_DONE
    reason: str  #: in a line
    report: Mapping[str, Any] = {}  #: of ``rehearsal.comparing.document``; empty where nothing was rehearsed

    def document(self) -> dict[str, Any]:
        """For ``/status`` and whoever has asked for the reload."""
        return {"state": self.state, "reason": self.reason, **self.report}

    @property
    def problems(self) -> list[str]:
        """Why the reload is refused, a line each; none: it is not."""
        if self.state != REFUSED:
            return []
        lines = [f"rehearsal: {self.reason}"]
        for loss in self.report["losses"]:
            examples = ", ".join(f"{one['count']} of {one['request']}" for one in loss["examples"])
            lines.append(f"rehearsal: {loss['count']} {loss['reason']}: {examples}")
        return [*lines, "if that is meant: fastgw reload --force, or reload.max_lost in the new configuration"]

    def told(self) -> dict[str, object]:
        """What the log has of it beside: a line for each of the first differences."""
        if not self.report:
            return {}
        changes = [f"{one['count']}: {'; '.join(one['lines'][:TOLD])}" for one in self.report["changes"][:TOLD]]
        losses = [f"{one['count']}: {one['reason']}" for one in self.report["losses"][:TOLD]]
        return {"requests": self.report["requests"], "changes": changes, "losses": losses}


class RehearsalRefused(ConfigError):
    """A new configuration does badly with requests that were recorded."""

    def __init__(self, found: Rehearsed) -> None:
        super().__init__(found.problems)
        self.found = found


class Rehearsing:
    """Of one gateway."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        """``wall``: seconds since 1970."""
        self._wall = wall
        self._process: subprocess.Popen[bytes] | None = None

    async def rehearse(self, old: GatewaySpec, new: GatewaySpec, *, is_forced: bool) -> Rehearsed | None:
        """How ``new`` would do in the place of ``old``; None: nobody wants to know.  By the terms of ``new``."""
        terms = new.reload
        if not terms.rehearse:
            return None
        paths = captures_of(old)
        if not paths:
            return Rehearsed(NOT_DONE, "the configuration in use records no requests to a file")
        try:
            report = await asyncio.to_thread(self._ask, old, new, paths)
        except asyncio.CancelledError:
            self._kill()
            raise
        except OSError as error:
            return Rehearsed(NOT_DONE, f"it cannot be run: {error.strerror}")
        except ValueError as error:
            return Rehearsed(NOT_DONE, str(error))
        return judged(report, terms.rehearse, terms.max_lost, is_forced=is_forced)

    def _ask(self, old: GatewaySpec, new: GatewaySpec, paths: tuple[str, ...]) -> dict[str, Any]:
        """In a thread; raises OSError, or ValueError where the child has no answer."""
        import subprocess  # nosec B404: our own interpreter, without a shell; here, as few gateways have rehearsals

        until = self._wall()
        parts = [part for one in (old, new) for part in _in_pieces(one)]
        # Fields of a ``RehearsalOrder``, whose module this process has no use for.
        order = (*parts, paths, until - new.reload.rehearse, until, REQUESTS_MOST, SECONDS)
        data = pickle.dumps(order, pickle.HIGHEST_PROTOCOL)
        self._process = process = subprocess.Popen(  # nosec B603: no word of anybody else
            [sys.executable, "-P", "-m", MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environ(),
        )
        with process:
            try:
                said, _ = process.communicate(data, KILLED_AFTER)
            except subprocess.TimeoutExpired:
                raise ValueError(f"it took longer than {KILLED_AFTER:g} s") from None
            finally:
                self._kill()
                self._process = None
        return answered(said, process.returncode)

    def _kill(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()


def captures_of(spec: GatewaySpec) -> tuple[str, ...]:
    """The files that filters of ``spec`` record to."""
    paths = (str(dict(one.options)["path"]) for one in spec.filters if one.made_by == RECORD)
    return tuple(dict.fromkeys(path for path in paths if path not in ("stdout", "stderr")))


def answered(data: bytes, code: int) -> dict[str, Any]:
    """The report in what a child has said; raises ValueError if it is none.  ``code``: how it has ended."""
    if code:
        raise ValueError("it took too much processor or memory" if code < 0 else f"its process ended with {code}")
    if len(data) > ANSWER_MOST:
        raise ValueError("its report is too large")
    found: dict[str, Any] = json.loads(data)
    if "failed" in found:
        raise ValueError(f"it failed by a {found['failed']}")
    return found


def judged(report: dict[str, Any], seconds: float, max_lost: float, *, is_forced: bool) -> Rehearsed:
    """What follows from ``report`` on the requests of the last ``seconds``; ``max_lost``: share of those served, 0 to 1."""
    unread = sum(one["count"] for one in report["left_out"])
    left = f", and {unread} lines or files cannot be used: {report['left_out'][0]['reason']}" if unread else ""
    if not report["requests"]:
        return Rehearsed(NOT_DONE, f"no request was recorded in the last {seconds:g} s{left}", report)
    served, lost = report["served"], report["lost"]
    told = f"{report['requests']} recorded requests: {report['changed']} would be treated in another way{left}"
    if report["cut"]:
        told += "; there was no time, or no room, for all that were recorded"
    if not lost:
        return Rehearsed(PASSED, told, report)
    share = f"{lost} of {served} requests of the last {seconds:g} s that were answered would not be any more"
    if lost <= served * max_lost:
        return Rehearsed(PASSED, f"{told}; {share}, no more than max_lost allows", report)
    return Rehearsed(FORCED if is_forced else REFUSED, f"{share}{left}", report)


def _in_pieces(spec: GatewaySpec) -> tuple[GatewaySpec, tuple[bytes, ...]]:
    known = without_sources(spec)
    return bare(known), cut(known, Slots({}, {}, {}, {}))
