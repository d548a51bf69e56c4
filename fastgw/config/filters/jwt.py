"""What the file says of a filter of type ``jwt``."""

from typing import Annotated, Any, ClassVar, Final, Literal

from fastgw.config.credentials import secret_text
from fastgw.config.filters.bearer import TEXTS, BearerOptions, texts
from fastgw.config.jwk import MOST_KEYS, JwkSpec, missing_package, of_secret, of_text, read_file
from fastgw.config.model import Model, OneOrMore, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Boolean, Parsed, PositiveDuration, ReadFile
from fastgw.config.unsound import is_unsound
from fastgw.config.urls import CalledUrl, ca_problem
from fastgw.config.values import shown, text
from fastgw.core.settings import KeySetSettings
from fastgw.filters.tokens import ALGORITHMS


def _algorithms(value: object) -> tuple[str, ...]:
    found = texts("an algorithm")(value)
    for one in found:
        if one not in ALGORITHMS:
            told = "is no signature, and never accepted" if one.lower() == "none" else "is not known"
            raise ValueError(f"the algorithm {shown(one)} {told}; there are {', '.join(ALGORITHMS)}")
    if not found:
        raise ValueError("is empty; it needs at least one algorithm")
    return tuple(dict.fromkeys(found))


_WAYS: Final = ("secret", "key", "file", "url")
_SHORTEST_REFRESH: Final = 1.0  #: seconds


class JwtKey(Model):
    """A key that tokens are signed with: one of secret, key, file and url."""

    kid: Annotated[str, Parsed(text("a key id"), type="string")] | None = setting(
        None, "What tokens call it; a key without it is tried for all tokens of its algorithms."
    )
    secret: Annotated[str, Parsed(secret_text, type="string")] | None = setting(
        None, "Of HS256, HS384 and HS512: the bytes of this text."
    )
    key: Annotated[str, Parsed(secret_text, type="string")] | None = setting(
        None, "The key itself: PEM (public key, certificate), a JWK or a JWK Set."
    )
    file: ReadFile | None = setting(None, "A file with the same; read at start and at each reload.")
    url: CalledUrl | None = setting(
        None, "A JWK Set that is fetched from there, and again and again: https, or http on this host."
    )
    ca: ReadFile = setting("", "PEM file of the authorities that url is trusted by. Default: the system's.")
    refresh: PositiveDuration = setting("5m", "Time between two times that url is asked, 1s at least.")
    stale: PositiveDuration = setting("24h", "So long are its keys used when it does not answer any more.")
    timeout: PositiveDuration = setting("10s", "It must answer within this, with everything.")

    def specs(self, algorithms: tuple[str, ...]) -> list[JwkSpec]:
        """What there is in the configuration; raises ValueError in words for the operator."""
        kid = self.kid or ""
        if self.url is not None:
            return []
        if self.secret is not None:
            return of_secret(self.secret, kid, algorithms)
        if self.file is None:
            return of_text(self.key or "", kid, algorithms)
        found = read_file(self.file)
        try:
            return of_text(found, kid, algorithms)
        except ValueError as error:
            raise ValueError(f"{self.file} {error}") from None

    def key_set(self) -> KeySetSettings | None:
        """What is fetched; None: nothing is."""
        if self.url is None or is_unsound(self.url, self.ca, self.refresh, self.stale, self.timeout):
            return None
        return KeySetSettings(self.url._replace(ca=self.ca), self.refresh, self.stale, self.timeout)

    def check(self, document: Document, where: TreePath) -> bool:
        """Is it one key, of which nothing is told?"""
        given = [key for key in _WAYS if getattr(self, key) is not None]
        if len(given) != 1:
            document.report(where, f"needs one of {', '.join(_WAYS[:-1])} and {_WAYS[-1]}")
            return False
        if self.url is None:
            return True
        problems = []
        if self.kid is not None:
            problems.append(("kid", "the keys of a JWK Set have names of their own"))
        if not is_unsound(self.refresh) and self.refresh < _SHORTEST_REFRESH:
            problems.append(("refresh", "expected at least 1s"))
        elif not is_unsound(self.refresh, self.stale) and self.stale < self.refresh:
            problems.append(("stale", "is shorter than refresh"))
        if not is_unsound(self.ca) and (reason := ca_problem(self.ca)):
            problems.append(("ca", reason))
        for key, problem in problems:
            document.report((*where, key), problem)
        return not problems


