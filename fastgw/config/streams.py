"""What the file says of streams of events, or lines, that a service answers with, as model servers do.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

from typing import Final

from fastgw.config.model import Model, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Boolean, Duration
from fastgw.config.unsound import is_unsound

LEAST: Final = 0.1  #: seconds of silence behind which a comment may be sent


class Streams(Model):
    """What is done about streams of events, or of lines of JSON, that the service answers with."""

    first_token_timeout: Duration = setting(
        "0",
        "From the end of the request to the first content; then another try, or 504. The head waits for it. 0: off.",
    )
    event_timeout: Duration = setting(
        "0", "Between two events; comments and pings are none. Then the stream ends. 0: off, but stream_idle_timeout."
    )
    keep_alive: Duration = setting(
        "0", "Silence of a stream of events behind which the client is sent a comment. 0: off."
    )
    error_event: Boolean = setting(True, "A stream that breaks off ends with an event that says so; else it is cut.")


def check_streams(document: Document, where: TreePath, streams: Streams | None) -> None:
    """Report what cannot work."""
    if streams is None or is_unsound(streams):
        return
    if not is_unsound(streams.keep_alive) and 0 < streams.keep_alive < LEAST:
        document.report((*where, "keep_alive"), "is less than 100ms: nobody needs so many comments; 0: none")
