"""What one scalar of the configuration may say: text in, value out, or a ``ValueError`` whose words go to the operator.

YAML's own guesses (``on`` is true, ``1:30`` is 90, ``1.20`` is 1.2) are not used: every scalar arrives here as it was
written and the schema decides what it is.  That also lets ``"${ENV}"`` stand for a number.  Pure functions.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import Final

from fastgw.config.likeness import nearest
from fastgw.core.settings import Address
from fastgw.routing.pattern import host_problems, path_problems
from fastgw.wire.methods import method_problem

#: Header fields a configuration cannot drop: without them a message has another meaning (RFC 9110 section 7.6.1).
FRAMING_FIELDS: Final = frozenset(
    ("connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade")
)

_DURATION: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|[smhd]))+|[0-9]+(?:\.[0-9]+)?")
_DURATION_PART: Final = re.compile(r"([0-9.]+)(ms|[smhd])?")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}
_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)")
_UNITS: Final = ("b", "kb", "mb", "gb", "tb")
_BYTES: Final = {"": 1} | {unit: 1000**power for power, unit in enumerate(_UNITS)}
_BYTES.update({"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40})
_JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,999})(\.[0-9]{1,999})?([eE][+-]?[0-9]{1,9})?").fullmatch
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_PARAMETER: Final = re.compile(r"\{[A-Za-z_][A-Za-z0-9_-]*\}")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_PROTOCOL: Final = re.compile(rf"{_TOKEN.pattern}(?:/{_TOKEN.pattern})?")
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
LONGEST_UNIX_PATH: Final = 107  #: bytes: sun_path of Linux without its NUL


class Expanded(str):
    """Text that came out of ``${ENV}``; ``source`` is what the file says, which is what may be shown."""

    source: str
    variables: tuple[
        tuple[int, int], ...
    ]  #: beginning and end of each ``${client.address}`` and the like, which are still in it

    def __new__(cls, value: str, source: str, variables: tuple[tuple[int, int], ...] = ()) -> Expanded:
        made = super().__new__(cls, value)
        made.source = source
        made.variables = variables
        return made


class Plain(str):
    """Text that was written without quotes, and that JSON takes for a number or a truth value; most keys do not care."""

    __slots__ = ()

    @staticmethod
    def of(text: str) -> bool | int | float | None:
        """The value in JSON; None: there is none."""
        if text in ("true", "false"):
            return text == "true"
        number = _JSON_NUMBER(text)
        if number is None:
            return None
        return float(text) if number[1] or number[2] else int(text)


def kind(value: object) -> str:
    """What a value of the tree is, in words."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return shown(value)


def shown(value: object) -> str:
    """A value as an error may show it: on one line, shortened, and never what an environment variable held."""
    text = value.source if isinstance(value, Expanded) else str(value)
    return repr(text if len(text) <= 60 else text[:57] + "...")


def scalar(value: object, what: str) -> str:
    """The text of a scalar; raises ValueError for a list, a mapping or nothing."""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"expected {what}, got {kind(value)}")


def text(what: str = "text", *, longest: int = 4096) -> Callable[[object], str]:
    """Parser of one line of printable text."""

    def parse(value: object) -> str:
        found = str(scalar(value, what))
        if len(found) > longest:
            raise ValueError(f"is longer than {longest} characters")
        if not found.isprintable():
            raise ValueError(f"expected {what} without control characters, got {shown(value)}")
        return found

    return parse


def name(value: object) -> str:
    """A name: letters, digits, ``_``, ``.`` and ``-``, at most 100."""
    found = scalar(value, "a name")
    if not _NAME.fullmatch(found):
        where = "; addresses stand in the endpoints of a service" if re.search(r"://|:[0-9]+$", found) else ""
        raise ValueError(f"expected a name of letters, digits, '_', '.' and '-', got {shown(value)}{where}")
    return str(found)


def service_name(value: object) -> str:
    """A name as above, or the parameter of a path that has it: ``{name}``."""
    found = scalar(value, "a name")
    return found if _PARAMETER.fullmatch(found) else name(value)


def one_of(*choices: str) -> Callable[[object], str]:
    """Parser of one of a few words."""
    listed = ", ".join(choices[:-1]) + " or " + choices[-1]

    def parse(value: object) -> str:
        found = scalar(value, listed)
        if found not in choices:
            raise ValueError(f"expected {listed}, got {shown(value)}{_hint(value, choices)}")
        return str(found)

    return parse


