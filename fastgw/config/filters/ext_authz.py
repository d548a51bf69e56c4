"""What the file says of a filter of type ``ext_authz``."""

from typing import Annotated, Any, ClassVar, Final, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.filters.headers import RequestField, ResponseField
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import FieldName, PositiveDuration, ReadFile, count, size, words
from fastgw.config.unsound import is_unsound
from fastgw.config.urls import CALL_GRACE, CalledUrl, ca_problem
from fastgw.core.settings import FilterSettings
from fastgw.wire.fields import OWN_REQUEST_FIELDS, is_own

_MADE: Final = frozenset({"x-forwarded-method", "x-forwarded-uri", "accept-encoding"})  #: beside those of every request


class ExtAuthz(FilterOptions):
    """Asks a service of yours whether a request may pass, and what to tell the service behind."""

    made_by: ClassVar[str] = "fastgw.filters.ext_authz:ExtAuthz"
    notes: ClassVar[tuple[str, ...] | None] = ("ext_authz",)
    type: Literal["ext_authz"] = setting(..., "ext_authz")
    url: CalledUrl = setting(..., "Where it is asked: https, or http on this host.")
    ca: ReadFile = setting("", "PEM file of the authorities that url is trusted by; empty: the system's.")
    method: Annotated[str, words("GET", "POST")] = setting("GET", "Of the question, which has no body.")
    send: list[FieldName] = setting(
        ["authorization", "cookie"],
        "Fields of the request that it gets, beside x-forwarded-method, -host, -uri, -proto and -for.",
    )
    take: list[RequestField] = setting(
        [], "Fields of its answer that the service behind gets; what clients send in their place is removed."
    )
    tell: list[ResponseField] = setting(
        ["www-authenticate", "location", "set-cookie", "cache-control", "retry-after"],
        "Fields of its answer that the client gets when it is refused, beside content-type.",
    )
    timeout: PositiveDuration = setting("2s", "It must answer within this, with everything.")
    connections: Annotated[int, count(1, 1024)] = setting(32, "To it, of each worker; they are kept.")
    max_answer: Annotated[int, size(0, 1 << 20)] = setting("64KiB", "A larger body of its answer is none.")

    def settled(self, settings: FilterSettings) -> FilterSettings:
        """A hook waits longer than a call takes at most, whose end says more."""
        return settings._replace(timeout=settings.timeout + CALL_GRACE)

    def given(self) -> dict[str, Any]:
        """The place with what it is trusted by."""
        found = super().given()
        return found | {"url": self.url._replace(ca=found.pop("ca"))}

    def check(self, document: Document, where: TreePath) -> None:
        """What is sent can be sent."""
        if not is_unsound(self.ca) and (reason := ca_problem(self.ca)):
            document.report((*where, "ca"), reason)
        for place, name in enumerate(() if is_unsound(self.send) else self.send):
            if not is_unsound(name) and (name in _MADE or is_own(name.encode(), OWN_REQUEST_FIELDS)):
                document.report((*where, "send", place), f"{name!r} is what the gateway itself says")
