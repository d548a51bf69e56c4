"""What the file says of a filter of type ``api_key``."""

from typing import Annotated, Any, ClassVar, Literal

from fastgw.config.credentials import KeyPlaces, Realm, check_secret_file
from fastgw.config.filters.entry import FilterOptions
from fastgw.config.filters.headers import ToldField
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Boolean, FilePath, words
from fastgw.config.unsound import is_unsound
from fastgw.filters.key_file import ApiKey, parse_keys
from fastgw.filters.secret_file import read_file


class ApiKeys(FilterOptions):
    """Lets requests through that have a key, as fast and to where that key says."""

    made_by: ClassVar[str] = "fastgw.filters.api_key:ApiKeys"
    notes: ClassVar[tuple[str, ...] | None] = ("api_key", "labels", "limits", "model_rights", "rate_limit")
    type: Literal["api_key"] = setting(..., "api_key")
    file: FilePath = setting(..., "The keys, as 'fastgw keys' writes them; read again when it changes.")
    key_from: KeyPlaces = setting(
        ["authorization", "header:x-api-key"],
        "Where the key may be, one or a list: authorization (Bearer), header:NAME, cookie:NAME, query:NAME or subprotocol:NAME.",
    )
    realm: Realm = setting("", "What WWW-Authenticate calls this; empty: the name of the filter.")
    forward: Boolean = setting(False, "Pass the key on to the service.")
    header: ToldField | None = setting(
        None, "Field that tells the service the name of the key; what clients send in its place is removed."
    )
    when_full: Annotated[str, words("refuse", "let_through")] = setting(
        "refuse", "What happens to a request that cannot be counted, because the board has no room for its key."
    )

    def given(self) -> dict[str, Any]:
        """The field as text."""
        return super().given() | {"header": self.header or ""}

    def known(self) -> tuple[ApiKey, ...]:
        """The keys; none where the file cannot be read, which ``check`` tells."""
        try:
            return parse_keys(read_file(self.file))
        except (OSError, ValueError):
            return ()

    def check(self, document: Document, where: TreePath) -> None:
        """The file has keys, and who is told stands elsewhere than the key."""
        if not is_unsound(self.file):
            check_secret_file(document, (*where, "file"), self.file, parse_keys)
        if is_unsound(self.key_from):
            return
        if not self.key_from:
            document.report((*where, "key_from"), "is empty; it needs at least one place")
        sources = {one.removeprefix("header:") for one in self.key_from}
        if not is_unsound(self.header) and self.header in sources:
            document.report((*where, "header"), f"{self.header!r} is where the key is")
