"""What the file says of a filter of type ``maintenance``."""

import os
from typing import Annotated, Any, ClassVar, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.model import setting
from fastgw.config.networks import NetworkList
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Boolean, FilePath, Parsed, PositiveDuration
from fastgw.config.unsound import is_unsound
from fastgw.config.values import text


class Maintenance(FilterOptions):
    """Refuses every request for a while, 503, but those of some networks."""

    made_by: ClassVar[str] = "fastgw.filters.maintenance:Maintenance"
    runs_before_routing: ClassVar[bool] = True
    is_built_in: ClassVar[bool] = True
    type: Literal["maintenance"] = setting(..., "maintenance")
    enabled: Boolean | None = setting(
        None, "Whether requests are refused, whatever file says; by default they are where there is no file to say it."
    )
    file: FilePath = setting("", "Requests are refused as long as there is a file of this name.")
    retry_after: PositiveDuration = setting("60s", "When they are told to come back (Retry-After, whole seconds).")
    message: Annotated[str, Parsed(text("a message", longest=1000), type="string")] = setting(
        "this is being maintained; please come back later", "What the answer tells them."
    )
    exempt: NetworkList = setting([], "Whose requests pass all the same: a network, one address, or a list of such.")

    def given(self) -> dict[str, Any]:
        """With what is meant where nothing is said."""
        is_on = self.enabled if self.enabled is not None else not self.file
        is_watched = self.enabled is None and self.file
        return super().given() | {"enabled": is_on, "file": self.file if is_watched else ""}

    def check(self, document: Document, where: TreePath) -> None:
        """The file can be there."""
        if is_unsound(self.file) or not self.file:
            return
        if not os.path.isdir(os.path.dirname(self.file)):
            document.report((*where, "file"), "the directory of the file does not exist")
