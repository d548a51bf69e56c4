"""The small HTTP/1.1 server under every service of the demo: the standard library, threads, and nothing clever.

A service is a table from (method, path) to a function ``Call -> Answer``; a path that ends in "/" is a prefix.  This
module does what the functions should not have to know: keep-alive, ``Content-Length`` and chunked bodies both ways,
``Expect: 100-continue``, bounded bodies, and errors as JSON.  It is an example of a service *behind* the gateway; it
knows nothing of the gateway.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import socket
import socketserver
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, unquote, urlsplit

BLOCK = 64 * 1024  #: bytes read or written at once
LINE = 4096  #: longest chunk-size or trailer line, bytes
LINGER = 1.0  #: seconds to go on reading what a refused client still sends, so that it sees the answer and not a reset


class Problem(Exception):
    """The request cannot be answered: the client gets ``status``, ``headers`` and ``{"error": detail}``."""

    def __init__(self, status: int, detail: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


class Body:
    """The body of one request, read from the connection only when asked for.

    Raises ``Problem`` (400 or 501) for framing with no single reading (RFC 9112 section 6), and ``ConnectionError``
    when the client goes away in the middle.
    """

    __slots__ = ("_left", "_proceed", "_stream", "is_chunked", "is_complete")

    def __init__(self, stream: BinaryIO, headers: Message, proceed: Callable[[], None] | None) -> None:
        lengths = headers.get_all("content-length") or []
        coding = headers.get("transfer-encoding")
        self._stream = stream
        self._proceed = proceed  # sends "100 Continue"; None when the client does not wait for it
        self.is_chunked = coding is not None
        self._left = 0  # bytes left of the body, or of the current chunk
        self.is_complete = False
        if coding is not None:
            if lengths:
                raise Problem(400, "both content-length and transfer-encoding")
            if coding.strip().lower() != "chunked":
                raise Problem(501, "the only transfer-encoding read here is chunked")
        elif lengths:
            text = lengths[0].strip()
            if len(lengths) > 1 or not (text.isascii() and text.isdigit()):
                raise Problem(400, "content-length is not one number")
            self._left = int(text)
            self.is_complete = self._left == 0
        else:
            self.is_complete = True

    @property
    def can_drain(self) -> bool:
        """Whether the rest is small and surely coming, so that reading it is cheaper than a new connection."""
        return self._proceed is None and not self.is_chunked and self._left <= BLOCK

    def blocks(self, limit: int) -> Iterator[bytes]:
        """The body in blocks; raises ``Problem(413)`` as soon as it is known to be longer than ``limit`` bytes."""
        seen = 0
        while not self.is_complete:
            if self.is_chunked and self._left == 0 and not self._next_chunk():
                return
            if seen + self._left > limit:
                raise Problem(413, f"the body is longer than {limit} bytes")
            block = self._read(min(BLOCK, self._left))
            self._left -= len(block)
            seen += len(block)
            if self._left == 0:
                if self.is_chunked:
                    self._expect_line_end()
                else:
                    self.is_complete = True
            yield block

    def all(self, limit: int) -> bytes:
        """The whole body, at most ``limit`` bytes."""
        return b"".join(self.blocks(limit))

    def _read(self, size: int) -> bytes:
        if self._proceed is not None:
            self._proceed()
            self._proceed = None
        block = self._stream.read(size)
        if len(block) < size:
            raise ConnectionError("the client went away inside the body")
        return block

    def _line(self) -> bytes:
        if self._proceed is not None:
            self._proceed()
            self._proceed = None
        line = self._stream.readline(LINE + 1)
        if len(line) > LINE:
            raise Problem(400, "a line of the chunked body is too long")
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the client went away inside the body")
        return line[:-2]

    def _next_chunk(self) -> bool:
        digits = self._line().split(b";", 1)[0].strip()
        if not digits or len(digits) > 15 or digits.strip(b"0123456789abcdefABCDEF"):
            raise Problem(400, "a chunk size is not a hexadecimal number")
        self._left = int(digits, 16)
        if self._left:
            return True
        while self._line():  # trailers: read, not used
            pass
        self.is_complete = True
        return False

    def _expect_line_end(self) -> None:
        if self._read(2) != b"\r\n":
            raise Problem(400, "a chunk is longer than its size says")


@dataclass(frozen=True, slots=True)
class Call:
    """One request as a service function sees it."""

    method: str
    path: str
    query: dict[str, str]
    headers: Message
    body: Body

    @property
    def content_type(self) -> str:
        """The media type without parameters, lower case; "" when the client sent none."""
        return str(self.headers.get("content-type") or "").split(";", 1)[0].strip().lower()

    def json(self, limit: int) -> dict[str, Any]:
        """The body as a JSON object of at most ``limit`` bytes; raises ``Problem`` 400 or 413."""
        try:
            value = json.loads(self.body.all(limit))
        except (ValueError, RecursionError):
            raise Problem(400, "the body is not valid JSON") from None
        if not isinstance(value, dict):
            raise Problem(400, "the body must be a JSON object")
        return value


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service function returns.  ``body`` as an iterable is sent block by block, each as soon as it exists:
    with ``length`` (bytes) under a content-length, without it chunked."""

    body: bytes | Iterable[bytes]
    content_type: str = "application/json"
    status: int = 200
    length: int | None = None
    headers: tuple[tuple[str, str], ...] = ()


