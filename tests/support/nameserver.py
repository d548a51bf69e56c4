"""A name server on loopback that says what a test wants: addresses with a time to live, no such name, a failure, or nothing.

    with NameServer({"up.test": Records("127.0.0.2", "127.0.0.3", ttl=1), "dumb.test": SILENT}) as server:
        config = f"resolver: {{servers: ['{server.address}']}}"

It speaks as much of RFC 1035 as that takes: one question, UDP.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
import threading
from collections import Counter
from typing import Final, Self

SILENT: Final = "silent"
FAILS: Final = "fails"  #: SERVFAIL
_A, _AAAA = 1, 28
_NO_ERROR, _SERVER_FAILURE, _NO_SUCH_NAME = 0, 2, 3


class Records:
    """The addresses of a name, IPv4 and IPv6, and for how many seconds they are good."""

    def __init__(self, *addresses: str, ttl: int = 60) -> None:
        self.addresses = [ipaddress.ip_address(one) for one in addresses]
        self.ttl = ttl


class NameServer:
    """Answers in a thread until it is closed; ``names`` may be changed meanwhile, and a name that is not there does not exist."""

    def __init__(self, names: dict[str, Records | str]) -> None:
        self.names = names
        self.asked: Counter[str] = Counter()  #: questions by name
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Where it is asked: ``127.0.0.1:port``."""
        return f"127.0.0.1:{self._sock.getsockname()[1]}"

    def close(self) -> None:
        """Answer no more."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)  # wakes the thread, which closing would not
        self._thread.join(5)
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # it was closed
            while True:
                question, client = self._sock.recvfrom(4096)
                if not question:
                    return
                answer = self.answer(question)
                if answer is not None:
                    self._sock.sendto(answer, client)

    def answer(self, message: bytes) -> bytes | None:
        """What is said to a message with one question; None: nothing."""
        name, at = _name(message, 12)
        kind = struct.unpack_from("!H", message, at)[0]
        self.asked[name] += 1
        found = self.names.get(name)
        if found == SILENT:
            return None
        records: list[bytes] = []
        status = _SERVER_FAILURE if found == FAILS else _NO_SUCH_NAME
        if isinstance(found, Records):
            status = _NO_ERROR
            wanted = {_A: 4, _AAAA: 6}.get(kind)
            records = [
                b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, found.ttl, len(one.packed)) + one.packed
                for one in found.addresses
                if one.version == wanted
            ]
        head = message[:2] + struct.pack("!HHHHH", 0x8180 | status, 1, len(records), 0, 0)
        return head + message[12 : at + 4] + b"".join(records)


def _name(message: bytes, at: int) -> tuple[str, int]:
    labels = []
    while size := message[at]:
        labels.append(message[at + 1 : at + 1 + size].decode("ascii").lower())
        at += 1 + size
    return ".".join(labels), at + 1
