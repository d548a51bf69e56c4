"""What one scalar of the configuration may say: text in, value out, or a ``ValueError`` whose words go to the operator.

YAML's own guesses (``on`` is true, ``1:30`` is 90, ``1.20`` is 1.2) are not used: every scalar arrives here as it was
written and the schema decides what it is.  That also lets ``"${ENV}"`` stand for a number.  Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from fastgw.config.likeness import nearest

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


def file_name(value: object) -> str:
    """The name of a file in some directory, which is not hidden; or empty."""
    found = text("the name of a file", longest=255)(value)
    if "/" in found or found.startswith("."):
        raise ValueError(f"expected the name of a file, without a directory or a leading dot, got {shown(value)}")
    return found


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
