"""URLs that the gateway itself asks: https, or http where nobody can be in between."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Final

from fastgw.config.address_values import hostname
from fastgw.config.types import Parsed
from fastgw.config.values import scalar, shown
from fastgw.core.settings import Url

_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(\[[^\]@/]*\]|[^/?#@:\[\]]*)(?::([0-9]{0,9}))?([/?][^#]*)?")
_TARGET: Final = re.compile(r"[!$%&'()*+,./:;=?@A-Za-z0-9_~-]*")
_LONGEST: Final = 2000  #: characters
CALL_GRACE: Final = 1.0  #: seconds on top of the bound of a call, after which it is given up by who waits for it
_WHAT: Final = "a URL such as https://issuer.example/keys"


def url(value: object) -> Url:
    """A place that the gateway itself asks; raises ValueError, which shows no more of it than may be told."""
    found = str(scalar(value, _WHAT))
    match = _URL.fullmatch(found) if len(found) <= _LONGEST else None
    if match is None:
        told = " without user, password and fragment" if "@" in found or "#" in found else ""
        raise ValueError(f"expected {_WHAT}{told}")
    scheme, host, port, target = match[1].lower(), match[2], match[3], match[4] or "/"
    if scheme not in ("https", "http"):
        raise ValueError(f"expected {_WHAT}, got the scheme {shown(match[1])}")
    if not _TARGET.fullmatch(target):
        raise ValueError(f"expected {_WHAT}: its path or query has a character that is escaped in URLs (RFC 3986)")
    number = int(port) if port else (443 if scheme == "https" else 80)
    if not 0 < number < 65536:
        raise ValueError(f"expected {_WHAT}: a port is a number from 1 to 65535")
    host = host_of(host)
    if scheme == "http" and not is_here(host):
        raise ValueError(
            f"http leads to this host only ({shown(host)} is another): say https, what comes back is trusted"
        )
    return Url(scheme == "https", host, number, target if target[0] == "/" else f"/{target}")


def ca_problem(path: str) -> str:
    """What is wrong with the file of authorities beside a URL; empty: nothing, or there is none."""
    if not path:
        return ""
    from fastgw.config.tls import authorities_problem  # TLS is imported where somebody needs it

    return authorities_problem(path)


def host_of(host: str) -> str:
    """The host of a URL: a name, or an address, one of IPv6 without its brackets; raises ValueError."""
    if not host.startswith("["):
        return hostname(host, host)
    try:
        return str(ipaddress.IPv6Address(host[1:-1]))
    except ValueError:
        raise ValueError(f"expected an IPv6 address in the brackets, got {shown(host)}") from None


def is_here(host: str) -> bool:
    """Is it this host, without doubt?"""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


CalledUrl = Annotated[Url, Parsed(url, type="string", examples=["https://issuer.example/.well-known/jwks.json"])]
