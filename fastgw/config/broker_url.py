"""Where a broker of MQTT is, and the topics that stand in a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Final, Protocol

from fastgw.config.credentials import read_secret
from fastgw.config.source import Document, TreePath
from fastgw.config.template import template
from fastgw.config.types import Parsed
from fastgw.config.urls import host_of
from fastgw.config.values import scalar, shown
from fastgw.core.bridge_settings import BrokerAddress, TopicParts
from fastgw.wire.mqtt_topics import TopicError, TopicFilter, check_topic

_WHAT: Final = "mqtt://host:1883 or mqtts://host:8883"
_URL: Final = re.compile(r"(mqtts?)://(\[[^\]@/]*\]|[^/?#@:\[\]]*)(?::([0-9]{0,9}))?/?", re.IGNORECASE)
_BRACES: Final = re.compile(rb"\{([^{}]*)\}")
_NAME: Final = re.compile(rb"[A-Za-z_][A-Za-z0-9_-]*").fullmatch
_FAMILIES: Final = {b"claims": "note.jwt.", b"message": "message."}
_EXAMPLE: Final = "devices/{id}/up"


def broker_url(value: object) -> BrokerAddress:
    """A broker; raises ValueError, which shows no more of it than may be told."""
    found = str(scalar(value, _WHAT))
    match = _URL.fullmatch(found) if len(found) <= 2000 else None
    if match is None:
        told = " without user, password and path, which have keys of their own" if set("@?#") & set(found) else ""
        raise ValueError(f"expected {_WHAT}{told}" + ("" if told else f", got {shown(value)}"))
    is_tls = match[1].lower() == "mqtts"
    number = int(match[3]) if match[3] else 8883 if is_tls else 1883
    if not 0 < number < 65536:
        raise ValueError(f"expected {_WHAT}: a port is a number from 1 to 65535")
    return BrokerAddress(is_tls, host_of(match[2]), number)


class _OfMessages:
    """Variables of a message: ``message.NAME``, whatever it is called."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.startswith("message.") and bool(_NAME(name[8:].encode()))

    def __iter__(self) -> Iterator[str]:
        return iter(("message.NAME",))

    def __len__(self) -> int:
        return 1


def topic_parts(*, is_filter: bool = False, has_message: bool = False) -> Parsed:
    """Parser of a topic, or of a filter, with variables: ``{id}`` of the path, ``{claims.sub}``, ``{message.kind}`` where there is a
    message, and ``${...}`` as anywhere."""
    read = template(is_answer=False, more=_OfMessages() if has_message else ())

    def parse(value: object) -> TopicParts:
        found = tuple(one for part in read(value) for one in (_braced(part, has_message=has_message)))
        # A variable is a part of one level: with a letter in its place it is a topic, whatever clients say.
        text = "".join(part.decode() if isinstance(part, bytes) else "x" for part in found)
        try:
            if is_filter:
                TopicFilter(text)
            else:
                check_topic(text)
        except TopicError as error:
            raise ValueError(f"is {error}, got {shown(value)}") from None
        return found

    return Parsed(parse, takes_variables=True, type="string", examples=[_EXAMPLE])


def _braced(part: bytes | str, *, has_message: bool) -> Iterator[bytes | str]:
    """``part`` of a template with the variables in braces that it has."""
    if isinstance(part, str):
        yield part
        return
    for place, one in enumerate(_BRACES.split(part)):
        if place % 2:
            yield _variable(one, has_message=has_message)
        elif b"{" in one or b"}" in one:
            raise ValueError(f"has a brace that is no {{name}}, such as {_EXAMPLE}")
        elif one:
            yield one


def _variable(name: bytes, *, has_message: bool) -> str:
    family, dot, rest = name.partition(b".")
    if not dot and _NAME(name):
        return f"path.{name.decode()}"
    if family in _FAMILIES and all(map(_NAME, rest.split(b"."))):
        if family == b"message" and (not has_message or b"." in rest):
            raise ValueError(f"has {{{name.decode()}}}, and there is no such field of a message here")
        return _FAMILIES[family] + rest.decode()
    raise ValueError(f"has {{{name.decode()}}}; expected {{name}} of the path, {{claims.name}} or {{message.name}}")


BrokerUrl = Annotated[BrokerAddress, Parsed(broker_url, type="string", examples=["mqtts://broker.example:8883"])]
PublishTopic = Annotated[TopicParts, topic_parts(has_message=True)]
FixedTopic = Annotated[TopicParts, topic_parts()]
TopicPattern = Annotated[TopicParts, topic_parts(is_filter=True)]


class Login(Protocol):
    """Who the gateway is to a broker."""

    @property
    def username(self) -> str:
        """Empty: nobody."""

    @property
    def password(self) -> str | None:
        """Itself; None: it is not given so."""

    @property
    def password_file(self) -> str | None:
        """Where it is; None: it is not given so."""


def check_login(document: Document, where: TreePath, login: Login) -> None:
    """Report a password that is given twice or for nobody, or cannot be read."""
    if login.password is not None and login.password_file is not None:
        document.report((*where, "password_file"), "stands beside password; give one of them", at_key=True)
    given = next((key for key in ("password", "password_file") if getattr(login, key) is not None), "")
    if given and not login.username:
        document.report((*where, given), "has no effect without username", at_key=True)
    if login.password_file is not None:
        try:
            read_secret(login.password_file)
        except ValueError as error:
            document.report((*where, "password_file"), str(error))
