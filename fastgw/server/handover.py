"""What a supervisor hands to the process that takes its place (``server.upgrade`` hands, ``server.heir`` takes).

They are two versions of this code, so what they say to each other is plain data with a format of its own, over a channel
that the new process inherits (``VARIABLE``):

    old -> new     pieces (descriptors), then all of it: listening sockets, board, counters, slots, versions, members
    new -> old     ready, or failed (with the problems found)
    old -> new     yours: from here on the new one owns the files of unix sockets, and speaks to the service manager
    new -> old     taken: it serves the admin address too, so the old one drains
    old -> new     gone: every worker of the old one has ended

The listening sockets are the same ones, so no queue is closed and no connection in it is lost; both accept from them for
as long as both serve.  The counters are the same memory, so their sums do not jump while the old workers finish.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Final

from fastgw.core.counters import BLOCKS
from fastgw.core.settings import Address
from fastgw.errors import ConfigError
from fastgw.server.channel import Channel
from fastgw.server.inherited import Given, Inherited
from fastgw.server.listening import Listening
from fastgw.server.slab import Slab

VARIABLE: Final = "FASTGW_HANDOVER"  #: the descriptor of the channel, in the environment of the new process
FORMAT: Final = 1  #: of what is handed; another one is not taken
HAND_LIMIT: Final = 10.0  #: seconds until all of it must have come


class Handed:
    """What was handed to us; who takes something of it owns it, and the rest is closed by ``close``."""

    def __init__(self, channel: Channel, told: Mapping[str, Any], fds: list[int]) -> None:
        self.channel = channel
        self._told = told
        self._fds: list[int | None] = [*fds]  # None: taken
        self.pid: int = told["pid"]  #: of the supervisor before us
        self.version: str = told["version"]
        self.grace: float = told["grace"]  #: seconds that its workers have to end
        self.generation: int = told["generation"]  #: ours are higher
        self.reloads: Mapping[str, int] = told["reloads"]
        self.workers: list[tuple[int, int]] = told["workers"]  #: restarts and stalls of each
        self.versions: Any = told["versions"]  #: of services, see ``Rollouts.told``
        self.registered: list[Mapping[str, Any]] = told.get("registered", [])  #: see ``Registering.told``
        self.lists: Mapping[str, Any] = told.get("lists", {})  #: members of services that are listed elsewhere
        self.slots: list[Mapping[str, Any]] = told["slots"]
        self.is_counted_alike = told["layout"] == layout()  #: do our counters stand where its counters do?

    def inherited(self) -> Inherited:
        """The sockets that the service manager had made."""
        return Inherited(
            tuple(
                Given(number, name, Address(*address), self._socket(index))
                for number, name, address, index in self._told["manager"]
            )
        )

    def listening(self, key: str) -> Listening | None:
        """The sockets of a listener's place, by its key (``BindSpec``); not taken twice."""
        return self._listening(self._told["listeners"], key)

    def admin(self, key: str) -> Listening | None:
        """The socket of a place of the admin address, by its key."""
        return self._listening(self._told["admin"], key)

    def board(self) -> int:
        """The descriptor of the board."""
        return self._take(self._told["board"])

    def slabs(self) -> list[Slab]:
        """The counters of all its workers, past and present; none if they stand elsewhere than ours."""
        return [Slab(self._take(index)) for index in self._told["slabs"]] if self.is_counted_alike else []

    def close(self) -> None:
        """Close what nobody has taken."""
        for index, fd in enumerate(self._fds):
            if fd is not None:
                os.close(fd)
                self._fds[index] = None

    def fail(self, problems: Iterable[str]) -> None:
        """Tell the old one that we shall not be ready, and why."""
        self.channel.send({"say": "failed", "problems": [*problems]})

    def redirect_errors(self) -> None:
        """Write to the log of the gateway from now on; until here our stderr was read by the old one."""
        fd = self._take(self._told["stderr"])
        os.dup2(fd, 2)
        os.close(fd)

    def _listening(self, told: Mapping[str, Any], key: str) -> Listening | None:
        one = told.get(key)
        if one is None or any(self._fds[index] is None for index in one["sockets"]):
            return None
        sockets = [self._socket(index) for index in one["sockets"]]
        return Listening(Address(*one["address"]), sockets, file=one["file"])

    def _socket(self, index: int) -> socket.socket:
        return socket.socket(fileno=self._take(index))

    def _take(self, index: int) -> int:
        fd, self._fds[index] = self._fds[index], None
        assert fd is not None
        return fd


def handed(environ: MutableMapping[str, str] = os.environ) -> Handed | None:
    """Take what another gateway hands to us, if we were started to take its place; the variable is removed.

    Raises:
        ConfigError: it does not come, or in another format.
    """
    text = environ.pop(VARIABLE, "")
    if not text:
        return None
    try:
        fd = int(text)
        os.set_inheritable(fd, False)
        channel = Channel(socket.socket(fileno=fd))
    except (ValueError, OSError):
        raise ConfigError([f"{VARIABLE} is {text!r}, which is no descriptor of ours; fastgw sets it itself"]) from None
    fds: list[int] = []
    try:
        return Handed(channel, _receive(channel, fds), fds)
    except ConfigError:
        channel.close()
        for fd in fds:
            os.close(fd)
        raise


def _receive(channel: Channel, fds: list[int]) -> Mapping[str, Any]:
    """What is handed; its descriptors are added to ``fds``.  Raise ConfigError."""
    try:
        while True:
            message, more = channel.read(HAND_LIMIT)
            fds += more
            if not isinstance(message, dict) or message.get("say") not in ("piece", "hand"):
                raise ConfigError(["what the gateway before us says is not understood"])
            if message["say"] == "hand":
                break
    except (EOFError, TimeoutError):
        raise ConfigError(["the gateway before us has handed over nothing"]) from None
    if message["format"] != FORMAT:
        told = f"format {message['format']}, and we understand {FORMAT}"
        raise ConfigError([f"the gateway before us ({message['version']}) hands over in {told}; restart instead"])
    return message


def layout() -> str:
    """What tells two layouts of the counters apart: which counter stands where."""
    from hashlib import blake2b

    # Their rows are in their blocks once they are imported, and not all need them.
    import fastgw.core.answer_counters
    import fastgw.core.bridge_counters
    import fastgw.core.guardrail_counters
    import fastgw.core.http2_counters
    import fastgw.core.key_counters
    import fastgw.core.limit_counters
    import fastgw.core.model_counters
    import fastgw.core.mqtt_counters
    import fastgw.core.placement_counters
    import fastgw.core.wasm_counters
    import fastgw.core.websocket_counters  # noqa: F401

    rows = [
        (block.at, block.size, block.count, [(row.name or row.text, row.kind, row.index, row.values) for row in block])
        for block in BLOCKS
    ]
    return blake2b(repr(rows).encode(), digest_size=16).hexdigest()
