"""What the file says of a filter of type ``mqtt``."""

from typing import Annotated, Any, ClassVar, Final, Literal

from fastgw.config.broker_url import check_login
from fastgw.config.credentials import read_secret, secret_text
from fastgw.config.filters.entry import FilterOptions
from fastgw.config.model import setting
from fastgw.config.rates import Amount, PacePerTime
from fastgw.config.source import Document, TreePath
from fastgw.config.template import template
from fastgw.config.types import Boolean, Duration, Parsed, ReadFile, Size, words
from fastgw.config.unsound import is_unsound
from fastgw.config.values import text
from fastgw.core.bridge_settings import TopicParts
from fastgw.wire.mqtt_topics import TopicError, TopicFilter, fill_topic

_STAND_IN: Final = b"x"

_parse: Final = template(is_answer=False)


def _topic_filter(value: object) -> TopicParts:
    """A filter of topics with variables in it, each of which is a part of one level."""
    parts = _parse(value)
    try:
        TopicFilter(fill_topic(parts, lambda _: _STAND_IN))
    except TopicError as error:
        raise ValueError(
            f"expected a filter of topics such as devices/${{note.mqtt.client_id}}/#, got {error}"
        ) from None
    return parts


TopicTemplate = Annotated[
    TopicParts,
    Parsed(_topic_filter, takes_variables=True, type="string", examples=["devices/${note.mqtt.client_id}/#"]),
]
IdTemplate = Annotated[TopicParts, Parsed(_parse, takes_variables=True, type="string", examples=["${note.jwt.sub}-*"])]


class MqttClients(FilterOptions):
    """Lets clients of MQTT through to brokers, over WebSocket and TCP, within rules."""

    made_by: ClassVar[str] = "fastgw.filters.mqtt:Mqtt"
    is_built_in: ClassVar[bool] = True
    notes: ClassVar[tuple[str, ...] | None] = ("mqtt",)
    type: Literal["mqtt"] = setting(..., "mqtt")
    client_id: list[IdTemplate] = setting(
        [],
        "Client ids that a client may have, with variables; * at the end of one stands for anything. Default: any.",
    )
    publish: list[TopicTemplate] = setting(
        ["#"],
        "Filters of topics that a client may publish to, its will too, with variables, each a part of one level.",
    )
    subscribe: list[TopicTemplate] = setting(
        ["#"],
        "Filters that a client may subscribe to, and all within them; what it wants others to answer to is one of their topics.",
    )
    login: Annotated[str, words("basic", "bearer")] = setting(
        "basic",
        "How filters behind this one see user and password of a CONNECT in authorization: both, or the password as a token.",
    )
    pass_login: Boolean = setting(True, "The broker gets user and password, too; not where username is given.")
    username: Annotated[str, Parsed(text("a text"), type="string")] = setting(
        "", "Of the gateway at the broker, in the place of what the client says. Default: the client's."
    )
    password: Annotated[str, Parsed(secret_text, type="string")] | None = setting(None, "Its password.")
    password_file: ReadFile | None = setting(None, "A file with it, one line; read at start and at each reload.")
    max_packet: Size = setting("1MiB", "Bytes of one packet, of either side, which is held until all of it is here.")
    message_rate: PacePerTime | None = setting(
        None, "How many messages a client may publish in a second, minute, hour or day. Default: any."
    )
    message_burst: Amount | None = setting(None, "How many at once; by default as many as message_rate says.")
    drain_grace: Duration = setting(
        "10s", "A worker that drains disconnects each client at a moment of its own within this time."
    )

    def given(self) -> dict[str, Any]:
        """With the rate and the password as the filter takes them."""
        pace = self.message_rate
        found = super().given() | {"message_rate": (pace.number, pace.seconds) if pace is not None else ()}
        password_file = found.pop("password_file")
        return found | ({"password": read_secret(password_file)} if password_file is not None else {})

    def check(self, document: Document, where: TreePath) -> None:
        """Report what is wrong between its keys."""
        if not is_unsound(self.username, self.password, self.password_file):
            check_login(document, where, self)
        if is_unsound(self.message_rate, self.message_burst):
            return
        if self.message_burst is not None and self.message_rate is None:
            document.report((*where, "message_burst"), "has no effect without message_rate", at_key=True)
        if self.message_rate is not None and self.message_rate.is_of_bytes:
            document.report((*where, "message_rate"), "counts messages, and has no unit of bytes")