def boolean(value: object) -> bool:
    """``true`` or ``false``, and nothing that only looks like them in some versions of YAML."""
    if isinstance(value, bool):
        return value
    found = scalar(value, "true or false").lower()
    if found in ("true", "false"):
        return found == "true"
    meant = {"yes": "true", "on": "true", "1": "true", "no": "false", "off": "false", "0": "false"}.get(found)
    raise ValueError(f"expected true or false, got {shown(value)}" + (f"; did you mean {meant!r}?" if meant else ""))


def whole(minimum: int, maximum: int) -> Callable[[object], int]:
    """Parser of a whole number within bounds."""

    def parse(value: object) -> int:
        found = scalar(value, "a whole number")
        if len(found) > 20 or not re.fullmatch(r"[+-]?[0-9]+", found):
            raise ValueError(f"expected a whole number, got {shown(value)}")
        if not minimum <= int(found) <= maximum:
            raise ValueError(f"expected a whole number from {minimum} to {maximum}, got {shown(value)}")
        return int(found)

    return parse


def duration(*, positive: bool = False, least: int = 0) -> Callable[[object], float]:
    """Parser of a duration in seconds: ``30s``, ``800ms``, ``1h30m``, or a number of seconds.

    ``least``: what is shorter, and not 0, is refused.
    """

    def parse(value: object) -> float:
        found = scalar(value, "a duration such as 30s or 800ms")
        if len(found) > 30 or not _DURATION.fullmatch(found):
            raise ValueError(
                f"expected a duration such as 800ms, 30s, 5m or 1h30m (units ms, s, m, h, d), got {shown(value)}"
            )
        seconds = sum(float(number) * _SECONDS[unit or None] for number, unit in _DURATION_PART.findall(found))
        if seconds > 366 * 86400:
            raise ValueError(f"expected a duration of a year at most, got {shown(value)}")
        if positive and seconds < 0.001:
            raise ValueError(f"expected a duration of at least 1ms, got {shown(value)}")
        if 0 < seconds < least:
            raise ValueError(f"expected 0, which switches it off, or at least {least}s, got {shown(value)}")
        return round(seconds, 6)

    return parse


def size(minimum: int = 0, maximum: int = 1 << 50) -> Callable[[object], int]:
    """Parser of a number of bytes: ``32KiB`` (1024), ``10MB`` (1000), or a plain number."""

    def parse(value: object) -> int:
        found = scalar(value, "a size such as 32KiB")
        match = _SIZE.fullmatch(found) if len(found) <= 30 else None
        unit = _BYTES.get(match[2].lower()) if match else None
        if match is None or unit is None:
            units = "units B, KB, MB, GB, TB of 1000 and KiB, MiB, GiB, TiB of 1024"
            raise ValueError(f"expected a size such as 32KiB or 10MB ({units}), got {shown(value)}")
        count = float(match[1]) * unit if "." in match[1] else int(match[1]) * unit
        if count != int(count):
            raise ValueError(f"expected a whole number of bytes, got {shown(value)}")
        if not minimum <= count <= maximum:
            raise ValueError(f"expected a size from {_bytes(minimum)} to {_bytes(maximum)}, got {shown(value)}")
        return int(count)

    return parse


def _bytes(count: int) -> str:
    for unit, factor in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count and count % factor == 0:
            return f"{count // factor}{unit}"
    return f"{count}B"


