"""What the file says of the cookie that brings a client back to the endpoint that it was at.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

from typing import Annotated, Any, Final

from fastgw.config.credentials import read_secret, secret_text
from fastgw.config.model import Model, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.spec import AffinitySpec
from fastgw.config.types import Duration, Parsed, ReadFile
from fastgw.config.unsound import is_unsound
from fastgw.config.values import scalar, shown
from fastgw.wire.fields import is_token

_SHORTEST: Final = 16  #: characters of a secret: one that can be guessed is none
_ONE: Final[dict[str, Any]] = {"type": "string"}


def _cookie(value: object) -> str:
    found = scalar(value, "the name of a cookie")
    if not found.isascii() or is_token(found.encode()) is None:
        raise ValueError(f"expected the name of a cookie, got {shown(value)}")
    return found


def _secrets(value: object) -> tuple[str, ...]:
    """One, or a list of some."""
    found = tuple(map(secret_text, value)) if isinstance(value, list) else (secret_text(value),)
    if not found:
        raise ValueError("is empty; it needs at least one secret")
    for one in found:
        _strong(one)
    return found


def _strong(secret: str) -> None:
    if len(secret) < _SHORTEST:
        raise ValueError(f"has {len(secret)} characters; a secret that nobody guesses has {_SHORTEST} at least")


class Affinity(Model):
    """A cookie that brings a client back to the endpoint that it was at."""

    cookie: Annotated[str, Parsed(_cookie, type="string")] = setting(..., "Its name.")
    secret: Annotated[tuple[str, ...], Parsed(_secrets, anyOf=[_ONE, {"type": "array", "items": _ONE}])] | None = (
        setting(None, "What its values are made with, 16 characters or more; of a list the first, and all are known.")
    )
    secret_file: ReadFile | None = setting(None, "A file with it; read at start and at each reload.")
    ttl: Duration = setting("0", "How long a client keeps it. 0: until the client ends.")

    def spec(self) -> AffinitySpec:
        """With the secrets as they are used."""
        secrets = self.secret if self.secret_file is None else (read_secret(self.secret_file),)
        return AffinitySpec(self.cookie, secrets or (), round(self.ttl))

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
                _strong(read_secret(self.secret_file))
            except ValueError as error:
                document.report((*where, "secret_file"), str(error))
        if not is_unsound(self.ttl) and 0 < self.ttl < 1:
            document.report((*where, "ttl"), "is less than a second, the unit of Max-Age")