Function = Callable[[Call], Answer]
Routes = dict[tuple[str, str], Function]  # (method, exact path or "prefix/") -> function


def json_answer(value: object, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """``value`` as one line of JSON."""
    return Answer(json.dumps(value, ensure_ascii=False).encode() + b"\n", status=status, headers=headers)


def find(routes: Routes, method: str, path: str) -> Function:
    """The function for a request; raises ``Problem`` 404 or 405."""
    asked = "GET" if method == "HEAD" else method
    allowed = []
    for (route_method, route_path), function in routes.items():
        if path == route_path or (route_path.endswith("/") and path.startswith(route_path)):
            if route_method == asked:
                return function
            allowed.append(route_method)
    if not allowed:
        raise Problem(404, f"no {path} here")
    raise Problem(405, f"{method} is not for {path}", (("allow", ", ".join(allowed)),))


class Server(ThreadingHTTPServer):
    """One listening socket, one daemon thread per connection."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, name: str, address: tuple[str, int], routes: Routes) -> None:
        self.name = name
        self.routes: Routes = {("GET", "/healthz"): self._health, **routes}
        self.started = time.monotonic()
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        """Bind without asking the DNS for this machine's name, as HTTPServer would."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news; anything else is."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            traceback.print_exc()

    def _health(self, call: Call) -> Answer:
        return json_answer({"status": "ok", "service": self.name, "uptime": round(time.monotonic() - self.started, 3)})


class Handler(BaseHTTPRequestHandler):
    """One connection: request after request until somebody closes it."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    wbufsize = BLOCK  # head and a small body leave in one write
    disable_nagle_algorithm = True
    server: Server

    def handle_expect_100(self) -> bool:
        """Nothing yet: "100 Continue" goes out when, and only if, the body is read."""
        return True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Quiet: the gateway in front keeps the access log."""

    def version_string(self) -> str:
        """The ``server`` header: the service, not the interpreter."""
        return self.server.name

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class calls when it cannot read the head: the same JSON as every other error."""
        self.close_connection = True
        if self.request_version == "HTTP/0.9":  # what the base class believes until it has read a version
            self.request_version = "HTTP/1.1"
        self._send(json_answer({"error": message or "bad request"}, int(code)))

    def serve(self) -> None:
        """Read, call, answer."""
        expects = str(self.headers.get("expect") or "").lower() == "100-continue" and self.request_version > "HTTP/1.0"
        body: Body | None = None
        try:
            body = Body(self.rfile, self.headers, self._proceed if expects else None)  # type: ignore[arg-type]
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            path = unquote(parts.path)
            answer = find(self.server.routes, self.command, path)(Call(self.command, path, query, self.headers, body))
        except Problem as problem:
            answer = json_answer({"error": problem.detail}, problem.status, problem.headers)
        except (ConnectionError, TimeoutError):  # in the middle of the body: nobody is left to answer
            self.close_connection = True
            return
        except Exception:  # noqa: BLE001 - whatever it was, the client gets an answer and the operator the traceback
            traceback.print_exc()
            answer = json_answer({"error": "the service failed"}, 500)
        refused = body is None or not self._finish_body(body)
        if refused:
            self.close_connection = True
        self._send(answer)
        if refused:
            self._linger()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = serve

    def _proceed(self) -> None:
        self.send_response_only(100)
        self.end_headers()
        self.wfile.flush()

    def _finish_body(self, body: Body) -> bool:
        """Read what little is left of the body, so that the connection can be used again; false if it cannot."""
        if not body.is_complete and body.can_drain:
            with contextlib.suppress(ConnectionError, TimeoutError):
                for _ in body.blocks(BLOCK):
                    pass
        return body.is_complete

    def _send(self, answer: Answer) -> None:
        body, length = answer.body, answer.length
        if isinstance(body, bytes):
            body, length = (body,), len(body)
        is_chunked = length is None and self.request_version > "HTTP/1.0"
        if length is None and not is_chunked:
            self.close_connection = True  # HTTP/1.0: the end of the connection is the end of the body
        self.send_response(answer.status)
        self.send_header("content-type", answer.content_type)
        for name, value in answer.headers:
            self.send_header(name, value)
        if is_chunked:
            self.send_header("transfer-encoding", "chunked")
        elif length is not None:
            self.send_header("content-length", str(length))
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        try:
            if getattr(self, "command", None) != "HEAD":
                self._send_blocks(body, is_chunked)
            self.wfile.flush()
        except ConnectionError:
            self.close_connection = True
        finally:
            if isinstance(body, Iterator) and hasattr(body, "close"):
                body.close()  # a generator ends with its reader

    def _send_blocks(self, blocks: Iterable[bytes], is_chunked: bool) -> None:
        is_stream = not isinstance(blocks, tuple)
        for block in blocks:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(block), block) if is_chunked else block)
            if is_stream:
                self.wfile.flush()
        if is_chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _linger(self) -> None:
        """Read on for a moment: closing with bytes unread would reset the connection and lose the answer."""
        deadline = time.monotonic() + LINGER
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(LINGER)
            while time.monotonic() < deadline and self.connection.recv(BLOCK):
                pass


def duration(text: str, name: str, most: float) -> float:
    """Seconds from "50ms", "1.5s" or "2"; raises ``Problem(400)`` unless 0 <= value <= ``most``."""
    number, scale = (text[:-2], 0.001) if text.endswith("ms") else (text.removesuffix("s"), 1.0)
    try:
        seconds = float(number) * scale
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= most:
        raise Problem(400, f"{name} must be a duration like 50ms, at most {most:g}s")
    return seconds


def whole(text: str, name: str, least: int, most: int) -> int:
    """A whole number; raises ``Problem(400)`` unless ``least`` <= value <= ``most``."""
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
        raise Problem(400, f"{name} must be a whole number from {least} to {most}")
    return int(text)


def arguments(name: str, about: str) -> argparse.ArgumentParser:
    """The command line that every service shares."""
    parser = argparse.ArgumentParser(prog=name, description=about)
    parser.add_argument("--port", type=int, required=True, help="port to listen on; 0 lets the system choose")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    return parser


def run(name: str, options: argparse.Namespace, routes: Routes) -> None:
    """Listen, say so in one line on stdout, and serve until SIGINT or SIGTERM."""
    try:
        server = Server(name, (options.host, options.port), routes)
    except OSError as error:
        sys.exit(f"{name}: cannot listen on {options.host}:{options.port}: {error.strerror}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"{name}: ready on http://{options.host}:{server.server_port}", flush=True)
    with contextlib.suppress(KeyboardInterrupt), contextlib.closing(server.socket):
        server.serve_forever()
