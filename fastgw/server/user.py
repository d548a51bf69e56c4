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
LARGEST: Final = 1 << 22  #: bytes that a configuration may have


class Descent:
    """The way down from root, at a start."""

    def __init__(self, workers: Sequence[WorkerProcess]) -> None:
        """``workers``: those that begin while the configuration is read."""
        self._workers = workers
        self.user: UserSpec | None = None  #: who we have become

    def spawn(self) -> None:
        """Start the workers; raise OSError."""
        for worker in self._workers:
            worker.spawn()

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

        for worker in self._workers:
            worker.end()  # while we may
        privileges.become(user)
        self.user = user
        self.spawn()

    def finish(self) -> None:
        """All addresses are bound: give up what was kept for that.  Raise ConfigError."""
        if self.user is not None:
            from fastgw.server import privileges

            privileges.renounce(self.user)


def is_likely(path: str) -> bool:
    """Does the file at ``path`` seem to name a user whom root is to become?  Then its workers are better not started before.

    A guess, to save work: a file that names one in another form has workers that root starts, and that are ended before they do anything.
    """
    if os.geteuid() != ROOT or not os.path.isfile(path):  # a pipe can be read once
        return False
    try:
        with open(path, "rb") as file:
            return b"\nuser:" in b"\n" + file.read(LARGEST)
    except OSError:  # told by who reads it
        return False


def stay(user: UserSpec) -> None:
    """Of a gateway that serves: be ``user`` already, or raise ConfigError, since root is given up by a start alone."""
    if os.geteuid() == ROOT != user.uid:
        name = user.name or f"user {user.uid}"
        raise ConfigError([f"user: this gateway runs as root, and becomes {name} at a start only: restart it"])
