"""One connection to a broker of MQTT, from CONNECT to its end: the only file that knows the library (``gmqtt``).

    connect ──▶ CONNECT ──▶ on CONNACK: whether the broker had a session
    publish, subscribe, acknowledge ──▶ packets              ``BrokerOwner``: on_message, on_acknowledged, on_subscribed, on_lost

What it has no say in: an answer that does not come, a connection that is gone, what is sent again.  That is ``mqtt_link``'s, which makes
another one of these for each connection: so an acknowledgement always belongs to the connection on which its message came, and never to
another message of the same number on the next ([MQTT-4.3.2-4]).

Of the library three handlers are replaced on the one instance.  It acknowledges a message before anybody has it, or in a Task when a
coroutine is over: here that is said when it is time, by ``acknowledge``.  It reads no reason of a PUBACK, and it would connect again by
itself, at once and for ever.  Sections are those of MQTT 5.0.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import gmqtt

from fastgw.core.causes import words

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from fastgw.core.bridge_settings import BrokerAddress

PUBACK: Final = 0x40
REFUSED: Final = 0x80  #: reason codes from here on are failures (section 2.4)
TAKEN_OVER: Final = 0x8E  #: another connection has the client id now
WITH_WILL: Final = 0x04  #: of a DISCONNECT behind which the will is published all the same
_RECEIVE_MOST: Final = 65535  #: where nothing is said (section 3.2.2.3.3)
_NO_RECONNECT: Final = -2  #: retries: fewer than none, and -1 is any number
#: Refusals of CONNECT that may be over when somebody tries again (section 3.2.2.2, and 3.2.2.3 of 3.1.1); others are not.
_PASSING: Final = frozenset((0x80, 0x83, 0x88, 0x89, 0x97, 0x9F))
_PASSING_3: Final = frozenset((3,))

#: What a client is told, without the names of hosts.
SAID: Final[Mapping[str, str]] = {
    "unreachable": "the broker cannot be reached",
    "timeout": "the broker does not answer",
    "refused": "the broker refused the connection",
    "subscription": "the broker refused the subscription",
    "lost": "the connection to the broker was lost",
    "stalled": "the broker acknowledges nothing",
    "taken_over": "another connection has this client id now",
}

logging.getLogger("gmqtt").setLevel(logging.CRITICAL + 1)  # what happens is told to the owner, and by it


class BrokerError(Exception):
    """A connection cannot be used; ``cause`` is a word of ``core.bridge_counters.CAUSES``, and the text is for the operator."""

    def __init__(self, cause: str, detail: str, *, is_final: bool = False) -> None:
        """``is_final``: trying again would change nothing."""
        super().__init__(detail)
        self.cause = cause
        self.is_final = is_final


class Delivery(NamedTuple):
    """A message of the broker."""

    topic: str
    payload: bytes
    qos: int
    is_retained: bool
    mid: int  #: what ``acknowledge`` is told; 0: nothing is to be acknowledged
    properties: Mapping[str, Any]


class BrokerWill(NamedTuple):
    """What the broker publishes when the connection ends without DISCONNECT."""

    topic: str
    payload: bytes
    qos: int
    is_retained: bool


class BrokerTerms(NamedTuple):
    """With what a connection begins."""

    version: int  #: 5 or 4
    client_id: str
    username: str
    password: str
    keep_alive: int
    session_expiry: int  #: seconds; 0: the session ends with the connection
    receive_most: int  #: messages that the broker may send without an acknowledgement (section 3.3.4)
    packet_most: int  #: bytes of a packet that it may send
    will: BrokerWill | None
    user_properties: tuple[tuple[str, str], ...]


class BrokerOffer(NamedTuple):
    """What the broker has said in its CONNACK that it takes (section 3.2.2.3)."""

    in_flight_most: int  #: messages without its acknowledgement
    qos_most: int
    retains: bool


class BrokerOwner(Protocol):
    """Who has a connection; every call of these is from the loop, and none after ``on_lost``."""

    def on_message(self, delivery: Delivery) -> None:
        """The broker has sent it."""

    def on_acknowledged(self, mid: int, reason: int) -> None:
        """The broker has taken a message, or (``REFUSED`` and more) has not."""

    def on_subscribed(self, mid: int, reasons: Sequence[int]) -> None:
        """What it says to each filter."""

    def on_lost(self, reason: int) -> None:
        """The connection is over; ``reason``: of a DISCONNECT of the broker, 0: there was none."""


class BrokerConnection:
    """A connection; made anew for each."""

    __slots__ = ("_client", "_closing", "_is_lost", "_owner", "_terms", "_wait")

    def __init__(self, terms: BrokerTerms, owner: BrokerOwner, *, is_new: bool) -> None:
        """``is_new``: the broker is to forget the session that it may have (section 3.1.2.4)."""
        self._terms = terms
        self._owner: BrokerOwner | None = owner
        self._is_lost = False
        self._wait: asyncio.Future[None] | None = None  # of ``connect``, for the end of the connection
        self._closing: asyncio.Task[None] | None = None
        properties: dict[str, Any] = {"receive_maximum": terms.receive_most, "maximum_packet_size": terms.packet_most}
        if terms.session_expiry:
            properties["session_expiry_interval"] = terms.session_expiry
        if terms.user_properties:
            properties["user_property"] = list(terms.user_properties)
        will = terms.will
        message = gmqtt.Message(will.topic, will.payload, qos=will.qos, retain=will.is_retained) if will else None
        client = self._client = gmqtt.Client(
            terms.client_id,
            clean_session=is_new,
            optimistic_acknowledgement=False,
            will_message=message,
            logger=logging.getLogger("gmqtt"),
            **properties,
        )
        client.set_config({"reconnect_retries": _NO_RECONNECT})
        if terms.username:
            client.set_auth_credentials(terms.username, terms.password or None)
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribed
        client.on_disconnect = self._on_disconnect
        handler = client._package_handler
        handler._handle_qos_1_publish_packet = self._on_qos_1
        handler._handle_puback_packet = self._on_puback

    async def connect(self, address: BrokerAddress, tls: ssl.SSLContext | None, seconds: float) -> bool:
        """Whether the broker at ``address`` has a session of this client.

        Raises:
            BrokerError: it has not accepted us within ``seconds``.
        """
        loop = asyncio.get_running_loop()
        found: dict[str, bool] = {}
        self._client.on_connect = lambda _, flags, *__: found.update(present=bool(flags & 1))
        self._wait = loop.create_future()
        context = tls if address.is_tls else False
        terms = self._terms
        coming = loop.create_task(
            self._client.connect(
                address.host, address.port, ssl=context, keepalive=terms.keep_alive, version=terms.version
            )
        )
        try:
            await asyncio.wait({coming, self._wait}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if coming.done():
                coming.result()
            elif self._wait.done():
                self._client._package_handler.propagate_error()  # of a CONNACK that came with the end
                raise BrokerError("refused", f"{address} ended the connection without an answer to CONNECT")
            else:
                raise BrokerError("timeout", f"{address} did not answer CONNECT within {seconds:g} s")
            if self._is_lost or "present" not in found:
                raise BrokerError("refused", f"{address} ended the connection behind its CONNACK")
        except OSError as error:
            raise BrokerError("unreachable", f"{address}: {words(error)}") from error
        except gmqtt.MQTTConnectError as error:
            raise self._refusal(address, error) from error
        finally:
            self._wait = None
            if not coming.done():
                coming.cancel()
            if not self._is_accepted(found):
                self.abort()
        return found["present"]

    def _is_accepted(self, found: Mapping[str, bool]) -> bool:
        return "present" in found and not self._is_lost

    def _refusal(self, address: BrokerAddress, error: gmqtt.MQTTConnectError) -> BrokerError:
        code = error._code
        is_passing = code in (_PASSING if self._terms.version == 5 else _PASSING_3)
        return BrokerError("refused", f"{address} refused CONNECT: {error.message} ({code})", is_final=not is_passing)

    @property
    def offer(self) -> BrokerOffer:
        """Of a connection that is accepted."""
        said = self._client._package_handler._connack_properties
        (receive_most,) = said.get("receive_maximum", [_RECEIVE_MOST])
        # The library never uses the last number of those that it takes for all there are.
        return BrokerOffer(
            max(1, receive_most - 1), min(said.get("max_qos", [2])), all(said.get("retain_available", [1]))
        )

    # --- what the owner says

    def publish(self, topic: str, payload: bytes, qos: int, *, is_retained: bool, properties: Mapping[str, Any]) -> int:
        """Send a message; return what ``on_acknowledged`` will say of it, 0 with QoS 0."""
        message = gmqtt.Message(topic, payload, qos=qos, retain=is_retained, **properties)
        return self._client._connection.publish(message)[0] or 0

    def subscribe(self, filters: Sequence[str], qos: int) -> int:
        """Ask for messages; return what ``on_subscribed`` will say.  Retained ones come if it is new (section 3.8.3.1)."""
        handling = 1 if self._terms.version == 5 else 0
        wanted = [gmqtt.Subscription(one, qos=qos, retain_handling_options=handling) for one in filters]
        mid: int = self._client.subscribe(wanted)
        return mid

    def acknowledge(self, mid: int) -> None:
        """The message ``mid`` of ``on_message`` is where it was to go."""
        if mid and not self._is_lost:
            self._client._connection.send_command_with_mid(PUBACK, mid, False)

    def close(self, *, publishes_will: bool = False, forgets_session: bool = False) -> None:
        """End it; nothing more is told to the owner.  ``forgets_session``: it is not to wait for this client (section 3.14.2.2.2)."""
        self._owner = None
        connection = self._client._connection
        if self._is_lost or connection is None:
            return
        self._is_lost = True
        if publishes_will and self._terms.version != 5:
            connection._transport.abort()  # the only way to have it published (section 3.14 of 3.1.1)
        else:
            more = {"session_expiry_interval": 0} if forgets_session and self._terms.session_expiry else {}
            connection.send_disconnect(reason_code=WITH_WILL if publishes_will else 0, **more)
        self._closing = asyncio.get_running_loop().create_task(_end(connection))

    def abort(self) -> None:
        """The broker does not answer: end it without a word."""
        self._owner, self._is_lost = None, True
        connection = self._client._connection
        if connection is not None:
            connection._transport.abort()

    # --- what the library tells

    def _on_message(self, _: gmqtt.Client, topic: str, payload: bytes, qos: int, properties: dict[str, Any]) -> None:
        """Of QoS 0; of QoS 2 none can come, as nobody subscribes to that."""
        self._tell(0, payload, topic, properties, 0)

    def _on_qos_1(self, mid: int, payload: bytes, topic: str, properties: dict[str, Any]) -> None:
        self._tell(1, payload, topic, properties, mid)

    def _tell(self, qos: int, payload: bytes, topic: str, properties: dict[str, Any], mid: int) -> None:
        if self._owner is not None:
            is_retained = bool(properties.get("retain"))
            self._owner.on_message(Delivery(topic, payload, qos, is_retained, mid, properties))

    def _on_puback(self, _: int, packet: bytes) -> None:
        mid = int.from_bytes(packet[:2], "big")
        self._client._package_handler.id_generator.free_id(mid)
        if self._owner is not None:
            self._owner.on_acknowledged(mid, packet[2] if len(packet) > 2 else 0)

    def _on_subscribed(self, _: gmqtt.Client, mid: int, reasons: Sequence[int], __: dict[str, Any]) -> None:
        if self._owner is not None:
            self._owner.on_subscribed(mid, reasons)

    def _on_disconnect(self, _: gmqtt.Client, packet: Any, __: object = None) -> None:
        is_first, self._is_lost = not self._is_lost, True
        connection = self._client._connection
        if connection is not None:
            connection._transport.abort()  # what has said DISCONNECT may leave its connection open
        if self._wait is not None:
            if not self._wait.done():
                self._wait.set_result(None)
        elif is_first and self._owner is not None:
            owner, self._owner = self._owner, None
            owner.on_lost(packet[0] if isinstance(packet, bytes) and packet else 0)


async def _end(connection: Any) -> None:
    """Close it behind what is written; that it is gone already is as good."""
    with contextlib.suppress(OSError):
        await connection.close()
