"""What the file says of the credentials that the gateway has at a service.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

from typing import Annotated, Final

from fastgw.config.credentials import read_secret, secret_text
from fastgw.config.filters.headers import ToldField
from fastgw.config.model import Model, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Boolean, Parsed, ReadFile
from fastgw.config.unsound import is_unsound
from fastgw.config.values import scalar, shown
from fastgw.core.credential_settings import CredentialSettings
from fastgw.wire.fields import is_token

_FIELD: Final = "authorization"
_SCHEME: Final = "Bearer"


def _scheme(value: object) -> str:
    found = scalar(value, "the name of a scheme")
    if found and (not found.isascii() or is_token(found.encode()) is None):
        raise ValueError(f"expected the name of a scheme such as Bearer, or nothing, got {shown(value)}")
    return found


def _fit(secret: str) -> str:
    """It, which a header field can have; raises ValueError in words that have nothing of it."""
    if not secret.isascii() or not secret.isprintable() or secret != secret.strip():
        raise ValueError("has something else than ASCII that can be printed, which a header field cannot have")
    return secret


def _secret(value: object) -> str:
    return _fit(secret_text(value))


class ServiceCredentials(Model):
    """What proves to the service who asks: the gateway, and no client."""

    secret: Annotated[str, Parsed(_secret, type="string")] | None = setting(
        None, "The key that the service has given; best of the environment."
    )
    secret_file: ReadFile | None = setting(None, "A file with it, one line; read at start and at each reload.")
    header: ToldField = setting(_FIELD, "Field that it is sent in.")
    scheme: Annotated[str, Parsed(_scheme, type="string")] | None = setting(
        None, "What stands in front of it there. Default: Bearer in authorization, nothing in any other."
    )

    redact: Boolean = setting(
        True, "Tell clients of its errors without keys, accounts and names of machines; false: as they come."
    )

    def settings(self) -> CredentialSettings:
        """With the secret as it is sent."""
        secret = _fit(read_secret(self.secret_file)) if self.secret_file is not None else self.secret or ""
        scheme = self.scheme if self.scheme is not None else _SCHEME if self.header == _FIELD else ""
        return CredentialSettings(self.header, f"{scheme} {secret}" if scheme else secret, self.redact)

    def check(self, document: Document, where: TreePath) -> None:
        """The secret has one place, and can be read."""
        if is_unsound(self.secret, self.secret_file):
            return
        if self.secret is not None and self.secret_file is not None:
            document.report((*where, "secret_file"), "stands beside secret; give one of them", at_key=True)
        elif self.secret is None and self.secret_file is None:
            document.report(where, "needs secret or secret_file")
        elif self.secret_file is not None:
            try:
                _fit(read_secret(self.secret_file))
            except ValueError as error:
                document.report((*where, "secret_file"), str(error))