class Jwt(BearerOptions):
    """Lets requests through that have a signed token (JWT), and tells the service what it says."""

    made_by: ClassVar[str] = "fastgw.filters.jwt:Jwt"
    notes: ClassVar[tuple[str, ...] | None] = ("jwt",)
    type: Literal["jwt"] = setting(..., "jwt")
    algorithms: Annotated[tuple[str, ...], Parsed(_algorithms, **TEXTS)] = setting(
        ..., "Signatures that are accepted, one or a list: HS256, RS256, PS256, ES256, EdDSA and the like."
    )
    keys: Annotated[list[JwtKey], OneOrMore()] = setting(
        ..., "The keys that tokens are signed with, one or a list; each is used with algorithms of its kind."
    )
    require_expiry: Boolean = setting(True, "Refuse a token that never ends (without exp).")

    def given(self) -> dict[str, Any]:
        """The keys as they are used."""
        keys = tuple(tuple(spec) for one in self.keys for spec in one.specs(self.algorithms))
        return super().given() | {"keys": keys, "key_sets": self.key_sets()}

    def key_sets(self) -> tuple[KeySetSettings, ...]:
        """The keys that are fetched."""
        sound = [] if is_unsound(self.keys) else [one for one in self.keys if not is_unsound(one)]
        return tuple(dict.fromkeys(found for one in sound if (found := one.key_set()) is not None))

    def does(self) -> str:
        """Which tokens."""
        scopes = f" and the scopes {' '.join(self.scopes)}" if self.scopes else ""
        who = "refuses a token that has not" if self.optional else "refuses without"
        return f"{who} a signature by {', '.join(self.algorithms)}{scopes} ({self.token_from})"

    def check(self, document: Document, where: TreePath) -> None:
        """Every key can be used, and every algorithm has one."""
        package = missing_package()
        if package:
            document.report((*where, "type"), f"needs the package {package}: pip install 'fastgw[jwt]'")
            return
        super().check(document, where)
        if is_unsound(self.keys, self.algorithms):
            return
        specs = self._check_keys(document, (*where, "keys"))
        if specs is None:
            return
        is_fetched = any(one.url is not None for one in self.keys)
        if not specs and not is_fetched:
            document.report((*where, "keys"), "is empty; it needs at least one key")
        elif len(specs) > MOST_KEYS:
            document.report((*where, "keys"), f"has {len(specs)} keys, and {MOST_KEYS} are the most")
        used = {name for spec in specs for name in spec.algorithms}
        if is_fetched:
            used |= {name for name, (kind, _, _) in ALGORITHMS.items() if kind != "oct"}
        for name in self.algorithms:
            if (specs or is_fetched) and name not in used:
                document.report((*where, "algorithms"), f"no key is used with {name}")

    def _check_keys(self, document: Document, where: TreePath) -> list[JwkSpec] | None:
        """All keys that are in the configuration; None: something is wrong with one, and is told."""
        found: list[JwkSpec] = []
        is_right = True
        is_list = isinstance(document.at(where), list)
        for place, one in enumerate(self.keys):
            path = (*where, place) if is_list else where
            if (
                is_unsound(one)
                or is_unsound(one.kid, *(getattr(one, key) for key in _WAYS))
                or not one.check(document, path)
            ):
                is_right = False
            else:
                try:
                    found += one.specs(self.algorithms)
                except ValueError as error:
                    given = next(key for key in _WAYS if getattr(one, key) is not None)
                    document.report((*path, given), str(error))
                    is_right = False
        return found if is_right else None
