"""A reverse proxy on ``http.server`` and ``http.client``: a thread for each client connection, kept connections upstream.

Run as ``python -m bench.baseline.threaded CONFIG``.  It is the baseline of the project, so it gets what the standard library can
do without tricks: HTTP/1.1 keep-alive on both sides, one connection to each endpoint per thread, buffered writes, no Nagle, no log.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bench.baseline.table import Config, load_config, new_request_id, request_headers, response_headers

BLOCK = 65536


class Server(ThreadingHTTPServer):
    """Threads end with the process; the queue of new connections is as long as the others'."""

    daemon_threads = True
    request_queue_size = 4096


class Handler(BaseHTTPRequestHandler):
    """One client connection, one request after the other."""

    config: Config
    turns: Iterator[tuple[str, int]]
    local = threading.local()  #: .connections: dict of endpoint -> HTTPConnection

    protocol_version = "HTTP/1.1"
    wbufsize = BLOCK
    disable_nagle_algorithm = True

    def forward(self) -> None:
        """Pass the request on and the answer back; 502 when the service cannot be used."""
        if not self.config.has_route(self.path.split("?", 1)[0]):
            self.send_error(404)
            return
        request_id = new_request_id()
        try:
            answer = self.ask(request_id)
        except (OSError, http.client.HTTPException):
            self.close_connection = True
            self.send_error(502)
            return
        self.answer(answer, request_id)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = forward

    def ask(self, request_id: str) -> http.client.HTTPResponse:
        """Send head and body on this thread's connection to the next endpoint; once more if a kept one was closed."""
        endpoint = next(self.turns)
        connection, kept = self.connection_to(endpoint)
        try:
            return self.send(connection, request_id)
        except (OSError, http.client.HTTPException):
            connection.close()
            if not kept or self.headers.get("content-length"):
                raise
            return self.send(connection, request_id)  # http.client connects again by itself

    def connection_to(self, endpoint: tuple[str, int]) -> tuple[http.client.HTTPConnection, bool]:
        """The thread's connection to the endpoint, and whether it was used before."""
        connections: dict[tuple[str, int], http.client.HTTPConnection] = self.local.__dict__.setdefault(
            "connections", {}
        )
        connection = connections.get(endpoint)
        if connection is not None:
            return connection, connection.sock is not None
        connections[endpoint] = connection = http.client.HTTPConnection(*endpoint, timeout=120)
        return connection, False

    def send(self, connection: http.client.HTTPConnection, request_id: str) -> http.client.HTTPResponse:
        """One request; the body is passed on in blocks."""
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        client = str(self.client_address[0])
        for name, value in request_headers(
            self.headers.items(), client=client, scheme=self.config.scheme, request_id=request_id
        ):
            connection.putheader(name, value)
        left = int(self.headers.get("content-length") or 0)
        first = self.rfile.read(min(left, BLOCK))
        connection.endheaders(first or None)
        left -= len(first)
        while left > 0:
            block = self.rfile.read(min(left, BLOCK))
            if not block:
                raise ConnectionResetError("the client went away")
            connection.send(block)
            left -= len(block)
        return connection.getresponse()

    def answer(self, answer: http.client.HTTPResponse, request_id: str) -> None:
        """Head and body to the client; a body of unknown length in chunks, each as it comes."""
        self.send_response_only(answer.status, answer.reason)
        for name, value in response_headers(answer.getheaders(), request_id):
            self.send_header(name, value)
        chunked = answer.getheader("content-length") is None and self.command != "HEAD"
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while block := answer.read1(BLOCK):
            if chunked:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))
                self.wfile.flush()
            else:
                self.wfile.write(block)
        answer.close()  # read1 does not notice the end by itself, and the connection could not be kept
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """No access log: nobody else writes one either."""


def main() -> None:
    """Serve until killed."""
    config = load_config()
    Handler.config = config
    Handler.turns = config.turns()
    server = Server(("127.0.0.1", config.port), Handler)
    context = config.tls()
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


if __name__ == "__main__":
    main()
