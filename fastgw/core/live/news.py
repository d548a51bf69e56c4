"""What supervisor and workers tell each other of endpoints: who is ejected.

Apart from what makes it, because the supervisor starts with its messages, and with as little else as possible.
"""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """That a member was ejected, again perhaps, or is back: for the supervisor, and from it for the other workers."""

    service: str
    endpoint: str
    is_up: bool
    until: float = 0.0  #: monotonic seconds, which all processes of a host share
    cause: str = ""  #: why it was ejected, as the code of an error
    reason: str = ""  #: the same in words
