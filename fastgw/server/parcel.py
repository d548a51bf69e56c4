"""What is packed for a successor; what it says, and how it is unpacked, is in ``server.handover``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import fastgw
from fastgw.server.channel import MAX_FDS, Channel
from fastgw.server.handover import FORMAT, layout
from fastgw.server.listening import Listening

if TYPE_CHECKING:
    from fastgw.server.gateway import Gateway


class Parcel:
    """What is handed, and the descriptors that it names by their number."""

    def __init__(self, gateway: Gateway, admin: Iterable[Listening], stderr: int = 2) -> None:
        """``admin``: the sockets of the admin address; ``stderr``: descriptor of the log."""
        self._fds: list[int] = []
        plan, rollouts = gateway.plan_in_use, gateway.rollouts
        admin_spec = plan.spec.admin
        self._told = {
            "say": "hand",
            "format": FORMAT,
            "version": fastgw.__version__,
            "pid": os.getpid(),
            "grace": plan.spec.shutdown.longest,
            "stderr": self._add(stderr),
            "board": self._add(gateway.board.fd),
            "listeners": {key: self._listening(one) for key, one in plan.listenings.items() if one.is_ours},
            "admin": {
                admin_spec.bind.key(one.address): self._listening(one)
                for one in admin
                if admin_spec is not None and one.is_ours
            },
            "manager": [
                (one.number, one.name, tuple(one.address), self._add(one.sock.fileno())) for one in gateway.inherited
            ],
            "layout": layout(),
            "slabs": [self._add(slab.fd) for slab in gateway.all_slabs],
            "slots": gateway.tables.told(),
            "lists": gateway.lists.told(),
            "registered": gateway.registering.told() if gateway.registering is not None else [],
            "generation": gateway.last_generation,
            "reloads": dict(gateway.reloads),
            "workers": [(one.restarts, one.stalls) for one in gateway.workers],
            "versions": rollouts.told() if rollouts is not None else None,
        }

    def send(self, channel: Channel) -> None:
        """Send it all; descriptors in pieces, since the kernel takes only so many at once."""
        for start in range(0, len(self._fds), MAX_FDS):
            channel.send({"say": "piece"}, self._fds[start : start + MAX_FDS])
        channel.send(self._told)

    def _add(self, fd: int) -> int:
        self._fds.append(fd)
        return len(self._fds) - 1

    def _listening(self, one: Listening) -> dict[str, Any]:
        return {
            "address": tuple(one.address),
            "file": one.file,
            "sockets": [self._add(sock.fileno()) for sock in one.sockets],
        }
