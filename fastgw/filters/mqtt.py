"""``mqtt``: clients of MQTT, over WebSocket or TCP, on their way to brokers: who they are, and what they may do (``core.mqtt``).

Filters in front of it see a handshake of a WebSocket; those behind it see the same request with the user and the password of the CONNECT in
``authorization``.  Over TCP there is no handshake, and all filters see the CONNECT as a request, ``GET /mqtt``.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.exchange.tunnel import KIND
from fastgw.core.mqtt.access import AccessRules
from fastgw.core.mqtt.carrier import session_of
from fastgw.core.mqtt.session import NOTE, MqttSession
from fastgw.core.mqtt.socket import SUBPROTOCOL, MqttSocket
from fastgw.core.mqtt.tunnel import MqttTunnels, noted_of
from fastgw.errors import DownstreamError
from fastgw.filters.variables import reader
from fastgw.wire.mqtt_connect import with_login

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

BASIC: Final = "basic"
BEARER: Final = "bearer"
_AUTHORIZATION: Final = b"authorization"
_PROTOCOL: Final = b"sec-websocket-protocol"
_WANTED: Final = (("upgrade", "websocket"), ("connection", "upgrade"))


class Mqtt:
    """Lets clients of MQTT through to a broker, within rules."""

    __slots__ = ("_kind", "_login", "_passes_login", "_password", "_rules", "_user", "name")

    logged = (NOTE,)

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """``options``: see ``config.filters.mqtt``."""
        self.name = name
        self._kind = MqttTunnels()
        self._login: str = options["login"]
        self._passes_login: bool = options["pass_login"]
        self._user: str | None = options["username"] or None  # of the gateway at the broker
        password: str | None = options["password"]
        self._password = None if password is None else password.encode()
        names = {part for key in ("client_id", "publish", "subscribe") for one in options[key] for part in one}
        readers: dict[str, Callable[[Any], bytes]] = {part: reader(part) for part in names if isinstance(part, str)}
        self._rules = AccessRules(options, readers, _rate(options))

    def request(self, exchange: Exchange) -> Awaitable[None] | None:
        """Have its CONNECT, which comes behind the handshake where there is one.

        Raises:
            DownstreamError: 426, it is no client of MQTT; 400 ``subprotocol_refused``.
        """
        session = session_of(exchange)
        if session is not None:
            self._identify(exchange, session)
            return None
        request = exchange.request
        if request.upgrade != b"websocket":
            raise DownstreamError(426, "upgrade_required", "clients of MQTT come by WebSocket here", headers=_WANTED)
        if SUBPROTOCOL not in [one.strip() for one in (request.header(_PROTOCOL) or b"").split(b",")]:
            raise DownstreamError(400, "subprotocol_refused", "a WebSocket here speaks mqtt")
        client = MqttSocket(exchange, self._rules.max_packet)
        client.open()
        return self._wait(exchange, client)

    async def _wait(self, exchange: Exchange, client: MqttSocket) -> None:
        if client.arrived is not None:
            await client.arrived
        self._identify(exchange, client.session)

    def _identify(self, exchange: Exchange, session: MqttSession) -> None:
        """Let the filters behind this one, and the broker, know who it says that it is."""
        connect = session.connect
        assert connect is not None
        session.rules = self._rules
        exchange.note(NOTE, noted_of(session))
        exchange.note(KIND, self._kind)
        if connect.password is not None:
            if self._login == BEARER:
                said = b"Bearer " + connect.password
            else:
                said = b"Basic " + base64.b64encode((connect.user or "").encode() + b":" + connect.password)
            try:
                exchange.request.edit((_AUTHORIZATION,), ((_AUTHORIZATION, said),))
            except ValueError:
                detail = "the password has characters that no token has"
                raise DownstreamError(401, "invalid_credentials", detail) from None
        if self._user is not None:
            session.packet = with_login(session.body, connect, self._user, self._password)
        elif not self._passes_login and (connect.user is not None or connect.password is not None):
            session.packet = with_login(session.body, connect, None, None)


def _rate(options: Mapping[str, Any]) -> Any:
    if not options["message_rate"]:
        return None
    from fastgw.policy.gcra import Rate  # which nobody needs without one

    count, seconds = options["message_rate"]
    return Rate(count, seconds * 10**9, options["message_burst"] or count)