def address(value: object, *, listen: bool) -> Address:
    """``host:port``, ``[v6]:port`` or ``unix:/path``; port 0 (any free one) only to listen.  Raises ValueError."""
    what = "an address such as 127.0.0.1:8080, [::1]:8080 or unix:/run/gateway.sock"
    found = scalar(value, what)
    if found.startswith("unix:"):
        return Address(path=_unix_path(found[5:], value))
    if "://" in found:
        raise ValueError(
            f"expected {what}, got a URL {shown(value)}: leave out the scheme" + ("" if listen else " (tls: is a key)")
        )
    host, colon, port = found.rpartition(":")
    if found.isdigit():
        host, colon, port = "", ":", found
    if not colon or not port:
        raise ValueError(f"expected {what}, got {shown(value)}: the port is missing")
    if not host:
        raise ValueError(
            f"expected {what}, got {shown(value)}: the host is missing"
            + (", 0.0.0.0 means all of IPv4" if listen else "")
        )
    if host.startswith("[") and host.endswith("]"):
        host = _ipv6(host[1:-1], value)
    elif ":" in host:
        raise ValueError(f"expected {what}, got {shown(value)}: an IPv6 address needs brackets")
    else:
        host = hostname(host, value)
    lowest = 0 if listen else 1
    if not re.fullmatch(r"[0-9]{1,5}", port) or not lowest <= int(port) <= 65535:
        raise ValueError(f"expected {what}, got {shown(value)}: the port is a number from {lowest} to 65535")
    return Address(host=host, port=int(port))


def mode(value: object) -> int:
    """Permissions of a file: three octal digits, with or without a 0 in front."""
    found = scalar(value, "permissions such as 0660").removeprefix("0o")
    if not re.fullmatch(r"0?[0-7]{3}", found):
        raise ValueError(f"expected permissions in octal, such as 0660, got {shown(value)}")
    return int(found, 8)


def owner(value: object) -> tuple[int, int]:
    """``user``, ``user:group`` or ``:group``, names or numbers, as the ids of user and group; -1: not said."""
    found = scalar(value, "user, user:group or :group")
    user, _, group = found.partition(":")
    if not user and not group:
        raise ValueError(f"expected user, user:group or :group, got {shown(value)}")
    return _id(user, "user", value), _id(group, "group", value)


def _id(who: str, what: str, value: object) -> int:
    if not who:
        return -1
    if re.fullmatch(r"[0-9]{1,9}", who):
        return int(who)
    import grp
    import pwd  # where a configuration names somebody

    try:
        return pwd.getpwnam(who).pw_uid if what == "user" else grp.getgrnam(who).gr_gid
    except (KeyError, ValueError):
        raise ValueError(
            f"this host has no {what} {shown(who if not isinstance(value, Expanded) else value)}"
        ) from None


def name_server(value: object) -> str:
    """``address:port`` of a name server; it has an IP address, and port 53 where none is given."""
    what = "an IP address such as 10.0.0.53 or 127.0.0.1:5353"
    found = scalar(value, what)
    try:
        ip = ipaddress.ip_address(str(found))
        return str(Address(str(ip), 53))
    except ValueError:
        made = address(value, listen=False)
    if made.path or made.is_name:
        raise ValueError(f"expected {what}, got {shown(value)}: a name server cannot be asked for its own name")
    return str(made)


def _unix_path(path: str, value: object) -> str:
    if not path or not path.isprintable():
        raise ValueError(f"expected unix:/path/of/a/socket, got {shown(value)}")
    if len(path.encode()) > LONGEST_UNIX_PATH:
        raise ValueError(f"the path of a unix socket has at most {LONGEST_UNIX_PATH} bytes, got {shown(value)}")
    return path


def _ipv6(host: str, value: object) -> str:
    try:
        return str(ipaddress.IPv6Address(host))
    except ValueError:
        raise ValueError(f"expected an IPv6 address in the brackets, got {shown(value)}") from None


def hostname(host: str, value: object) -> str:
    """``host`` in lower case when it is an IPv4 address or a DNS name; raises ValueError showing ``value``."""
    host = str(host).lower()
    if re.fullmatch(r"[0-9.]+", host):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise ValueError(f"expected an IPv4 address or a host name, got {shown(value)}") from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        hint = "; write the name in its xn-- form" if not host.isascii() else ""
        raise ValueError(f"expected a host name, got {shown(value)}{hint}")
    return host


def route_host(value: object) -> str:
    """The host of a route: empty (any), a name, or ``*.`` and a name."""
    found = scalar(value, "a host name").lower()
    problems = host_problems(found)
    if problems:
        raise ValueError(f"the host {shown(value)} {'; '.join(problems)}")
    return found


def service_host(value: object) -> str:
    """What a service is told as ``Host``: ``preserve``, ``endpoint`` or a literal, with or without a port."""
    found = scalar(value, "preserve, endpoint or a host name")
    if found in ("preserve", "endpoint"):
        return str(found)
    if ":" in found:
        return str(address(value, listen=False))
    return hostname(found, value)


