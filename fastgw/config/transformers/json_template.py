"""What the file says of the transformer ``json/template``."""

from typing import Annotated, ClassVar, Literal

from fastgw.config.answers import json_text
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.transformers.entry import SIDES, TransformerOptions
from fastgw.config.types import Parsed, count, size
from fastgw.config.unsound import is_unsound
from fastgw.transformers.references import REFERENCES_MAX, read, references


class JsonTemplate(TransformerOptions):
    """Makes a JSON document from a template, with values of the one that came."""

    made_by: ClassVar[str] = "fastgw.transformers.json_template:JsonTemplate"
    sides: ClassVar[tuple[str, ...]] = SIDES
    gathers: ClassVar[bool] = True
    takes: ClassVar[tuple[str, ...]] = ("application/json",)
    makes: ClassVar[tuple[str, ...]] = ("application/json",)
    name: Literal["json/template"] = setting(..., "json/template")
    template: Annotated[bytes, Parsed(json_text)] = setting(
        ..., 'The document; in it {"$": "/pointer", "default": ...} is what the body has there.'
    )
    max_bytes: Annotated[int, size(1, 64 << 20)] = setting("1MiB", "Bytes of a body, which is gathered (413; 502).")
    max_output: Annotated[int, size(1, 64 << 20)] = setting("4MiB", "Bytes of what is made of it (413; 502).")
    inline_bytes: Annotated[int, size(0, 1 << 20)] = setting(
        "16KiB", "Bodies with no more are read on the loop, larger ones in a thread."
    )
    queue: Annotated[int, count(0, 10_000)] = setting(32, "Bodies that may wait for that; more are refused (503).")

    def check(self, document: Document, where: TreePath) -> None:
        """Each reference is one, and not all of them are too many."""
        if is_unsound(self.template) or not self.template:
            return
        import orjson  # which a file without such does not need

        try:
            count = len(list(references(read(orjson.loads(self.template)))))
        except ValueError as error:
            what, place = error.args
            document.report((*where, "template", *place), what)
            return
        if count > REFERENCES_MAX:
            document.report((*where, "template"), f"has {count} references, more than {REFERENCES_MAX}")
        if not is_unsound(self.max_output) and len(self.template) > self.max_output:
            document.report((*where, "max_output"), f"is less than the template has: {len(self.template)} bytes")
