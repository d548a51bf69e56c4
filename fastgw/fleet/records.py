"""What a fleet has in etcd: the keys under one root, and their values.

    ROOT/generations/0000000007   a configuration, as it was pushed; it never changes                 Generation
    ROOT/latest                   the number of the last one                                          Latest
    ROOT/rollout                  how far the fleet is with it; the coordinator alone writes it       FleetRollout
    ROOT/nodes/NAME               what a node uses, and how it is; under the lease of the node        FleetNode
    ROOT/rollout/coordinator      the node that leads; under its lease, so there is one at a time     Coordinator

All values are JSON objects.  A field that is not known is left alone: a newer version may have written it.  What is missing, or of the
wrong type, makes a record that cannot be read, and the error names its key.  What people are shown of it is on one line and can be
printed, whoever wrote it.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any, Final, NamedTuple

import orjson

TEXT_MOST: Final = 1024 * 1024  #: bytes of a configuration
GENERATION_MOST: Final = 1_500_000  #: bytes of its record; etcd takes questions of 1.5 MiB (--max-request-bytes)
RECORD_MOST: Final = 64 * 1024  #: bytes of any other
NUMBER_MOST: Final = 9_999_999_999  #: ten digits
LINE_MOST: Final = 1024  #: characters of a message, a reason or another text of one line
PROBLEMS_MOST: Final = 20  #: that a node tells
PROBLEMS_BYTES: Final = 4096  #: of all of them together
NODES_MOST: Final = 400  #: that one rollout can name

CHECKING, CANARY, PROMOTING, PROMOTED = "checking", "canary", "promoting", "promoted"
REFUSED, WENT_BACK = "refused", "went_back"
PHASES: Final = (CHECKING, CANARY, PROMOTING, PROMOTED, REFUSED, WENT_BACK)  #: of a rollout
OVER: Final = frozenset((PROMOTED, REFUSED, WENT_BACK))  #: of a rollout that is over

WAITING, SERVING, GUARDING, STALE = "waiting", "serving", "guarding", "stale"
#: Of a node; waiting: there is nothing that it could serve yet; stale: it has not heard of etcd for long, and goes on with what it has.
STATES: Final = (WAITING, SERVING, CHECKING, GUARDING, REFUSED, WENT_BACK, STALE)

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


class RecordError(ValueError):
    """The value of a key is no record; ``key`` is which."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason


class FleetKeys:
    """The keys of one fleet."""

    __slots__ = ("coordinator", "generations", "latest", "nodes", "rollout", "root")

    def __init__(self, root: str) -> None:
        """``root``: such as ``/fastgw/edge``.  Raises ValueError."""
        root = root.rstrip("/")
        if not re.fullmatch(r"(/[A-Za-z0-9_.@:-]{1,128}){1,8}", root):
            wanted = "it begins with a slash, its parts are letters, digits and _ . @ : -"
            raise ValueError(f"{root!r} is no key of a fleet such as /fastgw/edge: {wanted}")
        self.root = root
        self.generations = f"{root}/generations/"
        self.nodes = f"{root}/nodes/"
        self.latest = f"{root}/latest"
        self.rollout = f"{root}/rollout"
        self.coordinator = f"{root}/rollout/coordinator"  # beside the others, and not the generations, which are large

    def generation(self, number: int) -> str:
        """Where configuration ``number`` is; keys stand in the order of numbers."""
        return f"{self.generations}{number:010}"

    def node(self, name: str) -> str:
        """Where a node says how it is.  Raises ValueError."""
        return self.nodes + node_name(name)


class Canary(NamedTuple):
    """How a configuration is tried before everybody takes it."""

    share: float  #: of the nodes, above 0 and up to 1; at least one node
    hold: float  #: seconds that they serve it first


