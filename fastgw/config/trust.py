"""How far a configuration is trusted that comes from elsewhere: what it may name of this machine, and whom it may have spoken to.

A file of the operator says it (``fastgw run --trust FILE``); what it does not allow is refused.  ``config.trusted`` applies it.

Annotations are not postponed here (``config.model`` has the reason).
"""

import ipaddress
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, NamedTuple

from pydantic import ValidationError

from fastgw.config.address_values import hostname, network
from fastgw.config.explain import translate
from fastgw.config.model import Model, setting
from fastgw.config.source import Document
from fastgw.config.types import Boolean, FilePath, Parsed
from fastgw.config.values import scalar, shown
from fastgw.core.settings import Address
from fastgw.errors import ConfigError

#: Where members may lie if nothing is said: networks that nobody routes (RFC 1918, RFC 4193), and not this machine itself.
PRIVATE: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
#: Never, whatever is said: what a cloud tells its machines (credentials), and neighbours on the link.
METADATA: Final = tuple(
    map(
        ipaddress.ip_network,
        ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "fd20:ce::254/128", "100.100.100.200/32"),
    )
)
NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  #: addresses of IPv4 in IPv6 (RFC 6052)

_MODULE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*(\.\*|:[^\W\d]\w*(\.[^\W\d]\w*)*)?")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\*?")

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


def _module(value: object) -> str:
    found = str(scalar(value, "a module, package.* or module:name"))
    if _MODULE.fullmatch(found) is None:
        raise ValueError(f"expected a module, package.* or module:name, got {shown(value)}")
    return found


def _variable(value: object) -> str:
    found = str(scalar(value, "the name of a variable"))
    if _VARIABLE.fullmatch(found) is None:
        raise ValueError(f"expected the name of a variable, or how some begin (EDGE_*), got {shown(value)}")
    return found


def _place(value: object) -> str:
    found = str(scalar(value, "a network, an address or the name of a host"))
    try:
        return network(found)
    except ValueError:
        pass
    if re.fullmatch(r"[0-9./:]*", found):
        raise ValueError(f"expected a network such as 10.0.0.0/8, or the name of a host, got {shown(value)}")
    name = found.removeprefix("*.")
    return found.removesuffix(name) + hostname(name, name).lower()


class Trust(Model):
    """The file: what a configuration from elsewhere may name."""

    modules: list[Annotated[str, Parsed(_module, type="string")]] = setting(
        [],
        "Code that it may have imported: module, package.* or module:name. Entry points of installed packages always.",
    )
    files: list[FilePath] = setting(
        [],
        "Files that it may have read, such as certificates, keys and lists, and folders with all that is below them.",
    )
    written: list[FilePath] = setting([], "The same for what it may have written: logs, unix sockets, the state file.")
    served: list[FilePath] = setting([], "The same for what it may have served to anybody (files.root).")
    environment: list[Annotated[str, Parsed(_variable, type="string")]] = setting(
        [], "Variables that stand in its ${}; EDGE_* is all that begin so."
    )
    networks: list[Annotated[str, Parsed(_place, type="string")]] = setting(
        list(PRIVATE),
        "Where its members and other places may lie: networks, and names of hosts (*.example.com: all below it).",
    )
    admin: Boolean = setting(False, "It may have an admin address that other machines reach.")


class TrustRules(NamedTuple):
    """The same, as it is applied."""

    file: str = ""  #: that says so; empty: none
    modules: tuple[str, ...] = ()
    files: tuple[str, ...] = ()  #: real paths; so are the next two
    written: tuple[str, ...] = ()
    served: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    networks: tuple[IpNetwork, ...] = tuple(map(ipaddress.ip_network, PRIVATE))
    hosts: tuple[str, ...] = ()
    may_show_admin: bool = False

    def allows_module(self, name: str) -> bool:
        """``name``: ``module:name``, or an entry point."""
        module, sign, _ = name.partition(":")
        if not sign:
            return True
        return any(
            one in (module, name) or (one[-2:] == ".*" and f"{module}.".startswith(one[:-1])) for one in self.modules
        )

    def allows_variable(self, name: str) -> bool:
        """May ``${name}`` stand there?"""
        return any(name.startswith(one[:-1]) if one[-1] == "*" else name == one for one in self.environment)

    def against(self, address: Address) -> str:
        """Why nobody may be spoken to at ``address``; empty: it is allowed."""
        if address.path:
            return "a unix socket is of this machine, and never allowed"
        ip = ip_of(address.host)
        if ip is None:
            host = address.host.lower().rstrip(".")
            is_named = any(host == one or (one[0] == "*" and host.endswith(one[1:])) for one in self.hosts)
            return "" if is_named else self._not_in("networks", f"the host {address.host}")
        if ip.is_unspecified or ip.is_multicast:
            return f"{address.host} is no address of anybody"
        if any(ip in one for one in METADATA):
            return f"{address.host} is an address of the link or of metadata, and never allowed"
        return "" if any(ip in one for one in self.networks) else self._not_in("networks", address.host)

    def against_file(self, path: str, use: str = "files") -> str:
        """Why ``path`` may not be read, or what ``use`` says (``written``, ``served``); empty: it may.  Links in it are followed."""
        real, allowed = os.path.realpath(path), getattr(self, use)
        is_allowed = any(real == one or real.startswith(one.rstrip("/") + "/") for one in allowed)
        return "" if is_allowed else self._not_in(use, path)

    def against_module(self, name: str) -> str:
        """Why code may not be imported; empty: it may."""
        return "" if self.allows_module(name) else self._not_in("modules", name)

    def against_variable(self, name: str) -> str:
        """Why a variable may not be read; empty: it may."""
        return "" if self.allows_variable(name) else self._not_in("environment", f"the variable {name}")

    def _not_in(self, key: str, what: str) -> str:
        where = self.file or "no file of --trust"
        return f"{what} is not allowed here: {key} in {where} says what is"


def read_trust(path: str, environ: Mapping[str, str]) -> TrustRules:
    """What the file at ``path`` says.  Raises ConfigError, with every problem."""
    document = Document(path, environ)
    document.when_empty = "is empty; {} allows what is allowed without a file"
    document.read(Path(path))
    found = Trust()
    if document.tree is not None:
        try:
            found = Trust.model_validate(document.tree, context={"base": os.path.dirname(os.path.abspath(path))})
        except ValidationError as error:
            translate(document, error)
    if document.problems:
        raise ConfigError([str(problem) for problem in document.problems])
    networks = [one for one in found.networks if _is_network(one)]
    return TrustRules(
        path,
        tuple(found.modules),
        _real(found.files),
        _real(found.written),
        _real(found.served),
        tuple(found.environment),
        tuple(map(ipaddress.ip_network, networks)),
        tuple(one for one in found.networks if one not in networks),
        found.admin,
    )


def _real(paths: list[str]) -> tuple[str, ...]:
    return tuple(map(os.path.realpath, paths))


def ip_of(host: str) -> IpAddress | None:
    """The address that ``host`` is, one of IPv4 as such where it is written in IPv6; None: it is a name."""
    try:
        found = ipaddress.ip_address("127.0.0.1" if host.lower().rstrip(".") == "localhost" else host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return found.ipv4_mapped
        if found in NAT64:
            return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return found


def is_of_this_machine(ip: IpAddress) -> bool:
    """Can a socket be bound to it?"""
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((str(ip), 0))
    except OSError:
        return False
    return True


def _is_network(place: str) -> bool:
    try:
        ipaddress.ip_network(place)
    except ValueError:
        return False
    return True
