"""The memory of a worker, and when garbage is collected in it.

What exists after the start is frozen, so the collector never looks at it again.  Of what comes later only the youngest generation is
collected automatically, and only after ``YOUNG`` allocations that were not freed: about a millisecond.  Plain requests make no cycles, so
this is rare.  A full collection would grow with the number of open connections and stop all of them; it is done when the worker is idle,
at most every ``FULL_EVERY`` seconds; and once behind a reload, idle or not, or a worker that never is would keep every snapshot that it has
left.  All of them are counted.

A large configuration is frozen too when it is in use: a full collection would look at all of it, and it is no garbage (a former one is
freed without the collector, see ``leaving``).  Cycles that were frozen with it are looked for when nobody is connected.
"""

from __future__ import annotations

import gc
from typing import Any

from fastgw.core import counters
from fastgw.core.dataplane import DataPlane
from fastgw.core.snapshot.snapshot import Snapshot

YOUNG = 20_000
FULL_EVERY = 30.0
LARGE = 1_000  #: routes and services


class Collecting:
    """Of the worker whose ``plane`` this is."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._began = 0.0
        self._generation = 0  #: installed before the last full collection
        self._is_frozen_again = False  #: since anybody looked at what is frozen

    def settle(self) -> None:
        """The worker serves: what there is now is there to stay."""
        if self._plane.poller is not None:
            self._plane.poller.give_back_memory()
        self._generation = self._plane.generation
        gc.freeze()  # not collected before: half a thousand objects of garbage, for 10 ms of the start
        gc.set_threshold(YOUNG, 1000, 1000)
        gc.callbacks.append(self._on_collection)
        gc.enable()
        self._plane.loop.call_later(FULL_EVERY, self._collect)

    def keep(self, snapshot: Snapshot) -> None:
        """This one is in use now, and everything that came before it is gone, or held by exchanges."""
        if len(snapshot.services) + sum(len(one.router.rules) for one in snapshot.listeners.values()) >= LARGE:
            gc.freeze()
            self._is_frozen_again = True

    def close(self) -> None:
        """The worker ends: its counters go."""
        if self._on_collection in gc.callbacks:
            gc.callbacks.remove(self._on_collection)

    def _collect(self) -> None:
        if not self._plane.is_over:
            if self._is_frozen_again and not self._plane.connections:
                self._is_frozen_again = False
                gc.unfreeze()
                gc.collect()
                gc.freeze()
            elif self._generation != self._plane.generation or not self._plane.values[counters.EXCHANGES_OPEN]:
                self._generation = self._plane.generation
                gc.collect()
            self._plane.loop.call_later(FULL_EVERY, self._collect)

    def _on_collection(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            self._began = self._plane.clock()
            return
        self._plane.values[counters.GC_COLLECTIONS + info["generation"]] += 1
        self._plane.count_time(counters.GC_PAUSE_US, self._plane.clock() - self._began)
