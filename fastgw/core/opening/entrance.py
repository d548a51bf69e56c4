"""The accepting socket of a listener that asks for something before HTTP; a plain listener has none of this."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.core.causes import words
from fastgw.core.opening.opening import Opening, Terms

if TYPE_CHECKING:
    from fastgw.core.opening.openings import Openings

ACCEPT_MAX = 64  #: connections accepted in one turn of the loop
STARVED_PAUSE = 0.1  #: seconds without accepting when the kernel has no descriptor or memory for one more


class Entrance:
    """Accepts on one socket the connections of a listener with terms."""

    def __init__(self, openings: Openings, name: str, sock: socket.socket, terms: Terms) -> None:
        """``name``: of the listener; ``sock``: listening, taken over."""
        self.name = name
        self.terms = terms  #: may be replaced: connections accepted from then on get the new ones
        self._openings = openings
        self._sock = sock
        self._is_closed = False
        sock.setblocking(False)
        self.open()

    def open(self) -> None:
        """Accept, from the next turn of the loop on."""
        if not self._is_closed:
            self._openings.loop.add_reader(self._sock, self._accept)

    def close(self) -> None:
        """Accept no more; what is under way goes on."""
        if not self._is_closed:
            self._is_closed = True
            self._openings.loop.remove_reader(self._sock)
            self._openings.forget(self)
            self._sock.close()

    def has_room(self) -> bool:
        """Whether one more may be under way."""
        listener = self._openings.plane.listeners.get(self.name)
        return listener is not None and len(self._openings) < listener.limits.handshakes

    def _accept(self) -> None:
        for place in range(ACCEPT_MAX):
            if not self.has_room():
                if place == 0:  # else nobody may be waiting; if somebody is, we are called again
                    self._openings.loop.remove_reader(self._sock)
                    self._openings.waiting(self)
                return
            try:
                client, peer = self._sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:  # no descriptor or memory for it: trying on at once would only burn time
                self._openings.loop.remove_reader(self._sock)
                self._openings.loop.call_later(STARVED_PAUSE, self.open)
                self._openings.count(counters.ACCEPT_FAILURES)
                self._openings.on_trouble("connections cannot be accepted", words(error))
                return
            self.take(client, peer)

    def take(self, client: socket.socket, peer: Any) -> None:
        """Let in a connection that was accepted from this socket, whatever the number."""
        client.setblocking(False)
        Opening(self._openings, self._openings.plane.listeners[self.name], self.terms, client, peer).begin()
