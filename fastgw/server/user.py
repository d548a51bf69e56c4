"""Whose a gateway is: the user that its file names, if root has started it (``user:``).

How that is done is in ``privileges``, which a gateway without the key does not import; here is when.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from fastgw.errors import ConfigError

if TYPE_CHECKING:
    from fastgw.config.spec import UserSpec
    from fastgw.server.workers import WorkerProcess

ROOT: Final = 0


class Descent:
    """The way down from root, at a start."""

    def __init__(self, workers: Sequence[WorkerProcess]) -> None:
        """``workers``: some of them with a process, which root has started and which serves nothing yet."""
        self._workers = workers
        self.user: UserSpec | None = None  #: who we have become

    def become(self, user: UserSpec) -> None:
        """Be ``user``, and have the workers started by that user, so that no code of others is ever run by root.

        Nothing is to be done if we are that user, or are not root: whether that is right the configuration says (``config.user``).

        Raises:
            ConfigError: it cannot be done.
            OSError: a worker cannot be started.
        """
        if user.uid == ROOT or os.geteuid() != ROOT:
            return
        from fastgw.server import privileges

        begun = [worker for worker in self._workers if worker.pid]
        for worker in begun:
            worker.end()  # while we may
        privileges.become(user)
        self.user = user
        for worker in begun:
            worker.spawn()

    def finish(self) -> None:
        """All addresses are bound: give up what was kept for that.  Raise ConfigError."""
        if self.user is not None:
            from fastgw.server import privileges

            privileges.renounce(self.user)


def stay(user: UserSpec) -> None:
    """Of a gateway that serves: be ``user`` already, or raise ConfigError, since root is given up by a start alone."""
    if os.geteuid() == ROOT != user.uid:
        name = user.name or f"user {user.uid}"
        raise ConfigError([f"user: this gateway runs as root, and becomes {name} at a start only: restart it"])
