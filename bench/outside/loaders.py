"""Load generators: theirs (``otb loadgen``, and the ``ugen`` it took the place of), or ``wrk``, where none of theirs can be had.

Each says what it does in the same words: a *window* is some seconds of requests by so many clients, each of which sends the
next when the last is answered; a window of streams reads each to its end.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from bench.macro.corpus import write_corpus
from bench.macro.errors import BenchError
from bench.macro.loads import run_wrk
from bench.macro.process import run_tool
from bench.macro.subject import fresh_directory


@dataclass(frozen=True, slots=True)
class Order:
    """One request, asked again and again."""

    port: int
    path: str
    body: str
    fields: tuple[tuple[str, str], ...]
    auth: str = ""  #: the key, which is in the fields too, for a generator that has a bearer of its own


@dataclass(frozen=True, slots=True)
class Window:
    """What a window of requests saw; latencies in microseconds, of answers with 200 only."""

    rate: float
    ok: int
    fail: int
    p50_us: float
    p99_us: float


@dataclass(frozen=True, slots=True)
class StreamWindow:
    """What a window of streams saw; times in microseconds."""

    streams: int
    fail: int
    stalled: int
    delivered: float  #: of the frames that were due
    ttft_p50_us: float
    gap_p99_us: float


def parse_line(text: str) -> dict[str, float]:
    """The last line of ``name=number`` pairs, which both of their generators print.  BenchError without one."""
    for line in reversed(text.splitlines()):
        pairs = dict(word.split("=", 1) for word in line.split() if "=" in word)
        if pairs:
            try:
                return {name: float(value) for name, value in pairs.items()}
            except ValueError:
                break
    raise BenchError(f"the load generator printed no result:\n{text[-500:]}")


def parse_window(text: str) -> Window:
    """A window of requests.  BenchError when a figure is missing, or when the generator itself was short of something."""
    seen = parse_line(text)
    for name in ("rigrefused", "spawnfailed"):
        if seen.get(name):
            raise BenchError(f"the load generator could not keep up: {name}={seen[name]:g}")
    try:
        return Window(seen["rps"], int(seen["ok"]), int(seen["fail"]), seen["p50us"], seen["p99us"])
    except KeyError as error:
        raise BenchError(f"the load generator printed no {error}: {text[-500:]}") from None


def parse_streams(text: str) -> StreamWindow:
    """A window of streams.  BenchError when a figure is missing."""
    seen = parse_line(text)
    try:
        return StreamWindow(
            streams=int(seen["streams"]),
            fail=int(seen["fail"]),
            stalled=int(seen["stalled"]),
            delivered=0.0 if math.isnan(seen["delivered"]) else seen["delivered"],
            ttft_p50_us=seen["ttft_p50us"],
            gap_p99_us=seen["gap_p99us"],
        )
    except KeyError as error:
        raise BenchError(f"the load generator printed no {error}: {text[-500:]}") from None


class Loader:
    """One of them."""

    name = ""
    title = ""
    has_streams = False

    def window(self, order: Order, clients: int, seconds: int) -> Window:
        """Requests.  BenchError when it fails."""
        raise NotImplementedError

    def streams(self, order: Order, clients: int, seconds: int, frames: int, stall_us: int) -> StreamWindow:
        """Streams that are begun within so many seconds.  BenchError when it fails."""
        raise BenchError(f"{self.name} reads no streams")


class Ugen(Loader):
    """Their generator in Go, of one file, which reads streams too."""

    name = "ugen"
    title = "their ugen"
    has_streams = True

    def __init__(self, program: Path) -> None:
        self.program = str(program)

    def argv(self, order: Order, clients: int, seconds: int) -> list[str]:
        """Its command line; the bearer that it sends besides the fields of any dialect has the same key."""
        fields = [word for name, value in order.fields for word in ("-H", f"{name}: {value}")]
        url = f"http://127.0.0.1:{order.port}{order.path}"
        return [
            self.program,
            "-url",
            url,
            "-c",
            str(clients),
            "-d",
            str(seconds),
            "-body",
            order.body,
            "-auth",
            order.auth,
            *fields,
        ]

    def window(self, order: Order, clients: int, seconds: int) -> Window:
        """By ``-c`` and ``-d``."""
        return parse_window(run_tool(self.argv(order, clients, seconds), timeout=seconds + 60))

    def streams(self, order: Order, clients: int, seconds: int, frames: int, stall_us: int) -> StreamWindow:
        """By ``-stream``; the body must ask for a stream itself."""
        words = ["-stream", "-expframes", str(frames), "-stallus", str(stall_us)]
        return parse_streams(run_tool([*self.argv(order, clients, seconds), *words], timeout=seconds + 150))


class Otb(Loader):
    """Their generator in Rust, a part of their engine: requests only, streams are read by the engine itself."""

    name = "otb"
    title = "their otb loadgen"

    def __init__(self, program: Path) -> None:
        self.program = str(program)

    def argv(self, order: Order, clients: int, seconds: int) -> list[str]:
        """Its command line, with the fields in the variable it reads them from."""
        fields = json.dumps([list(field) for field in order.fields])
        words = [self.program, "loadgen", f"127.0.0.1:{order.port}", order.path, str(clients), str(seconds), order.body]
        return ["env", f"OTB_LOADGEN_HEADERS={fields}", *words]

    def window(self, order: Order, clients: int, seconds: int) -> Window:
        """By its two numbers."""
        return parse_window(run_tool(self.argv(order, clients, seconds), timeout=seconds + 60))


class Wrk(Loader):
    """``wrk`` replays the same request: no generator of theirs, but one that leaves the most of its core to the service."""

    name = title = "wrk"

    def window(self, order: Order, clients: int, seconds: int) -> Window:
        """As many as it gets answered."""
        corpus = fresh_directory("wrk") / "request"
        write_corpus(corpus, [request(order)])
        seen = run_wrk(order.port, corpus, connections=clients, seconds=seconds)
        ok = seen.requests - seen.errors
        return Window(ok / seen.seconds if seen.seconds else 0.0, ok, seen.errors, seen.p50, seen.p99)


def request(order: Order) -> bytes:
    """The request on the wire."""
    body = order.body.encode()
    fields = "".join(f"{name}: {value}\r\n" for name, value in order.fields)
    head = f"POST {order.path} HTTP/1.1\r\nhost: 127.0.0.1:{order.port}\r\ncontent-type: application/json\r\n{fields}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def loader_of(word: str) -> Loader:
    """The loader of a path or ``wrk``.  BenchError for a program that is neither of theirs."""
    if word == "wrk":
        return Wrk()
    path = Path(word).resolve()
    if not path.is_file():
        raise BenchError(f"{word}: no such program")
    for kind in (Otb, Ugen):
        if path.name.startswith(kind.name):
            return kind(path)
    raise BenchError(f"{word}: neither otb nor ugen; its name says which of the two generators it is")
