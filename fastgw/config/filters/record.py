"""What the file says of a filter of type ``record``."""

from typing import Annotated, Any, ClassVar, Final, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.logs import Rotate, check_log
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import FieldName, Parsed, Percentage, Stream, count, size, words
from fastgw.config.unsound import is_unsound
from fastgw.config.values import text

#: Fields whose values are credentials, whatever somebody lists.
CREDENTIALS: Final = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "x-auth-token",
    }
)


class Record(FilterOptions):
    """Writes what some requests were, and what became of them, for fastgw replay."""

    made_by: ClassVar[str] = "fastgw.filters.record:record"
    type: Literal["record"] = setting(..., "record")
    path: Stream = setting(..., "stdout, stderr or a file, which is for its owner alone.")
    rotate: Rotate | None = setting(
        None, "When another file takes its place. Default: at 64MiB, and one is kept beside it."
    )
    sample: Percentage = setting("1%", "How many of the requests are recorded, by chance.")
    fields: list[FieldName] = setting(
        ["accept", "content-type", "user-agent"],
        "Fields whose values are written; of others a hash is. Never credentials.",
    )
    query: list[Annotated[str, Parsed(text("the name of a parameter", longest=200), type="string")]] = setting(
        [], "Parameters of the query whose values are written; of others a hash is."
    )
    body: Annotated[str, words("none", "hash", "whole")] = setting("none", "What is written of bodies.")
    max_body: Annotated[int, size(1, 1 << 20)] = setting("64KiB", "A larger body is hashed where whole is asked for.")
    secret: Annotated[str, Parsed(text("a secret of at most 1000 characters", longest=1000), type="string")] = setting(
        "",
        "Key of the hashes, the same in all workers and over restarts. Default: one that nobody knows, for each worker.",
    )
    max_open: Annotated[int, count(1, 10_000)] = setting(
        1000, "Requests that a worker records at one time; others are not, however many there are."
    )

    def does(self) -> str:
        """How many, and where."""
        return f"records {self.sample * 100:g} % of the requests in {self.path}"

    def given(self) -> dict[str, Any]:
        """A file is bounded in any case."""
        found = super().given()
        is_bounded = found["rotate"] is not None or self.path in ("stdout", "stderr")
        return found if is_bounded else found | {"rotate": (("size", 64 << 20), ("keep", 1))}

    def check(self, document: Document, where: TreePath) -> None:
        """The file can be made, and no credential is asked for."""
        check_log(document, where, self.path, self.rotate)
        for place, name in enumerate(() if is_unsound(self.fields) else self.fields):
            if not is_unsound(name) and name in CREDENTIALS:
                document.report((*where, "fields", place), f"{name} has credentials, which are never written")
