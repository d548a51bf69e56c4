"""``google.protobuf.Timestamp`` as JSON has it (RFC 3339).

What protobuf does by ``strptime`` takes as long as half of a message of 1 KB.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any, Final

from google.protobuf import timestamp_pb2

from fastgw.transcoding.scalars import MisfitError, misfit

_MOMENT: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z", re.ASCII).fullmatch
_EPOCH: Final = date(1970, 1, 1).toordinal()
_DAY: Final = 86_400  #: seconds
_FIRST, _LAST = -62_135_596_800, 253_402_300_799  #: seconds of the years 1 to 9999


def timestamp(value: Any, _: int) -> dict[str, int]:
    """The fields of the message that a text is.

    Raises:
        MisfitError: it is none.
    """
    if type(value) is not str:
        raise misfit("a string", value)
    if not value.isascii():
        raise MisfitError("expected a time, got other text")
    found = _MOMENT(value)
    if found is None:
        return _by_protobuf(value)  # with an offset, say
    year, month, day, hours, minutes, seconds = map(int, found.group(1, 2, 3, 4, 5, 6))
    try:
        days = date(year, month, day).toordinal() - _EPOCH
    except ValueError as error:
        raise MisfitError(f"expected a time: {error}") from None
    if hours > 23 or minutes > 59 or seconds > 59:
        raise MisfitError("expected a time of a day")
    nanos = found[7]
    whole = days * _DAY + hours * 3600 + minutes * 60 + seconds
    return {"seconds": whole, "nanos": int(nanos.ljust(9, "0"))} if nanos else {"seconds": whole}


def _by_protobuf(value: str) -> dict[str, int]:
    made = timestamp_pb2.Timestamp()
    try:
        made.FromJsonString(value)
    except ValueError as error:
        raise MisfitError(str(error).partition("\n")[0][:200]) from None
    return {"seconds": made.seconds, "nanos": made.nanos}


def timestamp_out(message: Any) -> str:
    """The text of a message, with 0, 3, 6 or 9 digits behind the point.

    Raises:
        MisfitError: it is out of the range that JSON has.
    """
    seconds, nanos = message.seconds, message.nanos
    if not (_FIRST <= seconds <= _LAST and 0 <= nanos < 1_000_000_000):
        raise MisfitError("has a time that is out of range")
    days, rest = divmod(seconds, _DAY)
    minutes, second = divmod(rest, 60)
    day = date.fromordinal(days + _EPOCH)
    text = f"{day.year:04d}-{day.month:02d}-{day.day:02d}T{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}"
    if not nanos:
        return text + "Z"
    fraction = f"{nanos:09d}"
    digits = 3 if fraction.endswith("000000") else 6 if fraction.endswith("000") else 9
    return f"{text}.{fraction[:digits]}Z"
