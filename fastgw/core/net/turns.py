"""What is done once behind everything that is ready: frames of many streams that leave in one write, say.

    poller: is_open ──▶ all that is ready is read ──▶ end: whoever asked meanwhile is called ──▶ is_open no more

A callback of the loop would do as well, and does where no poller has called us: it comes a turn of the loop later, which a lone request
waits for, and costs a tenth of what a small request does.
"""

from __future__ import annotations

from typing import Any


class Later:
    """Who may ask to be called at the end of a turn."""

    __slots__ = ()

    def on_turn_over(self) -> None:
        """Everything that was ready has been read."""
        raise NotImplementedError


class Turn:
    """The turns of one poller."""

    __slots__ = ("_asked", "_loop", "is_open")

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._asked: list[Later] = []
        self.is_open = False  #: the poller is at work, and ``end`` will be called

    def ask(self, one: Later) -> None:
        """Call ``on_turn_over`` of ``one`` at the end of this turn, which ``is_open``."""
        self._asked.append(one)

    def end(self) -> None:
        """Call whoever has asked, those too who ask meanwhile; one's failure must not keep the others waiting."""
        while self._asked:
            asked, self._asked = self._asked, []
            for one in asked:
                try:
                    one.on_turn_over()
                except Exception as error:  # noqa: BLE001 - whatever it is, the loop tells it
                    self._loop.call_exception_handler({"message": "a connection failed", "exception": error})
        self.is_open = False