def route_path(value: object) -> str:
    """The path of a route: ``/a/b`` (exact), ``/a/*`` (prefix), ``/a/{name}/b`` (parameters)."""
    found = text("a path such as /v1/*")(value)
    problems = path_problems(found)
    if problems:
        # The problems quote parts of the path, which are nobody's business when they came from the environment.
        said = "is not one that a request can have" if isinstance(value, Expanded) else "; ".join(problems)
        raise ValueError(f"the path {shown(value)} {said}")
    return found


def method(value: object) -> str:
    """A request method: any token, in its own letter case."""
    found = scalar(value, "a method")
    problem = method_problem(found)
    if problem:
        # It says what was meant, which is nobody's business when it came from the environment.
        problem = problem.partition(";")[0] if isinstance(value, Expanded) else problem
        raise ValueError(f"{shown(value)} {problem}")
    return str(found)


def field_name(value: object) -> str:
    """The name of a header field, made lower case."""
    found = scalar(value, "the name of a header field")
    if not _TOKEN.fullmatch(found):
        raise ValueError(f"expected the name of a header field, got {shown(value)}")
    return str(found).lower()


def upgrade(value: object) -> str:
    """A protocol clients may upgrade to (RFC 9110 section 7.8), lower case; not one that is HTTP again."""
    found = scalar(value, "a protocol such as websocket")
    if not _PROTOCOL.fullmatch(found):
        raise ValueError(f"expected a protocol such as websocket, got {shown(value)}")
    if found.lower().startswith(("h2", "http", "tls")):
        raise ValueError(f"an upgrade to {shown(value)} would hide requests from the gateway and is never passed on")
    return found.lower()


def droppable_field(value: object) -> str:
    """The name of a header field a listener may drop."""
    found = field_name(value)
    if found in FRAMING_FIELDS:
        raise ValueError(f"{found!r} belongs to the message itself and cannot be dropped")
    return found


def field_value(value: object) -> str:
    """The exact value of a header field a route asks for, or ``*`` for any."""
    if value is None:
        raise ValueError('expected a value, or "*" (with quotes) for any value')
    found = scalar(value, "the value of a header field").strip(" \t")
    if not found:
        raise ValueError('expected a value, or "*" (with quotes) for any value')
    if len(found) > 4096 or not found.isprintable():
        raise ValueError(f"expected the value of a header field, got {shown(value)}")
    return str(found)


def file_name(value: object) -> str:
    """The name of a file in some directory, which is not hidden; or empty."""
    found = text("the name of a file", longest=255)(value)
    if "/" in found or found.startswith("."):
        raise ValueError(f"expected the name of a file, without a directory or a leading dot, got {shown(value)}")
    return found


def sticky(value: object) -> str:
    """``header:<name>`` or ``cookie:<name>``, or empty."""
    found = scalar(value, "header:<name> or cookie:<name>")
    if found == "":
        return ""
    source, _, key = found.partition(":")
    if source not in ("header", "cookie") or not _TOKEN.fullmatch(key):
        raise ValueError(f"expected header:<name> or cookie:<name>, got {shown(value)}")
    return f"header:{key.lower()}" if source == "header" else str(found)


def network(value: object) -> str:
    """A network in CIDR form, or one address."""
    found = scalar(value, "a network such as 10.0.0.0/8")
    try:
        return str(ipaddress.ip_network(str(found)))
    except ValueError:
        pass
    try:
        meant = f"; did you mean '{ipaddress.ip_network(str(found), strict=False)}'?"
    except ValueError:
        meant = ""
    if isinstance(value, Expanded):
        meant = ""
    raise ValueError(f"expected a network such as 10.0.0.0/8 or one address, got {shown(value)}{meant}")


def workers(value: object) -> int:
    """``auto`` (0) or the number of workers."""
    found = scalar(value, "auto or a number of workers")
    if found == "auto":
        return 0
    try:
        return whole(1, 1024)(value)
    except ValueError:
        raise ValueError(f"expected auto or a whole number from 1 to 1024, got {shown(value)}") from None


def _hint(value: object, known: Iterable[str]) -> str:
    return "" if isinstance(value, Expanded) else nearest(str(value), known)
