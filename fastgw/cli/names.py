"""Do the host names of a configuration resolve?  Asked by ``fastgw check`` only, and never for long."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import Final

PATIENCE: Final = 3.0  #: seconds, for all names together
AT_ONCE: Final = 16  #: look-ups under way: a silent name server takes its time for each


def unresolved(
    names: Sequence[str], patience: float = PATIENCE, look_up: Callable[[str, None], object] = socket.getaddrinfo
) -> Mapping[str, str]:
    """The names that have no address, each with the reason; a look-up that takes too long is left behind."""
    waiting: SimpleQueue[str] = SimpleQueue()
    answers: SimpleQueue[tuple[str, str]] = SimpleQueue()
    for name in names:
        waiting.put(name)

    def work() -> None:
        while True:
            try:
                name = waiting.get_nowait()
            except Empty:
                return
            try:
                look_up(name, None)
                answers.put((name, ""))
            except (OSError, UnicodeError) as error:
                answers.put((name, f"does not resolve: {getattr(error, 'strerror', None) or error}"))

    for _ in range(min(AT_ONCE, len(names))):
        threading.Thread(target=work, daemon=True).start()  # as a daemon it does not keep the process
    found = dict.fromkeys(names, f"did not resolve within {patience:g} s")
    end = time.monotonic() + patience
    try:
        for _ in names:
            name, found[name] = answers.get(timeout=max(0.0, end - time.monotonic()))
    except Empty:
        pass  # what has no answer keeps its reason
    return {name: reason for name, reason in found.items() if reason}
