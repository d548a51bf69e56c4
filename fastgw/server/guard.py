"""Who may ask what at the admin address and at the admin socket.

Over a unix socket the kernel says who asks: root and the user of the gateway may everything.  Over TCP nobody says, so that orders need
the token; and whatever is asked must be asked by somebody who means this gateway: a page of another site that a browser shows can neither
make the browser ask under a name of its own that leads here (``Host``: DNS rebinding) nor from there (``Origin``, ``Sec-Fetch-Site``).
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
from typing import Final, NamedTuple

from fastgw.config.spec import AdminSpec
from fastgw.server.problem import AdminProblem
from fastgw.wire.messages import Request

ANYBODY: Final = "anybody"  #: may have it: what a probe needs, and the page that asks for the token
READER: Final = "reader"  #: whoever shows the token; where there is none, whoever reaches the address
INSIDER: Final = "insider"  #: the same, but without a token only from this machine
OPERATOR: Final = "operator"  #: the owner of the gateway, or whoever shows the token

_ASK: Final = (("www-authenticate", 'Bearer realm="fastgw"'),)
_NAVIGATION: Final = (
    b"GET",
    b"navigate",
)  #: a link, which may come from anywhere: the other page does not see the answer


class Peer(NamedTuple):
    """Who asks, as the connection has it."""

    is_unix: bool = False
    is_private: bool = False  #: at the admin socket, which is for the owner alone
    user: int = -1  #: of a unix socket
    host: str = ""  #: his address, over TCP
    own: str = ""  #: the address that he has reached, over TCP

    @property
    def is_owner(self) -> bool:
        """Is he root, or the user that the gateway runs as?"""
        return self.is_unix and self.user in (0, os.geteuid())

    @property
    def is_here(self) -> bool:
        """Is he on this machine?"""
        return self.is_unix or _is_loopback(self.host)

    def __str__(self) -> str:
        return f"user {self.user}" if self.is_unix else self.host


class Guard:
    """Lets pass, or says why not, as the configuration in use has it."""

    def __init__(self) -> None:
        self._token = ""  # nosec B105: none yet
        self._hosts: frozenset[str] = frozenset()

    def adopt(self, spec: AdminSpec | None) -> None:
        """From now on what ``spec`` says."""
        self._token = spec.token if spec is not None else ""
        self._hosts = frozenset({"localhost", *spec.hosts, spec.address.host} if spec is not None else {"localhost"})

    def check(self, request: Request, right: str, peer: Peer) -> None:
        """Return if ``peer`` may have what needs ``right``.

        Raises:
            AdminProblem: he may not.
        """
        if peer.is_private and not peer.is_owner:
            raise AdminProblem(403, "not_allowed", "only root, and the user that the gateway runs as, may ask here")
        if right == ANYBODY:
            return
        if not peer.is_unix:
            self._check_origin(request, peer)
        if peer.is_owner:
            return
        if self._token:
            self._check_token(request)
        elif right == OPERATOR:
            said = "orders are taken at the admin socket (admin_socket); here only with a token, and none is configured"
            raise AdminProblem(403, "no_orders_here", f"{said} (admin.token)")
        elif right == INSIDER and not peer.is_here:
            said = (
                "this is for who is on the machine of the gateway; for others a token must be configured (admin.token)"
            )
            raise AdminProblem(403, "not_from_here", said)

    def _check_origin(self, request: Request, peer: Peer) -> None:
        host = request.host.decode("latin-1").strip("[]").lower()
        is_known = not host or host in self._hosts or _is_loopback(host) or _same(host, peer.own)
        if not is_known and not _is_of_this_net(host):
            said = "the gateway is not known by this name (Host); admin.hosts tells it more of them"
            raise AdminProblem(421, "unknown_host", said)
        origin, site = request.header(b"origin"), request.header(b"sec-fetch-site")
        if origin is not None and origin.lower().partition(b"://")[2] != request.authority.lower():
            raise AdminProblem(403, "cross_site", "a page of another site asks (Origin)")
        if site not in (None, b"none", b"same-origin"):
            if (request.method, request.header(b"sec-fetch-mode")) != _NAVIGATION:
                raise AdminProblem(403, "cross_site", "a page of another site asks (Sec-Fetch-Site)")

    def _check_token(self, request: Request) -> None:
        """In the same time, whatever is wrong with it: digests are compared, of which nobody can choose a part."""
        kind, _, shown = (request.header(b"authorization") or b"").partition(b" ")
        if kind.lower() != b"bearer" or not shown.strip():
            raise AdminProblem(401, "no_token", "the token is missing (Authorization: Bearer ...)", _ASK)
        digest = hashlib.sha256(shown.strip()).hexdigest()
        if not hmac.compare_digest(digest, self._token):
            raise AdminProblem(401, "wrong_token", "this is not the token (admin.token)", _ASK)


def _is_of_this_net(host: str) -> bool:
    """A name of one label, as of a container or a host beside us: no page of the web has one, as public names have a dot (ICANN SAC053)."""
    return host.replace("-", "").replace("_", "").isalnum() and not host.isdigit()


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return address is not None and address.is_loopback


def _same(host: str, own: str) -> bool:
    address = _address(host)
    return address is not None and address == _address(own)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
