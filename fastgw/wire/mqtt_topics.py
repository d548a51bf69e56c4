"""Topics of MQTT: what is one, which a filter matches, whether one filter takes in another, and topics that are made of a client's data.

    topic    devices/7/up            levels between "/", none of them special
    filter   devices/+/up            "+" is one level, "#" at the end is all that is left, none too
             $share/pool/devices/#   the same, one message for one of all who subscribe with the name "pool"

A wildcard at the first level matches no topic that begins with "$", which are those of the broker ([MQTT-4.7.2-1]).  Section numbers are
those of MQTT 5.0; 3.1.1 says the same of all but shared subscriptions, which brokers know for its clients too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TOPIC_MOST: Final = 65535  #: bytes of a topic or a filter (section 1.5.4)
LEVELS_MOST: Final = 128  #: of a topic or a filter, so that nothing is slow (mosquitto refuses more than 200)
SHARE: Final = "$share/"

_ONE, _REST = "+", "#"
_UNSAFE: Final = frozenset("/+#$\0")


class TopicError(ValueError):
    """A text that is no topic, or no filter; its words say why."""


def check_topic(text: str) -> None:
    """Refuse what is no topic that can be published to (sections 4.7.1 and 4.7.3).

    Raises:
        TopicError: empty, too long, with a wildcard, or with what no text of MQTT has.
    """
    _check_text(text, "a topic")
    if _ONE in text or _REST in text:
        raise TopicError("a topic with a wildcard")


def _check_text(text: str, what: str) -> None:
    if not text:
        raise TopicError(f"{what} that is empty")
    problem = text_problem(text)
    if problem:
        raise TopicError(f"{what} with {problem}")
    if text.count("/") >= LEVELS_MOST:
        raise TopicError(f"{what} of more than {LEVELS_MOST} levels")


def text_problem(text: str) -> str:
    """What a text has that none of MQTT may have (section 1.5.4), or that is refused here as it may be: NUL, other control characters,
    surrogates, and code points that mean nothing; empty: nothing."""
    if text.isascii() and text.isprintable():
        return "" if len(text) <= TOPIC_MOST else f"more than {TOPIC_MOST} bytes"
    for letter in text:
        code = ord(letter)
        if code < 0x20 or 0x7F <= code < 0xA0:
            return f"the control character U+{code:04X}"
        if 0xD800 <= code < 0xE000 or code & 0xFFFE == 0xFFFE or 0xFDD0 <= code < 0xFDF0:
            return f"U+{code:04X}, which is no character"
    return "" if len(text.encode()) <= TOPIC_MOST else f"more than {TOPIC_MOST} bytes"


class TopicFilter:
    """A filter, read once."""

    __slots__ = ("_is_exact", "levels", "share", "text")

    def __init__(self, text: str) -> None:
        """``text``: as in a SUBSCRIBE.

        Raises:
            TopicError: it is no filter (sections 4.7.1 and 4.8.2).
        """
        _check_text(text, "a filter")
        self.text = text
        self.share = ""  #: name of the shared subscription; empty: it is none
        rest = text
        if text.startswith(SHARE):
            self.share, between, rest = text[len(SHARE) :].partition("/")
            if not self.share or not between or not rest or _ONE in self.share or _REST in self.share:
                raise TopicError(
                    "a shared subscription without a name or a filter behind it, or with a wildcard in its name"
                )
        self.levels = tuple(rest.split("/"))  #: without the name of the share
        for level in self.levels[:-1]:
            if _REST in level:
                raise TopicError('a filter with a "#" that is not its last level')
        if any(len(level) > 1 and (_ONE in level or _REST in level) for level in self.levels):
            raise TopicError('a filter with a "+" or "#" that shares a level')
        self._is_exact = _ONE not in rest and _REST not in rest

    def __repr__(self) -> str:
        return f"TopicFilter({self.text!r})"

    def matches(self, topic: str) -> bool:
        """Whether a message to ``topic``, which ``check_topic`` has passed, is one of it."""
        levels = self.levels
        parts = topic.split("/")
        if self._is_exact:
            return len(parts) == len(levels) and tuple(parts) == levels
        if topic[0] == "$" and levels[0] in (_ONE, _REST):
            return False
        for at, level in enumerate(levels):
            if level == _REST:
                return True
            if at == len(parts) or level not in (_ONE, parts[at]):
                return False
        return len(parts) == len(levels)

    def contains(self, other: TopicFilter) -> bool:
        """Whether every topic that ``other`` matches is one of this too, so that who may subscribe to this may subscribe to that."""
        wide, narrow = self.levels, other.levels
        if narrow[0] and narrow[0][0] == "$" and wide[0] in (_ONE, _REST):
            return False
        if narrow == (_REST,) and wide == (_ONE, _REST):
            return True  # no topic is without a first level
        for at, level in enumerate(wide):
            if level == _REST:
                return True
            if at == len(narrow) or narrow[at] == _REST or level not in (_ONE, narrow[at]):
                return False
        return len(narrow) == len(wide)


def fill_topic(parts: Iterable[bytes | str], value_of: Callable[[str], bytes]) -> str:
    """A topic or a filter out of literal text and the values of variables, ``parts`` as ``filters.variables.Template`` takes them: a value
    is a part of one level, and can be no more.

    Raises:
        TopicError: a value is empty, no UTF-8, or has one of ``/ + # $`` or what no text of MQTT has.
    """
    out: list[str] = []
    for part in parts:
        if isinstance(part, bytes):
            out.append(part.decode())
            continue
        out.append(topic_part(value_of(part), f"${{{part}}}"))
    return "".join(out)


def topic_part(value: bytes, name: str) -> str:
    """``value`` as a part of one level of a topic; ``name``: of it, for words.

    Raises:
        TopicError: see ``fill_topic``.
    """
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise TopicError(f"{name} is no UTF-8, and cannot be a part of a topic") from None
    if not text:
        raise TopicError(f"{name} is empty, and cannot be a part of a topic")
    problem = text_problem(text)
    if problem:
        raise TopicError(f"{name} has {problem}, and cannot be a part of a topic")
    found = next((letter for letter in text if letter in _UNSAFE), None)
    if found is not None:
        raise TopicError(f'{name} has a "{found}", and cannot be a part of a topic')
    return text
