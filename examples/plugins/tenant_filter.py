"""A filter: the first label of the host says who asks; strangers are turned away, the service is told the name."""

from dataclasses import dataclass
from typing import Any

from fastgw.core.exchange.reply import Reply

STRANGER = Reply(403, b'{"error": "this host belongs to nobody here"}')


class Tenant:
    """``type: "tenant_filter:Tenant"``, or ``type: tenant`` where the package is installed."""

    runs_before_routing = True  # it needs no route, and its hook does not wait
    logged = ("tenant",)  # a note that every line of an access log has

    @dataclass
    class Options:
        """What its keys may be in the configuration, beside those of all filters."""

        tenants: list[str]
        field: str = "x-tenant"

    def __init__(self, name: str, options: Options) -> None:
        self.name = name
        self._tenants = {one.encode() for one in options.tenants}
        self._field = options.field.lower().encode()

    def request(self, exchange: Any) -> Reply | None:
        """Called with each request: ``None`` lets it go on."""
        tenant = exchange.request.host.partition(b".")[0]
        if tenant not in self._tenants:
            return STRANGER
        exchange.request.set_header(self._field, tenant)  # and not what the client may have sent
        exchange.note("tenant", tenant)
        return None
