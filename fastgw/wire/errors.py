"""What the readers of this floor raise: a message that has no single reading, or is larger than allowed."""

from __future__ import annotations


class WireError(Exception):
    """The bytes cannot be passed on.

    ``status`` is the answer when a client sent them (RFC 9110 section 15.5), with ``headers`` in it; from a service they always mean 502.
    """

    def __init__(self, status: int, code: str, detail: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers


def bad(detail: str) -> WireError:
    """A 400: the message is malformed."""
    return WireError(400, "malformed", detail)