class Generation(NamedTuple):
    """One configuration, as it was pushed."""

    number: int  #: from 1
    text: str  #: YAML
    sha256: str  #: of the text, 64 digits
    author: str  #: who pushed it, ``user@host``
    at: float  #: when, seconds since 1970
    message: str = ""
    canary: Canary | None = None  #: None: all nodes take it at once
    of: int = 0  #: the number whose text it has again; 0: it is new

    @classmethod
    def read(cls, key: str, data: bytes, *, is_copy: bool = False) -> Generation:
        """The record that ``key`` has; ``is_copy``: the key is a file, which says nothing of its number.

        Raises:
            RecordError: it is none, or its text is not the one that was pushed.
        """
        fields = _Fields(key, data, GENERATION_MOST)
        text, digest = fields.text("text"), fields.line("sha256")
        if digest_of(text) != digest:
            raise RecordError(key, "its text is not what was pushed: sha256 differs")
        number = fields.number("number")
        if not number or not (is_copy or key.endswith(f"/{number:010}")):
            raise RecordError(key, f"its number is {number}")
        canary = fields.below("canary")
        return cls(
            number,
            text,
            digest,
            fields.line("author"),
            fields.real("at"),
            fields.line("message"),
            Canary(min(canary.real("share"), 1.0), canary.real("hold")) if canary is not None else None,
            fields.number("of"),
        )

    def write(self) -> bytes:
        """Its record.  Raises ValueError: it is too large."""
        if len(self.text.encode()) > TEXT_MOST:
            raise ValueError(f"the configuration is larger than {TEXT_MOST >> 20} MiB, which etcd can keep")
        canary = self.canary._asdict() if self.canary is not None else None
        return _written(self._asdict() | {"canary": canary}, GENERATION_MOST)


class Latest(NamedTuple):
    """The number of the generation that was pushed last."""

    number: int

    @classmethod
    def read(cls, key: str, data: bytes) -> Latest:
        """The record that ``key`` has.  Raises RecordError."""
        return cls(_Fields(key, data).number("number"))

    def write(self) -> bytes:
        """Its record."""
        return _written(self._asdict())


class FleetRollout(NamedTuple):
    """How far the fleet is with a generation."""

    number: int  #: the generation that it is about
    phase: str  #: one of ``PHASES``
    promoted: int  #: the generation that the fleet uses; 0: none yet
    former: int = 0  #: what was promoted before it, to which the fleet goes back; 0: nothing
    canaries: tuple[str, ...] = ()  #: nodes that use ``number`` while the phase is canary
    since: float = 0.0  #: when the phase began, seconds since 1970
    reason: str = ""  #: why it was refused, or the fleet went back

    @classmethod
    def read(cls, key: str, data: bytes) -> FleetRollout:
        """The record that ``key`` has.  Raises RecordError."""
        fields = _Fields(key, data)
        return cls(
            fields.number("number"),
            fields.one_of("phase", PHASES),
            fields.number("promoted"),
            fields.number("former"),
            fields.lines("canaries", NODES_MOST),
            fields.real("since"),
            fields.line("reason"),
        )

    def write(self) -> bytes:
        """Its record."""
        return _written(self._asdict() | {"reason": on_one_line(self.reason)})

    def wanted_of(self, name: str) -> int:
        """The generation that node ``name`` is to use; 0: none is promoted yet."""
        return self.number if self.phase == CANARY and name in self.canaries else self.promoted


class FleetNode(NamedTuple):
    """How one gateway of the fleet is, as it says itself."""

    name: str
    version: str  #: of fastgw
    admin: str  #: address of its admin pages; empty: none
    uses: int  #: the generation that it serves; 0: none of etcd's
    digest: str  #: of the text that it serves, as ``Generation.sha256``; empty: it serves nothing
    checked: int  #: the generation that it has checked last; 0: none
    problems: tuple[str, ...]  #: what it found wrong with that; empty: it can use it
    state: str  #: one of ``STATES``
    reason: str  #: why it is so, where that is to be explained
    since: float  #: since when it is in this state, seconds since 1970
    workers: int  #: processes that serve

    @classmethod
    def read(cls, key: str, data: bytes) -> FleetNode:
        """The record that ``key`` has.  Raises RecordError."""
        fields = _Fields(key, data)
        name = fields.line("name")
        if not key.endswith(f"/{name}") or not _NAME.fullmatch(name):
            raise RecordError(key, f"it is the record of another node, {name!r}")
        return cls(
            name,
            fields.line("version"),
            fields.line("admin"),
            fields.number("uses"),
            fields.line("digest"),
            fields.number("checked"),
            fields.lines("problems", PROBLEMS_MOST),
            fields.one_of("state", STATES),
            fields.line("reason"),
            fields.real("since"),
            fields.number("workers"),
        )

    def write(self) -> bytes:
        """Its record, of too many problems the first."""
        bounded = {"problems": bounded_problems(self.problems), "reason": on_one_line(self.reason)}
        return _written(self._asdict() | bounded)

    def accepts(self, number: int) -> bool:
        """Has it checked generation ``number``, and can use it?"""
        return self.checked == number and not self.problems

    def refuses(self, number: int) -> bool:
        """Has it checked generation ``number``, and cannot use it?"""
        return self.checked == number and bool(self.problems)


