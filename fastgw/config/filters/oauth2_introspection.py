"""What the file says of a filter of type ``oauth2_introspection``."""

from typing import Annotated, Any, ClassVar, Literal

from fastgw.config.credentials import read_secret, secret_text
from fastgw.config.filters.bearer import BearerOptions
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Duration, Parsed, PositiveDuration, ReadFile, count
from fastgw.config.unsound import is_unsound
from fastgw.config.urls import CALL_GRACE, CalledUrl, ca_problem
from fastgw.config.values import text
from fastgw.core.settings import FilterSettings


class OAuth2Introspection(BearerOptions):
    """Lets requests through that have a token which the authority calls active, and tells the service what it says (RFC 7662)."""

    made_by: ClassVar[str] = "fastgw.filters.oauth2_introspection:OAuth2Introspection"
    notes: ClassVar[tuple[str, ...] | None] = ("oauth2",)
    type: Literal["oauth2_introspection"] = setting(..., "oauth2_introspection")
    url: CalledUrl = setting(..., "Where the authority is asked: https, or http on this host.")
    ca: ReadFile = setting("", "PEM file of the authorities that url is trusted by; empty: the system's.")
    client_id: Annotated[str, Parsed(text("a client id"), type="string")] = setting(
        "", "Who asks, as the authority knows us; empty: nobody says who asks."
    )
    client_secret: Annotated[str, Parsed(secret_text, type="string")] | None = setting(None, "Its secret.")
    client_secret_file: ReadFile | None = setting(None, "A file with it; read at start and at each reload.")
    timeout: PositiveDuration = setting("2s", "The authority must answer within this, with everything.")
    connections: Annotated[int, count(1, 1024)] = setting(16, "To the authority, of each worker; they are kept.")
    max_age: Duration = setting(
        "60s", "So long is an active token believed without asking again; never beyond its exp."
    )
    stale: Duration = setting(
        "0s",
        "So long beyond max_age is an active token believed while the authority does not answer; never beyond its exp.",
    )
    refused_age: Duration = setting("10s", "So long is a token refused that was not active, or said too little.")

    def settled(self, settings: FilterSettings) -> FilterSettings:
        """A hook waits longer than a call takes at most, whose end says more."""
        return settings._replace(timeout=settings.timeout + CALL_GRACE)

    def given(self) -> dict[str, Any]:
        """With the secret as it is used."""
        found = super().given()
        found["url"] = self.url._replace(ca=found.pop("ca"))
        path = found.pop("client_secret_file")
        found["client_secret"] = read_secret(path) if path is not None else self.client_secret or ""
        return found

    def check(self, document: Document, where: TreePath) -> None:
        """The secret has one place, and can be read."""
        super().check(document, where)
        if not is_unsound(self.stale, self.cache) and self.stale and not self.cache:
            document.report((*where, "stale"), "needs a cache: with cache: 0 no token is known")
        if not is_unsound(self.ca) and (reason := ca_problem(self.ca)):
            document.report((*where, "ca"), reason)
        if is_unsound(self.client_id, self.client_secret, self.client_secret_file):
            return
        given = [key for key in ("client_secret", "client_secret_file") if getattr(self, key) is not None]
        if len(given) > 1:
            document.report(where, "needs one of client_secret and client_secret_file")
        elif bool(given) != bool(self.client_id):
            missing = "client_secret or client_secret_file" if self.client_id else "client_id"
            document.report(where, f"needs {missing}, too")
        elif self.client_secret_file is not None:
            try:
                read_secret(self.client_secret_file)
            except ValueError as error:
                document.report((*where, "client_secret_file"), str(error))
