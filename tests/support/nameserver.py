"""A name server on loopback that says what a test wants: addresses with a time to live, no such name, a failure, or nothing.

    with NameServer({"up.test": Records("127.0.0.2", "127.0.0.3", ttl=1), "dumb.test": SILENT}) as server:
        config = f"resolver: {{servers: ['{server.address}']}}"

It speaks as much of RFC 1035 as that takes: one question, by UDP; an answer that is too large for that is cut, and whole by TCP.
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
LARGEST_DATAGRAM: Final = 1232  #: bytes, of the server and of most others
_A, _AAAA, _SRV = 1, 28, 33
_NO_ERROR, _SERVER_FAILURE, _NO_SUCH_NAME = 0, 2, 3
_CUT = 0x0200


class Records:
    """The addresses of a name, IPv4 and IPv6, and for how many seconds they are good; ``fails``: questions for IPv4 (4) or IPv6 (6) do."""

    def __init__(self, *addresses: str, ttl: int = 60, fails: int = 0) -> None:
        self.addresses = [ipaddress.ip_address(one) for one in addresses]
        self.ttl = ttl
        self.fails = fails

    def of_kind(self, kind: int) -> list[bytes] | None:
        """The data of its records of ``kind``; None: it fails."""
        wanted = {_A: 4, _AAAA: 6}.get(kind)
        return None if wanted == self.fails else [one.packed for one in self.addresses if one.version == wanted]


class Services:
    """The records SRV of a name: priority, weight, port and target of each."""

    def __init__(self, *targets: tuple[int, int, int, str], ttl: int = 60) -> None:
        self.targets = targets
        self.ttl = ttl

    def of_kind(self, kind: int) -> list[bytes]:
        """The data of its records of ``kind``."""
        if kind != _SRV:
            return []
        return [struct.pack("!HHH", *numbers) + _labels(target) for *numbers, target in self.targets]


class NameServer:
    """Answers in threads until it is closed; ``names`` may be changed meanwhile, and a name that is not there does not exist."""

    def __init__(self, names: dict[str, Records | Services | str]) -> None:
        self.names = names
        self.asked: Counter[str] = Counter()  #: questions by name
        self.streams = 0  #: connections by TCP
        self._sock, self._listener = _pair()
        self._threads = [threading.Thread(target=one, daemon=True) for one in (self._serve, self._accept)]
        for thread in self._threads:
            thread.start()

    @property
    def address(self) -> str:
        """Where it is asked: ``127.0.0.1:port``."""
        return f"127.0.0.1:{self._sock.getsockname()[1]}"

    def close(self) -> None:
        """Answer no more."""
        for sock in (self._sock, self._listener):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)  # wakes the thread, which closing would not
        for thread in self._threads:
            thread.join(5)
        self._sock.close()
        self._listener.close()

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
                    self._sock.sendto(answer if len(answer) <= LARGEST_DATAGRAM else _cut(question, answer), client)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # likewise
            while True:
                stream, _ = self._listener.accept()
                self.streams += 1
                threading.Thread(target=self._serve_stream, args=(stream,), daemon=True).start()

    def _serve_stream(self, stream: socket.socket) -> None:
        with stream, stream.makefile("rb") as reader, contextlib.suppress(OSError):
            while size := reader.read(2):
                answer = self.answer(reader.read(*struct.unpack("!H", size)))
                if answer is not None:
                    stream.sendall(struct.pack("!H", len(answer)) + answer)

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
        if not isinstance(found, str) and found is not None:
            data = found.of_kind(kind)
            status = _SERVER_FAILURE if data is None else _NO_ERROR
            records = [b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, found.ttl, len(one)) + one for one in data or ()]
        head = message[:2] + struct.pack("!HHHHH", 0x8180 | status, 1, len(records), 0, 0)
        return head + message[12 : at + 4] + b"".join(records)


def _pair() -> tuple[socket.socket, socket.socket]:
    """Sockets for UDP and TCP at one port."""
    while True:
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.bind(("127.0.0.1", 0))
        try:
            return datagrams, socket.create_server(datagrams.getsockname())
        except OSError:  # somebody else has that port for TCP
            datagrams.close()


def _cut(question: bytes, answer: bytes) -> bytes:
    """``answer`` without its records, marked as cut (TC)."""
    _, at = _name(question, 12)
    flags = struct.unpack_from("!H", answer, 2)[0] | _CUT
    return answer[:2] + struct.pack("!HHHHH", flags, 1, 0, 0, 0) + question[12 : at + 4]


def _labels(name: str) -> bytes:
    parts = [label for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes((len(one),)) + one.encode() for one in parts) + b"\0"


def _name(message: bytes, at: int) -> tuple[str, int]:
    labels = []
    while size := message[at]:
        labels.append(message[at + 1 : at + 1 + size].decode("ascii").lower())
        at += 1 + size
    return ".".join(labels), at + 1
