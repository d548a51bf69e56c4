"""The credentials that the gateway has at a service, and those of clients, which that service does not get.

They are put in where the head of a request is written (``http1.heads``), and stand in no exchange: so no filter and no log sees them, and
where another service answers in the place of this one it does not get them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgw.wire.fields import CREDENTIALS, OWN_REQUEST_FIELDS, field_line

if TYPE_CHECKING:
    from fastgw.core.settings import ServiceSettings


def credentials_of(settings: ServiceSettings) -> tuple[frozenset[bytes], bytes] | None:
    """The names of the fields that are taken away, and the line that is put in; None: those of clients go to the service."""
    found = settings.credentials
    if found is None:
        return None
    field = found.field.encode()
    return CREDENTIALS | {field}, field_line(field, found.value.encode(), OWN_REQUEST_FIELDS)
