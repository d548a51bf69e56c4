"""What the file says of a filter of type ``mtls``."""

import re
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

from fastgw.config.filters.entry import FilterOptions
from fastgw.config.filters.headers import ToldField
from fastgw.config.model import Model, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Parsed, words
from fastgw.config.unsound import is_unsound
from fastgw.config.values import shown, text
from fastgw.routing.pattern import host_problems

_KINDS = ("cn", "ou", "dns", "uri", "fingerprint")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}|[0-9a-f]{2}(:[0-9a-f]{2}){31}").fullmatch
_TEXTS: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


def _list_of(one: Callable[[object], str]) -> Callable[[object], tuple[str, ...]]:
    """Parser of one text or a list of some."""

    def parse(value: object) -> tuple[str, ...]:
        found = tuple(map(one, value if isinstance(value, list) else [value]))
        if not found or not all(found):
            raise ValueError("is empty; it needs at least one text")
        return found

    return parse


def _dns(value: object) -> str:
    found = text("a DNS name")(value).lower()
    problems = host_problems(found)
    if problems:
        raise ValueError(f"{shown(value)} {problems[0]}")
    return found


def _uri(value: object) -> str:
    found = text("a URI")(value)
    if "*" in found.removesuffix("/*") or ":" not in found:
        raise ValueError(
            f"expected a URI such as spiffe://example/web, or spiffe://example/* for all below, got {shown(value)}"
        )
    return found


def _fingerprint(value: object) -> str:
    found = text("a fingerprint")(value).lower()
    if not _FINGERPRINT(found):
        raise ValueError(f"expected the SHA-256 of a certificate in 64 hexadecimal digits, got {shown(value)}")
    return found.replace(":", "")


def _subject(what: str) -> Callable[[object], tuple[str, ...]]:
    def one(value: object) -> str:
        found = text(what)(value)
        if found.startswith("*.") or found.endswith("/*"):
            raise ValueError(f"{shown(value)} is a pattern, and only dns and uri have such")
        return found

    return _list_of(one)


class CertificateRule(Model):
    """What a certificate must say: of each of these, one of its values."""

    cn: Annotated[tuple[str, ...], Parsed(_subject("a common name"), **_TEXTS)] | None = setting(
        None, "Its common name is this, or one of these."
    )
    ou: Annotated[tuple[str, ...], Parsed(_subject("an organisational unit"), **_TEXTS)] | None = setting(
        None, "One of its organisational units is this, or one of these."
    )
    dns: Annotated[tuple[str, ...], Parsed(_list_of(_dns), **_TEXTS)] | None = setting(
        None, "One of its DNS names (SAN) is this, or one of these; *.example for all below."
    )
    uri: Annotated[tuple[str, ...], Parsed(_list_of(_uri), **_TEXTS)] | None = setting(
        None, "One of its URIs (SAN) is this, or one of these; spiffe://example/* for all below."
    )
    fingerprint: Annotated[tuple[str, ...], Parsed(_list_of(_fingerprint), **_TEXTS)] | None = setting(
        None, "Its SHA-256 is this, or one of these."
    )


class Mtls(FilterOptions):
    """Lets requests through whose client certificate says the right thing."""

    made_by: ClassVar[str] = "fastgw.filters.mtls:Mtls"
    notes: ClassVar[tuple[str, ...] | None] = ("mtls",)
    type: Literal["mtls"] = setting(..., "mtls")
    rules: list[CertificateRule] = setting(
        [], "What a certificate must say, by one of these; none: every one that the listener takes passes."
    )
    identity: Annotated[str, words("cn", "dns", "uri", "subject", "fingerprint")] = setting(
        "cn", "What of it says who it is: the first of these, for header, log and limits."
    )
    header: ToldField | None = setting(
        None, "Field that tells the service who it is; what clients send in its place is removed."
    )

    def given(self) -> dict[str, Any]:
        """The field as text, and of a rule what it says."""
        rules = tuple(tuple((kind, value) for kind in _KINDS if (value := getattr(one, kind))) for one in self.rules)
        return super().given() | {"rules": rules, "header": self.header or ""}

    def check(self, document: Document, where: TreePath) -> None:
        """Each rule says something."""
        for place, one in enumerate(() if is_unsound(self.rules) else self.rules):
            values = [] if is_unsound(one) else [getattr(one, kind) for kind in _KINDS]
            if values and not is_unsound(*values) and not any(values):
                document.report((*where, "rules", place), f"says nothing: give it one of {', '.join(_KINDS)}")
