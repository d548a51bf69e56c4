"""What the file says of requests that come by MQTT: ``mqtt``.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

import re
from typing import Annotated, Any, Final

from fastgw.config.adapter import BrokerKeys
from fastgw.config.broker_url import FixedTopic, TopicPattern
from fastgw.config.model import setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import FieldName, Method, Name, Parsed, count, size
from fastgw.config.unsound import is_unsound
from fastgw.config.values import scalar, shown, text
from fastgw.core.bridge_settings import MqttCallSettings, TopicParts
from fastgw.wire.mqtt_topics import TopicError, TopicFilter

_WANTED: Final = "a topic such as devices/{id}/ask"
_LEVEL: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*)\}").fullmatch
_BRACES: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*)\}")
_TARGET: Final = re.compile(r"/[!$&'()*+,./:;=?@A-Za-z0-9_~%-]*").fullmatch
_PATH: Final = "path."


def _levels(value: object) -> TopicParts:
    """A topic whose levels are text or have a name."""
    found = scalar(value, _WANTED)
    levels: list[bytes | str] = []
    for level in found.split("/"):
        name = _LEVEL(level)
        if name is None and set(level) & set("{}+#"):
            raise ValueError(f"expected {_WANTED}, whose levels are text or {{name}}, got {shown(value)}")
        levels.append(name[1] if name is not None else level.encode())
    try:
        TopicFilter("/".join("+" if isinstance(level, str) else level.decode() for level in levels))
    except TopicError as error:
        raise ValueError(f"is {error}, got {shown(value)}") from None
    names = [level for level in levels if isinstance(level, str)]
    if len(set(names)) != len(names):
        raise ValueError(f"has a name twice, got {shown(value)}")
    return tuple(levels)


def _target(value: object) -> TopicParts:
    found = scalar(value, "a path such as /v1/chat/completions")
    parts: list[bytes | str] = []
    for place, part in enumerate(_BRACES.split(found)):
        if place % 2:
            parts.append(part)
        elif part:
            parts.append(part.encode())
    if not _TARGET(_BRACES.sub("x", found)):
        raise ValueError(f"expected a path such as /v1/chat/completions, got {shown(value)}")
    return tuple(parts)


def _share(value: object) -> str:
    found = text("a name")(value)
    if set(found) & set("/+#"):
        raise ValueError(f"expected a name without '/', '+' and '#', got {shown(value)}")
    return found


_HOST: Final = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}").fullmatch


def _host(value: object) -> str:
    found = scalar(value, "a host")
    if not _HOST(found):
        raise ValueError(f"expected a host, got {shown(value)}")
    return found


class MqttRequests(BrokerKeys):
    """Messages of a broker that are requests: each is answered by a route, and the answer is published."""

    topic: Annotated[TopicParts, Parsed(_levels, type="string", examples=["devices/{id}/ask"])] = setting(
        ..., "Of the requests; {name} stands for one level."
    )
    share: Annotated[str, Parsed(_share, type="string")] = setting(
        "fastgw", 'Name of the shared subscription, in which each message is given to one worker. "": each gets all.'
    )
    listener: Name | None = setting(None, "Whose requests they are, with its filters. Default: the first.")
    method: Method = setting("POST", "Of the requests.")
    host: Annotated[str, Parsed(_host, type="string")] = setting(
        "mqtt", "Host of the requests, for routes that ask for it."
    )
    path: Annotated[TopicParts, Parsed(_target, type="string", examples=["/v1/chat/completions"])] = setting(
        ..., "Of the requests, and a query; {name} is a level of the topic."
    )
    content_type: Annotated[str, Parsed(text("a type"), type="string")] = setting(
        "application/json", "Of a message that says none."
    )
    headers: list[FieldName] = setting([], "User properties of a message (MQTT 5) that become fields of the request.")
    reply: FixedTopic | None = setting(
        None, "Where the answer goes if the message names no response topic. Default: nowhere."
    )
    reply_to: list[TopicPattern] = setting([], "Filters of response topics that a message may name. Default: none.")
    concurrency: Annotated[int, count(1, 60)] = setting(16, "Requests at once, of each worker.")
    max_answer: Annotated[int, size(1, 64 << 20)] = setting(
        "1MiB", "Bytes of an answer; a larger one is an error (502)."
    )

    def settings(self, name: str, first: str) -> MqttCallSettings:
        """As the data plane gets it; ``first``: the name of the first listener."""
        return MqttCallSettings(
            name=name,
            link=self.link(),
            listener=self.listener or first,
            share=self.share,
            topic=self.topic,
            method=self.method,
            host=self.host,
            path=self.path,
            content_type=self.content_type,
            headers=tuple(self.headers),
            reply=_named(self.reply or ()),
            reply_to=tuple(map(_named, self.reply_to)),
            concurrency=self.concurrency,
            max_answer=self.max_answer,
        )

    def check(self, document: Document, where: TreePath, listeners: list[str]) -> None:
        """Report what no key shows by itself; ``listeners``: names of all."""
        self.check_broker(document, where)
        if self.listener is not None and not is_unsound(self.listener) and self.listener not in listeners:
            document.report((*where, "listener"), f"no listener named {shown(self.listener)}")
        if is_unsound(self.topic, self.path, self.reply, self.reply_to, *self.reply_to):
            return
        if self.reply is None and not self.reply_to:
            document.report(where, "needs reply or reply_to: no answer could go anywhere")
        known = {level for level in self.topic if isinstance(level, str)}
        topics: dict[str, list[Any]] = {
            "path": [self.path],
            "reply": [self.reply or ()],
            "reply_to": list(self.reply_to),
        }
        for key, templates in topics.items():
            for part in (part for parts in templates for part in parts if isinstance(part, str)):
                if part.removeprefix(_PATH) not in known:
                    document.report((*where, key), f"the topic has no level {{{part.removeprefix(_PATH)}}}")


def _named(parts: TopicParts) -> TopicParts:
    """With names of levels in the place of variables of a path, which they are written as."""
    return tuple(part.removeprefix(_PATH) if isinstance(part, str) else part for part in parts)
