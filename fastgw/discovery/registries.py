"""What sources that ask a registry by HTTP have in common: where and how it is asked, and what is read of its answers.

Nothing that a registry says is trusted to be of any type: what is no text, no number or no mapping counts as absent, or its entry is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import orjson

from fastgw.core.calls import AsMember, Caller, CallError
from fastgw.core.settings import Url
from fastgw.core.sources import ClientTls
from fastgw.discovery.client_tls import tls_context
from fastgw.discovery.listing import METADATA_MOST, TEXT_MOST, SourceError

LARGEST: Final = 16 * 1024 * 1024  #: bytes of an answer: 5,000 members with all that a registry says of each

SAID_MOST: Final = 200  #: characters of what a registry says of an error


@contextmanager
def calling(endpoint: tuple[bool, str, int], tls: ClientTls, limit: float) -> Iterator[Caller]:
    """Who asks ``endpoint`` (is it TLS, host, port) for as long as the context; each call may take ``limit`` seconds.

    What goes wrong with a call is raised as what goes wrong with a source.

    Raises:
        SourceError: the files of TLS cannot be used, or a call has no answer.
    """
    is_tls, host, port = endpoint
    as_member = AsMember(tls_context(tls) if is_tls else None, tls.server_name or host)
    caller = Caller(Url(is_tls, host, port, "/"), limit, LARGEST, as_member=as_member)
    try:
        yield caller
    except CallError as error:
        raise SourceError(error.cause, str(error)) from None
    finally:
        caller.close()


def read_json(body: bytes, whose: str) -> Any:
    """The value in an answer; ``whose``: for the error.

    Raises:
        SourceError: it is no JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise SourceError("broken", f"{whose} answered something that is no JSON: {error}") from None


def said(body: bytes) -> str:
    """What a registry says of an error, for one line of text."""
    text = body[: 4 * SAID_MOST].decode("utf-8", "replace").strip()
    return "".join(character if character.isprintable() else " " for character in text)[:SAID_MOST] or "nothing more"


def mapping(value: object) -> Mapping[str, Any]:
    """``value`` if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """``value`` if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def usable_metadata(*given: Mapping[str, Any]) -> dict[str, str]:
    """What of it a member can have as metadata, of two with one name the first: the rest costs it nothing else.

    Registries allow longer texts, and more of them.
    """
    found: dict[str, str] = {}
    for one in given:
        for name in sorted(one):
            value = one[name]
            is_usable = isinstance(value, str) and len(value) <= TEXT_MOST and value.isprintable()
            if is_usable and len(name) <= TEXT_MOST and name.isprintable() and len(found) < METADATA_MOST:
                found.setdefault(name, value)
    return found


class Throttle:
    """How often something is asked: so many at once, then each so many seconds (a token bucket, kept as one time)."""

    def __init__(self, burst: int, seconds: float, clock: Callable[[], float]) -> None:
        """``burst``: at once.  ``seconds``: between two others.  ``clock``: monotonic seconds."""
        self._slack = (burst - 1) * seconds
        self._seconds = seconds
        self._clock = clock
        self._due = 0.0  # when everything that was asked would have been, without a burst

    def take(self) -> float:
        """Seconds to wait before the next question, which is counted."""
        now = self._clock()
        wait = max(0.0, self._due - self._slack - now)
        self._due = max(self._due, now) + self._seconds
        return wait
