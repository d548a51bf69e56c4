"""What the file says of TLS towards a service.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

from fastgw.config.model import Model, alternative, setting
from fastgw.config.types import Boolean, ReadFile, RouteHost


class ServiceTls(Model):
    """TLS towards a service; ``true`` is short for the defaults."""

    ca: ReadFile = setting("", "PEM file of the authorities to trust. Default: the system's.")
    server_name: RouteHost = setting("", "Name asked for and verified. Default: the host of the endpoint.")
    verify: Boolean = setting(True, "Check the certificate; false only for tests.")
    cert: ReadFile = setting("", "PEM file of the certificate shown to the service.")
    key: ReadFile = setting("", "PEM file of its private key.")

    @classmethod
    def long_form(cls, data: Any) -> Any:
        """``true``: with all defaults."""
        return {} if data == "true" else data

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return alternative({"type": "boolean"}, schema, handler)
