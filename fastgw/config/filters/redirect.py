"""What the file says of a filter of type ``redirect``."""

from typing import Annotated, Any, ClassVar, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.location import HOSTS, RedirectStatus, target
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Parsed, words
from fastgw.config.unsound import is_unsound

_TO_HTTPS = (b"https://", "request.host", "request.target")


class SchemeRedirect(FilterOptions):
    """Sends those who ask in one scheme to another place, from http to https unless it says something else."""

    made_by: ClassVar[str] = "fastgw.filters.redirect:SchemeRedirect"
    is_built_in: ClassVar[bool] = True
    type: Literal["redirect"] = setting(..., "redirect")
    scheme: Annotated[str, words("http", "https", "any")] = setting(
        "http", "Whose requests are answered: what a trusted proxy says the client used, or what the listener speaks."
    )
    to: Annotated[tuple[bytes | str, ...], Parsed(target, takes_variables=True, type="string")] | None = setting(
        None, "An http URI, with variables; by default https://${request.host}${request.target}."
    )
    status: RedirectStatus = setting(308, "301, 302, 303, 307 or 308.")

    def given(self) -> dict[str, Any]:
        """With the target that is meant where there is none."""
        return super().given() | {"to": self.to or _TO_HTTPS}

    def check(self, document: Document, where: TreePath) -> None:
        """It does not lead back here."""
        if is_unsound(self.scheme, self.to):
            return
        to = self.to or _TO_HTTPS
        scheme = to[0].partition(b"://")[0].decode() if isinstance(to[0], bytes) else ""
        is_same_host = to[0] == f"{scheme}://".encode() and to[1] in HOSTS
        if scheme not in ("http", "https"):
            document.report((*where, "to"), "is a path, which leads back to this filter; expected an http URI")
        elif is_same_host and self.scheme in (scheme, "any"):
            place = (*where, "to") if self.to else (*where, "scheme")
            document.report(place, f"leads back to this filter, which answers requests of {scheme} too")
