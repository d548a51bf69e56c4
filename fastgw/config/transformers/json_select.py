"""What the file says of the transformer ``json/select``."""

from typing import Annotated, ClassVar, Literal

from fastgw.config.json_places import MOST_POINTERS, Pointer, PointerKey
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.transformers.entry import SIDES, TransformerOptions
from fastgw.config.types import Parsed, count, size
from fastgw.config.unsound import is_unsound
from fastgw.config.values import text
from fastgw.transformers.pointer import EACH, parse

_Key = Annotated[str, Parsed(text("a key", longest=400), type="string")]


class JsonSelect(TransformerOptions):
    """Makes of JSON what is picked, kept and not dropped of it, by other names."""

    made_by: ClassVar[str] = "fastgw.transformers.json_select:JsonSelect"
    sides: ClassVar[tuple[str, ...]] = SIDES
    gathers: ClassVar[bool] = True
    takes: ClassVar[tuple[str, ...]] = ("application/json",)
    makes: ClassVar[tuple[str, ...]] = ("application/json",)
    name: Literal["json/select"] = setting(..., "json/select")
    require: list[Pointer] = setting([], "What has to be there (422; 502 of an answer).")
    pick: Pointer | None = setting(None, "Where the value is that all else is about. Default: the document.")
    keep: list[Pointer] = setting([], "What is left of that. Default: all.")
    drop: list[Pointer] = setting([], "What is not.")
    rename: dict[PointerKey, _Key] = setting({}, "Another key for what is there, in the same object.")
    max_bytes: Annotated[int, size(1, 64 << 20)] = setting("1MiB", "Bytes of a body, which is gathered (413; 502).")
    inline_bytes: Annotated[int, size(0, 1 << 20)] = setting(
        "16KiB", "Bodies with no more are read on the loop, larger ones in a thread."
    )
    queue: Annotated[int, count(0, 10_000)] = setting(32, "Bodies that may wait for that; more are refused (503).")

    def check(self, document: Document, where: TreePath) -> None:
        """It changes something, and ``*`` stands where it has a meaning."""
        if not any((self.require, self.pick, self.keep, self.drop, self.rename)) and not is_unsound(
            self.require, self.pick, self.keep, self.drop, self.rename
        ):
            document.report((*where, "name"), "changes nothing: it needs pick, keep, drop, rename or require")
        for key, pointers in (("require", self.require), ("keep", self.keep), ("drop", self.drop)):
            if len(pointers) > MOST_POINTERS:
                document.report((*where, key), f"has more than {MOST_POINTERS} entries")
        if self.pick and EACH in parse(self.pick):
            document.report((*where, "pick"), f"{EACH!r} is no single value")
        for place, one in enumerate(self.require):
            if not is_unsound(one) and EACH in parse(one):
                document.report((*where, "require", place), f"{EACH!r} is no single value")
        for pointer in self.rename:
            if not is_unsound(pointer) and parse(pointer)[-1] == EACH:
                document.report((*where, "rename", pointer), f"{EACH!r} is no single key")
