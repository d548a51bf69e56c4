"""Where the file says that sockets are, and how TLS is spoken there: what listeners and the admin address have in common.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from fastgw.config.model import Model, alternative, setting
from fastgw.config.types import Boolean, Listen, Mode, Owner, ReadFile, TlsVersion, words


class Bound(Model):
    """Where sockets are bound, and who may connect to them."""

    address: Listen = setting(..., "host:port, [v6]:port or unix:/path.")
    ipv6_only: Boolean = setting(True, "false: [::] takes IPv4 too.")
    mode: Mode | None = setting(None, "Permissions of a unix socket, such as 0660. Default: by the umask.")
    owner: Owner | None = setting(
        None, "Owner of a unix socket: user, user:group or :group. Default: those of the process."
    )


class Certificate(Model):
    """A certificate chain and its key."""

    cert: ReadFile = setting(..., "PEM file: the certificate, then those that lead to its authority.")
    key: ReadFile = setting(..., "PEM file of the private key, not encrypted.")


class ListenerTls(Model):
    """TLS towards clients; ``{cert: ..., key: ...}`` is short for one certificate."""

    certificates: list[Certificate] = Field(
        ..., min_length=1, description="Chosen by the name the client asks for (SNI); the first is for all others."
    )
    client_auth: Annotated[str, words("none", "optional", "required")] = setting(
        "none", "Whether clients show a certificate of client_ca."
    )
    client_ca: ReadFile = setting("", "PEM file of the authorities of client certificates.")
    min_version: TlsVersion = setting("1.2", "Oldest TLS version spoken.")

    @classmethod
    def long_form(cls, data: Any) -> Any:
        """One certificate without a list; not beside one."""
        if not isinstance(data, dict) or not {"cert", "key"} & data.keys() or "certificates" in data:
            return data
        rest = {name: value for name, value in data.items() if name not in ("cert", "key")}
        return {"certificates": [{name: data[name] for name in ("cert", "key") if name in data}], **rest}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        full = handler.resolve_ref_schema(handler(schema))
        pair = {name: {"type": "string"} for name in ("cert", "key")}
        rest = {name: value for name, value in full["properties"].items() if name != "certificates"}
        short = {
            "type": "object",
            "properties": pair | rest,
            "required": ["cert", "key"],
            "additionalProperties": False,
        }
        return alternative(short, schema, handler)
