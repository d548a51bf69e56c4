"""What the file says of routes that answer by themselves: ``reply``, ``redirect`` and ``files``.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

import json
import os
import warnings
from typing import Annotated, Any, Final

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

from fastgw.config.filters.headers import ResponseField
from fastgw.config.location import RedirectStatus, target
from fastgw.config.model import Model, alternative, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.spelling import same_fields
from fastgw.config.types import FilePath, Parsed, count, size
from fastgw.config.unsound import UNSOUND, is_unsound
from fastgw.config.values import Expanded, Plain, file_name, scalar, shown, text
from fastgw.core.settings import FilesSettings, RedirectSettings, ReplySettings

BODILESS: Final = (204, 304)  #: statuses of answers that have no body (RFC 9110 section 6.4.1)


def json_text(value: object) -> object:
    """Parser of any value: as JSON, encoded."""
    if value is None:
        return None
    found = _typed(value)
    if found is UNSOUND:
        return UNSOUND
    try:
        return json.dumps(found, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except ValueError:
        raise ValueError("has a number that JSON cannot say") from None


def _typed(value: Any) -> Any:
    """``value`` of the tree as JSON has it: what is written without quotes as a number or a truth value is one, as in JSON."""
    if isinstance(value, dict):
        found = {str(key): _typed(one) for key, one in value.items()}
        return UNSOUND if any(one is UNSOUND for one in found.values()) else found
    if isinstance(value, list):
        entries = [_typed(one) for one in value]
        return UNSOUND if any(one is UNSOUND for one in entries) else entries
    if isinstance(value, Expanded) and value.variables:
        raise ValueError(f"no variable of a request stands here, got {shown(value)}")
    if isinstance(value, Plain):
        return Plain.of(value)
    return str(value) if isinstance(value, str) else value


def _content(value: object) -> bytes | None:
    return None if value is None else scalar(value, "text").encode()


_LINE = text("a value")

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", 'Field name "json"')  # pydantic's own method of that name is deprecated

    class Reply(Model):
        """An answer that is written here.  At most one of json, text and body."""

        status: Annotated[int, count(200, 599)] = setting(200, "Status of the answer.")
        json: Annotated[bytes | None, Parsed(json_text)] = setting(  # type: ignore[assignment]
            None, "The body as any value, sent as JSON."
        )
        text: Annotated[bytes | None, Parsed(_content, type="string")] = setting(None, "The body as plain text.")
        body: Annotated[bytes | None, Parsed(_content, type="string")] = setting(
            None, "The body as it is written, of the type in content_type."
        )
        content_type: Annotated[str, Parsed(_LINE, type="string")] = setting(
            "", "Default: application/json, text/plain; charset=utf-8, or application/octet-stream."
        )
        headers: dict[ResponseField, Annotated[str, Parsed(_LINE, type=["string", "number", "boolean"])]] = setting(
            {}, "More fields of the answer."
        )

        def settings(self) -> ReplySettings:
            """As the data plane gets it."""
            given = [
                (self.json, "application/json"),
                (self.text, "text/plain; charset=utf-8"),
                (self.body, "application/octet-stream"),
            ]
            body, kind = next(((one, kind) for one, kind in given if one is not None), (b"", ""))
            return ReplySettings(self.status, body, self.content_type or kind, tuple(self.headers.items()))

        def check(self, document: Document, where: TreePath) -> None:
            """Report what no key shows by itself."""
            given = [key for key in ("json", "text", "body") if getattr(self, key) is not None]
            for key in given[1:]:
                document.report((*where, key), f"stands beside {given[0]}; give one of them")
            if self.status in BODILESS and given:
                document.report((*where, given[0]), f"has no effect with status {self.status}, which has no body")
            if self.content_type and not given:
                document.report((*where, "content_type"), "has no effect without json, text or body")
            if "content-type" in self.headers:
                document.report((*where, "headers", "content-type"), "is what content_type says", at_key=True)
            same_fields(document, (*where, "headers"))


class Redirect(Model):
    """Where clients are sent; its target alone is short for that with the default status."""

    to: Annotated[tuple[bytes | str, ...], Parsed(target, takes_variables=True, type="string")] = setting(
        ..., "A path or an http URI, with variables; a final /* is what the * of the path took, and the query."
    )
    status: RedirectStatus = setting(307, "301, 302, 303, 307 or 308.")

    @classmethod
    def long_form(cls, data: Any) -> Any:
        """A target alone."""
        return {"to": data} if isinstance(data, str) else data

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return alternative({"type": "string"}, schema, handler)

    def settings(self) -> RedirectSettings:
        """As the data plane gets it."""
        last = self.to[-1]
        if isinstance(last, bytes) and last.endswith(b"/*"):
            return RedirectSettings(self.status, (*self.to[:-1], last[:-1]), True)
        return RedirectSettings(self.status, self.to, False)

    def check(self, document: Document, where: TreePath, path: str) -> None:
        """Report what does not fit to the ``path`` of the route."""
        if is_unsound(self.to, path):
            return
        if path == "*":
            document.report(where, "cannot be on the path '*', which is none")
        elif self.settings().takes_rest and not path.endswith("/*"):
            reason = "ends in '/*', but the path of the route does not"
            document.report(where if isinstance(document.at(where), str) else (*where, "to"), reason)


class Files(Model):
    """Small files that are sent to clients; a directory alone is short for that with the defaults."""

    root: FilePath = setting(..., "Directory of the files; the part of the path that * takes is looked for there.")
    index: Annotated[str, Parsed(file_name, type="string")] = setting(
        "index.html", 'Name of the file that stands for a directory. "": none.'
    )
    max_size: Annotated[int, size(1)] = setting("16MiB", "Bytes of a file; larger ones are not sent (403).")
    cache_control: Annotated[str, Parsed(_LINE, type="string")] = setting(
        "", 'Cache-Control of the answers, such as "max-age=3600". Default: none.'
    )

    @classmethod
    def long_form(cls, data: Any) -> Any:
        """A directory alone."""
        return {"root": data} if isinstance(data, str) else data

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return alternative({"type": "string"}, schema, handler)

    def settings(self) -> FilesSettings:
        """As the data plane gets it."""
        return FilesSettings(self.root, self.index, self.max_size, self.cache_control)

    def check(self, document: Document, where: TreePath, path: str) -> None:
        """Report a root that is not there, and a ``path`` of the route that is none."""
        if path == "*":
            document.report(where, "cannot be on the path '*', which is none")
        if is_unsound(self.root):
            return
        place = where if isinstance(document.at(where), str) else (*where, "root")
        if not self.root:
            document.report(place, "is empty")
            return
        try:
            os.close(os.open(self.root, os.O_RDONLY | os.O_DIRECTORY))
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            reason = error.strerror if isinstance(error, OSError) else "not a file name"
            document.report(place, f"{self.root} cannot be read: {reason}")
