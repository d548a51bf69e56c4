"""The server's side of a TLS handshake: what ends it is told, and the alert for it gets out.

Python's event loops drop what OpenSSL wants to send when a handshake fails (python/cpython#98078): the client learns nothing but the end of
the connection, and has no way to find out that it is too old, or that a certificate was wanted (RFC 8446 section 6.2).  So a context
of a listener makes ``Handshake`` objects, which the loop drives like any other.  A failed one tells its cause to ``WATCHER`` and then
claims to want more from the client, for ever: that makes the loop send the alert, and read on while the client takes it, as a close
with bytes unread would reset the connection and destroy the alert on its way.  The watcher ends the connection.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

from fastgw.core import labels
from fastgw.wire.hello import Hello, read_hello

_NO_APPLICATION_PROTOCOL: Final = (
    b"\x15\x03\x03\x00\x02\x02\x78"  # a fatal alert 120 in plain, as there are no keys yet
)
_REASONS: Final = {
    "unsupported protocol": "version",
    "version too low": "version",
    "inappropriate fallback": "version",
    "no protocols available": "version",
    "no shared cipher": "cipher",
    "no shared groups": "cipher",
    "no suitable groups": "cipher",
    "no suitable key share": "cipher",
    "no suitable signature algorithm": "cipher",
    "no shared signature algorithms": "cipher",
    "peer did not return a certificate": "no_certificate",
    "certificate verify failed": "bad_certificate",
    "wrong version number": "not_tls",
    "wrong ssl version": "not_tls",
    "http request": "not_tls",
    "https proxy request": "not_tls",
}  # what OpenSSL calls them
_MESSAGE: Final = re.compile(r"\[SSL[^]]*\] (.*) \(_ssl\.c:\d+\)")


class Failure(NamedTuple):
    """Why there is no TLS."""

    cause: str  #: one of ``labels.TLS_CAUSES``
    detail: str
    name: str = ""  #: the client asked for


#: Told when a handshake that was begun in this context fails.
WATCHER: ContextVar[Callable[[Failure], None]] = ContextVar("WATCHER")


class Handshake(ssl.SSLObject):
    """One connection's TLS; costs nothing once the handshake is over.

    ``name``: what the client has asked for (RFC 6066 section 3), when the handshake is done; empty: for none.
    """

    name = ""

    def begin(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, watcher: Callable[[Failure], None] | None
    ) -> None:
        """Work between ``incoming`` and ``outgoing``, and tell ``watcher`` (None: nobody) of a failure."""
        self._incoming = incoming
        self._outgoing = outgoing
        self._watcher = watcher
        self._seen = b""
        self._hello: Hello | None = None
        self._is_refused = False

    def do_handshake(self) -> None:
        """See ``ssl.SSLObject``; raises nothing but SSLWantReadError and SSLWantWriteError."""
        if self._is_refused:
            self._incoming.read()
        elif self._hello is None and (strange := self._strange_protocols()):
            self._outgoing.write(_NO_APPLICATION_PROTOCOL)
            self._refuse("alpn", "offered: " + b", ".join(strange).decode("latin-1"))
        else:
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as error:
                self._refuse(*classify(error))
            else:
                if self._hello is not None and self._hello.name:
                    self.name = self._hello.name.lower()
                self._watcher = self._hello = None
                return
        raise ssl.SSLWantReadError

    def _strange_protocols(self) -> tuple[bytes, ...]:
        """What the client offers, if nothing of it is spoken here (RFC 7301 section 3.2) and its hello is complete."""
        came = self._incoming.read()
        self._incoming.write(came)
        self._seen += came
        self._hello = read_hello(self._seen)
        if self._hello is None:
            return ()
        self._seen = b""
        offered = self._hello.protocols
        context = self.context
        assert isinstance(context, ListenerContext)
        return () if not context.protocols or any(name in offered for name in context.protocols) else offered

    def _refuse(self, cause: str, detail: str) -> None:
        self._is_refused = True
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher(Failure(cause, detail, self._hello.name if self._hello is not None else ""))


class ListenerContext(ssl.SSLContext):
    """A context whose connections are ``Handshake`` objects."""

    sslobject_class = Handshake
    protocols: frozenset[bytes] = frozenset()  #: of ALPN: what clients may choose from; empty: it is not our matter
    by_name: Mapping[
        str, ssl.SSLContext
    ] = {}  #: by the DNS names of all certificates of the listener, which one is shown

    def set_alpn_protocols(self, protocols: Iterable[str]) -> None:
        """See ``ssl.SSLContext``; a client that offers only others is refused."""
        names = tuple(protocols)
        super().set_alpn_protocols(names)
        self.protocols = frozenset(name.encode() for name in names)

    def shown_for(self, host: str) -> ssl.SSLContext | None:
        """That with a certificate for ``host``, lower case; None: there is none."""
        found = self.by_name.get(host)
        return found if found is not None else self.by_name.get("*." + host.partition(".")[2])

    def is_foreign(self, host: str, name: str) -> bool:
        """Whether a request for ``host``, lower case, does not belong on a connection in this context, whose client has asked for ``name``
        (RFC 9110 section 7.4, RFC 9113 section 9.1.1).

        What it asked for does, and what the certificate that it was shown is good for.  A client that asked for none, as it knows an
        address alone, is sent away only where another certificate is the right one.
        """
        host = host.removesuffix(".")
        if host == name:
            return False
        right = self.shown_for(host)
        return right is not self and (right is not None or name != "")

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *rest: Any, **options: Any) -> ssl.SSLObject:
        """See ``ssl.SSLContext``."""
        made = super().wrap_bio(incoming, outgoing, *rest, **options)
        assert isinstance(made, Handshake)
        made.begin(incoming, outgoing, WATCHER.get(None))
        return made


def classify(error: ssl.SSLError) -> tuple[str, str]:
    """Cause and detail of a handshake that failed with ``error``."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "bad_certificate", error.verify_message
    words = reason(error)
    _, is_alert, alert = words.partition(" alert ")
    if is_alert:
        return "client_alert", alert
    return _REASONS.get(words, labels.OTHER_CAUSE), words


def reason(error: ssl.SSLError) -> str:
    """What OpenSSL calls the reason, in words; ``error.reason`` lacks those that Python does not know, and is not always there."""
    known: str | None = getattr(error, "reason", None)
    if known:
        return known.lower().replace("_", " ")
    found = _MESSAGE.fullmatch(str(error))
    if found:
        return found[1]
    return str(error.args[-1]) if error.args else ""
