"""Counts TLS handshakes that failed: the event loop tells nobody about them.

uvloop drops a connection whose handshake fails before the protocol hears of it, so the place to look is the TLS object itself.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable


def count_failures(context: ssl.SSLContext, on_failure: Callable[[], None]) -> None:
    """Call ``on_failure`` once for each connection of ``context`` that never completed its handshake.

    A handshake that breaks a rule is told at once; one that the client gave up, or that took too long, when its
    connection is freed.
    """

    class Counted(ssl.SSLObject):
        is_settled = False

        def do_handshake(self) -> None:
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError:
                self._fail()
                raise
            self.is_settled = True

        def _fail(self) -> None:
            if not self.is_settled:
                self.is_settled = True
                on_failure()

        def __del__(self) -> None:
            self._fail()

    context.sslobject_class = Counted
