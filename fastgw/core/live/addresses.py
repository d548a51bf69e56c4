"""Where an endpoint is: the addresses its name has, how each of them did, and which one is asked first.

Names are looked up by the supervisor, beforehand and again and again (``server.names``); a worker is told the answers and looks nothing
up itself, so no name server can hold up a request.  An endpoint that is written as an IP address or a path has that one address for ever.

The address that worked last is asked first.  One that the name does not have any more is ``is_gone``: its connections are not kept.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, NamedTuple

from fastgw.core import counters
from fastgw.errors import RETRY_ALWAYS, UpstreamError

if TYPE_CHECKING:
    from fastgw.core.plane import Plane
    from fastgw.core.settings import Address

MOST = 32  #: addresses of one name that are used; what a name server says beyond them is left out

UNTRIED, USED, FAILING = "untried", "used", "failing"

NOT_FOUND, SILENT = (
    "not_found",
    "silent",
)  #: causes of a failed look-up that clients are told apart; others are ``failed``


class Answer(NamedTuple):
    """What is known of a host name.  The last good addresses stay when a later look-up fails."""

    addresses: tuple[str, ...]  #: IP addresses, best first; empty: none was found yet
    cause: str = ""  #: why the last look-up failed, in a word; empty: it did not
    detail: str = ""  #: the same in a sentence


class Standing(NamedTuple):
    """How one address of an endpoint did the last time it was tried, for the supervisor."""

    service: str
    endpoint: str
    address: str
    state: str  #: ``USED`` or ``FAILING``
    cause: str = ""  #: why it fails, as the code of an error
    reason: str = ""  #: the same in words


class Place:
    """One address of one endpoint in one worker."""

    __slots__ = ("address", "is_gone", "reason", "state")

    def __init__(self, address: Address) -> None:
        self.address = address  #: nothing in it is a name
        self.state = UNTRIED
        self.reason = ""  #: why it fails
        self.is_gone = False

    def __repr__(self) -> str:
        return f"<Place {self.address} {self.state}>"

    @property
    def target(self) -> tuple[socket.AddressFamily, Any]:
        """Family and socket address; no look-up is done."""
        address = self.address
        if address.path:
            return socket.AF_UNIX, address.path
        family, _, _, _, target = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        )[0]
        return family, target


class Addresses:
    """The places of one endpoint."""

    __slots__ = ("_address", "_base", "_is_tls", "_plane", "_service", "_unknown", "is_named", "places")

    def __init__(self, service: str, address: Address, plane: Plane, base: int, *, is_tls: bool) -> None:
        """``address``: as the configuration has it; ``base``: of the endpoint's block of counters."""
        self._service = service
        self._address = address
        self._plane = plane
        self._base = base
        self._is_tls = is_tls
        self._unknown = Answer(())  # of a name without an address: what is known of it
        self.places: tuple[
            Place, ...
        ] = ()  #: the one to be asked first stands first; empty: the name has no address yet
        self.is_named = address.is_name
        if self.is_named:
            self.learn(plane.names.get(address.host, self._unknown))
        else:
            self.places = (Place(address),)

    def learn(self, answer: Answer) -> None:
        """Take the addresses of ``answer``; the one that is asked first stays so if it is still there."""
        key = self._address
        known = {place.address.host: place for place in self.places}
        first = self.places[0].address.host if self.places and self.places[0].state == USED else ""
        hosts = sorted(dict.fromkeys(answer.addresses[:MOST]), key=lambda host: host != first)
        self.places = tuple(known.pop(host) if host in known else Place(key._replace(host=host)) for host in hosts)
        for place in known.values():
            place.is_gone = True
        self._unknown = answer

    @property
    def problem(self) -> UpstreamError | None:
        """Why there is nothing to connect to; None: there is, or the first answer is still awaited."""
        cause, detail = self._unknown.cause, self._unknown.detail
        if self.places or not cause:
            return None
        reason = f"{self._address.host} {detail}"
        if cause == NOT_FOUND:
            text = "the service's name has no address"
            return UpstreamError(502, "name_not_found", text, retry=RETRY_ALWAYS, reason=reason)
        if cause == SILENT:
            return self.silence
        text = "the service's name could not be looked up"
        return UpstreamError(502, "name_failed", text, retry=RETRY_ALWAYS, reason=reason)

    @property
    def silence(self) -> UpstreamError:
        """No name server has said anything of the name."""
        text = "no name server has answered for the service's name"
        reason = f"{text} {self._address.host}"
        return UpstreamError(504, "name_timeout", text, retry=RETRY_ALWAYS, reason=reason)

    def worked(self, place: Place) -> None:
        """A connection to ``place`` was made: it is asked first from now on."""
        if place is not self.places[0] and place in self.places:
            self.places = (place, *(one for one in self.places if one is not place))
        self._note(place, USED, "", "")

    def failed(self, place: Place, error: BaseException) -> None:
        """No connection to ``place`` could be made; it is not to blame where we have run out of something."""
        from fastgw.core import causes  # not where the supervisor starts, which imports this module for its messages

        self._plane.values[self._base + counters.ENDPOINT_ADDRESS_FAILURES] += 1
        if not causes.is_exhaustion(error):
            failure = causes.connect_error(error, is_tls=self._is_tls)
            self._note(place, FAILING, failure.code, failure.reason)

    def _note(self, place: Place, state: str, cause: str, reason: str) -> None:
        if (place.state, place.reason) == (state, reason):
            return
        place.state, place.reason = state, reason
        if self._plane.on_standing is not None and not place.is_gone:
            standing = Standing(self._service, str(self._address), str(place.address), state, cause, reason)
            self._plane.on_standing(standing)
