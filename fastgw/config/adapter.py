"""What the file says of routes that lead to what does not speak HTTP: ``adapter``.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

from importlib.util import find_spec
from typing import Annotated, Any, Final

from fastgw.config.broker_url import BrokerUrl, FixedTopic, PublishTopic, TopicPattern, check_login
from fastgw.config.credentials import read_secret, secret_text
from fastgw.config.model import Model, OneOrMore, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Boolean, Duration, Parsed, PositiveDuration, ReadFile, count, size, words
from fastgw.config.unsound import is_unsound
from fastgw.config.urls import ca_problem
from fastgw.config.values import text
from fastgw.core.bridge_settings import MqttBridgeSettings, WillSettings
from fastgw.core.settings import UpstreamTls
from fastgw.routing.pattern import parse_path

_SECRET: Final = Parsed(secret_text, type="string")
_TEXT: Final = Parsed(text("a text"), type="string")
_QOS: Final = count(0, 1)
_VERSIONS: Final = {"5": 5, "3.1.1": 4}
_PATH: Final = "path."
#: What a link has of which nothing is said.
_NOTHING: Final = MqttBridgeSettings(
    brokers=(),
    tls=None,
    version=5,
    username="",
    password="",  # nosec B106: there is none
    client_id=(),
    session_expiry=0,
    publish=(),
    allow=(),
    subscribe=(),
    qos=1,
    retain=False,
    will=None,
    connections="client",
    messages="raw",
    max_message=0,
    window=60,
    queue=64,
    queue_bytes=1 << 20,
    history=1,
    overflow="drop_oldest",
    keep_alive=60,
    connect_timeout=5.0,
    ack_timeout=10.0,
    reconnect_for=30.0,
)


class LastWill(Model):
    """What the broker publishes for a client that is gone without a CLOSE."""

    topic: FixedTopic = setting(..., "Where; with variables of the request.")
    payload: Annotated[str, _TEXT] = setting("", "A text.")
    qos: Annotated[int, _QOS] = setting(1, "0 or 1.")
    retain: Boolean = setting(False, "Whether the broker keeps it.")

    def settings(self) -> WillSettings:
        """As the data plane gets it."""
        return WillSettings(self.topic, self.payload.encode(), self.qos, self.retain)


class BrokerKeys(Model):
    """Where a broker of MQTT is, and how it is spoken to."""

    broker: Annotated[list[BrokerUrl], OneOrMore(words=True)] = setting(
        ..., "mqtt://host:1883 or mqtts://host:8883; of several one is asked after the other."
    )
    version: Annotated[str, words("5", "3.1.1")] = setting("5", "Of MQTT that is spoken to it.")
    username: Annotated[str, _TEXT] = setting("", "Of the gateway at the broker. Default: none.")
    password: Annotated[str, _SECRET] | None = setting(None, "Its password.")
    password_file: ReadFile | None = setting(None, "A file with it, one line; read at start and at each reload.")
    ca: ReadFile = setting("", "PEM file of the authorities to trust, with mqtts. Default: the system's.")
    cert: ReadFile = setting("", "PEM file of the certificate shown to the broker.")
    key: ReadFile = setting("", "PEM file of its private key.")
    max_message: Annotated[int, size(1, 16 << 20)] = setting("256KiB", "Bytes of a payload, of either side.")
    keep_alive: PositiveDuration = setting("60s", "Silence behind which the broker is asked whether it is there.")
    connect_timeout: PositiveDuration = setting("5s", "To its answer to CONNECT, TLS included.")
    ack_timeout: PositiveDuration = setting("10s", "For its acknowledgements; a broker that owes one is left.")
    reconnect_for: Duration = setting(
        "30s", "How long a broker that is gone is looked for before clients are closed (1013)."
    )

    def link(self, **more: Any) -> MqttBridgeSettings:
        """As the data plane gets it; ``more``: what else is said."""
        is_tls = any(one.is_tls for one in self.broker)
        password = read_secret(self.password_file) if self.password_file is not None else self.password or ""
        return _NOTHING._replace(
            brokers=tuple(dict.fromkeys(self.broker)),
            tls=UpstreamTls(self.ca, "", True, self.cert, self.key) if is_tls else None,
            version=_VERSIONS[self.version],
            username=self.username,
            password=password,
            max_message=self.max_message,
            keep_alive=max(1, int(self.keep_alive)),
            connect_timeout=self.connect_timeout,
            ack_timeout=self.ack_timeout,
            reconnect_for=self.reconnect_for,
            **more,
        )

    def check_broker(self, document: Document, where: TreePath) -> None:
        """Report what no key shows by itself."""
        if find_spec("gmqtt") is None:
            document.report(where, "needs the package gmqtt: pip install 'fastgw[mqtt]'")
        self._check_broker(document, where)

    def _check_broker(self, document: Document, where: TreePath) -> None:
        if is_unsound(self.broker, *self.broker):
            return
        if not self.broker:
            document.report((*where, "broker"), "is empty")
        is_tls = any(one.is_tls for one in self.broker)
        for key in ("ca", "cert", "key"):
            if getattr(self, key) and not is_tls:
                document.report((*where, key), "has no effect without mqtts in broker", at_key=True)
        if is_unsound(self.ca, self.cert, self.key, self.password, self.password_file, self.username):
            return
        reason = ca_problem(self.ca)
        if reason:
            document.report((*where, "ca"), reason)
        if self.cert or self.key:
            from fastgw.config.tls import pair_problems  # TLS is imported where somebody needs it

            for name, problem in pair_problems(self.cert or None, self.key or None):
                document.report((*where, name), problem)
        check_login(document, where, self)


class MqttBridge(BrokerKeys):
    """A broker of MQTT, to which clients of this route are connected: by WebSocket, by POST, and by server-sent events."""

    client_id: FixedTopic | None = setting(
        None, "Of each client, with a variable such as {claims.sub} in it. Default: one by chance for each connection."
    )
    session_expiry: Duration = setting(
        "0", "How long the broker keeps the session of a client that is gone, with client_id. 0: not at all."
    )
    publish: PublishTopic | None = setting(None, "Topic of what clients say, with variables. Default: nothing of them.")
    allow: list[TopicPattern] = setting([], "Filters of more topics that a message may name.")
    subscribe: list[TopicPattern] = setting([], "Filters of what clients are sent, with variables.")
    qos: Annotated[int, _QOS] = setting(1, "0 or 1, of what is published and subscribed to.")
    retain: Boolean = setting(False, "Whether the broker keeps what is published, unless the message says otherwise.")
    will: LastWill | None = setting(
        None, "What it publishes for a client that is gone without a CLOSE. Default: nothing."
    )
    connections: Annotated[str, words("client", "shared")] = setting(
        "client", "client: one to the broker for each WebSocket; shared: one of each worker for all of them."
    )
    messages: Annotated[str, words("envelope", "raw")] = setting(
        "envelope", "envelope: JSON with topic, payload and acknowledgements; raw: a message is a payload."
    )
    window: Annotated[int, count(1, 60)] = setting(
        32, "Messages of a client without the broker's acknowledgement; behind that it is not read."
    )
    queue: Annotated[int, count(1, 10_000)] = setting(64, "Messages that wait for a client to take them.")
    queue_bytes: Annotated[int, size(1, 64 << 20)] = setting("1MiB", "And bytes of those.")
    history: Annotated[int, count(1, 10_000)] = setting(
        256, "Messages, of queue_bytes at most, that are kept for streams of events: for slow ones, and that come back."
    )
    overflow: Annotated[str, words("drop_oldest", "disconnect")] = setting(
        "drop_oldest", "What happens beyond that: the oldest is dropped, or the client is disconnected (1013)."
    )

    def settings(self) -> MqttBridgeSettings:
        """As the data plane gets it."""
        return self.link(
            client_id=self.client_id or (),
            session_expiry=int(self.session_expiry),
            publish=self.publish or (),
            allow=tuple(self.allow),
            subscribe=tuple(self.subscribe),
            qos=self.qos,
            retain=self.retain,
            will=self.will.settings() if self.will is not None else None,
            connections=self.connections,
            messages=self.messages,
            window=self.window,
            queue=self.queue,
            queue_bytes=self.queue_bytes,
            history=self.history,
            overflow=self.overflow,
        )

    def check(self, document: Document, where: TreePath, path: str) -> None:
        """Report what no key shows by itself, and parameters that the ``path`` of the route has not."""
        self.check_broker(document, where)
        self._check_topics(document, where, path)
        if not is_unsound(self.client_id):
            if self.client_id is not None and not any(isinstance(one, str) for one in self.client_id):
                reason = "is the same for every client, and a broker has one connection of it; name a variable"
                document.report((*where, "client_id"), reason)
            for key in ("client_id", "will") if self.connections == "shared" else ():
                if getattr(self, key) is not None:
                    document.report((*where, key), "has no effect with connections: shared", at_key=True)
            if self.session_expiry and self.client_id is None:
                document.report((*where, "session_expiry"), "has no effect without client_id", at_key=True)

    def _check_topics(self, document: Document, where: TreePath, path: str) -> None:
        if is_unsound(self.publish, self.allow, self.subscribe, *self.allow, *self.subscribe, path):
            return
        if self.publish is None and not self.allow and not self.subscribe:
            document.report(where, "needs one of publish, allow and subscribe: clients could say and hear nothing")
        if self.allow and not is_unsound(self.messages) and self.messages == "raw":
            document.report((*where, "allow"), "has no effect with messages: raw, which name no topic", at_key=True)
        known = [name for _, name in parse_path(path).names] if path != "*" else []
        lists = {"client_id": [self.client_id], "publish": [self.publish]}
        lists |= {"allow": list(self.allow), "subscribe": list(self.subscribe)}
        lists |= {"will": [self.will.topic] if self.will is not None and not is_unsound(self.will) else []}
        for key, topics in lists.items():
            for part in (part for one in topics if not is_unsound(one) for part in one or ()):
                if isinstance(part, str) and part.startswith(_PATH) and part[len(_PATH) :] not in known:
                    document.report((*where, key), f"the path of the route has no parameter {part[len(_PATH) :]!r}")


class Adapter(Model):
    """What a route leads to that does not speak HTTP."""

    mqtt: MqttBridge | None = setting(None, "A broker of MQTT.")

    def settings(self) -> MqttBridgeSettings:
        """As the data plane gets it."""
        assert self.mqtt is not None
        return self.mqtt.settings()

    def check(self, document: Document, where: TreePath, route: Any) -> None:
        """Report what no key shows by itself; ``route``: the one that has it."""
        if is_unsound(self.mqtt):
            return
        if self.mqtt is None:
            document.report(where, "names nothing: mqtt is what there is")
            return
        self.mqtt.check(document, (*where, "mqtt"), route.path)
        if not is_unsound(route.upgrades) and "websocket" not in route.upgrades:
            document.report((*where, "mqtt"), "speaks WebSocket, which is not among upgrades", at_key=True)
