"""Where a Redis is: its URL, and who may be there."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastgw.config.types import Parsed
from fastgw.config.urls import host_of, is_here
from fastgw.config.values import scalar, shown
from fastgw.core.settings import RedisSettings

#: What a URL does not say, ``config.cluster`` does.
_WHERE: Final = RedisSettings("", 0, "", 0, False, "", False, "", "", 0.0)
_WHAT: Final = "rediss://host:port/0, redis://host:port/0 or unix:///path"
_URL: Final = re.compile(
    r"(rediss?)://(\[[^\]@/]*\]|[^/?#@:\[\]]*)(?::([0-9]{0,9}))?(?:/([0-9]{0,5})?)?", re.IGNORECASE
)
_UNIX: Final = re.compile(r"unix://(/[^?#@]{1,100})(?:\?db=([0-9]{1,5}))?", re.IGNORECASE)


def redis_url(value: object) -> RedisSettings:
    """A Redis, without what else is said of it; raises ValueError, which shows no more of it than may be told."""
    found = str(scalar(value, _WHAT))
    if match := _UNIX.fullmatch(found):
        return _WHERE._replace(socket=match[1], db=int(match[2] or 0))
    match = _URL.fullmatch(found) if len(found) <= 2000 else None
    if match is None:
        told = " without user, password and options, which have keys of their own" if set("@?#") & set(found) else ""
        raise ValueError(f"expected {_WHAT}{told}" + ("" if told else f", got {shown(value)}"))
    number = int(match[3]) if match[3] else 6379
    if not 0 < number < 65536:
        raise ValueError(f"expected {_WHAT}: a port is a number from 1 to 65535")
    return _WHERE._replace(
        host=host_of(match[2]), port=number, db=int(match[4] or 0), is_tls=match[1].lower() == "rediss"
    )


def leaves_unguarded(redis: RedisSettings) -> bool:
    """Does it go to another host without TLS?"""
    return not redis.is_tls and not redis.socket and not is_here(redis.host)


RedisUrl = Annotated[RedisSettings, Parsed(redis_url, type="string", examples=["rediss://redis.example:6379/0"])]
