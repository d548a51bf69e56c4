"""What one scalar may say of a place: addresses, hosts, networks, who may open a unix socket.  Pure functions, as in ``values``."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from fastgw.config.values import Expanded, scalar, shown
from fastgw.core.settings import Address

_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


LONGEST_UNIX_PATH: Final = 107  #: bytes: sun_path of Linux without its NUL


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


def service_host(value: object) -> str:
    """What a service is told as ``Host``: ``preserve``, ``endpoint`` or a literal, with or without a port."""
    found = scalar(value, "preserve, endpoint or a host name")
    if found in ("preserve", "endpoint"):
        return str(found)
    if ":" in found:
        return str(address(value, listen=False))
    return hostname(found, value)


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
