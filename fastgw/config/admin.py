"""What the file says of the admin address: where it is, and who may ask there.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

import hashlib
from typing import Annotated, Any, Final

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

from fastgw.config.address_values import hostname
from fastgw.config.bound import Bound, ListenerTls
from fastgw.config.credentials import read_secret, secret_text
from fastgw.config.model import alternative, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Duration, Listen, Parsed, ReadFile
from fastgw.config.unsound import is_unsound
from fastgw.config.values import scalar

SHORTEST: Final = 16  #: characters of a token: one that can be guessed is none
_ADDRESS: Final[dict[str, Any]] = {"type": "string", "examples": ["127.0.0.1:9901", "http://127.0.0.1:9901"]}


def _strong(token: str) -> str:
    if len(token) < SHORTEST:
        raise ValueError(f"has {len(token)} characters; a token that nobody guesses has {SHORTEST} at least")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("has characters that no Authorization field may have: use letters, digits and -._~+/=")
    return token


def _token(value: object) -> str:
    return _strong(secret_text(value))


def _host(value: object) -> str:
    return hostname(scalar(value, "the name of a host, without a port"), value).lower()


class AdminAddress(Bound):
    """Where metrics and status are served, and who may ask; ``false`` instead of a mapping switches them off."""

    address: Listen = setting("127.0.0.1:9901", "Address to listen at; keep it off public networks.")
    token: Annotated[str, Parsed(_token, type="string")] | None = setting(
        None,
        "What a request must show (Authorization: Bearer), 16 characters or more. Default: none may order, all may read.",
    )
    token_file: ReadFile | None = setting(None, "A file with it; read at start and at each reload.")
    hosts: list[Annotated[str, Parsed(_host, type="string")]] = setting(
        [], "More names that Host may have. Always known: those of loopback, and the address itself."
    )
    tls: ListenerTls | None = setting(None, "Speak TLS. Default: plain HTTP.")
    slow: Duration = setting("1s", "The live tail has requests that took as long, or longer. 0: none for that.")

    @classmethod
    def long_form(cls, data: Any) -> Any:
        """An address alone, or its URL."""
        return {"address": data.removeprefix("http://").rstrip("/")} if isinstance(data, str) and ":" in data else data

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        found = alternative({"const": False}, schema, handler)
        found["anyOf"].insert(1, _ADDRESS)
        return found

    def digest(self) -> str:
        """What is known of the token: its SHA-256 in hex, so that no memory has the token itself; empty: there is none.

        Raises:
            ValueError: its file cannot be read.
        """
        token = self.token if self.token_file is None else _strong(read_secret(self.token_file))
        return hashlib.sha256(token.encode()).hexdigest() if token else ""

    def check(self, document: Document, where: TreePath) -> None:
        """The token has one place, and can be read."""
        if is_unsound(self.token, self.token_file):
            return
        if self.token is not None and self.token_file is not None:
            document.report((*where, "token_file"), "stands beside token; give one of them", at_key=True)
        elif self.token_file is not None:
            try:
                self.digest()
            except ValueError as error:
                document.report((*where, "token_file"), str(error))
