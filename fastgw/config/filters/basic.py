"""What the file says of a filter of type ``basic``."""

from importlib.util import find_spec
from typing import Annotated, Any, ClassVar, Literal

from fastgw.config.credentials import Realm, check_secret_file
from fastgw.config.filters.entry import FilterOptions
from fastgw.config.filters.headers import ToldField
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Boolean, FilePath, count
from fastgw.config.unsound import is_unsound
from fastgw.filters.htpasswd import parse_users


class Basic(FilterOptions):
    """Lets requests through that have the name of a user and the right password."""

    made_by: ClassVar[str] = "fastgw.filters.basic:Basic"
    notes: ClassVar[tuple[str, ...] | None] = ("basic",)
    type: Literal["basic"] = setting(..., "basic")
    file: FilePath = setting(..., "Users and their passwords as 'htpasswd -B' writes them; read again when it changes.")
    realm: Realm = setting("", "What WWW-Authenticate calls this; empty: the name of the filter.")
    forward: Boolean = setting(False, "Pass user and password on to the service.")
    header: ToldField | None = setting(
        None, "Field that tells the service who it is; what clients send in its place is removed."
    )
    cache: Annotated[int, count(0, 1_000_000)] = setting(
        4096, "Users whose password was right that a worker remembers, until file changes; 0: none."
    )

    def given(self) -> dict[str, Any]:
        """The field as text."""
        return super().given() | {"header": self.header or ""}

    def check(self, document: Document, where: TreePath) -> None:
        """The file has users, and what reads their passwords is there."""
        if find_spec("bcrypt") is None:
            document.report((*where, "type"), "needs the package bcrypt: pip install 'fastgw[basic]'")
        if not is_unsound(self.file):
            check_secret_file(document, (*where, "file"), self.file, parse_users)
        if self.header == "authorization" and not is_unsound(self.header):
            document.report((*where, "header"), "'authorization' is where user and password are")
