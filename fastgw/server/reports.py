"""What a worker tells of endpoints, gathered for a moment: how their addresses do, and which members are ejected or back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastgw.core.live.news import Finding, Standing
from fastgw.server.messages import Report

STANDING_PAUSE = 0.25  #: seconds over which what is to be told of addresses is gathered
FINDING_PAUSE = 0.01  #: the same for members: other workers fail as long as they do not know


class Reports:
    """What is to be told next; bounded by the addresses and members there are."""

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Callable[[Report], None]) -> None:
        self._loop = loop
        self._send = send
        self._standings: dict[tuple[str, str, str], Standing] = {}  # by address
        # The last ejection and the last return of each member, and of each breaker.
        self._findings: dict[tuple[bool, tuple[str, str, str, str]], Finding] = {}

    def on_standing(self, standing: Standing) -> None:
        """An address works, or fails."""
        if not self._standings:
            self._loop.call_later(STANDING_PAUSE, self._tell)
        self._standings[standing[:3]] = standing

    def on_finding(self, finding: Finding) -> None:
        """A member is ejected, or back."""
        if not self._findings:
            self._loop.call_later(FINDING_PAUSE, self._tell)
        key = (finding.is_up, finding.about)
        self._findings.pop(key, None)  # what came last is said last
        self._findings[key] = finding

    def _tell(self) -> None:
        if self._standings or self._findings:  # else the other one of the two pauses was shorter
            self._send(Report(tuple(self._standings.values()), tuple(self._findings.values())))
            self._standings.clear()
            self._findings.clear()
