"""What the file says of a filter of type ``log_body``."""

from typing import Annotated, ClassVar, Final, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.logs import Rotate, check_log
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Parsed, Percentage, Stream, count, size, words
from fastgw.config.values import text

#: Names of members of JSON that are mostly secrets.
SECRETS: Final = [
    "password",
    "passwd",
    "secret",
    "client_secret",
    "token",
    "access_token",
    "refresh_token",
    "id_token",
    "api_key",
    "apikey",
    "authorization",
    "private_key",
]


class LogBody(FilterOptions):
    """Writes some requests and answers with their bodies."""

    made_by: ClassVar[str] = "fastgw.filters.log_body:LogBody"
    type: Literal["log_body"] = setting(..., "log_body")
    path: Stream = setting(..., "stdout, stderr or a file.")
    rotate: Rotate | None = setting(None, "When another file takes its place. Default: never.")
    sample: Percentage = setting("1%", "How many of the requests are watched, by chance.")
    only: Annotated[str, words("all", "errors")] = setting(
        "all", "Of those that are watched: write all, or those that were answered with 400 and above."
    )
    bodies: Annotated[str, words("both", "requests", "responses")] = setting("both", "Whose bodies are written.")
    max_size: Annotated[int, size(1, 1 << 20)] = setting(
        "16KiB", "Larger bodies are left out, but for the first events of a stream."
    )
    max_open: Annotated[int, count(1, 10_000)] = setting(
        100, "Exchanges that a worker watches at one time; others are not, however many there are."
    )
    redact: list[Annotated[str, Parsed(text("a name", longest=200), type="string")]] = setting(
        SECRETS, "Names of members, in any case and at any depth, whose values are replaced by [redacted]."
    )

    def check(self, document: Document, where: TreePath) -> None:
        """The file can be made."""
        check_log(document, where, self.path, self.rotate)