class Coordinator(NamedTuple):
    """The node that leads."""

    name: str

    @classmethod
    def read(cls, key: str, data: bytes) -> Coordinator:
        """The record that ``key`` has.  Raises RecordError."""
        return cls(_Fields(key, data).line("name"))

    def write(self) -> bytes:
        """Its record."""
        return _written(self._asdict())


def node_name(name: str) -> str:
    """``name``, if a node can be called that.  Raises ValueError."""
    if not _NAME.fullmatch(name):
        wanted = "letters, digits and _ . -, at most 128, the first a letter or a digit"
        raise ValueError(f"{name!r} is no name of a node: {wanted}")
    return name


def digest_of(text: str) -> str:
    """What ``Generation.sha256`` has of ``text``."""
    return sha256(text.encode()).hexdigest()


def on_one_line(text: str) -> str:
    """``text`` as it can be shown in one line of a terminal; the end of a long one is left out."""
    text = text if len(text) <= LINE_MOST else text[: LINE_MOST - 3] + "..."
    return text if text.isprintable() else "".join(one if one.isprintable() else " " for one in text)


def bounded_problems(problems: tuple[str, ...]) -> tuple[str, ...]:
    """As many of them as a record has room for, the last one says how many more there are."""
    kept: list[str] = []
    room = PROBLEMS_BYTES
    for problem in problems:
        line = on_one_line(problem)
        room -= len(line.encode()) + 1
        if room < 0 or len(kept) == PROBLEMS_MOST:
            kept = kept[: PROBLEMS_MOST - 1]
            return (*kept, f"{len(problems) - len(kept)} more problems are not shown")
        kept.append(line)
    return tuple(kept)


class _Fields:
    """The fields of one JSON object, each of the type that it must have."""

    def __init__(self, key: str, data: bytes, most: int = RECORD_MOST) -> None:
        """Raises RecordError."""
        self._key = key
        if len(data) > most:
            raise RecordError(key, f"it has {len(data)} bytes, more than {most}")
        try:
            found = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise RecordError(key, f"it is no JSON: {error}") from None
        self._found = self._mapping(found)

    def _mapping(self, found: object) -> dict[str, Any]:
        if not isinstance(found, dict):
            raise RecordError(self._key, "it is no JSON object")
        return found

    def _wrong(self, name: str, wanted: str) -> RecordError:
        return RecordError(self._key, f"{name} is {wanted}, got {str(self._found.get(name))[:64]!a}")

    def text(self, name: str) -> str:
        """A text, as it stands."""
        found = self._found.get(name, "")
        if not isinstance(found, str):
            raise self._wrong(name, "a text")
        return found

    def line(self, name: str) -> str:
        """A text of one line."""
        return on_one_line(self.text(name))

    def lines(self, name: str, most: int) -> tuple[str, ...]:
        """At most ``most`` texts of one line each."""
        found = self._found.get(name, [])
        if not isinstance(found, list) or len(found) > most or not all(isinstance(one, str) for one in found):
            raise self._wrong(name, f"a list of at most {most} texts")
        return tuple(map(on_one_line, found))

    def number(self, name: str) -> int:
        """A number of a generation, or of things."""
        found = self._found.get(name)
        if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= NUMBER_MOST:
            raise self._wrong(name, f"a whole number from 0 to {NUMBER_MOST}")
        return found

    def real(self, name: str) -> float:
        """A number that is not negative."""
        found = self._found.get(name)
        if not isinstance(found, int | float) or isinstance(found, bool) or not 0 <= found <= NUMBER_MOST:
            raise self._wrong(name, f"a number from 0 to {NUMBER_MOST}")
        return float(found)

    def one_of(self, name: str, words: tuple[str, ...]) -> str:
        """One of ``words``."""
        found = self._found.get(name)
        if found not in words:
            raise self._wrong(name, f"one of {', '.join(words)}")
        return str(found)

    def below(self, name: str) -> _Fields | None:
        """The fields of an object in it, if there is one."""
        found = self._found.get(name)
        if found is None:
            return None
        below = object.__new__(_Fields)
        below._key = f"{self._key}: {name}"
        below._found = self._mapping(found)
        return below


def _written(fields: dict[str, Any], most: int = RECORD_MOST) -> bytes:
    data = orjson.dumps(fields)
    if len(data) > most:
        raise ValueError(f"a record of {len(data)} bytes is larger than the {most} that etcd can keep")
    return data
