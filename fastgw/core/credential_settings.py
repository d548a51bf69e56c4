"""What proves to a service who asks it: the gateway, and no client."""

from __future__ import annotations

from typing import NamedTuple


class CredentialSettings(NamedTuple):
    """A field of every request to the service."""

    field: str  #: lower-case
    value: str
    redact: bool  #: whether clients are told of its errors without keys, accounts and names of machines

    def __repr__(self) -> str:
        """Without what nobody is shown."""
        return f"CredentialSettings({self.field!r})"
